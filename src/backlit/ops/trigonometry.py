"""Angles: circular and hyperbolic functions and their inverses."""

import math
from typing import TYPE_CHECKING, Any

from backlit.core.primitive import primitive
from backlit.ops.choice import where

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "hypot",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
]

_SLOPE = "scales by its slope"


@primitive(role=_SLOPE, notation="sin({x})", elementwise=True, promote="float")
def _sin(xp: Any, x: Any) -> Any:
    return xp.sin(x)


_sin.gradient(x=lambda g, x: g * cos(x))


def sin(input: "Tensor") -> "Tensor":
    """Sine of angles in radians."""
    return _sin.bind(input)


@primitive(role=_SLOPE, notation="cos({x})", elementwise=True, promote="float")
def _cos(xp: Any, x: Any) -> Any:
    return xp.cos(x)


_cos.gradient(x=lambda g, x: g * -sin(x))


def cos(input: "Tensor") -> "Tensor":
    """Cosine of angles in radians."""
    return _cos.bind(input)


@primitive(role=_SLOPE, notation="tan({x})", elementwise=True, promote="float", domain=(-1.2, 1.2))
def _tan(xp: Any, x: Any) -> Any:
    return xp.tan(x)


_tan.gradient(x=lambda g, ans: g * (ans * ans + 1))


def tan(input: "Tensor") -> "Tensor":
    """Tangent of angles in radians."""
    return _tan.bind(input)


@primitive(role=_SLOPE, notation="asin({x})", elementwise=True, promote="float", domain=(-0.9, 0.9))
def _asin(xp: Any, x: Any) -> Any:
    return xp.arcsin(x)


_asin.gradient(x=lambda g, x: g / (1 - x * x) ** 0.5)


def asin(input: "Tensor") -> "Tensor":
    """Angle in radians of a sine; NaN outside of [-1, 1]."""
    return _asin.bind(input)


@primitive(role=_SLOPE, notation="acos({x})", elementwise=True, promote="float", domain=(-0.9, 0.9))
def _acos(xp: Any, x: Any) -> Any:
    return xp.arccos(x)


_acos.gradient(x=lambda g, x: -g / (1 - x * x) ** 0.5)


def acos(input: "Tensor") -> "Tensor":
    """Angle in radians of a cosine; NaN outside of [-1, 1]."""
    return _acos.bind(input)


@primitive(role=_SLOPE, notation="atan({x})", elementwise=True, promote="float")
def _atan(xp: Any, x: Any) -> Any:
    return xp.arctan(x)


_atan.gradient(x=lambda g, x: g / (x * x + 1))


def atan(input: "Tensor") -> "Tensor":
    """Angle in radians of a tangent, between -pi/2 and pi/2."""
    return _atan.bind(input)


@primitive(role=_SLOPE, notation="atan2({y}, {x})", elementwise=True, promote="float", domain=(0.3, 3.0))
def _atan2(xp: Any, y: Any, x: Any) -> Any:
    return xp.arctan2(y, x)


def _over_square(g: "Tensor", part: Any, y: Any, x: Any) -> "Tensor":
    square = x * x + y * y
    return g * where(square == 0, 0, part / square)


_atan2.gradient(y=lambda g, y, x: _over_square(g, x, y, x), x=lambda g, y, x: _over_square(g, -y, y, x))


def atan2(input: "Tensor", other: "Tensor") -> "Tensor":
    """Angle in radians of the point with ordinate `input` and abscissa `other`, between -pi and pi."""
    return _atan2.bind(input, other)


@primitive(role=_SLOPE, notation="sinh({x})", elementwise=True, promote="float")
def _sinh(xp: Any, x: Any) -> Any:
    return xp.sinh(x)


_sinh.gradient(x=lambda g, x: g * cosh(x))


def sinh(input: "Tensor") -> "Tensor":
    """Hyperbolic sine."""
    return _sinh.bind(input)


@primitive(role=_SLOPE, notation="cosh({x})", elementwise=True, promote="float")
def _cosh(xp: Any, x: Any) -> Any:
    return xp.cosh(x)


_cosh.gradient(x=lambda g, x: g * sinh(x))


def cosh(input: "Tensor") -> "Tensor":
    """Hyperbolic cosine."""
    return _cosh.bind(input)


@primitive(role=_SLOPE, notation="asinh({x})", elementwise=True, promote="float")
def _asinh(xp: Any, x: Any) -> Any:
    return xp.arcsinh(x)


_asinh.gradient(x=lambda g, x: g / (x * x + 1) ** 0.5)


def asinh(input: "Tensor") -> "Tensor":
    """Inverse hyperbolic sine."""
    return _asinh.bind(input)


@primitive(role=_SLOPE, notation="acosh({x})", elementwise=True, promote="float", domain=(1.2, 4.0))
def _acosh(xp: Any, x: Any) -> Any:
    return xp.arccosh(x)


_acosh.gradient(x=lambda g, x: g / (x * x - 1) ** 0.5)


def acosh(input: "Tensor") -> "Tensor":
    """Inverse hyperbolic cosine; NaN below 1."""
    return _acosh.bind(input)


@primitive(role=_SLOPE, notation="atanh({x})", elementwise=True, promote="float", domain=(-0.8, 0.8))
def _atanh(xp: Any, x: Any) -> Any:
    return xp.arctanh(x)


_atanh.gradient(x=lambda g, x: g / (1 - x * x))


def atanh(input: "Tensor") -> "Tensor":
    """Inverse hyperbolic tangent; NaN outside of [-1, 1]."""
    return _atanh.bind(input)


@primitive(role=_SLOPE, notation="sqrt({x}^2 + {y}^2)", elementwise=True, promote="float", domain=(0.3, 3.0))
def _hypot(xp: Any, x: Any, y: Any) -> Any:
    return xp.hypot(x, y)


_hypot.gradient(x=lambda g, ans, x: g * (x / ans), y=lambda g, ans, y: g * (y / ans))


def hypot(input: "Tensor", other: "Tensor") -> "Tensor":
    """Length of the hypotenuse over the legs `input` and `other`, without overflow."""
    return _hypot.bind(input, other)


@primitive(role=_SLOPE, notation="sinc({x})", elementwise=True, promote="float", domain=(0.3, 3.0))
def _sinc(xp: Any, x: Any) -> Any:
    return xp.sinc(x)


_sinc.gradient(x=lambda g, ans, x: g * where(x == 0, 0, (cos(x * math.pi) - ans) / x))


def sinc(input: "Tensor") -> "Tensor":
    """sin(pi x) / (pi x), and 1 at 0."""
    return _sinc.bind(input)


def deg2rad(input: "Tensor") -> "Tensor":
    """Radians of angles in degrees."""
    return input * (math.pi / 180)


def rad2deg(input: "Tensor") -> "Tensor":
    """Degrees of angles in radians."""
    return input * (180 / math.pi)


arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
arcsinh = asinh
arccosh = acosh
arctanh = atanh
