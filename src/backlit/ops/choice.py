"""Choices between values: by a condition, by size, by bounds."""

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, DtypeError
from backlit.ops.arithmetic import lift

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "heaviside",
    "maximum",
    "minimum",
    "nan_to_num",
    "where",
]

Number = bool | int | float


@primitive(
    role="routes by the condition",
    notation="{x} if {condition} else {y}",
    elementwise=True,
    unpromoted=("condition",),
    samples=lambda rng: [((rng.integers(0, 2, (2, 3)) > 0, rng.normal(size=(2, 3)), rng.normal(size=3)), {})],
)
def _where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    return xp.where(condition, x, y)


_where.gradient(
    x=lambda g, condition: _where.bind(condition, g, 0), y=lambda g, condition: _where.bind(condition, 0, g)
)


@overload
def where(condition: "Tensor", input: "Tensor | Number", other: "Tensor | Number") -> "Tensor": ...
@overload
def where(condition: "Tensor") -> "tuple[Tensor, ...]": ...


def where(condition: "Tensor", input: Any = None, other: Any = None) -> Any:
    """`input` where `condition` holds, else `other`; all three broadcast.

    Args:
        condition: A bool tensor.
        input: A tensor or number.
        other: A tensor or number.

    Returns:
        A tensor; with `condition` alone, the places where it holds, one index tensor a dimension.

    Raises:
        DtypeError: `condition` is not bool.
        ArgumentError: One of `input` and `other` is missing.
    """
    if input is None or other is None:
        if input is not None or other is not None:
            raise ArgumentError("where: give both `input` and `other`, or none of them")
        from backlit.ops.masking import nonzero

        return nonzero(condition, as_tuple=True)
    if not isinstance(condition, TensorBase) or condition._array.dtype.kind != "b":
        kind = condition._array.dtype if isinstance(condition, TensorBase) else type(condition).__name__
        raise DtypeError(f"where: the condition is {kind}, expected a bool tensor; compare first, as in x > 0")
    if not isinstance(other, TensorBase):
        input = lift(input, condition)
    return _where.bind(condition, input, other)


def _distance(x: Any, y: Any) -> Any:
    return abs(x - y)


@primitive(role="routes", notation="max({x}, {y})", elementwise=True, kinks=_distance)
def _maximum(xp: Any, x: Any, y: Any) -> Any:
    return xp.maximum(x, y)


def _larger(g: "Tensor", x: Any, y: Any) -> "Tensor":
    """The part of `g` that goes to `x`: all where it is larger than `y`, half where they are equal."""
    return where(x == y, g / 2, where(x < y, 0, g))


_maximum.gradient(x=_larger, y=lambda g, x, y: _larger(g, y, x))


def maximum(input: "Tensor", other: "Tensor") -> "Tensor":
    """The larger of both, element by element; at a tie each gets half of the gradient. NaN wins."""
    return _maximum.bind(input, other)


@primitive(role="routes", notation="min({x}, {y})", elementwise=True, kinks=_distance)
def _minimum(xp: Any, x: Any, y: Any) -> Any:
    return xp.minimum(x, y)


def _smaller(g: "Tensor", x: Any, y: Any) -> "Tensor":
    return where(x == y, g / 2, where(x > y, 0, g))


_minimum.gradient(x=_smaller, y=lambda g, x, y: _smaller(g, y, x))


def minimum(input: "Tensor", other: "Tensor") -> "Tensor":
    """The smaller of both, element by element; at a tie each gets half of the gradient. NaN wins."""
    return _minimum.bind(input, other)


def as_row(xp: Any, bound: Any, x: Any) -> Any:
    """A number as one row of a wide matrix `x`, anything else as it is.

    NumPy compares row with row by vector instructions, but row with number element by element. A vector is left alone:
    a row of its length would be as long as a batch.
    """
    wide = x.ndim > 1 and x.shape[-1] >= 64 and isinstance(bound, int | float)
    return xp.full(x.shape[-1:], bound, x.dtype) if wide else bound


