"""Epochs as machine code: the whole training step is compiled, and the loop over batches runs without Python.

The step is `prediction, loss, backward, update` as in `loop.run_epoch`, traced once; the driver gathers each batch's
rows by the epoch's order, and shuffles for the epochs that follow. What stays in Python are metrics, callbacks,
checkpoints and validation, between runs of as many batches as nobody wants to see the end of.
"""

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.compiler.aside import run_aside
from backlit.compiler.compiled import Specialised
from backlit.core.tensor_base import Symbol, make
from backlit.core.threads import get_num_threads
from backlit.data import Rows
from backlit.errors import GraphError
from backlit.ops import Generator, from_numpy
from backlit.optim import LBFGS
from backlit.train.loop import Sums, Work, run_epoch
from backlit.train.rates import RateTable
from backlit.train.step import surroundings, training_step
from backlit.train.watching import Probe, watched_step

# A run of batches is kept on this thread if it is expected to end within so many seconds.
_INLINE_SECONDS = 0.05
# How many batches are run to time them: one, as nothing can stop it if it is slow, then more, if it was not.
_FIRST_BATCHES = (1, 3)


class NativeLoop:
    """Runs the batches of epochs natively.

    Args:
        work: Model, loss, optimizer and metrics.
        rows: The training data's arrays.
        batch_size: Rows of a batch.
        threads: Threads to use; None: as many as the machine has.
        probe: Looks at every k-th step, which then runs as a program of its own that measures too; None: nobody does.

    Raises:
        GraphError: The step cannot be traced; the message says why.

    Attributes:
        reached: The batch before which the last run ended, also where it raised an error.
    """

    def __init__(
        self, work: Work, rows: Rows, batch_size: int, threads: int | None, probe: Probe | None = None
    ) -> None:
        self.batch_size, self.reached, self.probe = batch_size, 0, probe
        self._key = self._identity(work, rows, batch_size)
        self._compile(work, rows)
        self.attach(work, rows, threads)

    @staticmethod
    def suits(work: Work, rows: Rows | None) -> bool:
        """Whether a fit's data lie in arrays as they are, and its optimizer does not decide in Python."""
        return rows is not None and rows.plain and not isinstance(work.optimizer, LBFGS)

    @staticmethod
    def _identity(work: Work, rows: Rows, batch_size: int) -> tuple[Any, ...]:
        kinds = tuple((array.shape[1:], array.dtype.str) for array in rows.arrays)
        parts = (work.model, work.loss, work.optimizer)
        return (*map(id, parts), work.clip_grad_norm, bool(work.metrics), kinds, batch_size)

    def serves(self, work: Work, rows: Rows, batch_size: int) -> bool:
        """Whether a fit of these can use the code as it is."""
        return self._key == self._identity(work, rows, batch_size) and self._is_current()

    def _is_current(self) -> bool:
        # The program that measures too was traced from the same step.
        return self.step.is_current()

    def _compile(self, work: Work, rows: Rows) -> None:
        work.optimizer.prepare()
        plain, self._guards = training_step(work)
        programs = [plain] if self.probe is None else [plain, watched_step(plain, self.probe)]
        like = tuple(make(Symbol((self.batch_size, *a.shape[1:]), a.dtype)) for a in rows.arrays)
        names = functools.partial(surroundings, work)
        steps = [Specialised(p, like, keep_grads=False, guards=self._guards, surroundings=names) for p in programs]
        if not all(step.uniform for step in steps):
            raise GraphError("its program is not the same for every number of rows")
        if work.metrics and ("collect", self._guards) not in steps[0].executable.code.places:
            raise GraphError("its predictions are not of a fixed size for each row of the batch")
        # Only now, so that a loop whose step cannot be compiled any more serves nobody.
        self._steps, self.step, self.executable = steps, steps[0], steps[0].executable
        self._batch = [np.empty((self.batch_size, *a.shape[1:]), a.dtype) for a in rows.arrays]
        for step in self._steps:
            step.executable.share(self.executable)
            for position, array in enumerate(self._batch):
                step.executable.put(("input", position), array.ctypes.data)
        self._seconds_per_batch: float | None = None
        self._runs = 0

    def attach(self, work: Work, rows: Rows, threads: int | None) -> None:
        """Point the code at a fit's data."""
        left_over = (len(rows.arrays[0]) if rows.index is None else len(rows.index)) % self.batch_size
        if left_over and not all(step.serves(left_over) for step in self._steps):
            raise GraphError(f"its program is another one for the {left_over} rows of the last batch")
        self.work, self.rows = work, rows
        self.threads = threads or get_num_threads()
        self.arrays = [np.ascontiguousarray(array) for array in rows.arrays]
        for step in self._steps:
            for position, array in enumerate(self.arrays):
                step.executable.put(("data", position), array.ctypes.data)
        if work.metrics:
            program = self.executable.code.plan.program
            result = program.steps[program.outputs[self._guards]]
            count = len(self.arrays[0]) if rows.index is None else len(rows.index)
            self._predictions = np.empty((count, *result.shape[1:]), np.dtype(result.dtype))
            for step in self._steps:
                step.executable.put(("collect", self._guards), self._predictions.ctypes.data)

    def renew(self) -> None:
        """Compile the step again if something that it uses was edited.

        Raises:
            GraphError: It cannot be traced any more.
        """
        if not self._is_current():
            self._compile(self.work, self.rows)
            self.attach(self.work, self.rows, self.threads)

    def batches(self, order: NDArray[np.int64], first: int) -> Iterator[tuple[Any, Any]]:
        """The batches of an epoch from `first` on, for who runs them one by one."""
        order = order if self.rows.index is None else self.rows.index[order]
        for start in range(first * self.batch_size, len(order), self.batch_size):
            yield self._batch_of(order[start : start + self.batch_size])

    def run(
        self,
        order: NDArray[np.int64],
        first: int,
        last: int,
        sums: Sums,
        watch: Callable[[int], bool],
        rates: RateTable | None = None,
        *,
        step: int,
    ) -> int:
        """Run batches `first` to `last` of an epoch.

        Args:
            order: The epoch's rows in order.
            first: The batch to begin with.
            last: The batch to end before.
            sums: Added to.
            watch: Called now and then with the number of the batch that runs; true asks to stop after it.
            rates: The rates of these batches, where a scheduler sets new ones for each.
            step: The fit's number of the first step.

        Returns:
            The batch before which the run ended.

        Raises:
            NonFiniteError: The loss is NaN or infinite; the message names the cause, the batch has changed nothing.
        """
        order = order if self.rows.index is None else np.ascontiguousarray(self.rows.index[order])
        losses = self._start(order, len(order), first, last, epochs=1, step=step)
        if rates is not None:
            places = np.array([rate._array.ctypes.data for rate in rates.tensors], np.int64)
            self.executable.control.schedule(rates.values, places, first)
        done = self.reached = first
        while done < last:
            status, done = self._go(done, last, watch)
            self.reached = done
            self._add(order, losses[first:done], first, sums)
            if not status:
                break
            self._replay(order, done, sums)
            first = done = done + 1
        return done

    def run_epochs(
        self,
        used: int,
        epochs: int,
        seeds: Generator,
        shuffles: Generator | None,
        watch: Callable[[int], bool],
        *,
        step: int,
    ) -> tuple[list[float], int]:
        """Run several whole epochs without metrics, drawing their orders as a loader would.

        Args:
            used: How many rows of an order the batches take.
            epochs: How many.
            seeds: The generator of which a loader draws a number before each pass.
            shuffles: The generator of the orders; None: the order stays.
            watch: As in `run`; batches are counted through all epochs.
            step: The fit's number of the first step.

        Returns:
            The mean loss of each finished epoch, and the number of batches done in one that was not finished.

        Raises:
            NonFiniteError: As in `run`.
        """
        batches = -(-used // self.batch_size)
        order = np.arange(len(self.arrays[0]))
        losses = self._start(order, used, 0, batches, epochs=epochs, step=step, seeds=seeds, shuffles=shuffles)
        done = 0
        while done < epochs * batches:
            status, done = self._go(done, epochs * batches, watch)
            if not status:
                break
            self._note(losses[:done])
            self._replay(order[:used], done % batches, Sums())
            losses[done] = self.work.last_loss
            done += 1
        self._note(losses[:done])
        whole = losses[: done // batches * batches].reshape(-1, batches)
        rows = np.full(batches, self.batch_size)
        rows[-1] = used - (batches - 1) * self.batch_size
        # One after the other, as the eager loop adds them up.
        means = np.cumsum(whole * rows, axis=1)[:, -1] / used
        return means.tolist(), done % batches

    # -- the native call ---------------------------------------------------------------------------------------------

    def _start(
        self,
        order: NDArray[np.int64],
        used: int,
        first: int,
        last: int,
        *,
        epochs: int,
        step: int,
        seeds: Generator | None = None,
        shuffles: Generator | None = None,
    ) -> NDArray[np.float64]:
        """Fill the control block; the array in which the losses of all batches will stand."""
        for one in self._steps:
            one.executable.prepare(self.batch_size, self.threads)
        losses = np.empty(max(epochs * last, 1))
        self.executable.control.begin(
            order, used, self.batch_size, first, last, losses,
            None if seeds is None else seeds.state._array,
            None if shuffles is None else shuffles.state._array,
        )  # fmt: skip
        self._steps_before = step - first
        return losses

    def _go(self, start: int, last: int, watch: Callable[[int], bool]) -> tuple[int, int]:
        """Run batches until the last, a wish to stop or a bad loss: the native status, and where that was."""
        control, status = self.executable.control, 0
        self.executable.status[0] = 0
        for step in self._steps:
            step.about_to_run()
        self._latest = self.step
        while start < last and not status and not control.stopped:
            known = self._seconds_per_batch
            stop = min(last, start + _FIRST_BATCHES[self._runs]) if self._runs < len(_FIRST_BATCHES) else last
            begin = time.perf_counter()
            if known is None or known * (stop - start) < _INLINE_SECONDS:
                status = self._run_batches(start, stop)
            else:
                status = self._run_aside(start, stop, watch)
            done = control.done
            if done > start:
                self._seconds_per_batch = (time.perf_counter() - begin) / (done - start)
                self._runs += 1
            start = done
        try:
            for step in self._steps:
                step.executable.raise_error()
        except BaseException as error:
            error.add_note(f"In batch {start - 1} of compiled training, whose update is not to be relied on.")
            raise
        self._latest.has_run()
        for group in self.work.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        return status, start

    def _run_batches(self, start: int, stop: int) -> int:
        """Run batches on this thread, those that the probe looks at by their own program; the native status."""
        control, probe = self.executable.control, self.probe
        if probe is None:
            control.resume(start, stop)
            return self.executable.run_epoch(self.threads)
        plain, watched = self._steps
        outputs = watched.executable.code.plan.program.outputs
        measured = watched.executable.view(outputs[self._guards + bool(self.work.metrics)], self.batch_size)
        while start < stop and not control.stopped:
            left = probe.until_due(self._steps_before + start)
            step, end = (plain, min(start + left, stop)) if left else (watched, start + 1)
            if step is not self._latest:
                step.take_over(self._latest)
                self._latest = step
            control.resume(start, end)
            status = step.executable.run_epoch(self.threads)
            if status:
                return status
            if step is watched:
                probe.note(self._steps_before + start, measured)
            start = end
        return 0

    def _run_aside(self, start: int, stop: int, watch: Callable[[int], bool]) -> int:
        """Run on another thread, while this one keeps signals and the progress bar."""
        control = self.executable.control

        def look() -> None:
            if watch(control.done):
                control.stop()

        return run_aside(lambda: self._run_batches(start, stop), control.stop, look)

    # -- what the batches gave ---------------------------------------------------------------------------------------

    def _add(self, order: NDArray[np.int64], losses: NDArray[np.float64], first: int, sums: Sums) -> None:
        """Add the batches' losses and metrics as the eager loop does, one after the other."""
        if not len(losses):
            return
        work, size = self.work, self.batch_size
        starts = size * np.arange(first, first + len(losses))
        rows = np.minimum(size, len(order) - starts)
        sums.rows += int(rows.sum())
        sums.loss = float(np.cumsum([sums.loss, *(losses * rows)])[-1])
        self._note(losses)
        if work.metrics:
            for start, count in zip(starts.tolist(), rows.tolist(), strict=True):
                place = slice(start, start + count)
                targets = self.arrays[1][order[place]]
                sums.measure(from_numpy(self._predictions[place]), from_numpy(targets), work.metrics)

    def _note(self, losses: NDArray[np.float64]) -> None:
        """Note the first and the last loss of the fit."""
        work = self.work
        if len(losses):
            work.last_loss = float(losses[-1])
            if work.first_loss != work.first_loss:
                work.first_loss = float(losses[0])

    def _replay(self, order: NDArray[np.int64], batch: int, sums: Sums) -> None:
        """Run a batch eagerly whose loss the native code found not finite: the eager loop names the cause."""
        place = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        run_epoch(self.work, [self._batch_of(place)], sums, lambda: False)

    def _batch_of(self, place: NDArray[np.int64]) -> tuple[Any, Any]:
        inputs, target = (from_numpy(array[place]) for array in self.arrays)
        return inputs, target
