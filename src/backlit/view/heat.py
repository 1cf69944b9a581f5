"""Arrays as small heat maps: pooled to a few cells, orange negative, blue positive, one scale for each array."""

from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.view.theme import Theme, blend, number, shape_text

_ROWS, _COLUMNS = 6, 10


def cells(array: Array, rows: int = _ROWS, columns: int = _COLUMNS) -> Array:
    """`array` as a matrix of at most this size; a cell is the mean of the block of elements that it stands for.

    Dimensions before the last are rows; a vector is one row.
    """
    matrix = np.asarray(array, np.float64)
    matrix = matrix.reshape(-1, matrix.shape[-1]) if matrix.ndim > 1 else matrix.reshape(1, -1)
    with np.errstate(all="ignore"):
        for axis, most in ((0, rows), (1, columns)):
            size = matrix.shape[axis]
            if size > most:
                starts = np.arange(most) * size // most
                counts = np.diff(np.append(starts, size))
                shape = (-1, 1) if axis == 0 else (1, -1)
                matrix = np.add.reduceat(matrix, starts, axis=axis) / counts.reshape(shape)
    return matrix


def colors(array: Array, theme: Theme, rows: int = _ROWS, columns: int = _COLUMNS) -> list[list[str]]:
    """The colours of `cells(array)`."""
    matrix = cells(array, rows, columns)
    finite = np.abs(matrix[np.isfinite(matrix)])
    top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return [[_color(float(v), top, theme) for v in row] for row in matrix]


def _color(value: float, top: float, theme: Theme) -> str:
    if not np.isfinite(value):
        return theme.wrong
    # The square root lets small numbers still differ from zero.
    share = (abs(value) / top) ** 0.5
    return blend(theme.positive if value >= 0 else theme.negative, theme.ground, 0.08 + 0.92 * share)


def norm_text(array: Array, sign: str = "") -> str:
    """The shape and norm of an array: `2 × 3, ‖∇‖ = 0.51`; what is not finite is counted."""
    if not array.size:
        return f"{shape_text(array.shape)}, empty"
    if array.dtype.kind not in "fiub":
        return shape_text(array.shape)
    wrong = broken(array)
    if wrong:
        return f"{shape_text(array.shape)}, {wrong}"
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))
    return f"{shape_text(array.shape)}, ‖{sign}‖ = {number(norm)}"


def broken(array: Array) -> str:
    """How many elements are NaN or infinite, in words; nothing if all are finite."""
    if array.dtype.kind != "f":
        return ""
    nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    parts = [f"{nans:,} NaN"] * bool(nans) + [f"{infinite:,} infinite"] * bool(infinite)
    return " and ".join(parts)


def few(array: Array) -> str:
    """All numbers of a vector or a matrix of a few; nothing of others."""
    if 0 < array.size <= 6 and array.ndim == 1:
        return "[" + ", ".join(number(v) for v in array.tolist()) + "]"
    if 0 < array.size <= 12 and array.ndim == 2:
        return "[" + "; ".join(", ".join(number(v) for v in row) for row in array.tolist()) + "]"
    return ""


def described(array: Any) -> str:
    """An array in one line of text: the number, all of a few, else shape and statistics."""
    array = np.asarray(array)
    if array.size == 1 and array.ndim == 0:
        return number(array.item(), 6)
    if array.size == 0:
        return f"empty ({shape_text(array.shape)})"
    if found := few(array):
        return found
    if array.dtype.kind not in "fiu" or broken(array):
        return norm_text(array)
    spread = f"{number(array.min())} … {number(array.max())}, mean {number(array.mean(dtype=np.float64))}"
    return f"{norm_text(array)}, {spread}"
