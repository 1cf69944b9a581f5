"""Rows become a batch: `default_collate`, with PyTorch's rules."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backlit.errors import ArgumentTypeError, DataError, ShapeError
from backlit.ops import Tensor, float64, from_numpy, stack, tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stacks the rows of a batch along a new first dimension.

    Tensors, NumPy arrays and numbers become one tensor (Python's floats float64, its ints int64); strings stay a list;
    mappings, tuples and lists are collated member by member, a tuple of columns coming back as a list.

    Raises:
        DataError: The batch is empty, or its rows have members of different number or name.
        ShapeError: Tensors or arrays of different shapes.
        ArgumentTypeError: Rows of a kind that cannot be stacked: give the loader a `collate_fn`.
    """
    if not len(batch):
        raise DataError("default_collate: the batch has no rows")
    first = batch[0]
    if isinstance(first, Tensor):
        _same([tuple(row.shape) for row in batch], "tensors")
        return stack(list(batch))
    if isinstance(first, np.ndarray | np.generic):
        _same([np.shape(row) for row in batch], "arrays")
        array = np.stack([np.asarray(row) for row in batch])
        if array.dtype.kind not in "biuf":
            raise ArgumentTypeError(f"default_collate: arrays of {array.dtype} cannot become a tensor")
        return from_numpy(array)
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        if any(row.keys() != first.keys() for row in batch):
            raise DataError("default_collate: the rows' mappings must have the same keys")
        return _like(first, {key: default_collate([row[key] for row in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(row) != len(first) for row in batch):
            raise DataError(
                f"default_collate: the rows have different numbers of members, {[len(row) for row in batch]}"
            )
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        if isinstance(first, tuple):
            return type(first)(*columns) if hasattr(first, "_fields") else columns
        return _like(first, columns)
    raise ArgumentTypeError(
        f"default_collate: rows must be tensors, arrays, numbers, strings, mappings or sequences, got "
        f"{type(first).__name__}; give the loader a collate_fn"
    )


def default_convert(row: Any) -> Any:
    """Turns NumPy arrays and numbers in a row into tensors; a loader with `batch_size=None` does that."""
    if isinstance(row, np.ndarray | np.generic):
        return from_numpy(np.asarray(row)) if row.dtype.kind in "biuf" else row
    if isinstance(row, Mapping):
        return _like(row, {key: default_convert(value) for key, value in row.items()})
    if isinstance(row, tuple):
        members = [default_convert(value) for value in row]
        return type(row)(*members) if hasattr(row, "_fields") else members
    if isinstance(row, Sequence) and not isinstance(row, str | bytes):
        return _like(row, [default_convert(value) for value in row])
    return row


def _same(shapes: list[tuple[int, ...]], what: str) -> None:
    for at, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"default_collate: {what} of a batch must have one shape, row 0 has {shapes[0]}, row {at} has {shape}"
            )


def _like(model: Any, members: Any) -> Any:
    """`members` in the class of `model`, where that can be made from them."""
    try:
        return type(model)(members)
    except TypeError:
        return members
