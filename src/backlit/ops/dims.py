"""Dimensions and sizes as callers name them: counted from the end or the front, checked, with one message for all."""

from collections.abc import Sequence
from operator import index
from typing import Any

from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError


def one_dim(dim: int, ndim: int, operation: str) -> int:
    """`dim` counted from the front; a tensor without dimensions counts as having one, as in PyTorch.

    Raises:
        IndexRangeError: There is no such dimension; the message names those that exist.
        ArgumentTypeError: `dim` is not an integer.
    """
    size = ndim or 1
    try:
        dim = index(dim)
    except TypeError:
        raise ArgumentTypeError(f"{operation}: dim must be an integer, got {dim!r}") from None
    if -size <= dim < size:
        return dim if dim >= 0 else dim + size
    raise IndexRangeError(
        f"{operation}: dim {dim} is out of range for a tensor with {ndim} dimensions, expected {-size} to {size - 1}"
    )


def some_dims(dim: int | Sequence[int], ndim: int, operation: str) -> tuple[int, ...]:
    """One or several dimensions, counted from the front.

    Raises:
        IndexRangeError: There is no such dimension.
        ArgumentError: A dimension is named twice.
        ArgumentTypeError: `dim` is neither an integer nor a sequence of integers.
    """
    if isinstance(dim, int):
        return (one_dim(dim, ndim, operation),)
    try:
        found = tuple([one_dim(d, ndim, operation) for d in dim])
    except TypeError as error:
        if isinstance(error, ArgumentTypeError):
            raise
        raise ArgumentTypeError(f"{operation}: dim must be an integer or a tuple of them, got {dim!r}") from None
    if len(set(found)) < len(found):
        raise ArgumentError(f"{operation}: dim {tuple(dim)} names a dimension twice")
    return found


def reduced_dims(dim: int | Sequence[int] | None, ndim: int, operation: str) -> tuple[int, ...] | None:
    """The dimensions of a reduction: as `some_dims`, with None for all, which None and an empty sequence stand for."""
    if dim is None:
        return None
    found = some_dims(dim, ndim, operation)
    return found if ndim and found else None


def sizes_of(sizes: tuple[Any, ...], operation: str) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence.

    Raises:
        ArgumentTypeError: A size is not an integer.
    """
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
    try:
        return tuple([index(n) for n in given])
    except TypeError:
        raise ArgumentTypeError(f"{operation}: sizes must be integers, got {given!r}") from None
