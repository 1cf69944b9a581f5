"""From a data set to a batch: what a loader does for each batch, in its own process or in a worker's."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.collate import default_collate
from backlit.data.dataset import IterableDataset, Rows, rows_of
from backlit.errors import ArgumentTypeError
from backlit.ops import from_numpy

Indices = NDArray[np.int64] | list[Any]


@dataclass
class Fetcher:
    """Makes batches of one data set; picklable where the data set and `collate_fn` are.

    Attributes:
        dataset: Map style or iterable style.
        collate_fn: Makes a batch from a list of rows, or converts one row where there are no batches.
        batch_size: Rows in a batch of an iterable data set; None: rows come as they are.
        drop_last: Whether an iterable data set's last batch is left out when it has fewer rows.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batch_size: int | None
    drop_last: bool

    def rows(self) -> Rows | None:
        """The arrays behind the data set, where the default collation of its rows is known beforehand."""
        known = self.collate_fn is default_collate and self.batch_size is not None
        return rows_of(self.dataset) if known and not isinstance(self.dataset, IterableDataset) else None

    def by_index(self) -> Callable[[Any], Any]:
        """A function from row numbers (one number without batches) to a batch."""
        rows = self.rows()
        if rows is not None:
            found = rows
            return lambda indices: [from_numpy(array) for array in found.take(np.asarray(indices, dtype=np.int64))]
        if self.batch_size is None:
            return lambda index: self.collate_fn(self.dataset[index])
        return lambda indices: self.collate_fn(self._row_list(indices))

    def _row_list(self, indices: Indices) -> list[Any]:
        numbers = indices.tolist() if isinstance(indices, np.ndarray) else indices
        if hasattr(self.dataset, "__getitems__"):
            listed: list[Any] = self.dataset.__getitems__(numbers)
            return listed
        return [self.dataset[index] for index in numbers]

    def in_order(self) -> Iterator[Any]:
        """The batches of an iterable data set."""
        if not hasattr(self.dataset, "__iter__"):
            raise ArgumentTypeError(f"{type(self.dataset).__name__} cannot be iterated over")
        rows = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, rows)
            return
        while batch := list(itertools.islice(rows, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)
