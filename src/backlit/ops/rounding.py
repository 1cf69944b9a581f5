"""Rounding, signs and remainders."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive
from backlit.ops.arithmetic import divide_whole

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "abs",
    "absolute",
    "ceil",
    "fix",
    "floor",
    "fmod",
    "frac",
    "remainder",
    "round",
    "sgn",
    "sign",
    "trunc",
]

Number = bool | int | float


def _from_whole(x: Any, **_: Any) -> Any:
    return np.abs(x - np.round(x))


def _from_half(x: Any, *, decimals: int) -> Any:
    return np.abs(x * 10.0**decimals % 1 - 0.5) / 10.0**decimals


@primitive(role="stops", notation="floor({x})", elementwise=True, promote="number", kinks=_from_whole)
def _floor(xp: Any, x: Any) -> Any:
    return xp.floor(x)


_floor.gradient(x=lambda g: g * 0)


def floor(input: "Tensor") -> "Tensor":
    """The largest whole number not above each element; its slope counts as 0."""
    return _floor.bind(input)


@primitive(role="stops", notation="ceil({x})", elementwise=True, promote="number", kinks=_from_whole)
def _ceil(xp: Any, x: Any) -> Any:
    return xp.ceil(x)


_ceil.gradient(x=lambda g: g * 0)


def ceil(input: "Tensor") -> "Tensor":
    """The smallest whole number not below each element; its slope counts as 0."""
    return _ceil.bind(input)


@primitive(
    role="stops",
    notation="round({x})",
    elementwise=True,
    promote="number",
    kinks=_from_half,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"decimals": 0}), ((rng.normal(size=4),), {"decimals": 1})],
)
def _round(xp: Any, x: Any, *, decimals: int) -> Any:
    return xp.round(x, decimals)


_round.gradient(x=lambda g: g * 0)


def round(input: "Tensor", *, decimals: int = 0) -> "Tensor":
    """Each element rounded to `decimals` places, halves to the even neighbour; its slope counts as 0."""
    return _round.bind(input, decimals=decimals)


@primitive(role="stops", notation="trunc({x})", elementwise=True, promote="number", kinks=_from_whole)
def _trunc(xp: Any, x: Any) -> Any:
    return xp.trunc(x)


_trunc.gradient(x=lambda g: g * 0)


def trunc(input: "Tensor") -> "Tensor":
    """Each element without its fraction; its slope counts as 0."""
    return _trunc.bind(input)


@primitive(role="passes on", notation="frac({x})", elementwise=True, promote="number", kinks=_from_whole)
def _frac(xp: Any, x: Any) -> Any:
    return x - xp.trunc(x)


_frac.gradient(x=lambda g: g)


def frac(input: "Tensor") -> "Tensor":
    """The fraction of each element, with its sign."""
    return _frac.bind(input)


@primitive(role="stops", notation="sign({x})", elementwise=True, promote="number", kinks=lambda x: np.abs(x))
def _sign(xp: Any, x: Any) -> Any:
    return xp.sign(x)


_sign.gradient(x=lambda g: g * 0)


def sign(input: "Tensor") -> "Tensor":
    """-1, 0 or 1; its slope counts as 0."""
    return _sign.bind(input)


@primitive(
    role="turns the sign of negative ones",
    notation="|{x}|",
    elementwise=True,
    promote="number",
    kinks=lambda x: np.abs(x),
)
def _abs(xp: Any, x: Any) -> Any:
    return xp.abs(x)


_abs.gradient(x=lambda g, x: g * _sign.bind(x))


def abs(input: "Tensor") -> "Tensor":
    """The absolute value; its slope at 0 is 0."""
    return _abs.bind(input)


def _from_multiple(x: Any, y: Any) -> Any:
    return np.abs(x - np.round(x / y) * y)


@primitive(
    role="passes the first on",
    notation="{x} mod {y}",
    elementwise=True,
    promote="number",
    domain=(0.3, 3.0),
    kinks=_from_multiple,
)
def _remainder(xp: Any, x: Any, y: Any) -> Any:
    return xp.remainder(x, y)


_remainder.gradient(x=lambda g: g, y=lambda g, x, y: g * -_floor.bind(x / y))


def remainder(input: "Tensor | Number", other: "Tensor | Number") -> "Tensor":
    """What is left after dividing and rounding downwards, as Python's %; it has the sign of `other`.

    Raises:
        NonFiniteError: An integer is divided by the integer zero.
    """
    return divide_whole(_remainder, input, other)


@primitive(
    role="passes the first on",
    notation="fmod({x}, {y})",
    elementwise=True,
    promote="number",
    domain=(0.3, 3.0),
    kinks=_from_multiple,
)
def _fmod(xp: Any, x: Any, y: Any) -> Any:
    return xp.fmod(x, y)


_fmod.gradient(x=lambda g: g, y=lambda g, x, y: g * -_trunc.bind(x / y))


def fmod(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """What is left after dividing and rounding towards zero; it has the sign of `input`.

    Raises:
        NonFiniteError: An integer is divided by the integer zero.
    """
    return divide_whole(_fmod, input, other)


absolute = abs
fix = trunc
sgn = sign
