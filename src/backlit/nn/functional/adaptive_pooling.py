"""Pools whose windows share out an input, whatever its size, over so many results as are asked for."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from backlit.errors import ShapeError
from backlit.nn.checks import per_dimension, where
from backlit.nn.functional.pool_windows import Over, first_largest, max_of_windows
from backlit.nn.functional.pooling import sizes_pooled
from backlit.ops import arange, cat
from backlit.ops.tensor import Tensor

Sizes = int | Sequence[int | None] | None
# What a pool makes of windows.
Pool = Callable[[tuple[Tensor, ...], Over], tuple[Tensor, ...]]


def _shared_out(
    operation: str, tensors: tuple[Tensor, ...], output_size: Sizes, dims: int, pool: Pool
) -> tuple[Tensor, ...]:
    """Tensors pooled over the windows of `adaptive_avg_pool2d`, along the last `dims` dimensions."""
    lengths = sizes_pooled(operation, tensors[0], dims)
    given = list(output_size) if isinstance(output_size, Sequence) else [output_size] * dims
    own = lengths if len(given) == dims else (None,) * len(given)
    wanted = [length if size is None else size for length, size in zip(own, given, strict=True)]
    counts = per_dimension(operation, "output_size", wanted, dims)
    if 0 in lengths:
        raise ShapeError(f"{where(operation)}: an input of shape {tuple(tensors[0]._array.shape)} has nothing to pool")
    if not any(length % count for length, count in zip(lengths, counts, strict=True)):
        sizes = [length // count for length, count in zip(lengths, counts, strict=True)]
        return pool(tensors, tuple((size, size, 1) for size in sizes))
    for k in range(1, dims + 1):
        length, count = lengths[-k], counts[-k]
        pieces = []
        for i in range(count):
            begin, end = i * length // count, -(-(i + 1) * length // count)
            piece = tuple(t.narrow(-k, begin, end - begin) for t in tensors)
            pieces.append(pool(piece, ((end - begin, end - begin, 1), *[(1, 1, 1)] * (k - 1))))
        tensors = tuple(cat(several, -k) for several in zip(*pieces, strict=True))
    return tensors


def _means(tensors: tuple[Tensor, ...], over: Over) -> tuple[Tensor, ...]:
    """The mean of each window; windows lie side by side."""
    (input,) = tensors
    shape, lead = input.shape, input.dim() - len(over)
    split = [n for length, (size, _, _) in zip(shape[lead:], over, strict=True) for n in (length // size, size)]
    return (input.reshape(*shape[:lead], *split).mean(tuple(lead + 1 + 2 * k for k in range(len(over)))),)


def _largest(tensors: tuple[Tensor, ...], over: Over) -> tuple[Tensor, ...]:
    return first_largest(tensors, over) if len(tensors) > 1 else (max_of_windows.bind(tensors[0], over=over),)


def _adaptive_max_pool(operation: str, input: Tensor, output_size: Sizes, dims: int, return_indices: bool) -> Any:
    if not return_indices:
        return _shared_out(operation, (input,), output_size, dims, _largest)[0]
    lengths = sizes_pooled(operation, input, dims)
    places = arange(math.prod(lengths)).reshape(lengths).expand_as(input)
    return _shared_out(operation, (input, places), output_size, dims, _largest)


def _adaptive_avg_pool(operation: str, input: Tensor, output_size: Sizes, dims: int) -> Tensor:
    return _shared_out(operation, (input,), output_size, dims, _means)[0]


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of `output_size` windows: (n, channels, length) or (channels, length); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", input, output_size, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of as many windows as are asked for; with 1, of all of each channel (Lin, Chen and Yan, 2013).

    Window i of k reaches from floor(i n / k) to ceil((i + 1) n / k) of n elements.

    Args:
        input: (n, channels, height, width) or (channels, height, width).
        output_size: How many windows there are along each dimension, or along all; None for as many as elements.

    Returns:
        (n, channels, *output_size).

    Raises:
        ShapeError: The input has other dimensions, or no elements.
        ArgumentError: `output_size` is not made of positive integers.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", input, output_size, 2)


def adaptive_avg_pool3d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of `output_size` windows: (n, channels, depth, height, width); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", input, output_size, 3)


def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest of each of `output_size` windows: (n, channels, length); see `adaptive_avg_pool2d`."""
    return _adaptive_max_pool("adaptive_max_pool1d", input, output_size, 1, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest of each of `output_size` windows, as `adaptive_avg_pool2d` lays them.

    With `return_indices` also where each is, counted over height and width.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", input, output_size, 2, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest of each of `output_size` windows of volumes (n, channels, depth, height, width)."""
    return _adaptive_max_pool("adaptive_max_pool3d", input, output_size, 3, return_indices)
