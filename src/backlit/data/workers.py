"""Worker processes that make batches ahead of the loop that uses them.

A worker has one pipe to its parent. The main thread takes tasks and makes batches, a second thread sends them, so
neither side can block the other for good. Answers come in the order of the tasks, and tasks go round the workers in
turn, so batches come in order without numbers on them. A worker ends when its pipe closes, however its parent ended.
"""

import contextlib
import itertools
import multiprocessing
import queue
import random
import signal
import sys
import threading
import time
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from backlit.data.dataset import IterableDataset
from backlit.data.fetching import Fetcher
from backlit.data.worker_info import WorkerInfo, set_worker_info
from backlit.errors import StateError, WorkerError
from backlit.ops import manual_seed

_GRACE = 1.0  # seconds that a worker gets to end by itself
_END = object()


class WorkerPool:
    """Worker processes of one loader.

    Args:
        fetcher: What makes the batches; a copy goes to each worker.
        num_workers: Number of processes, at least 1.
        prefetch: Batches that each worker makes ahead.
        timeout: Seconds to wait for a batch; 0: for ever.
        init: Called once in each worker with its number.
        context: How processes start: a name ("spawn", "fork", "forkserver"), a multiprocessing context, or None: "fork"
            where that is safe, else "spawn".

    Raises:
        WorkerError: The data set cannot be sent to another process.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        num_workers: int,
        *,
        prefetch: int,
        timeout: float,
        init: Callable[[int], None] | None,
        context: str | BaseContext | None,
    ) -> None:
        self._prefetch, self._timeout = prefetch, timeout
        self._owed = [0] * num_workers
        self._pass: object = None
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._finalizer = weakref.finalize(self, _shut, self._pipes, self._processes)
        chosen = _context(context)
        for number in range(num_workers):
            pipe, far_end = chosen.Pipe()
            self._pipes.append(pipe)
            # A forked worker inherits the parent's ends; while it held them, closing them here would tell nobody.
            inherited = list(self._pipes) if chosen.get_start_method() == "fork" else []
            process = chosen.Process(  # type: ignore[attr-defined]
                target=_work, args=(far_end, inherited, fetcher, number, num_workers, init), daemon=True
            )
            try:
                with _later_interrupts(), warnings.catch_warnings():
                    # Python 3.12 warns of forks with threads; which threads there are has been looked at.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    process.start()
            except Exception as error:
                self.close()
                raise WorkerError(
                    f"DataLoader: the data set cannot be sent to a worker process: {error}; define its class, "
                    "transforms and collate_fn at the top level of a module, or use num_workers=0"
                ) from error
            finally:
                far_end.close()
            self._processes.append(process)

    def run(self, seed: int, tasks: Iterator[Any] | None) -> Iterator[Any]:
        """One pass: yields the batch of each task, in order; `tasks` is None for an iterable data set.

        Raises:
            WorkerError: A worker ended by itself, or took longer than the timeout.
            StateError: Another pass of the same workers has begun meanwhile.
            Exception: What a worker raised, with its trace in the message.
        """
        current = self._pass = object()
        for number, owed in enumerate(self._owed):
            for _ in range(owed):  # answers to an earlier pass that was left early
                self._receive(number)
            self._send(number, ("begin", seed))
        todo: Iterator[Any] = itertools.repeat(None) if tasks is None else tasks
        turns: deque[int] = deque()

        def give(number: int) -> None:
            task = next(todo, _END)
            if task is not _END:
                self._send(number, ("fetch", task))
                self._owed[number] += 1
                turns.append(number)

        for _, number in itertools.product(range(self._prefetch), range(len(self._pipes))):
            give(number)
        while turns:
            number = turns.popleft()
            kind, content = self._receive(number)
            if kind == "failed":
                raise content.exception()
            if kind == "batch":
                give(number)
                yield content
                if self._pass is not current:
                    raise StateError("DataLoader: a new pass over this loader's persistent workers ended this one")

    @property
    def alive(self) -> bool:
        """Whether the workers can make another pass."""
        return self._finalizer.alive

    def close(self) -> None:
        """Ends the workers."""
        self._finalizer()

    def _send(self, number: int, message: Any) -> None:
        try:
            self._pipes[number].send(message)
        except OSError as error:
            raise self._lost(number) from error
        except BaseException:  # half a message may be left in the pipe
            self.close()
            raise

    def _receive(self, number: int) -> tuple[str, Any]:
        pipe = self._pipes[number]
        try:
            if self._timeout and not pipe.poll(self._timeout):
                raise WorkerError(f"DataLoader timed out: worker {number} gave no batch for {self._timeout} seconds")
            answer: tuple[str, Any] = pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost(number) from error
        except BaseException:  # half an answer may be left in the pipe
            self.close()
            raise
        self._owed[number] -= 1
        return answer

    def _lost(self, number: int) -> WorkerError:
        self.close()
        process = self._processes[number]
        return WorkerError(
            f"DataLoader worker {number} ended by itself with exit code {process.exitcode} (negative: a signal; "
            "-9 is often lack of memory). If it failed while starting: a program must start its work under "
            '`if __name__ == "__main__":` in its main file, and what workers use must be importable from a file'
        )


@dataclass
class Failure:
    """An exception of a worker, as text, since an exception itself need not survive the way."""

    worker: int
    kind: type[Exception] | None
    name: str
    trace: str

    def exception(self) -> Exception:
        """The exception to raise in the parent: of the same class where that takes one message."""
        text = f"Caught {self.name} in DataLoader worker process {self.worker}.\nOriginal {self.trace}"
        if self.kind is None:
            return WorkerError(text)
        try:
            return self.kind(_Verbatim(text) if issubclass(self.kind, KeyError) else text)
        except Exception:  # noqa: BLE001 - whatever a foreign class's constructor raises
            return WorkerError(text)


class _Verbatim(str):
    """Text that a KeyError prints as it is, line breaks and all."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _context(choice: str | BaseContext | None) -> BaseContext:
    if isinstance(choice, BaseContext):
        return choice
    # A forked process has no threads but the one that forked, and whatever lock another held stays shut. BLAS
    # libraries and backlit's own code prepare for that; JAX's runtime does not.
    safe = sys.platform == "linux" and threading.active_count() == 1 and "jaxlib" not in sys.modules
    return multiprocessing.get_context(choice or ("fork" if safe else "spawn"))


