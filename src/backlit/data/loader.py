"""`DataLoader`: batches of a data set, with PyTorch's arguments and meaning."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from backlit.data.collate import default_collate, default_convert
from backlit.data.dataset import IterableDataset, Rows
from backlit.data.fetching import Fetcher
from backlit.data.pairs import in_step
from backlit.data.sampler import BatchSampler, OrderSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from backlit.errors import ArgumentError, ArgumentTypeError, suggest
from backlit.ops import Generator

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from backlit.data.workers import WorkerPool

T_co = TypeVar("T_co", covariant=True)


class DataLoader(Generic[T_co]):
    """Batches of a data set, in order or shuffled, made here or ahead of time by worker processes.

    A pass draws all its random numbers when it begins: one seed for the workers, then the sampler's order. So the
    generator's state at that moment settles the pass, with any number of workers.

    Args:
        dataset: Map style or iterable style.
        batch_size: Rows in a batch; `"full"`: all rows in one batch; None: rows come one by one, not collated.
        shuffle: Whether map-style rows come in a new random order in each pass.
        sampler: The order of the rows, instead of `shuffle`.
        batch_sampler: The row numbers of each batch, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: Worker processes; 0: batches are made in this process.
        collate_fn: Makes a batch from a list of rows; None: `default_collate` (`default_convert` without batches).
        pin_memory: Taken and not needed: there is no other memory to copy to.
        drop_last: Whether a last batch with fewer rows is left out.
        timeout: Seconds to wait for a worker's batch; 0: for ever.
        worker_init_fn: Called once in each worker with its number.
        multiprocessing_context: How workers start: "spawn", "fork", "forkserver" or a multiprocessing context. None:
            "fork" on Linux while there are no threads that a fork could harm, else "spawn".
        generator: Source of the order and of the workers' seeds; None: the default generator.
        prefetch_factor: Batches that each worker makes ahead; None: 2.
        persistent_workers: Whether workers live on after a pass.

    Raises:
        ArgumentError: An argument is out of range, or two do not go together.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | Literal["full"] | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: "str | BaseContext | None" = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        if not hasattr(dataset, "__getitem__") and not isinstance(dataset, IterableDataset):
            raise ArgumentTypeError(f"DataLoader: expected a data set with numbered rows, got {type(dataset).__name__}")
        if collate_fn is not None and not callable(collate_fn):
            raise ArgumentTypeError(f"DataLoader: collate_fn must be a function, got {type(collate_fn).__name__}")
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_context(num_workers, multiprocessing_context)
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable and (shuffle or sampler is not None or batch_sampler is not None or batch_size == "full"):
            raise ArgumentError(
                "DataLoader: an IterableDataset brings its own order; leave out shuffle, sampler, batch_sampler "
                "and batch_size='full'"
            )
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle exclude each other")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError("DataLoader: batch_size=None makes no batches, so drop_last has nothing to drop")
        if batch_size == "full":
            batch_size = max(len(dataset), 1)
        if not self._iterable and sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            # Also checks the size where an iterable data set needs no sampler.
            made = BatchSampler(() if sampler is None else sampler, batch_size, drop_last)
            batch_sampler = None if self._iterable else made
        self.dataset, self.sampler, self.batch_sampler = dataset, sampler, batch_sampler
        self.batch_size, self.drop_last = batch_size, drop_last
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.pin_memory = persistent_workers, pin_memory
        self.multiprocessing_context, self.generator = multiprocessing_context, generator
        batches = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batches else default_convert)
        self._pool: WorkerPool | None = None

    def __iter__(self) -> Iterator[Any]:
        return self.iterate()

    def iterate(self, start: int = 0) -> Iterator[Any]:
        """One pass from batch number `start` on, as a resumed run needs; `iter(loader)` is `iterate(0)`.

        Map-style batches before `start` are not made; an iterable data set has to run through them.
        """
        seed = draw_seed(self.generator)
        tasks = None if self._iterable else itertools.islice(self._index_batches(), start, None)
        batches = self._in_workers(seed, tasks) if self.num_workers else self._here(tasks)
        return itertools.islice(batches, start, None) if self._iterable and start else batches

    def epoch_order(self) -> NDArray[np.int64] | None:
        """The rows of the next pass in order, as `iter(loader)` would draw them; the generator moves on as it would.

        None where the order is not known beforehand: iterable data sets, other people's samplers.
        """
        draw_seed(self.generator)
        return self._order()

    def arrays(self) -> list[NDArray[Any]] | None:
        """The whole data as arrays, one for each member of a batch, rows in the data set's order.

        Row numbers into these are batches, exactly: `from_numpy(array[rows])`. None where rows must be made one by one.
        """
        rows = self.rows()
        return None if rows is None else rows.whole()

    def rows(self) -> Rows | None:
        """The arrays behind the data set; None where rows must be made one by one."""
        return self._fetcher().rows()

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        if not self._iterable:
            return len(self.sampler)  # type: ignore[arg-type]
        n_rows = len(self.dataset)
        if self.batch_size is None:
            return n_rows
        return n_rows // self.batch_size if self.drop_last else -(-n_rows // self.batch_size)

    def close(self) -> None:
        """Ends persistent workers now, not when the loader goes; the next pass starts new ones."""
        if self._pool is not None:
            self._pool.close()

    def _fetcher(self) -> Fetcher:
        # With a batch sampler of the user's own there is no batch size, yet there are batches.
        size = self.batch_size or (1 if self.batch_sampler is not None else None)
        return Fetcher(self.dataset, self.collate_fn, size, self.drop_last)

    @property
    def has_order(self) -> bool:
        """Whether the rows of a pass are known in order before it, from `epoch_order`."""
        sampler, batched = self.sampler, type(self.batch_sampler) is BatchSampler
        return batched and isinstance(sampler, OrderSampler) and in_step(type(sampler), "__iter__", "order")

    def _order(self) -> NDArray[np.int64] | None:
        return self.sampler.order() if self.has_order and isinstance(self.sampler, OrderSampler) else None

    def _index_batches(self) -> Iterator[Any]:
        order = self._order()
        if order is None or self.batch_size is None:
            return iter(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]
        size = self.batch_size
        stop = len(order) - len(order) % size if self.drop_last else len(order)
        return (order[first : first + size] for first in range(0, stop, size))

    def _here(self, tasks: Iterator[Any] | None) -> Iterator[Any]:
        fetcher = self._fetcher()
        return fetcher.in_order() if tasks is None else map(fetcher.by_index(), tasks)

    def _in_workers(self, seed: int, tasks: Iterator[Any] | None) -> Iterator[Any]:
        # Processes bring in much of the standard library, which a loader without workers does not need.
        from backlit.data.workers import WorkerPool

        pool = self._pool
        if pool is None or not pool.alive:
            pool = WorkerPool(
                self._fetcher(),
                self.num_workers,
                prefetch=self.prefetch_factor or 2,
                timeout=self.timeout,
                init=self.worker_init_fn,
                context=self.multiprocessing_context,
            )
        if self.persistent_workers:
            self._pool = pool
        try:
            yield from pool.run(seed, tasks)
        finally:
            if not self.persistent_workers:
                pool.close()


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers must be an integer of at least 0, got {num_workers!r}")
    if not timeout >= 0:
        raise ArgumentError(f"DataLoader: timeout is a number of seconds, at least 0, got {timeout}")
    if prefetch_factor is not None and (not num_workers or prefetch_factor < 1):
        raise ArgumentError(
            f"DataLoader: prefetch_factor must be at least 1 and needs num_workers > 0, got {prefetch_factor} "
            f"with num_workers={num_workers}"
        )
    if persistent and not num_workers:
        raise ArgumentError("DataLoader: persistent_workers needs num_workers > 0")


def _check_context(num_workers: int, context: object) -> None:
    if context is not None and not num_workers:
        raise ArgumentError(f"DataLoader: multiprocessing_context needs num_workers > 0, got {context!r}")
    if isinstance(context, str):
        from multiprocessing import get_all_start_methods

        if context not in get_all_start_methods():
            raise ArgumentError(
                f"DataLoader: no way to start workers is called {context!r}{suggest(context, get_all_start_methods())}"
            )
