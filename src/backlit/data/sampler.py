"""The order in which rows are read: samplers with PyTorch's names and meaning.

All draws of a pass are made when it begins, so a generator's state at that moment settles the whole order.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit.errors import ArgumentError, DataError
from backlit.ops import Generator, float64, rand, randint, randperm

T_co = TypeVar("T_co", covariant=True)


def permutation(n: int, generator: Generator | None = None) -> NDArray[np.int64]:
    """A random order of `n` rows, int64, (n,): the one that a shuffling loader with this generator uses.

    Args:
        n: Number of rows.
        generator: Its state settles the order, and moves on; None: the default generator.
    """
    order: NDArray[np.int64] = randperm(n, generator=generator).numpy()
    return order


def draw_seed(generator: Generator | None) -> int:
    """A random number of 62 bits, from which workers make their seeds."""
    return int(randint(0, 1 << 62, (), generator=generator).item())


class Sampler(Generic[T_co]):
    """An order of rows: subclasses write `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class OrderSampler(Sampler[int]):
    """A sampler that knows its whole order at once."""

    def order(self) -> NDArray[np.int64]:
        """The rows of one pass, drawn anew at each call."""
        raise NotImplementedError(f"{type(self).__name__} must define order")

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())


class SequentialSampler(OrderSampler):
    """Every row, in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> NDArray[np.int64]:
        """0 to n - 1."""
        return np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(OrderSampler):
    """Rows in random order.

    Args:
        data_source: Anything with a length.
        replacement: Whether a row may come again before all have come.
        num_samples: How many rows a pass has; None: as many as there are. Without replacement, more than there are
            means one permutation after the other.
        generator: Source of the order; None: the default generator.

    Raises:
        ArgumentError: `num_samples` is negative, or positive where there are no rows.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples
        if num_samples is not None and (num_samples < 0 or (num_samples and not len(data_source))):
            raise ArgumentError(f"RandomSampler: cannot draw num_samples={num_samples} from {len(data_source)} rows")

    @property
    def num_samples(self) -> int:
        """How many rows a pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> NDArray[np.int64]:
        """A fresh random order."""
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            drawn: NDArray[np.int64] = randint(0, n, (wanted,), generator=self.generator).numpy() if n else np.arange(0)
            return drawn
        rounds = -(-wanted // n) if n else 0
        orders = [permutation(n, self.generator) for _ in range(rounds)]
        return np.concatenate(orders)[:wanted] if len(orders) > 1 else (orders[0][:wanted] if orders else np.arange(0))

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Some rows, by number, in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[at] for at in permutation(len(self.indices), self.generator).tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(OrderSampler):
    """Rows drawn with given chances.

    Without replacement the method is Efraimidis and Spirakis's ("Weighted random sampling with a reservoir", 2006).

    Args:
        weights: A weight for each row, finite and at least 0; they need not add up to 1.
        num_samples: How many rows a pass has.
        replacement: Whether a row may come more than once.
        generator: Source of the draws; None: the default generator.

    Raises:
        ArgumentError: `num_samples` is not positive, or more than the rows of positive weight without replacement.
        DataError: The weights are not one-dimensional, or negative, or not finite, or all 0.
    """

    def __init__(
        self, weights: ArrayLike, num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        self.weights: NDArray[np.float64] = np.asarray(weights, dtype=np.float64)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        if num_samples <= 0:
            raise ArgumentError(f"WeightedRandomSampler: num_samples must be positive, got {num_samples}")
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise DataError("WeightedRandomSampler: expected a sequence of finite weights of at least 0")
        drawable = int((self.weights > 0).sum())
        if not drawable:
            raise DataError("WeightedRandomSampler: at least one weight must be above 0")
        if not replacement and num_samples > drawable:
            raise ArgumentError(
                f"WeightedRandomSampler: cannot draw {num_samples} rows without replacement from the {drawable} of "
                "positive weight"
            )

    def order(self) -> NDArray[np.int64]:
        """Fresh draws."""
        if self.replacement:
            chances = np.cumsum(self.weights)
            draws = rand(self.num_samples, generator=self.generator, dtype=float64).numpy() * chances[-1]
            # The last row of positive weight, where rounding takes a draw up to the very end.
            last = int(np.flatnonzero(self.weights)[-1])
            return np.minimum(np.searchsorted(chances, draws, side="right"), last)
        draws = rand(len(self.weights), generator=self.generator, dtype=float64).numpy()
        with np.errstate(divide="ignore"):
            keys = -np.log1p(-draws) / self.weights
        keys[self.weights == 0] = np.inf
        return np.argsort(keys, kind="stable")[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups another sampler's rows into batches.

    Args:
        sampler: Any iterable of row numbers.
        batch_size: Rows in a batch, at least 1.
        drop_last: Whether a last batch with fewer rows is left out.

    Raises:
        ArgumentError: `batch_size` is not a positive whole number.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"batch_size must be a positive whole number, got {batch_size!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))

    def _batches(self, rows: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(itertools.islice(rows, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        sampler: Any = self.sampler
        return len(sampler) // self.batch_size if self.drop_last else -(-len(sampler) // self.batch_size)
