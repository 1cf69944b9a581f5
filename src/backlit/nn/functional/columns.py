"""Convolutions on arrays: each window a column of a matrix, so that one product serves all windows of many rows.

Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.

Throughout: `inner` arrays (n, channels, *sizes) are what windows slide over, `outer` arrays (n, channels, *places) have
an element for each window, and a `matrix` (groups, outer channels a group, inner channels a group x kernel) is the
weight that joins them. `padding` holds a pair of widths for each dimension; a negative width cuts off.
"""

import math
from collections.abc import Iterator

import numpy as np

from backlit.core.namespace import NUMPY
from backlit.core.tensor_base import Array

Pairs = tuple[tuple[int, int], ...]
Sizes = tuple[int, ...]

# So many numbers of columns at a time stay in a processor's cache and bound the memory.
_AT_ONCE = 2**18


def places(sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes) -> Sizes:
    """How many windows there are along each dimension; below 1 where none fits."""
    return tuple(
        (size + before + after - gap * (width - 1) - 1) // step + 1
        for size, width, step, (before, after), gap in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def bordered(array: Array, padding: Pairs) -> Array:
    """`array` with zeros around its last dimensions, or cut off there."""
    if not any(map(any, padding)):
        return array
    lead = array.ndim - len(padding)
    sizes = array.shape[lead:]
    result = np.zeros(
        (*array.shape[:lead], *(n + a + b for n, (a, b) in zip(sizes, padding, strict=True))), array.dtype
    )
    every = (slice(None),) * lead
    into = (slice(max(a, 0), n + a + min(b, 0)) for n, (a, b) in zip(sizes, padding, strict=True))
    taken = (slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(sizes, padding, strict=True))
    result[(*every, *into)] = array[(*every, *taken)]
    return result


def correlate(
    inner: Array, matrix: Array, kernel: Sizes, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Array:
    """`outer`: the products of `matrix` with all windows."""
    channels = groups * matrix.shape[1]
    found = places(inner.shape[2:], kernel, stride, padding, dilation)
    outer = np.empty((len(inner), channels, *found), inner.dtype)
    for rows in _pieces(len(inner), inner.shape[1] * math.prod(kernel) * math.prod(found)):
        columns = _columns(inner[rows], kernel, stride, padding, dilation, groups)
        product = np.matmul(matrix, columns)
        outer[rows] = product.reshape(channels, -1, *found).swapaxes(0, 1)
    return outer


def spread(
    outer: Array,
    matrix: Array,
    kernel: Sizes,
    sizes: Sizes,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Array:
    """`inner` of `sizes`: in each element the sum of what its windows bring, the transpose of `correlate`."""
    channels = groups * matrix.shape[2] // math.prod(kernel)
    found, dims = outer.shape[2:], tuple(range(2, outer.ndim))
    inner = np.empty((len(outer), channels, *sizes), outer.dtype)
    whole = [
        gap * (k - 1) + step * (n - 1) + 1 for gap, k, step, n in zip(dilation, kernel, stride, found, strict=True)
    ]
    cut = tuple((-a, n - size + a) for n, size, (a, _) in zip(sizes, whole, padding, strict=True))
    order = (len(dims) + 1, 0, *range(len(dims) + 2, 2 * len(dims) + 2), *range(1, len(dims) + 1))
    for rows in _pieces(len(outer), channels * math.prod(kernel) * math.prod(found)):
        columns = np.matmul(matrix.swapaxes(1, 2), _lined_up(outer[rows], groups))
        windows = columns.reshape(channels, *kernel, -1, *found).transpose(order)
        inner[rows] = bordered(NUMPY.add_windows(windows, (*windows.shape[:2], *whole), dims, stride, dilation), cut)
    return inner


def weigh(
    outer: Array, inner: Array, kernel: Sizes, *, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Array:
    """The matrix of sums, over all rows and windows, of the products of `outer` and what is in its window."""
    found = outer.shape[2:]
    width = inner.shape[1] // groups * math.prod(kernel)
    matrix = np.zeros((groups, outer.shape[1] // groups, width), inner.dtype)
    for rows in _pieces(len(inner), inner.shape[1] * math.prod(kernel) * math.prod(found)):
        columns = _columns(inner[rows], kernel, stride, padding, dilation, groups)
        matrix += np.matmul(_lined_up(outer[rows], groups), columns.swapaxes(1, 2))
    return matrix


def _pieces(rows: int, size: int) -> Iterator[slice]:
    """Pieces of so many rows that their columns, `size` a row, stay small."""
    step = max(1, _AT_ONCE // max(size, 1))
    return (slice(at, at + step) for at in range(0, rows, step))


def _lined_up(outer: Array, groups: int) -> Array:
    """`outer` as (groups, channels a group, rows x places)."""
    channels = outer.shape[1]
    columns: Array = outer.swapaxes(0, 1).reshape(groups, channels // groups, -1)
    return columns


def _columns(inner: Array, kernel: Sizes, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int) -> Array:
    """(groups, channels a group x kernel, rows x places): a column for each window."""
    rank = len(kernel)
    dims = tuple(range(2, rank + 2))
    seen = NUMPY.windows(bordered(inner, padding), dims, kernel, stride, dilation)
    inside = tuple(range(rank + 2, 2 * rank + 2))
    columns: Array = seen.transpose(1, *inside, 0, *dims).reshape(
        groups, inner.shape[1] // groups * math.prod(kernel), len(inner) * math.prod(seen.shape[2 : rank + 2])
    )
    return columns
