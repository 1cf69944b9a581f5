"""Special functions of statistics and information theory."""

import math
from typing import TYPE_CHECKING, Any

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.ops.arithmetic import lift
from backlit.ops.choice import clamp, where
from backlit.ops.exponential import exp, log

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "logit", "polygamma", "xlogy"]

Number = bool | int | float

_SLOPE = "scales by its slope"


@primitive(role=_SLOPE, notation="erf({x})", elementwise=True, promote="float")
def _erf(xp: Any, x: Any) -> Any:
    return xp.erf(x)


_erf.gradient(x=lambda g, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))))


def erf(input: "Tensor") -> "Tensor":
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _erf.bind(input)


@primitive(role=_SLOPE, notation="erfc({x})", elementwise=True, promote="float")
def _erfc(xp: Any, x: Any) -> Any:
    return xp.erfc(x)


_erfc.gradient(x=lambda g, x: g * (exp(-x * x) * (-2 / math.sqrt(math.pi))))


def erfc(input: "Tensor") -> "Tensor":
    """1 - erf(x), exact also where erf is almost 1."""
    return _erfc.bind(input)


@primitive(role=_SLOPE, notation="erfinv({x})", elementwise=True, promote="float", domain=(-0.8, 0.8))
def _erfinv(xp: Any, x: Any) -> Any:
    return xp.erfinv(x)


_erfinv.gradient(x=lambda g, ans: g * (exp(ans * ans) * (math.sqrt(math.pi) / 2)))


def erfinv(input: "Tensor") -> "Tensor":
    """The inverse of erf; infinite at -1 and 1, NaN outside."""
    return _erfinv.bind(input)


@primitive(role=_SLOPE, notation="log(Gamma({x}))", elementwise=True, promote="float", domain=(0.5, 4.0))
def _lgamma(xp: Any, x: Any) -> Any:
    return xp.gammaln(x)


_lgamma.gradient(x=lambda g, x: g * digamma(x))


def lgamma(input: "Tensor") -> "Tensor":
    """Natural logarithm of the absolute value of the gamma function."""
    return _lgamma.bind(input)


@primitive(role=_SLOPE, notation="digamma({x})", elementwise=True, promote="float", domain=(0.5, 4.0))
def _digamma(xp: Any, x: Any) -> Any:
    return xp.digamma(x)


_digamma.gradient(x=lambda g, x: g * polygamma(1, x))


def digamma(input: "Tensor") -> "Tensor":
    """Derivative of `lgamma`."""
    return _digamma.bind(input)


@primitive(
    role=_SLOPE,
    notation="polygamma({x})",
    elementwise=True,
    promote="float",
    samples=lambda rng: [((rng.uniform(0.5, 4, size=(2, 3)),), {"n": 1}), ((rng.uniform(0.5, 4, size=3),), {"n": 2})],
)
def _polygamma(xp: Any, x: Any, *, n: int) -> Any:
    return xp.polygamma(n, x)


_polygamma.gradient(x=lambda g, x, n: g * polygamma(n + 1, x))


def polygamma(n: int, input: "Tensor") -> "Tensor":
    """The n-th derivative of `digamma`."""
    return digamma(input) if n == 0 else _polygamma.bind(input, n=n)


@primitive(role=_SLOPE, notation="{x} log({y})", elementwise=True, promote="float", domain=(0.3, 3.0))
def _xlogy(xp: Any, x: Any, y: Any) -> Any:
    return xp.where((x == 0) & ~xp.isnan(y), xp.zeros((), x.dtype), x * xp.log(y))


_xlogy.gradient(
    x=lambda g, x, y: g * where((x == 0) & (y <= 0), 0, log(y)),
    y=lambda g, x, y: g * (x / y),
)


def xlogy(input: "Tensor | Number", other: "Tensor | Number") -> "Tensor":
    """`input * log(other)`, and 0 where `input` is 0; one of the two may be a number."""
    tensor = input if isinstance(input, TensorBase) else other
    return _xlogy.bind(lift(input, tensor), lift(other, tensor))


@primitive(role=_SLOPE, notation="log({x} / (1 - {x}))", elementwise=True, promote="float", domain=(0.1, 0.9))
def _logit(xp: Any, x: Any) -> Any:
    return xp.log(x / (1 - x))


_logit.gradient(x=lambda g, x: g / (x * (1 - x)))


def logit(input: "Tensor", eps: float | None = None) -> "Tensor":
    """log(x / (1 - x)), the inverse of the sigmoid.

    Args:
        input: Probabilities.
        eps: If given, `input` is first clamped to [eps, 1 - eps].
    """
    return _logit.bind(input if eps is None else clamp(input, eps, 1 - eps))
