"""Epochs as machine code: the whole training step is compiled, and the loop over batches runs without Python.

The step is `prediction, loss, backward, update` as in `loop.run_epoch`, traced once; the driver gathers each batch's
rows by the epoch's order. What stays in Python are the epoch's order, metrics, callbacks and checkpoints, between runs
of as many batches as nobody wants to see the end of.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.compiler.compiled import Specialised
from backlit.compiler.driver import BATCH, DONE, FIRST, LAST, LOSSES, ORDER, ROWS, STOP
from backlit.core.tensor_base import Symbol, make
from backlit.data import Rows
from backlit.errors import BacklitError, GraphError
from backlit.nn.utils import clip_grad_norm_
from backlit.ops import from_numpy
from backlit.optim import LBFGS
from backlit.train.diagnosis import explain
from backlit.train.loop import Sums, Work

# A run of batches is kept on this thread if it is expected to end within so many seconds.
_INLINE_SECONDS = 0.05
_FIRST_BATCHES = 4


class NativeLoop:
    """Runs the batches of an epoch natively.

    Args:
        work: Model, loss, optimizer and metrics.
        rows: The training data's arrays.
        batch_size: Rows of a batch.
        threads: Threads to use; None: as many as the machine has.

    Raises:
        GraphError: The step cannot be traced; the message says why.
    """

    def __init__(self, work: Work, rows: Rows, batch_size: int, threads: int | None) -> None:
        self.work, self.rows, self.batch_size = work, rows, batch_size
        self.threads = threads or os.cpu_count() or 1
        self.arrays = [np.ascontiguousarray(array) for array in rows.arrays]
        self._seconds_per_batch: float | None = None
        self._compile()

    @staticmethod
    def suits(work: Work, rows: Rows | None) -> bool:
        """Whether a fit's data lie in arrays as they are, and its optimizer does not decide in Python."""
        return rows is not None and rows.plain and not isinstance(work.optimizer, LBFGS)

    def _compile(self) -> None:
        work = self.work
        work.optimizer.prepare()
        count = 1 + (work.clip_grad_norm is not None)

        def step(inputs: Any, target: Any) -> Any:
            prediction = work.model(inputs)
            if work.check is not None:
                work.check(prediction)
            loss = work.loss(prediction, target)
            work.optimizer.zero_grad()
            loss.backward()
            guarded = [loss]
            if work.clip_grad_norm is not None:
                parameters = [p for group in work.optimizer.param_groups for p in group["params"]]
                guarded.append(clip_grad_norm_(parameters, work.clip_grad_norm))
            work.optimizer.step()
            return (*guarded, prediction) if work.metrics else tuple(guarded)

        like = tuple(make(Symbol((self.batch_size, *a.shape[1:]), a.dtype)) for a in self.arrays)
        self.step = Specialised(step, like, keep_grads=False, guards=count)
        if not self.step.uniform:
            raise GraphError("its program is not the same for every number of rows")
        executable = self.executable = self.step.executable
        for position, array in enumerate(self.arrays):
            executable.put(("data", position), array.ctypes.data)
        self._predictions: Any = None
        outputs = executable.code.plan.program.outputs
        if work.metrics:
            output = executable.code.plan.program.steps[outputs[count]]
            rows = len(self.arrays[0]) if self.rows.index is None else len(self.rows.index)
            shape = tuple(n for n in output.shape[1:])
            self._predictions = np.empty((rows, *shape), np.dtype(output.dtype))
            executable.put(("collect", count), self._predictions.ctypes.data)

    def run(
        self, order: NDArray[np.int64], first: int, last: int, sums: Sums, watch: Callable[[int], bool]
    ) -> int:
        """Run batches `first` to `last` of an epoch.

        Args:
            order: The epoch's rows in order.
            first: The batch to begin with.
            last: The batch to end before.
            sums: Added to.
            watch: Called now and then with the number of the batch that runs; true asks to stop after it.

        Returns:
            The batch before which the run ended.

        Raises:
            NonFiniteError: The loss is NaN or infinite; the message names the cause, the batch has changed nothing.
        """
        if not self.step.is_current():
            self._compile()
        order = order if self.rows.index is None else np.ascontiguousarray(self.rows.index[order])
        executable, control, work = self.executable, self.executable.control, self.work
        executable.prepare(self.batch_size)
        for position, tensor in enumerate(self.step.traced.states, len(self.arrays)):
            executable.put(("input", position), tensor._array.ctypes.data)
        self._gather_memory()
        losses = np.empty(max(last, 1))
        control[[ROWS, BATCH, FIRST, LAST, STOP, DONE]] = len(order), self.batch_size, first, last, 0, first
        control[[ORDER, LOSSES]] = order.ctypes.data, losses.ctypes.data
        executable.status[0] = 0
        self.step.about_to_run()
        status, start = 0, first
        while start < last and not status and not control[STOP]:
            status, start = self._chunk(start, last, watch)
        executable.raise_error()
        self.step.has_run()
        done = int(control[DONE])
        for parameter in self._parameters():
            parameter.grad = None
        self._add(order, losses, first, done, sums)
        if status:
            begin = done * self.batch_size
            inputs, target = (from_numpy(a[order[begin : begin + self.batch_size]]) for a in self.arrays)
            raise self._explain(inputs, target)
        return done

    def _parameters(self) -> list[Any]:
        return [p for group in self.work.optimizer.param_groups for p in group["params"]]

    def _gather_memory(self) -> None:
        """Memory for the rows of one batch."""
        if not hasattr(self, "_batch"):
            self._batch = [np.empty((self.batch_size, *a.shape[1:]), a.dtype) for a in self.arrays]
        for position, array in enumerate(self._batch):
            self.executable.put(("input", position), array.ctypes.data)

    def _chunk(self, start: int, last: int, watch: Callable[[int], bool]) -> tuple[int, int]:
        """Run some of the batches: those that are soon done on this thread, many on another while this one watches."""
        control = self.executable.control
        known = self._seconds_per_batch
        stop = min(last, start + _FIRST_BATCHES) if known is None else last
        control[[FIRST, LAST]] = start, stop
        begin = time.perf_counter()
        if known is None or known * (stop - start) < _INLINE_SECONDS:
            status = self.executable.run_epoch(self.threads)
        else:
            status = self._run_watched(watch)
        done = int(control[DONE])
        if done > start:
            self._seconds_per_batch = (time.perf_counter() - begin) / (done - start)
        return status, done

    def _run_watched(self, watch: Callable[[int], bool]) -> int:
        control, found = self.executable.control, [0]

        def run() -> None:
            found[0] = self.executable.run_epoch(self.threads)

        thread = threading.Thread(target=run, name="backlit-epoch")
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.02)
                if watch(int(control[DONE])):
                    control[STOP] = 1
        finally:
            control[STOP] = 1 if thread.is_alive() else control[STOP]
            thread.join()
        return found[0]

    def _add(self, order: NDArray[np.int64], losses: NDArray[np.float64], first: int, done: int, sums: Sums) -> None:
        """Add the batches' losses and metrics in the order in which the eager loop adds them."""
        work, size = self.work, self.batch_size
        for batch in range(first, done):
            value, n_rows = float(losses[batch]), min(size, len(order) - batch * size)
            sums.rows += n_rows
            sums.loss += value * n_rows
        if done > first:
            work.last_loss = float(losses[done - 1])
            if work.first_loss != work.first_loss:
                work.first_loss = float(losses[first])
        if work.metrics and done > first:
            targets = self.arrays[1]
            for batch in range(first, done):
                place = slice(batch * size, min((batch + 1) * size, len(order)))
                sums.measure(from_numpy(self._predictions[place]), from_numpy(targets[order[place]]), work.metrics)

    def _explain(self, inputs: Any, target: Any) -> BacklitError:
        self.work.guard.save()
        loss = self.work.loss(self.work.model(inputs), target).item()
        what = f"the loss is {loss}" if not np.isfinite(loss) else "the norm of the gradients is not finite"
        return explain(self.work, inputs, target, what)