def _to_bounds(x: Any, min: Any, max: Any) -> Any:
    to_min, to_max = (np.inf if bound is None else abs(x - bound) for bound in (min, max))
    between = np.inf if min is None or max is None else abs(max - min)
    return np.minimum(np.minimum(to_min, to_max), between)


@primitive(
    role="gates",
    notation="{x} within [{min}, {max}]",
    elementwise=True,
    kinks=_to_bounds,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)), -0.5, 0.5), {}),
        ((rng.normal(size=(2, 3)), None, 0.5), {}),
        ((rng.normal(size=(2, 3)), rng.normal(size=3) - 1, rng.normal(size=(2, 1)) + 1), {}),
        ((rng.normal(size=(2, 3)), rng.normal(size=3), None), {}),
    ],
)
def _clamp(xp: Any, x: Any, min: Any, max: Any) -> Any:
    if min is not None:
        x = xp.maximum(x, as_row(xp, min, x))
    return x if max is None else xp.minimum(x, as_row(xp, max, x))


def _inside(x: "Tensor", min: Any, max: Any) -> Any:
    if min is None:
        return x <= max
    return x >= min if max is None else (x >= min) & (x <= max)


def _clamp_min_gradient(g: "Tensor", x: "Tensor", min: Any, max: Any) -> "Tensor":
    return where(x < min if max is None else (x < min) & (min < max), g, 0)


def _clamp_max_gradient(g: "Tensor", x: "Tensor", min: Any, max: Any) -> "Tensor":
    return where(x > max if min is None else (x > max) | (min > max), g, 0)


_clamp.gradient(
    x=lambda g, x, min, max: where(_inside(x, min, max), g, 0), min=_clamp_min_gradient, max=_clamp_max_gradient
)


def clamp(input: "Tensor", min: "Tensor | Number | None" = None, max: "Tensor | Number | None" = None) -> "Tensor":
    """`input` with elements below `min` or above `max` moved to that bound; the gradient passes at the bounds.

    Args:
        input: A tensor.
        min: Lower bound, a number or a tensor that broadcasts, or None.
        max: Upper bound; it prevails where it is below `min`.

    Raises:
        ArgumentError: Both bounds are None.
    """
    if min is None and max is None:
        raise ArgumentError("clamp: both bounds are None; give at least one of `min` and `max`")
    return _clamp.bind(input, min, max)


def clamp_min(input: "Tensor", min: "Tensor | Number") -> "Tensor":
    """`input` with elements below `min` moved to it."""
    return _clamp.bind(input, min, None)


def clamp_max(input: "Tensor", max: "Tensor | Number") -> "Tensor":
    """`input` with elements above `max` moved to it."""
    return _clamp.bind(input, None, max)


@primitive(
    role="gates",
    notation="{x}, finite",
    elementwise=True,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"nan": 0.0, "posinf": None, "neginf": None})],
)
def _nan_to_num(xp: Any, x: Any, *, nan: float, posinf: float | None, neginf: float | None) -> Any:
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num.gradient(x=lambda g, x: where((x - x) == 0, g, 0))


def nan_to_num(
    input: "Tensor", nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> "Tensor":
    """`input` with NaN and the infinities replaced.

    Args:
        input: A tensor.
        nan: Instead of NaN; 0 by default.
        posinf: Instead of plus infinity; the type's largest value by default.
        neginf: Instead of minus infinity; the type's lowest value by default.
    """
    return _nan_to_num.bind(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


@primitive(role="stops", notation="step({x}), {values} at 0", elementwise=True)
def _heaviside(xp: Any, x: Any, values: Any) -> Any:
    return xp.heaviside(x, values)


def heaviside(input: "Tensor", values: "Tensor") -> "Tensor":
    """0 where `input` is negative, 1 where it is positive, `values` where it is 0. It has no gradient."""
    return _heaviside.bind(input, values)


clip = clamp
