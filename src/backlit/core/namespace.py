"""`xp`, the array namespace that forward rules are written against: NumPy's, and a few named kernels.

A forward rule may use what NumPy and `jax.numpy` share under one name, and the kernels below. It never writes into
its inputs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array

# What `xp.moments` gives, in order.
MOMENTS = ("mean", "std", "min", "max", "zeros")


class NumpyNamespace:
    """NumPy as the namespace of forward rules. Names that it does not define are NumPy's own."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        setattr(self, name, found)
        return found

    def erf(self, x: Array) -> Array:
        """The error function."""
        return _special("erf", x)

    def erfc(self, x: Array) -> Array:
        """1 - erf(x)."""
        return _special("erfc", x)

    def erfinv(self, x: Array) -> Array:
        """The inverse of the error function."""
        return _special("erfinv", x)

    def gammaln(self, x: Array) -> Array:
        """Logarithm of the absolute value of the gamma function."""
        return _special("gammaln", x)

    def digamma(self, x: Array) -> Array:
        """Derivative of `gammaln`."""
        return _special("digamma", x)

    def polygamma(self, n: int, x: Array) -> Array:
        """The n-th derivative of `digamma`."""
        return _special("polygamma", n, x)

    def scatter_add(self, x: Array, index: tuple[Any, ...], values: Array) -> Array:
        """A copy of `x` with `values` added at `index`; positions named more than once add up."""
        if len(index) == 1 and x.ndim == 2 and x.dtype in (np.float32, np.float64) and values.size >= _MANY:
            return x + _sum_rows(len(x), index[0].reshape(-1), values.reshape(-1, x.shape[1]))
        result = x.copy()
        np.add.at(result, index, values)
        return result

    def scatter_set(self, x: Array, index: Any, values: Array) -> Array:
        """A copy of `x` with `values` put at `index`."""
        result = x.copy()
        result[index] = values
        return result

    def windows(
        self, x: Array, dims: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
    ) -> Array:
        """All windows that slide over some dimensions, which become places; what is inside comes last.

        Args:
            x: The array.
            dims: The dimensions, in increasing order.
            sizes: How many elements a window has along each.
            steps: How far apart windows begin.
            gaps: How far apart the elements of a window are.
        """
        reaches = [gap * (size - 1) + 1 for size, gap in zip(sizes, gaps, strict=True)]
        every = np.lib.stride_tricks.sliding_window_view(x, reaches, dims)
        begins = [slice(None, None, steps[dims.index(d)] if d in dims else 1) for d in range(x.ndim)]
        found: Array = every[(*begins, *(slice(None, None, gap) for gap in gaps))]
        return found

    def add_windows(
        self, g: Array, shape: tuple[int, ...], dims: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
    ) -> Array:
        """The array of `shape` in which each element is the sum of its places in all windows of `windows`."""
        result = np.zeros(shape, g.dtype)
        for place, within in window_places(g.shape, shape, dims, steps, gaps):
            result[place] += g[within]
        return result

    def moments(self, *arrays: Array) -> Array:
        """A row for each array, `MOMENTS` of all its elements: the deviation over n, and zeros as their share."""
        return np.array([[x.mean(), x.std(), x.min(), x.max(), np.mean(x == 0)] for x in arrays], arrays[0].dtype)

    def at_least(self, marks: Array, *arrays: Array) -> Array:
        """For each array and each mark in its row of `marks`, the share of elements that are as large or larger."""
        rows = zip(arrays, marks, strict=True)
        return np.array([[np.mean(x >= mark) for mark in row] for x, row in rows], marks.dtype)

    def random_bits(self, state: Array, count: int) -> Array:
        """`count` unsigned 64-bit words of Philox 4x64-10.

        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

        Args:
            state: Three 64-bit integers: the key (seed, stream) and the number of the draw, which is the second word
                of the counter; the first word counts blocks of four words within the draw, from 1.
            count: Number of words.
        """
        from numpy.random import Philox

        seed, stream, draw = (int(v) & 0xFFFFFFFFFFFFFFFF for v in state)
        return Philox(key=seed | stream << 64, counter=draw << 64).random_raw(count)


def window_count(length: int, size: int, step: int, gap: int) -> int:
    """How many windows of `size` elements, `gap` apart, begin `step` apart in `length`; below 1 where none fits."""
    return (length - gap * (size - 1) - 1) // step + 1


def window_places(
    windows: tuple[int, ...],
    shape: tuple[int, ...],
    dims: tuple[int, ...],
    steps: tuple[int, ...],
    gaps: tuple[int, ...],
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """For each place inside of windows: where its elements are in an array of `shape`, and where in the windows.

    Args:
        windows: The shape of the windows, as `xp.windows` gives them.
        shape: The shape of the array.
        dims: The dimensions over which they slide, in increasing order.
        steps: How far apart windows begin.
        gaps: How far apart the elements of a window are.
    """
    for inside in np.ndindex(windows[len(shape) :]):
        place = [slice(None)] * len(shape)
        for d, at, step, gap in zip(dims, inside, steps, gaps, strict=True):
            place[d] = slice(at * gap, at * gap + step * (windows[d] - 1) + 1, step)
        yield tuple(place), (..., *inside)


# From here on a sparse product, several times as fast, repays the first import of `scipy.sparse`.
_MANY = 2**14


def _sum_rows(count: int, places: Array, rows: Array) -> Array:
    """(count, columns): row k is the sum of the `rows` whose place is k, as the product with a sparse matrix."""
    from scipy.sparse import csc_matrix

    places = np.where(places < 0, places + count, places)
    picks = csc_matrix(
        (np.ones(len(places), rows.dtype), places, np.arange(len(places) + 1)), shape=(count, len(places))
    )
    return picks @ rows


def _special(name: str, *args: Any) -> Array:
    """SciPy's function of that name, element by element, in the type of its last argument."""
    import scipy.special

    return getattr(scipy.special, name)(*args).astype(args[-1].dtype, copy=False)


NUMPY = NumpyNamespace()
