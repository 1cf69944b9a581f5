"""New tensors whose values follow a rule: equal steps, equal ratios, the identity."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import dtype
from backlit.core.primitive import primitive
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.creation import chosen_kind, finish, plain_number
from backlit.ops.devices import Device, check_device

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["arange", "eye", "linspace", "logspace"]

Number = bool | int | float


@primitive(
    role="constant",
    notation="{start} + {step} i",
    promote=None,
    samples=lambda rng: [((), {"start": 1, "step": 2, "steps": 4, "kind": np.dtype("f8")})],
)
def _arange(xp: Any, *, start: Number, step: Number, steps: int, kind: np.dtype[Any]) -> Any:
    exact = "int64" if isinstance(start, int) and isinstance(step, int) else "float64"
    return (start + step * xp.arange(steps, dtype=exact)).astype(kind)


_arange.shape(lambda start, step, steps, kind: ((steps,), kind))


def arange(
    start: Number = 0,
    end: Number | None = None,
    step: Number = 1,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """The numbers from `start` up to but without `end`, `step` apart; `arange(5)` begins at 0.

    Returns:
        (ceil((end - start) / step)), of type int64 if all three are integers, else of the default type.

    Raises:
        ArgumentError: `step` is 0, or leads away from `end`.
    """
    check_device(device)
    first, last, by = (plain_number(v) for v in ((0, start, step) if end is None else (start, end, step)))
    if not (math.isfinite(first) and math.isfinite(last)) or by == 0 or (last - first) / by < 0:
        raise ArgumentError(f"arange: steps of {by} do not lead from {first} to {last}")
    whole = all(isinstance(v, int) for v in (first, last, by))
    kind = np.dtype("int64") if dtype is None and whole else chosen_kind(dtype)
    steps = -((first - last) // by) if whole else math.ceil((last - first) / by)
    return finish(_arange.bind(start=first, step=by, steps=steps, kind=kind), requires_grad)


@primitive(
    role="constant",
    notation="{start} … {end}",
    promote=None,
    samples=lambda rng: [((), {"start": 1.0, "end": 2.0, "steps": 4, "kind": np.dtype("f8")})],
)
def _linspace(xp: Any, *, start: float, end: float, steps: int, kind: np.dtype[Any]) -> Any:
    return xp.linspace(start, end, steps).astype(kind)


_linspace.shape(lambda start, end, steps, kind: ((steps,), kind))


def linspace(
    start: Number,
    end: Number,
    steps: int,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """`steps` numbers, equally far apart, from `start` to `end`, both included.

    Raises:
        ShapeError: `steps` is negative.
    """
    check_device(device)
    if steps < 0:
        raise ShapeError(f"linspace: the number of steps must not be negative, got {steps}")
    first, last = float(plain_number(start)), float(plain_number(end))
    found = _linspace.bind(start=first, end=last, steps=int(steps), kind=chosen_kind(dtype))
    return finish(found, requires_grad)


@primitive(
    role="constant",
    notation="{base}^{start} … {base}^{end}",
    promote=None,
    samples=lambda rng: [((), {"start": 0.0, "end": 2.0, "steps": 4, "base": 10.0, "kind": np.dtype("f8")})],
)
def _logspace(xp: Any, *, start: float, end: float, steps: int, base: float, kind: np.dtype[Any]) -> Any:
    return xp.power(base, xp.linspace(start, end, steps)).astype(kind)


_logspace.shape(lambda start, end, steps, base, kind: ((steps,), kind))


def logspace(
    start: Number,
    end: Number,
    steps: int,
    base: float = 10.0,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """`steps` numbers from base^start to base^end, each the same multiple of the one before.

    Raises:
        ShapeError: `steps` is negative.
    """
    check_device(device)
    if steps < 0:
        raise ShapeError(f"logspace: the number of steps must not be negative, got {steps}")
    first, last = float(plain_number(start)), float(plain_number(end))
    found = _logspace.bind(start=first, end=last, steps=int(steps), base=float(base), kind=chosen_kind(dtype))
    return finish(found, requires_grad)


@primitive(
    role="constant",
    notation="I",
    promote=None,
    samples=lambda rng: [((), {"n": 2, "m": 3, "kind": np.dtype("f8")})],
)
def _eye(xp: Any, *, n: int, m: int, kind: np.dtype[Any]) -> Any:
    return xp.eye(n, m, dtype=kind)


_eye.shape(lambda n, m, kind: ((n, m), kind))


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Ones on the diagonal, zeros elsewhere.

    Returns:
        (n, m), or (n, n) without `m`.

    Raises:
        ShapeError: A size is negative.
    """
    check_device(device)
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise ShapeError(f"eye: sizes must not be negative, got {n} and {columns}")
    return finish(_eye.bind(n=int(n), m=int(columns), kind=chosen_kind(dtype)), requires_grad)
