"""Convolutions on arrays: each window a column of a matrix, so that one product serves all windows of many rows.

Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.

Throughout, `inner` arrays (n, inner channels, *sizes) are what windows slide over; `outer` arrays (n, outer channels,
*places) have an element for each window; a weight (outer channels, inner channels / groups, *kernel) joins them.
`padding` holds a pair of widths for each dimension; a negative width cuts off.
"""

import math
from collections.abc import Iterator

import numpy as np

from backlit.core.namespace import NUMPY, window_count
from backlit.core.tensor_base import Array

Pairs = tuple[tuple[int, int], ...]
Sizes = tuple[int, ...]

# So many numbers of columns at a time stay in a processor's cache and bound the memory.
_AT_ONCE = 2**19


def places(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Sizes:
    """How many windows there are along each dimension; below 1 where none fits."""
    return tuple(
        window_count(size + before + after, width, step, gap)
        for size, width, step, (before, after), gap in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def reach(found: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Over how many elements of each dimension so many windows reach together."""
    return tuple(
        step * (n - 1) + gap * (width - 1) + 1
        for n, width, step, gap in zip(found, kernel, stride, dilation, strict=True)
    )


def correlate(
    inner: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Array:
    """`outer`: the products of the weight with all windows, plus the bias (outer channels)."""
    channels, kernel = len(weight), weight.shape[2:]
    found = places(inner.shape[2:], kernel, stride, padding, dilation)
    outer = np.empty((len(inner), channels, *found), inner.dtype)
    matrix = _matrix(weight, groups)
    for rows in _pieces(len(inner), inner.shape[1] * math.prod(kernel) * math.prod(found)):
        product = np.matmul(matrix, _columns(inner[rows], kernel, stride, padding, dilation, groups))
        if bias is not None:
            product += bias.reshape(groups, channels // groups, 1)
        outer[rows] = product.reshape(channels, -1, *found).swapaxes(0, 1)
    return outer


def spread(
    outer: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    sizes: Sizes,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Array:
    """`inner` of `sizes`: in each element the sum of what its windows bring, the transpose of `correlate`."""
    channels, kernel, found = weight.shape[1] * groups, weight.shape[2:], outer.shape[2:]
    rank = len(kernel)
    dims = tuple(range(2, rank + 2))
    inner = np.empty((len(outer), channels, *sizes), outer.dtype)
    whole = reach(found, kernel, stride, dilation)
    cut = tuple((-before, before + size - n) for n, size, (before, _) in zip(whole, sizes, padding, strict=True))
    order = (rank + 1, 0, *range(rank + 2, 2 * rank + 2), *range(1, rank + 1))
    matrix = _matrix(weight, groups).swapaxes(1, 2)
    for rows in _pieces(len(outer), channels * math.prod(kernel) * math.prod(found)):
        # A product with one row is many times slower in BLAS than a product of numbers.
        columns = (np.multiply if matrix.shape[2] == 1 else np.matmul)(matrix, _lined_up(outer[rows], groups))
        windows = columns.reshape(channels, *kernel, -1, *found).transpose(order)
        added = NUMPY.add_windows(windows, (*windows.shape[:2], *whole), dims, stride, dilation)
        inner[rows] = _bordered(added, cut)
    if bias is not None:
        inner += bias.reshape(-1, *[1] * rank)
    return inner


def weigh(
    outer: Array, inner: Array, kernel: Sizes, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Array:
    """A weight: the sums, over all rows and windows, of the products of `outer` and what is in its window."""
    found, channels = outer.shape[2:], inner.shape[1] // groups
    matrix = np.zeros((groups, outer.shape[1] // groups, channels * math.prod(kernel)), inner.dtype)
    for rows in _pieces(len(inner), inner.shape[1] * math.prod(kernel) * math.prod(found)):
        columns = _columns(inner[rows], kernel, stride, padding, dilation, groups)
        matrix += np.matmul(_lined_up(outer[rows], groups), columns.swapaxes(1, 2))
    return matrix.reshape(outer.shape[1], channels, *kernel)


def _pieces(rows: int, size: int) -> Iterator[slice]:
    """Pieces of so many rows that their columns, `size` numbers a row, stay small."""
    step = max(1, _AT_ONCE // max(size, 1))
    return (slice(at, at + step) for at in range(0, rows, step))


def _matrix(weight: Array, groups: int) -> Array:
    """The weight as (groups, outer channels of a group, values in a window of a group)."""
    return weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))


def _lined_up(outer: Array, groups: int) -> Array:
    """`outer` as (groups, channels of a group, rows x places)."""
    rows, channels, *found = outer.shape
    return outer.swapaxes(0, 1).reshape(groups, channels // groups, rows * math.prod(found))


def _columns(inner: Array, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int) -> Array:
    """(groups, values in a window of a group, rows x places): a column for each window."""
    rank = len(kernel)
    dims, inside = tuple(range(2, rank + 2)), tuple(range(rank + 2, 2 * rank + 2))
    seen = NUMPY.windows(_bordered(inner, padding), dims, kernel, stride, dilation)
    width = inner.shape[1] // groups * math.prod(kernel)
    return seen.transpose(1, *inside, 0, *dims).reshape(groups, width, len(inner) * math.prod(seen.shape[2 : rank + 2]))


def _bordered(array: Array, padding: Pairs) -> Array:
    """`array` with zeros around its last dimensions, or cut off there."""
    if not any(map(any, padding)):
        return array
    lead = array.ndim - len(padding)
    sizes = array.shape[lead:]
    wide = [n + before + after for n, (before, after) in zip(sizes, padding, strict=True)]
    result = np.zeros((*array.shape[:lead], *wide), array.dtype)
    every = (slice(None),) * lead
    into = (slice(max(a, 0), n + a + min(b, 0)) for n, (a, b) in zip(sizes, padding, strict=True))
    taken = (slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(sizes, padding, strict=True))
    result[(*every, *into)] = array[(*every, *taken)]
    return result
