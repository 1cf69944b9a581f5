"""Activations made of straight pieces, other than ReLU and its kin."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive
from backlit.errors import ArgumentError
from backlit.ops.choice import as_row, where

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["hardshrink", "hardsigmoid", "hardswish", "hardtanh", "relu6", "softshrink", "step", "threshold"]


def _from_ends(x: Any, *, low: float, high: float) -> Any:
    return np.minimum(abs(x - low), abs(x - high))


def _from_three(x: Any) -> Any:
    return abs(abs(x) - 3)


@primitive(
    role="gates",
    notation="{x} within [{low}, {high}]",
    elementwise=True,
    promote="number",
    kinks=_from_ends,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"low": -0.5, "high": 0.7})],
)
def _hardtanh(xp: Any, x: Any, *, low: float, high: float) -> Any:
    return xp.minimum(xp.maximum(x, as_row(xp, low, x)), as_row(xp, high, x))


_hardtanh.gradient(x=lambda g, x, low, high: where((x > low) & (x < high), g, 0))


def hardtanh(input: "Tensor", min_val: float = -1.0, max_val: float = 1.0) -> "Tensor":
    """`input` with elements outside of [min_val, max_val] moved to that bound; the slope at the bounds is 0.

    Raises:
        ArgumentError: `min_val` is above `max_val`.
    """
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val {min_val} is above max_val {max_val}")
    return _hardtanh.bind(input, low=min_val, high=max_val)


def relu6(input: "Tensor") -> "Tensor":
    """min(max(0, x), 6)."""
    return _hardtanh.bind(input, low=0, high=6)


@primitive(role="gates", notation="min(max(0, {x} + 3), 6) / 6", elementwise=True, promote="float", kinks=_from_three)
def _hardsigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


_hardsigmoid.gradient(x=lambda g, x: where((x > -3) & (x < 3), g / 6, 0))


def hardsigmoid(input: "Tensor") -> "Tensor":
    """relu6(x + 3) / 6, a sigmoid of three straight pieces (Howard et al., 2019)."""
    return _hardsigmoid.bind(input)


@primitive(
    role="gates", notation="{x} min(max(0, {x} + 3), 6) / 6", elementwise=True, promote="float", kinks=_from_three
)
def _hardswish(xp: Any, x: Any) -> Any:
    return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6


_hardswish.gradient(x=lambda g, x: where(x <= -3, 0, where(x < 3, g * (x / 3 + 0.5), g)))


def hardswish(input: "Tensor") -> "Tensor":
    """X hardsigmoid(x) (Howard et al., 2019)."""
    return _hardswish.bind(input)


@primitive(
    role="gates",
    notation="{x} if {x} > {threshold} else {value}",
    elementwise=True,
    promote="number",
    kinks=lambda x, threshold, value: abs(x - threshold),
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"threshold": 0.3, "value": -2.0})],
)
def _threshold(xp: Any, x: Any, *, threshold: float, value: float) -> Any:
    return xp.where(x > threshold, x, value)


_threshold.gradient(x=lambda g, x, threshold: where(x > threshold, g, 0))


def threshold(input: "Tensor", threshold: float, value: float) -> "Tensor":
    """X where it is above `threshold`, else `value`."""
    return _threshold.bind(input, threshold=threshold, value=value)


@primitive(role="stops", notation="1 if {x} >= 0 else 0", elementwise=True, promote="number", kinks=lambda x: abs(x))
def _step(xp: Any, x: Any) -> Any:
    return (x >= 0).astype(x.dtype)


_step.gradient(x=lambda g: g * 0)


def step(input: "Tensor") -> "Tensor":
    """1 where x >= 0, else 0: the perceptron's decision (Rosenblatt, 1958). Its slope counts as 0."""
    return _step.bind(input)


@primitive(
    role="gates",
    notation="{x} towards 0 by {lambd}",
    elementwise=True,
    promote="number",
    kinks=lambda x, lambd: abs(abs(x) - lambd),
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"lambd": 0.4})],
)
def _softshrink(xp: Any, x: Any, *, lambd: float) -> Any:
    return x - xp.minimum(xp.maximum(x, -lambd), lambd)


_softshrink.gradient(x=lambda g, x, lambd: where(abs(x) > lambd, g, 0))


def softshrink(input: "Tensor", lambd: float = 0.5) -> "Tensor":
    """X moved towards 0 by `lambd`, and 0 where it is not further away than that.

    Raises:
        ArgumentError: `lambd` is negative.
    """
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd is {lambd}; expected a number not below 0")
    return _softshrink.bind(input, lambd=lambd)


@primitive(
    role="gates",
    notation="{x} if |{x}| > {lambd} else 0",
    elementwise=True,
    promote="number",
    kinks=lambda x, lambd: abs(abs(x) - lambd),
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"lambd": 0.4})],
)
def _hardshrink(xp: Any, x: Any, *, lambd: float) -> Any:
    return xp.where(xp.abs(x) <= lambd, 0, x)


_hardshrink.gradient(x=lambda g, x, lambd: where(abs(x) > lambd, g, 0))


def hardshrink(input: "Tensor", lambd: float = 0.5) -> "Tensor":
    """X where |x| > `lambd`, else 0."""
    return _hardshrink.bind(input, lambd=lambd)
