"""Exponentials, logarithms, powers and roots."""

import math
from typing import TYPE_CHECKING, Any

from backlit.core.dtypes import float64
from backlit.core.primitive import primitive
from backlit.ops.casting import cast
from backlit.ops.choice import where

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "float_power",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "pow",
    "reciprocal",
    "rsqrt",
    "sqrt",
    "square",
]

Number = bool | int | float

_SLOPE = "scales by its slope"


@primitive(role=_SLOPE, notation="exp({x})", elementwise=True, promote="float")
def _exp(xp: Any, x: Any) -> Any:
    return xp.exp(x)


_exp.gradient(x=lambda g, ans: g * ans)


def exp(input: "Tensor") -> "Tensor":
    """E to the power of `input`, element by element."""
    return _exp.bind(input)


@primitive(role=_SLOPE, notation="2^{x}", elementwise=True, promote="float")
def _exp2(xp: Any, x: Any) -> Any:
    return xp.exp2(x)


_exp2.gradient(x=lambda g, ans: g * ans * math.log(2.0))


def exp2(input: "Tensor") -> "Tensor":
    """2 to the power of `input`, element by element."""
    return _exp2.bind(input)


@primitive(role=_SLOPE, notation="exp({x}) - 1", elementwise=True, promote="float")
def _expm1(xp: Any, x: Any) -> Any:
    return xp.expm1(x)


_expm1.gradient(x=lambda g, ans: g * (ans + 1))


def expm1(input: "Tensor") -> "Tensor":
    """exp(`input`) - 1, exact also near 0."""
    return _expm1.bind(input)


@primitive(role=_SLOPE, notation="log({x})", elementwise=True, promote="float", domain=(0.2, 4.0))
def _log(xp: Any, x: Any) -> Any:
    return xp.log(x)


_log.gradient(x=lambda g, x: g / x)


def log(input: "Tensor") -> "Tensor":
    """Natural logarithm; -inf at 0 and NaN below."""
    return _log.bind(input)


@primitive(role=_SLOPE, notation="log2({x})", elementwise=True, promote="float", domain=(0.2, 4.0))
def _log2(xp: Any, x: Any) -> Any:
    return xp.log2(x)


_log2.gradient(x=lambda g, x: g / (x * math.log(2.0)))


def log2(input: "Tensor") -> "Tensor":
    """Logarithm to the base 2."""
    return _log2.bind(input)


@primitive(role=_SLOPE, notation="log10({x})", elementwise=True, promote="float", domain=(0.2, 4.0))
def _log10(xp: Any, x: Any) -> Any:
    return xp.log10(x)


_log10.gradient(x=lambda g, x: g / (x * math.log(10.0)))


def log10(input: "Tensor") -> "Tensor":
    """Logarithm to the base 10."""
    return _log10.bind(input)


@primitive(role=_SLOPE, notation="log(1 + {x})", elementwise=True, promote="float", domain=(-0.8, 4.0))
def _log1p(xp: Any, x: Any) -> Any:
    return xp.log1p(x)


_log1p.gradient(x=lambda g, x: g / (x + 1))


def log1p(input: "Tensor") -> "Tensor":
    """log(1 + `input`), exact also near 0."""
    return _log1p.bind(input)


@primitive(role=_SLOPE, notation="sqrt({x})", elementwise=True, promote="float", domain=(0.2, 4.0))
def _sqrt(xp: Any, x: Any) -> Any:
    return xp.sqrt(x)


_sqrt.gradient(x=lambda g, ans: g / (ans * 2))


def sqrt(input: "Tensor") -> "Tensor":
    """Square root; NaN below 0, and an infinite slope at 0."""
    return _sqrt.bind(input)


@primitive(role=_SLOPE, notation="1 / sqrt({x})", elementwise=True, promote="float", domain=(0.2, 4.0))
def _rsqrt(xp: Any, x: Any) -> Any:
    return xp.reciprocal(xp.sqrt(x))


_rsqrt.gradient(x=lambda g, ans: g * ans**3 * -0.5)


def rsqrt(input: "Tensor") -> "Tensor":
    """1 / sqrt(`input`)."""
    return _rsqrt.bind(input)


@primitive(role=_SLOPE, notation="{x}^2", elementwise=True, promote="number")
def _square(xp: Any, x: Any) -> Any:
    return xp.square(x)


_square.gradient(x=lambda g, x: g * (x * 2))


def square(input: "Tensor") -> "Tensor":
    """`input` times itself, element by element."""
    return _square.bind(input)


@primitive(role=_SLOPE, notation="1 / {x}", elementwise=True, promote="float", domain=(0.3, 3.0))
def _reciprocal(xp: Any, x: Any) -> Any:
    return xp.reciprocal(x)


_reciprocal.gradient(x=lambda g, ans: -g * (ans * ans))


def reciprocal(input: "Tensor") -> "Tensor":
    """1 / `input`, element by element."""
    return _reciprocal.bind(input)


@primitive(role=_SLOPE, notation="{x}^{y}", elementwise=True, promote="number", domain=(0.3, 2.5))
def _pow(xp: Any, x: Any, y: Any) -> Any:
    # The operator knows faster ways for the exponents 2 and 0.5.
    return x**y


def _pow_base_gradient(g: "Tensor", x: "Tensor", y: "Tensor | Number") -> "Tensor":
    if isinstance(y, int | float):
        if y in (0, 1):
            return g * y
        return g * ((x if y == 2 else x ** (y - 1)) * y)
    # At exponent 0 the power is constant, although x^(y-1) may be infinite.
    return where(y == 0, 0, g * (y * x ** (y - 1)))


def _pow_exponent_gradient(g: "Tensor", ans: "Tensor", x: "Tensor | Number", y: "Tensor") -> "Tensor":
    if isinstance(x, int | float):
        if x > 0:
            return g * ans * math.log(x)
        return where(y >= 0, 0, g * -math.inf) if x == 0 else g * math.nan
    return where((x == 0) & (y >= 0), 0, g * (ans * log(x)))


_pow.gradient(x=_pow_base_gradient, y=_pow_exponent_gradient)


def pow(input: "Tensor | Number", exponent: "Tensor | Number") -> "Tensor":
    """`input` to the power of `exponent`, element by element; one of the two may be a number.

    Raises:
        ShapeError: The shapes do not broadcast, or an integer would be raised to a negative integer power.
    """
    return _pow.bind(input, exponent)


def float_power(input: "Tensor", exponent: "Tensor | Number") -> "Tensor":
    """`input` to the power of `exponent` in float64."""
    return _pow.bind(cast.bind(input, kind=float64.numpy), exponent)


@primitive(role="shares out by softmax", notation="log(exp({x}) + exp({y}))", elementwise=True, promote="float")
def _logaddexp(xp: Any, x: Any, y: Any) -> Any:
    return xp.logaddexp(x, y)


_logaddexp.gradient(x=lambda g, ans, x: g * exp(x - ans), y=lambda g, ans, y: g * exp(y - ans))


def logaddexp(input: "Tensor", other: "Tensor") -> "Tensor":
    """log(exp(`input`) + exp(`other`)), without overflow."""
    return _logaddexp.bind(input, other)
