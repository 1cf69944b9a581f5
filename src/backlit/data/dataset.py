"""Data sets: rows by number (map style) or one after the other (iterable style), with PyTorch's names and meaning."""

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from backlit.data.pairs import in_step
from backlit.data.sampler import permutation
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from backlit.ops import Generator, Tensor

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Rows:
    """A data set's rows in arrays, so that a batch is one look-up and not one for each row.

    Attributes:
        arrays: Arrays whose first axis runs over the same rows.
        finish: Turns arrays with some of the rows, in this order, into the arrays of a batch.
        index: The rows of the arrays that are the data set's rows, in order; None: all of them.
    """

    arrays: tuple[NDArray[Any], ...]
    finish: Callable[..., list[NDArray[Any]]] = lambda *arrays: list(arrays)
    index: NDArray[np.int64] | None = None

    @property
    def plain(self) -> bool:
        """Whether a batch is nothing but some rows of the arrays."""
        return self.finish is type(self).finish

    def take(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """The arrays of the batch with these rows, in new memory: what collating the rows one by one gives."""
        rows = rows if self.index is None else self.index[rows]
        # `asarray`: a row of a memory map is a map itself, which would keep the file open.
        return self.finish(*(np.asarray(array.take(rows, axis=0)) for array in self.arrays))

    def whole(self) -> list[NDArray[Any]]:
        """The arrays of all rows in order; memory is shared with the data set where nothing is to be changed."""
        if self.index is not None:
            return self.take(np.arange(len(self.index)))
        return self.finish(*self.arrays)


class Dataset(Generic[T_co]):
    """A data set with `dataset[index]` and `len(dataset)`: subclasses write `__getitem__` and `__len__`.

    A subclass whose rows lie in arrays may also write `__rows__(self) -> Rows | None`: loaders then fetch whole
    batches.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: "Dataset[T_co]") -> "ConcatDataset[T_co]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A data set that hands out its rows in its own order: subclasses write `__iter__`.

    With several workers each of them iterates over a copy: split the rows by `get_worker_info()`, or they come
    more than once.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[T_co]) -> "ChainDataset[T_co]":  # type: ignore[override]
        return ChainDataset([self, other])


def rows_of(dataset: Any) -> Rows | None:
    """The arrays behind a data set, or None where its rows must be fetched one by one."""
    if not in_step(type(dataset), "__getitem__", "__rows__"):
        return None
    rows: Rows | None = dataset.__rows__()
    return rows


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors: `dataset[i]` is `(tensor[i] for each tensor)`.

    Args:
        tensors: Tensors of the same length along their first dimension.

    Raises:
        ShapeError: The lengths differ, or a tensor has no dimensions.
        ArgumentTypeError: Something is no tensor.
    """

    def __init__(self, *tensors: Tensor) -> None:
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise ArgumentTypeError(
                    f"TensorDataset: expected tensors, got {type(tensor).__name__}; backlit.from_numpy wraps an array"
                )
        if not tensors or any(tensor.ndim == 0 or len(tensor) != len(tensors[0]) for tensor in tensors):
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ShapeError(
                f"TensorDataset: tensors must have the same first dimension, got shapes {shapes or 'none'}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __rows__(self) -> Rows | None:
        """The tensors' arrays; None where gradients must flow through the rows."""
        if any(tensor.requires_grad for tensor in self.tensors):
            return None
        return Rows(tuple(tensor.numpy() for tensor in self.tensors))


class ConcatDataset(Dataset[T_co]):
    """Map-style data sets, one after the other.

    Raises:
        DataError: `datasets` is empty.
        ArgumentTypeError: One is an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset: expected at least one data set, got none")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ArgumentTypeError("ConcatDataset takes map-style data sets; chain iterable ones with ChainDataset")

    @property
    def cumulative_sizes(self) -> list[int]:
        """The number of rows up to and with each data set."""
        return list(itertools.accumulate(len(dataset) for dataset in self.datasets))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        ends = self.cumulative_sizes
        place = index + ends[-1] if index < 0 else index
        if not 0 <= place < ends[-1]:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {ends[-1]} rows")
        which = bisect.bisect_right(ends, place)
        return self.datasets[which][place - (ends[which - 1] if which else 0)]


class ChainDataset(IterableDataset[T_co]):
    """Iterable-style data sets, one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise ArgumentTypeError(f"ChainDataset takes IterableDatasets, got {type(dataset).__name__}")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[T_co]):
    """Some rows of a data set, by number, in the order of `indices`."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[at] for at in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def __rows__(self) -> Rows | None:
        """The same rows of the arrays behind the data set."""
        under = rows_of(self.dataset)
        if under is None:
            return None
        index = np.asarray(self.indices, dtype=np.int64)
        return Rows(under.arrays, under.finish, index if under.index is None else under.index[index])


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Splits a data set at random into subsets that do not overlap.

    Args:
        dataset: Map-style data set of `n` rows.
        lengths: Numbers of rows, adding up to `n`; or shares, adding up to 1, whose rows are rounded down, the rows
            left over going to the subsets in turn.
        generator: Source of the permutation; None: the default generator.

    Raises:
        ArgumentError: The lengths do not add up, or a share is not between 0 and 1.
    """
    n_rows = len(dataset)  # type: ignore[arg-type]
    sizes = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        if any(not 0 <= share <= 1 for share in lengths):
            raise ArgumentError(f"random_split: shares must lie between 0 and 1, got {list(lengths)}")
        sizes = [math.floor(n_rows * share) for share in lengths]
        for extra in range(n_rows - sum(sizes)):
            sizes[extra % len(sizes)] += 1
    if sum(sizes) != n_rows or any(size < 0 for size in sizes):
        raise ArgumentError(
            f"random_split: lengths {list(lengths)} add up neither to the data set's {n_rows} rows nor to 1"
        )
    order = permutation(n_rows, generator).tolist()
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
