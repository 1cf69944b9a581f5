"""Tensors as text, as PyTorch prints them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import bool_, get_default_dtype, int64
from backlit.core.modes import STATE
from backlit.core.tensor_base import Array, Symbol
from backlit.errors import ArgumentError, suggest

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed, for the whole program.

    Args:
        precision: Digits after the point.
        threshold: Number of elements above which only the edges are printed.
        edgeitems: How many elements are printed at each edge.
        linewidth: Characters in a line.
        profile: "default", "short" or "full": values for all of these; single ones override it.
        sci_mode: Whether to print in scientific notation; None decides by the values.

    Raises:
        ArgumentError: There is no profile of that name.
    """
    if profile is not None and profile not in _PROFILES:
        raise ArgumentError(f"set_printoptions: unknown profile {profile!r}{suggest(profile, _PROFILES)}")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen: dict[str, Any] = {**_PROFILES.get(profile or "", {}), **{k: v for k, v in given.items() if v is not None}}
    for field in fields(_options):
        setattr(_options, field.name, chosen.get(field.name, getattr(_options, field.name)))
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """How tensors are printed at the moment, as `set_printoptions` takes it."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Print tensors otherwise inside a `with` block; options as in `set_printoptions`."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def _uneven(sizes: Array) -> bool:
    """Whether the sizes of numbers, none of them 0, ask for scientific notation."""
    return bool(sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8 or sizes.min() < 1e-4)


class _Format:
    """How the elements of one array are written, so that all are of one width."""

    def __init__(self, values: Array) -> None:
        self.is_float = values.dtype.kind == "f"
        self.whole = self.scientific = False
        if not self.is_float:
            self.width = max((len(str(v)) for v in values.ravel().tolist()), default=1)
            return
        shown = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        self.whole = bool((shown == np.ceil(shown)).all())
        self.width = 1
        if not shown.size:
            return
        self.scientific = _options.sci_mode if _options.sci_mode is not None else _uneven(np.abs(shown))
        if self.scientific:
            self.width = max(len(f"{v:.{_options.precision}e}") for v in shown.tolist())
        elif self.whole:
            self.width = max(len(f"{v:.0f}.") for v in shown.tolist())
        else:
            self.width = max(len(f"{v:.{_options.precision}f}") for v in shown.tolist())

    def __call__(self, value: Any) -> str:
        if not self.is_float:
            text = str(value)
        elif self.scientific:
            text = f"{value:.{_options.precision}e}"
        elif self.whole:
            text = f"{value:.0f}" + ("." if math.isfinite(value) else "")
        else:
            text = f"{value:.{_options.precision}f}"
        return text.rjust(self.width)


def _edges(array: Array) -> Array:
    """The elements that a summary shows."""
    edge = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis)
    return array


def _rows(array: Array, summarize: bool) -> Iterator[Any]:
    """The rows of an array, those left out by a summary as one None."""
    edge = _options.edgeitems
    if not summarize or len(array) <= 2 * edge:
        yield from array
        return
    yield from array[:edge]
    yield None
    yield from array[len(array) - edge :]


def _text(array: Array, indent: int, summarize: bool, form: _Format) -> str:
    if array.ndim == 0:
        return form(array.item())
    if array.ndim == 1:
        filler = " ..." if _options.edgeitems else "..."
        words = [filler if row is None else form(row.item()) for row in _rows(array, summarize)]
        per_line = max(1, (_options.linewidth - indent) // (form.width + 2))
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = ["..." if row is None else _text(row, indent + 1, summarize, form) for row in _rows(array, summarize)]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def tensor_text(tensor: "Tensor") -> str:
    """`repr(tensor)`: the values, and the type and history where they are not the usual ones."""
    array = tensor._array
    usual = get_default_dtype()
    start = "tensor("
    notes: list[str] = []
    if STATE.trace is not None or isinstance(array, Symbol):
        body = "..."
        notes.append(f"size={array.shape}")
    elif array.size == 0:
        body = "[]"
        if array.ndim != 1:
            notes.append(f"size={array.shape}")
    else:
        summarize = array.size > _options.threshold
        body = _text(array, len(start), summarize, _Format(_edges(array) if summarize else array))
    if tensor.dtype is not usual and (array.size == 0 or tensor.dtype not in (int64, bool_)):
        notes.append(f"dtype={tensor.dtype}")
    function = tensor.grad_fn
    if function is not None:
        notes.append(f"grad_fn={function}")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    text = start + body
    used = len(text) - text.rfind("\n") + 1
    for note in notes:
        if used + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * len(start) + note
            used = len(start) + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text + ")"
