"""Functions of rows as machine code, run by several threads on blocks of rows."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from backlit.compiler.compiled import Specialised
from backlit.core.tensor_base import Symbol, make
from backlit.core.threads import get_num_threads
from backlit.ops import from_numpy

Array = NDArray[Any]
# Batches of fewer multiply-adds than this are done before further threads have begun.
WORTH_SHARING = 4_000_000
# Rows of a block: their values stay in the processor's cache.
BLOCK = 1024


def threads() -> int:
    """How many threads to use: one inside a worker of joblib, which runs as many workers as there are processors."""
    from joblib.parallel import get_active_backend  # type: ignore[import-untyped]  # it has no types

    return 1 if get_active_backend()[0].nesting_level else get_num_threads()


def compiled(function: Callable[..., Any], likes: Sequence[Array], rows: int, guards: int = 0) -> Specialised:
    """Machine code for batches of rows of such arrays, typically so many."""
    stand_ins = [make(Symbol((rows, *like.shape[1:]), like.dtype)) for like in likes]
    return Specialised(function, stand_ins, keep_grads=False, guards=guards)


class Blocks:
    """A function of rows as machine code, which threads run on blocks of rows.

    Args:
        function: Called with tensors of the data's kinds; reads what it likes, and writes nothing.
        likes: Arrays such as those of the data.
        work: Multiply-adds of one row.
        whole: Whether all rows are one block.
    """

    def __init__(self, function: Callable[..., Any], likes: Sequence[Array], work: int, whole: bool = False) -> None:
        self._function, self._likes, self._work = function, likes, work
        self._size = len(likes[0]) if whole else BLOCK
        # One for each thread: each has memory of its own for the values, which is why callers take turns.
        self._codes = [self._compiled()]
        self._turn = threading.Lock()

    def _compiled(self) -> Specialised:
        return compiled(self._function, self._likes, self._size)

    def at_once(self, data: Sequence[Array]) -> Any:
        """What the function returns for rows that are few."""
        with self._turn:
            return self._codes[0].run([from_numpy(array) for array in data], len(data[0]))

    def run(self, data: Sequence[Array], take: Callable[[int, slice, Any], None]) -> None:
        """Run all rows.

        Args:
            data: Arrays with one row for each row.
            take: Called with the number of a thread, the place of a block, and what the function returned for it.
                Which thread does which block, and in which order, depends on the number of threads alone.
        """
        rows = len(data[0])
        starts = range(0, rows, self._size)
        shared = self._work * rows > WORTH_SHARING and len(starts) > 1
        count = min(threads(), len(starts)) if shared else 1

        def work(thread: int) -> None:
            for start in starts[thread::count]:
                place = slice(start, min(start + self._size, rows))
                block = [from_numpy(array[place]) for array in data]
                take(thread, place, self._codes[thread].run(block, place.stop - start))

        with self._turn:
            while len(self._codes) < count:
                self._codes.append(self._compiled())
            if count == 1:
                work(0)
                return
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(work, range(count)))
