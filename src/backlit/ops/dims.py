"""Dimensions named by callers: negative ones counted from the end, ranges checked, one message for all operations."""

from collections.abc import Sequence

from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError


def normalize_dim(dim: int, ndim: int, operation: str) -> int:
    """`dim` counted from the front; a tensor without dimensions counts as having one, as in PyTorch.

    Raises:
        IndexRangeError: There is no such dimension; the message names those that exist.
        ArgumentTypeError: `dim` is not an integer.
    """
    size = ndim or 1
    try:
        if -size <= dim < size:
            return dim if dim >= 0 else dim + size
    except TypeError:
        raise ArgumentTypeError(f"{operation}: dim must be an integer, got {dim!r}") from None
    raise IndexRangeError(
        f"{operation}: dim {dim} is out of range for a tensor with {ndim} dimensions, expected {-size} to {size - 1}"
    )


def normalize_dims(dim: int | Sequence[int] | None, ndim: int, operation: str) -> tuple[int, ...] | None:
    """Dimensions counted from the front; None, which stands for all of them, for None and for an empty sequence.

    Raises:
        IndexRangeError: There is no such dimension.
        ArgumentError: A dimension is named twice.
        ArgumentTypeError: `dim` is neither an integer nor a sequence of integers.
    """
    if dim is None:
        return None
    if isinstance(dim, int):
        found = (normalize_dim(dim, ndim, operation),)
    else:
        try:
            found = tuple([normalize_dim(d, ndim, operation) for d in dim])
        except TypeError as error:
            if isinstance(error, ArgumentTypeError):
                raise
            raise ArgumentTypeError(f"{operation}: dim must be an integer or a tuple of them, got {dim!r}") from None
        if len(set(found)) < len(found):
            raise ArgumentError(f"{operation}: dim {tuple(dim)} names a dimension twice")
    return found if ndim and found else None
