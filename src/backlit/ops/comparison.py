"""Comparisons, logic and bits. Their results carry no gradient."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]

Number = bool | int | float


@primitive(role="stops", notation="{x} == {y}", elementwise=True)
def _eq(xp: Any, x: Any, y: Any) -> Any:
    return xp.equal(x, y)


def eq(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input == other`, element by element, as bool."""
    return _eq.bind(input, other)


@primitive(role="stops", notation="{x} != {y}", elementwise=True)
def _ne(xp: Any, x: Any, y: Any) -> Any:
    return xp.not_equal(x, y)


def ne(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input != other`, element by element, as bool."""
    return _ne.bind(input, other)


@primitive(role="stops", notation="{x} < {y}", elementwise=True)
def _lt(xp: Any, x: Any, y: Any) -> Any:
    return xp.less(x, y)


def lt(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input < other`, element by element, as bool."""
    return _lt.bind(input, other)


@primitive(role="stops", notation="{x} <= {y}", elementwise=True)
def _le(xp: Any, x: Any, y: Any) -> Any:
    return xp.less_equal(x, y)


def le(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input <= other`, element by element, as bool."""
    return _le.bind(input, other)


@primitive(role="stops", notation="{x} > {y}", elementwise=True)
def _gt(xp: Any, x: Any, y: Any) -> Any:
    return xp.greater(x, y)


def gt(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input > other`, element by element, as bool."""
    return _gt.bind(input, other)


@primitive(role="stops", notation="{x} >= {y}", elementwise=True)
def _ge(xp: Any, x: Any, y: Any) -> Any:
    return xp.greater_equal(x, y)


def ge(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """Whether `input >= other`, element by element, as bool."""
    return _ge.bind(input, other)


@primitive(role="stops", notation="{x} is NaN", elementwise=True)
def _isnan(xp: Any, x: Any) -> Any:
    return xp.isnan(x)


def isnan(input: "Tensor") -> "Tensor":
    """Whether each element is NaN."""
    return _isnan.bind(input)


@primitive(role="stops", notation="{x} is infinite", elementwise=True)
def _isinf(xp: Any, x: Any) -> Any:
    return xp.isinf(x)


def isinf(input: "Tensor") -> "Tensor":
    """Whether each element is an infinity of either sign."""
    return _isinf.bind(input)


@primitive(role="stops", notation="{x} < 0 or -0", elementwise=True)
def _signbit(xp: Any, x: Any) -> Any:
    return xp.signbit(x)


def signbit(input: "Tensor") -> "Tensor":
    """Whether the sign of each element is set, as it is for -0.0 also."""
    return _signbit.bind(input)


def isposinf(input: "Tensor") -> "Tensor":
    """Whether each element is plus infinity."""
    return _eq.bind(input, np.inf)


def isneginf(input: "Tensor") -> "Tensor":
    """Whether each element is minus infinity."""
    return _eq.bind(input, -np.inf)


@primitive(role="stops", notation="{x} is finite", elementwise=True)
def _isfinite(xp: Any, x: Any) -> Any:
    return xp.isfinite(x)


def isfinite(input: "Tensor") -> "Tensor":
    """Whether each element is neither NaN nor infinite."""
    return _isfinite.bind(input)


@primitive(
    role="stops",
    notation="{x} near {y}",
    elementwise=True,
    samples=lambda rng: [((np.ones(3), np.arange(3)), {"rtol": 0.0, "atol": 0.5, "equal_nan": False})],
)
def _isclose(xp: Any, x: Any, y: Any, *, rtol: float, atol: float, equal_nan: bool) -> Any:
    return xp.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


def isclose(
    input: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> "Tensor":
    """Whether |`input` - `other`| <= `atol` + `rtol` |`other`|, element by element."""
    return _isclose.bind(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    input: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements satisfy `isclose`."""
    return bool(np.all(isclose(input, other, rtol, atol, equal_nan)._array))


def equal(input: "Tensor", other: "Tensor") -> bool:
    """Whether both have the same shape and equal elements."""
    return input._array.shape == other._array.shape and bool(np.all(eq(input, other)._array))


@primitive(role="stops", notation="not {x}", elementwise=True, promote=None)
def _logical_not(xp: Any, x: Any) -> Any:
    return xp.logical_not(x)


def logical_not(input: "Tensor") -> "Tensor":
    """Whether each element is zero."""
    return _logical_not.bind(input)


@primitive(role="stops", notation="{x} and {y}", elementwise=True, promote=None)
def _logical_and(xp: Any, x: Any, y: Any) -> Any:
    return xp.logical_and(x, y)


def logical_and(input: "Tensor", other: "Tensor") -> "Tensor":
    """Whether both elements are non-zero."""
    return _logical_and.bind(input, other)


@primitive(role="stops", notation="{x} or {y}", elementwise=True, promote=None)
def _logical_or(xp: Any, x: Any, y: Any) -> Any:
    return xp.logical_or(x, y)


def logical_or(input: "Tensor", other: "Tensor") -> "Tensor":
    """Whether at least one of both elements is non-zero."""
    return _logical_or.bind(input, other)


@primitive(role="stops", notation="{x} xor {y}", elementwise=True, promote=None)
def _logical_xor(xp: Any, x: Any, y: Any) -> Any:
    return xp.logical_xor(x, y)


def logical_xor(input: "Tensor", other: "Tensor") -> "Tensor":
    """Whether exactly one of both elements is non-zero."""
    return _logical_xor.bind(input, other)


def _integers(rng: "np.random.Generator") -> list[Any]:
    return [((rng.integers(0, 9, (2, 3)), rng.integers(0, 9, (2, 3))), {})]


@primitive(role="stops", notation="~{x}", elementwise=True, samples=lambda rng: [((rng.integers(0, 9, 3),), {})])
def _bitwise_not(xp: Any, x: Any) -> Any:
    return xp.invert(x)


def bitwise_not(input: "Tensor") -> "Tensor":
    """Every bit turned; for bool the logical not."""
    return _bitwise_not.bind(input)


@primitive(role="stops", notation="{x} & {y}", elementwise=True, samples=_integers)
def _bitwise_and(xp: Any, x: Any, y: Any) -> Any:
    return xp.bitwise_and(x, y)


def bitwise_and(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """The bits set in both; for bool the logical and."""
    return _bitwise_and.bind(input, other)


@primitive(role="stops", notation="{x} | {y}", elementwise=True, samples=_integers)
def _bitwise_or(xp: Any, x: Any, y: Any) -> Any:
    return xp.bitwise_or(x, y)


def bitwise_or(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """The bits set in at least one; for bool the logical or."""
    return _bitwise_or.bind(input, other)


@primitive(role="stops", notation="{x} ^ {y}", elementwise=True, samples=_integers)
def _bitwise_xor(xp: Any, x: Any, y: Any) -> Any:
    return xp.bitwise_xor(x, y)


def bitwise_xor(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """The bits set in exactly one; for bool the logical exclusive or."""
    return _bitwise_xor.bind(input, other)


@primitive(role="stops", notation="{x} << {y}", elementwise=True, samples=_integers)
def _bitwise_left_shift(xp: Any, x: Any, y: Any) -> Any:
    return xp.left_shift(x, y)


def bitwise_left_shift(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """The bits moved to the left by `other` places."""
    return _bitwise_left_shift.bind(input, other)


@primitive(role="stops", notation="{x} >> {y}", elementwise=True, samples=_integers)
def _bitwise_right_shift(xp: Any, x: Any, y: Any) -> Any:
    return xp.right_shift(x, y)


def bitwise_right_shift(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """The bits moved to the right by `other` places, the sign kept."""
    return _bitwise_right_shift.bind(input, other)


not_equal = ne
less = lt
less_equal = le
greater = gt
greater_equal = ge
