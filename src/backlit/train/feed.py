"""What a fit reads: arrays, tensors, a data set or a loader become one stream of batches that can start anywhere."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backlit.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Rows,
    SequentialSampler,
    TensorDataset,
)
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError, StateError
from backlit.ops import Generator, Tensor, default_generator, from_numpy

# Rows are gathered for several small batches at once; more than this would only take memory.
_CHUNK_BYTES = 1 << 20


class Feed:
    """Batches `(inputs, target)` of training or validation data.

    Args:
        data: A pair of arrays or tensors of the same length, a `Dataset`, a `DataLoader`, which brings its own batch
            size and order, or any other iterable of batches (inputs, targets) that starts anew for each pass.
        batch_size: Rows in a batch, or "full" for all rows.
        shuffle: Whether rows come in a new random order in each pass; all rows in one batch keep theirs.
        name: What to call the data in messages.
        dtype: The type of the model's parameters, to which arrays (not tensors) of other floats are brought.

    Attributes:
        rows: The arrays in which the rows lie, where the order of each pass is known beforehand; else None.
        targets: All targets, where they are known beforehand; else None.

    Raises:
        ArgumentError: `batch_size` is neither "full" nor a positive whole number.
        ArgumentTypeError: `data` is of another kind.
        DataError: No rows, no numbers, or a value that is NaN or infinite, named by row and column.
        ShapeError: Inputs and targets differ in length.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int | Literal["full"],
        *,
        shuffle: bool,
        name: str,
        dtype: np.dtype[Any] | None = None,
    ) -> None:
        check_batch_size(batch_size)
        self.name = name
        if isinstance(data, DataLoader):
            self.loader = data
        elif isinstance(data, Dataset):
            self.loader = _loader(data, batch_size, shuffle)
        elif _gives_batches(data):
            self.loader = DataLoader(_Batches(data, name, dtype), batch_size=None)
        else:
            self.loader = _loader(TensorDataset(*_pair(data, name, dtype)), batch_size, shuffle)
        self._rows: Rows | None = None if self.loader.num_workers else self.loader.rows()
        self.n_rows, self.n_batches = _length(self.loader.dataset), _length(self.loader)
        if self.n_batches == 0:
            raise DataError(f"{name}: {'no rows to read' if not self.n_rows else 'fewer rows than make one batch'}")
        has_order = self._rows is not None and self.loader.has_order and self.loader.batch_size is not None
        self.rows = self._rows if has_order else None
        self.targets: NDArray[Any] | None = None
        if self._rows is not None:
            if len(self._rows.arrays) != 2:
                raise ShapeError(f"{name}: expected rows (inputs, target), got {len(self._rows.arrays)} members")
            for what, array in zip(("inputs", "targets"), self._rows.arrays, strict=True):
                check_finite(f"{name} {what}", array)
            self.targets = self._rows.arrays[1] if self._rows.index is None else self._rows.arrays[1][self._rows.index]

    def generators(self) -> list[Generator]:
        """The generators of the loader's own, whose states settle the order besides the default generator's."""
        owners = (self.loader, self.loader.sampler, self.loader.batch_sampler)
        found = [getattr(owner, "generator", None) for owner in owners]
        return [generator for generator in dict.fromkeys(found) if isinstance(generator, Generator)]

    def draws(self) -> tuple[Generator, Generator | None] | None:
        """The generators by which each pass draws its number and its order (None: rows keep their order).

        None where passes are drawn in another way.
        """
        sampler = self.loader.sampler
        seeds = default_generator if self.loader.generator is None else self.loader.generator
        if type(sampler) is SequentialSampler:
            return seeds, None
        if type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == self.n_rows:
            return seeds, default_generator if sampler.generator is None else sampler.generator
        return None

    def order(self) -> NDArray[np.int64]:
        """The rows of one pass in order, drawn anew; only where `rows` is not None.

        Raises:
            StateError: There is no such order.
        """
        order, size = self.loader.epoch_order(), self.loader.batch_size
        if order is None or size is None:
            raise StateError(f"{self.name}: this data has no order known beforehand")
        return order

    def used(self, n_rows: int) -> int:
        """How many of the rows of an order make batches."""
        size = self.loader.batch_size or 1
        return n_rows // size * size if self.loader.drop_last else n_rows

    def first(self, count: int) -> tuple[Any, Any] | None:
        """The first rows (inputs, targets), where the data lie in arrays; no random numbers are drawn."""
        if self._rows is None or not self.n_rows:
            return None
        inputs, targets = self._rows.take(np.arange(min(count, self.n_rows)))
        return from_numpy(inputs), from_numpy(targets)

    def batches(self, start: int = 0) -> Iterator[tuple[Any, Any]]:
        """One pass from batch number `start` on. The pass draws its order before this returns, whatever `start` is."""
        if self._rows is not None:
            order = self.loader.epoch_order()
            if order is not None and self.loader.batch_size is not None:
                return self._gather(self._rows, order, self.loader.batch_size, start)
        return (_two(batch, self.name) for batch in self.loader.iterate(start))

    def _gather(self, rows: Rows, order: NDArray[np.int64], size: int, start: int) -> Iterator[tuple[Any, Any]]:
        if self.loader.drop_last:
            order = order[: len(order) // size * size]
        row_bytes = max(sum(array[:1].nbytes for array in rows.arrays), 1)
        chunk = size * max(_CHUNK_BYTES // (row_bytes * size), 1)
        first = start * size
        # Chunks begin at the same rows in a resumed pass, so that its memory is laid out alike.
        for begin in range(first // chunk * chunk, len(order), chunk):
            inputs, targets = rows.take(order[begin : begin + chunk])
            for at in range(max(first - begin, 0), len(inputs), size):
                yield from_numpy(inputs[at : at + size]), from_numpy(targets[at : at + size])


class _Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """The batches of somebody's own iterable, whatever arrays they are made of."""

    def __init__(self, batches: Iterable[Any], name: str, dtype: np.dtype[Any] | None) -> None:
        if iter(batches) is batches:
            raise ArgumentTypeError(
                f"{name}: a {type(batches).__name__} can be read only once, and every epoch reads anew; give an object "
                "whose __iter__ makes it"
            )
        self._batches, self._name, self._dtype = batches, name, dtype

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self._batches:
            inputs, targets = _two(batch, self._name)
            yield (
                as_tensor(inputs, f"{self._name} inputs", self._dtype),
                as_tensor(targets, f"{self._name} targets", self._dtype),
            )


def _gives_batches(data: Any) -> bool:
    # Iterating over a table gives names of columns or single rows.
    table = isinstance(data, list | tuple | str | Mapping | Tensor | np.ndarray) or hasattr(data, "columns")
    return isinstance(data, Iterable) and not table


def _two(batch: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        kind = f"{len(batch)} members" if isinstance(batch, list | tuple) else type(batch).__name__
        raise ArgumentTypeError(f"{name}: a batch must be (inputs, targets), got {kind}")
    return batch[0], batch[1]


def _loader(dataset: Dataset[Any], batch_size: int | Literal["full"], shuffle: bool) -> DataLoader[Any]:
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size)
    if shuffle and batch_size != "full":
        return DataLoader(dataset, batch_size, shuffle=True)
    # Each pass draws a number, which must not disturb the random numbers of training.
    return DataLoader(dataset, batch_size, generator=Generator())


def check_batch_size(batch_size: Any) -> None:
    """Raise `ArgumentError` unless this is "full" or a positive whole number."""
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    full = isinstance(batch_size, str) and batch_size == "full"
    if not full and not (whole and batch_size > 0):
        raise ArgumentError(f'batch_size must be a positive whole number or "full", got {batch_size!r}')


def as_tensor(value: Any, name: str, dtype: np.dtype[Any] | None = None) -> Tensor:
    """Numbers in an array or in lists as a tensor: floats become `dtype`, whole numbers int64. A tensor stays as it is.

    Raises:
        DataError: Not numbers.
    """
    if isinstance(value, Tensor):
        return value.detach()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{name}: rows of different lengths: {error}") from error
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError(f"{name}: expected an array of numbers, one row each, got {_what(value, array)}")
    if array.dtype.kind == "f" and dtype is not None and array.dtype != dtype:
        with np.errstate(over="ignore"):
            array = array.astype(dtype, copy=False)
    elif array.dtype.kind in "iu" and array.ndim == 1:
        array = array.astype(np.int64, copy=False)
    if not array.flags.writeable:
        # A tensor may be written to; an array that must not be is not shared with one.
        array = array.copy()
    return from_numpy(array)


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Raise `DataError` that names row and column of the first NaN or infinity."""
    if array.dtype.kind != "f" or isinstance(array, np.memmap):
        return  # A file on disk may be larger than memory: what it holds shows when it is read.
    with np.errstate(all="ignore"):
        # One sum is cheaper than a look at each value, and no NaN or infinity can hide from it.
        if math.isfinite(array.sum()):
            return
    place = first_not_finite(array)
    if place is not None:
        row, column = place[0], ", ".join(map(str, place[1:]))
        where = f"row {row}, column {column}" if column else f"row {row}"
        raise DataError(f"{name}: {where} is {array[place]}; expected finite numbers")


def first_not_finite(array: NDArray[Any]) -> tuple[int, ...] | None:
    """The place of the first NaN or infinity of an array, or None."""
    if array.dtype.kind != "f" or not array.size:
        return None
    bad = ~np.isfinite(array)
    return tuple(map(int, np.unravel_index(int(bad.argmax()), array.shape))) if bad.any() else None


def _pair(data: Any, name: str, dtype: np.dtype[Any] | None) -> tuple[Tensor, Tensor]:
    if not isinstance(data, list | tuple) or len(data) != 2:
        kind = f"{len(data)} of them" if isinstance(data, list | tuple) else type(data).__name__
        raise ArgumentTypeError(
            f"{name}: expected a pair (inputs, targets), a Dataset, a DataLoader, or an iterable "
            f"of batches that is no list, got {kind}"
        )
    inputs, targets = as_tensor(data[0], f"{name} inputs", dtype), as_tensor(data[1], f"{name} targets", dtype)
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        shapes = f"{tuple(inputs.shape)} and {tuple(targets.shape)}"
        raise ShapeError(f"{name}: inputs and targets must have the same number of rows, got shapes {shapes}")
    if not len(inputs):
        raise DataError(f"{name}: no rows to read, inputs have shape {tuple(inputs.shape)}")
    return inputs, targets


def _length(sized: Any) -> int | None:
    try:
        return len(sized)
    except (TypeError, NotImplementedError):
        return None


def _what(value: Any, array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}" if isinstance(value, np.ndarray) else type(value).__name__
