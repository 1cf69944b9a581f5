"""Checks of options, with messages that name the optimizer or scheduler and the argument."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from backlit.core.modes import STATE
from backlit.core.tensor_base import TensorBase, no_program
from backlit.errors import ArgumentError, ArgumentTypeError


def made_outside(owner: str) -> None:
    """Raise `GraphError` if something that keeps state from step to step is made while a program is traced."""
    if STATE.trace is not None:
        raise no_program(
            f"{owner} is made inside a compiled function, and so anew at each call; make it outside, once, and use it "
            "inside"
        )


def number(owner: str, name: str, value: Any) -> float:
    """`value`, a Python or NumPy number or a tensor of one element, as a Python float.

    Raises:
        ArgumentTypeError: It is none of these.
    """
    if isinstance(value, TensorBase) and value._array.size == 1:
        return float(value._array.item())
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{owner}: {name} must be a number, got {value!r}")
    return float(value)


def in_range(
    owner: str, options: Mapping[str, Any], *names: str, low: float = 0.0, high: float = math.inf, closed: bool = True
) -> None:
    """Raise unless every named option is at least `low` and at most (`closed`) or below `high`.

    Raises:
        ArgumentTypeError: An option is not a number.
        ArgumentError: An option is out of range, or NaN.
    """
    for name in names:
        value = number(owner, name, options[name])
        if not (low <= value <= high if closed else low <= value < high):
            upper = "" if high == math.inf else f" and {'at most' if closed else 'below'} {high:g}"
            raise ArgumentError(f"{owner}: {name} must be at least {low:g}{upper}, got {options[name]!r}")


def betas_in_range(owner: str, betas: Any) -> None:
    """Raise unless `betas` is a pair of numbers from 0 to below 1."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ArgumentError(f"{owner}: betas must be a pair of numbers, got {betas!r}")
    in_range(owner, {f"betas[{i}]": beta for i, beta in enumerate(betas)}, "betas[0]", "betas[1]", high=1, closed=False)


def integer(owner: str, name: str, value: Any, low: int) -> int:
    """`value` itself, if it is an integer of at least `low`.

    Raises:
        ArgumentError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ArgumentError(f"{owner}: {name} must be an integer of at least {low}, got {value!r}")
    return value