def _shut(pipes: list[Connection], processes: list[BaseProcess]) -> None:
    for pipe in pipes:
        pipe.close()
    for insist in (None, BaseProcess.terminate, BaseProcess.kill):
        running = [process for process in processes if process.is_alive()]
        until = time.monotonic() + _GRACE
        for process in running:
            if insist is not None:
                insist(process)
        for process in running:
            process.join(max(until - time.monotonic(), 0))


@contextlib.contextmanager
def _later_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back, from a process that is started meanwhile until it lets it through; no system but Unix can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    pipe: Connection,
    inherited: list[Connection],
    fetcher: Fetcher,
    number: int,
    num_workers: int,
    init: Callable[[int], None] | None,
) -> None:
    """What a worker process does from start to end."""
    for other in inherited:
        other.close()
    # Ctrl-C reaches every process of the terminal; the parent decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_send_all, args=(pipe, outbox), daemon=True).start()
    failure: Failure | None = None
    produce: Callable[[Any], Any] | None = None
    with contextlib.suppress(EOFError, OSError):  # the parent closed the pipe, or is gone
        while True:
            kind, content = pipe.recv()
            try:
                if kind == "begin":
                    _seed(content, number, num_workers, fetcher)
                    if init is not None:
                        init(number)
                        init = None
                    produce, failure = _producer(fetcher), None
                elif produce is not None:
                    batch = produce(content)
                    outbox.put(ForkingPickler.dumps(("end", None) if batch is _END else ("batch", batch)))
            except Exception as error:  # noqa: BLE001 - whatever it is goes to the parent
                produce, failure = None, describe(number, error)
            if kind == "fetch" and failure is not None:
                outbox.put(ForkingPickler.dumps(("failed", failure)))


def _seed(seed: int, number: int, num_workers: int, fetcher: Fetcher) -> None:
    own = seed + number
    manual_seed(own)
    random.seed(own)
    np.random.seed(own % (1 << 32))  # noqa: NPY002 - a data set's code may draw from NumPy's global state
    set_worker_info(WorkerInfo(number, num_workers, own, fetcher.dataset))


def _producer(fetcher: Fetcher) -> Callable[[Any], Any]:
    """What makes the next batch from a task."""
    if not isinstance(fetcher.dataset, IterableDataset):
        return fetcher.by_index()
    batches = fetcher.in_order()
    return lambda _: next(batches, _END)


def describe(number: int, error: Exception) -> Failure:
    """What a worker sends of an exception: the class only where that can travel."""
    kind: type[Exception] | None = type(error)
    try:
        ForkingPickler.dumps(kind)
    except Exception:  # noqa: BLE001 - a class that cannot travel is left behind, its name and trace go
        kind = None
    return Failure(number, kind, type(error).__name__, "".join(traceback.format_exception(error)))


def _send_all(pipe: Connection, outbox: "queue.SimpleQueue[Any]") -> None:
    with contextlib.suppress(OSError):  # the parent has closed the pipe: nobody waits for the rest
        while True:
            pipe.send_bytes(outbox.get())
