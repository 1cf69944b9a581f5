"""One fit while it runs: where it stands, what happens between steps, and its checkpoints."""

import itertools
from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.errors import FileError, GraphError, StateError
from backlit.ops import default_generator
from backlit.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from backlit.train.callbacks import Callbacks
from backlit.train.feed import Feed
from backlit.train.interrupt import Interrupts
from backlit.train.loop import Sums, Work, evaluate_batches, run_epoch
from backlit.train.modes import in_mode
from backlit.train.native import NativeLoop
from backlit.train.progress import ProgressBar
from backlit.train.rates import RateTable
from backlit.train.step import CompiledStep, runs_eagerly
from backlit.train.storage import read_state, write_state
from backlit.train.watching import Watched, WatchedStep

if TYPE_CHECKING:
    from backlit.train.trainer import Trainer

# What a trainer and the work of its fit have in common.
_PARTS = [part.name for part in fields(Work) if part.default is MISSING]


class Fit:
    """A fit of a trainer.

    Args:
        trainer: Whose model, optimizer, scheduler, callbacks and history are used.
        work: What its steps work with.
        train: The training data.
        val: Data for `val_…` values, or None.
        epochs: Epochs in all.
        checkpoint: Where to save after each epoch, or None.
        checkpoint_every: Also after so many steps, or None.
        native: Runs epochs as machine code, or None.
        step: Runs single batches as machine code where epochs cannot be; None: eagerly.
        watched: Its probe looks at batches; runs them where `native` does not. None: nobody looks.
    """

    def __init__(
        self,
        trainer: "Trainer",
        work: Work,
        train: Feed,
        val: Feed | None,
        *,
        epochs: int,
        checkpoint: Path | None,
        checkpoint_every: int | None,
        native: NativeLoop | None,
        step: CompiledStep | None,
        watched: WatchedStep | None,
    ) -> None:
        self.native, self.step, self.watched = native, step, watched
        self.trainer, self.work, self.train, self.val, self.epochs = trainer, work, train, val, epochs
        self.checkpoint, self.checkpoint_every = checkpoint, checkpoint_every
        self.callbacks: Callbacks = trainer.callbacks
        self.batch, self.sums = 0, Sums()
        self.interrupts = Interrupts()
        own = [feed.generators() for feed in (train, val) if feed is not None]
        self._generators = list(dict.fromkeys([default_generator, *itertools.chain.from_iterable(own)]))
        self._at_epoch_begin = self._random_states()
        self._rows_before = 0
        self._scheduler_steps = isinstance(trainer.scheduler, OneCycleLR)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self.interrupts.requested

    def run(self, resume: Path | None, progress: bool | None) -> None:
        """Train until the last epoch, a wish to stop, or an error."""
        trainer = self.trainer
        self._call("on_fit_begin")
        if resume is not None:
            self._load(resume)
        self.bar = ProgressBar(progress, epochs=self.epochs, batches=self.train.n_batches, done=trainer.step)
        with self.interrupts, self.bar, in_mode(trainer.model, training=True):
            while trainer.epoch < self.epochs and not (trainer.stop or self.interrupted):
                native = self._renewed() if self._undisturbed() else None
                if native is not None:
                    self._epochs(native)
                elif self._epoch():
                    trainer.epoch += 1
                    self.batch, self.sums = 0, Sums()
                if self.checkpoint is not None:
                    self._save(self.checkpoint)
        self.callbacks.call("on_fit_end", trainer)

    def _call(self, hook: str) -> None:
        """Call callbacks, which may edit what the fit works with, but not put something else in its place."""
        self.callbacks.call(hook, self.trainer)
        for name in _PARTS:
            if getattr(self.trainer, name) is not getattr(self.work, name):
                raise StateError(
                    f"{hook}: trainer.{name} was replaced during a fit, which works with the one that it began with; "
                    "replace it between fits, or edit the one that is there, such as its layers or param_groups"
                )

    def _renewed(self) -> NativeLoop | None:
        """What runs the step as it is now natively; None, which is said once, where an edit has left nothing."""
        if self.native is not None:
            try:
                self.native.renew()
            except GraphError as error:
                runs_eagerly(error)
                self.native = None
        return self.native

    def _epoch(self) -> bool:
        """Train for one epoch, or the rest of one; whether it was finished."""
        if self.batch == 0:
            self._call("on_epoch_begin")
            self._at_epoch_begin = self._random_states()
            at_end = self._pass()
        else:
            now = self._random_states()
            self._set_random_states(self._at_epoch_begin)
            at_end = self._pass(now)
        if not at_end and self.batch != self.train.n_batches:
            return False
        if not self.sums.rows:
            raise StateError(f"{self.train.name}: an epoch without any batch; an iterator that can be read only once?")
        self._finish_epoch()
        return True

    def _undisturbed(self) -> bool:
        """Whether nobody wants anything between the epochs that are left."""
        awaited = any(self.callbacks.has(hook) for hook in ("on_epoch_begin", "on_batch_end", "on_epoch_end"))
        awaited = awaited or bool(self.work.metrics) or self.trainer.scheduler is not None
        saved = self.val is not None or self.checkpoint is not None or self.batch != 0
        rows = self.train.rows
        return not (awaited or saved) and rows is not None and rows.index is None and self.train.draws() is not None

    def _epochs(self, native: NativeLoop) -> None:
        """Train for all epochs that are left, in native code from end to end."""
        trainer, draws = self.trainer, self.train.draws()
        if draws is None:
            return
        used = self.train.used(self.train.n_rows or 0)
        losses, rest = native.run_epochs(used, self.epochs - trainer.epoch, *draws, self._watch, step=trainer.step)
        trainer.history["loss"] += losses
        self._rows_before += used * len(losses)
        trainer.epoch += len(losses)
        trainer.step += len(losses) * (self.train.n_batches or 0) + rest
        self.batch = rest
        if self.bar.due():
            figures = {"loss": losses[-1]} if losses else {}
            self.bar.show(trainer.epoch - 1, trainer.step, self._rows_before, figures)

    def _pass(self, then: list[Any] | None = None) -> bool:
        """Run the batches from `self.batch` on, in an order drawn now; `then`, random states to go on from after that.

        Returns:
            Whether the batches came to their end.
        """
        native = self._renewed()
        if native is None:
            batches = self.train.batches(self.batch)
            if then is not None:
                self._set_random_states(then)
            return self._one_by_one(batches)
        order = self.train.order()
        order = order[: self.train.used(len(order))]
        if then is not None:
            self._set_random_states(then)
        size = native.batch_size
        last = -(-len(order) // size)
        while self.batch < last:
            if self._renewed() is None:
                return self._one_by_one(native.batches(order, self.batch))
            if self._after_steps(self._run_native(native, order, self._next_stop(last))):
                return False
        return True

    def _one_by_one(self, batches: Iterable[tuple[Any, Any]]) -> bool:
        """Run batches that come one after the other; whether they came to their end."""
        if self.watched is not None:
            return all(self._run_alone(batch, self.watched) for batch in batches)
        if self.step is None:
            return run_epoch(self.work, batches, self.sums, self._after_step)
        return self.step.run_epoch(batches, self.sums, self._after_step)

    def _run_alone(self, batch: tuple[Any, Any], watched: WatchedStep) -> bool:
        """Run one batch, watched if that is due; whether to go on."""
        step = watched if watched.due(self.trainer.step) else self.step
        if step is None:
            return run_epoch(self.work, [batch], self.sums, self._after_step)
        return step.run_epoch([batch], self.sums, self._after_step)

    def _run_native(self, native: NativeLoop, order: Any, stop: int) -> int:
        """Run batches up to `stop`, rates by rates where the schedule wants it; how many were done."""
        first, rates = self.batch, None
        if self._scheduler_steps:
            rates = RateTable(self.trainer.scheduler, self.trainer.optimizer, stop - first)
        try:
            return native.run(order, first, stop, self.sums, self._watch, rates, step=self.trainer.step) - first
        finally:
            if rates is not None:
                rates.settle(native.reached - first)

    def _next_stop(self, last: int) -> int:
        """The batch before which Python is due again."""
        if self.callbacks.has("on_batch_end"):
            return self.batch + 1
        if self.checkpoint is not None and self.checkpoint_every:
            return min(last, self.batch + self.checkpoint_every - self.trainer.step % self.checkpoint_every)
        return last

    def _watch(self, batch: int) -> bool:
        """Keep the bar moving while batches run natively; whether to stop."""
        if self.bar.due():
            rows = self._rows_before + batch * (self.train.loader.batch_size or 1)
            epoch = self.trainer.epoch + batch // max(self.train.n_batches or 1, 1)
            self.bar.show(min(epoch, self.epochs - 1), self.trainer.step + batch - self.batch, rows, {})
        return self.interrupts.requested

    def _finish_epoch(self) -> None:
        trainer, metrics = self.trainer, self.work.metrics
        means = self.sums.means(metrics)
        if self.val is not None:
            val = evaluate_batches(trainer.model, trainer.loss, self.val.batches(), metrics)
            means |= val.means(metrics, "val_")
        for name, value in means.items():
            trainer.history[name].append(value)
        self._rows_before += self.sums.rows
        if self.bar.due() or trainer.epoch + 1 == self.epochs:
            self.bar.show(trainer.epoch, trainer.step, self._rows_before, means)
        if trainer.scheduler is not None and not self._scheduler_steps:
            if isinstance(trainer.scheduler, ReduceLROnPlateau):
                trainer.scheduler.step(means.get("val_loss", means["loss"]))
            else:
                trainer.scheduler.step()
        self._call("on_epoch_end")

    def _after_step(self) -> bool:
        if self._scheduler_steps:
            self.trainer.scheduler.step()
        return self._after_steps(1)

    def _after_steps(self, count: int) -> bool:
        """Do what is due after steps; whether to end the epoch early."""
        trainer = self.trainer
        self.batch += count
        trainer.step += count
        if self.callbacks.has("on_batch_end"):
            self._call("on_batch_end")
        if self.checkpoint is not None and self.checkpoint_every and trainer.step % self.checkpoint_every == 0:
            self._save(self.checkpoint)
        if self.bar.due():
            means = self.sums.means(self.work.metrics)
            self.bar.show(trainer.epoch, trainer.step, self._rows_before + self.sums.rows, means)
        return trainer.stop or self.interrupts.requested

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _random_states(self) -> list[Any]:
        return [generator.get_state() for generator in self._generators]

    def _set_random_states(self, states: list[Any]) -> None:
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state)

    def _outline(self) -> dict[str, Any]:
        """What must be the same where a checkpoint is saved and where it is resumed."""
        trainer = self.trainer
        return {
            "training rows": self.train.n_rows,
            "batch size": self.train.loader.batch_size,
            "values in the history": sorted(trainer.history),
            "optimizer": type(trainer.optimizer).__name__,
            "scheduler": None if trainer.scheduler is None else type(trainer.scheduler).__name__,
            "number of generators": len(self._generators),
            "model": {name: list(value.shape) for name, value in trainer.model.state_dict().items()},
        }

    def _save(self, path: Path) -> None:
        trainer = self.trainer
        state = {
            "outline": self._outline(),
            "model": dict(trainer.model.state_dict()),
            "optimizer": trainer.optimizer.state_dict(),
            "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
            "callbacks": self.callbacks.state_dict(),
            "random": self._random_states(),
            "random_at_epoch_begin": self._at_epoch_begin,
            "position": {"epoch": trainer.epoch, "step": trainer.step, "batch": self.batch, "stop": trainer.stop},
            "sums": {"rows": self.sums.rows, "loss": self.sums.loss, "metrics": self.sums.metrics},
            "losses": {"first": self.work.first_loss, "last": self.work.last_loss},
            "history": trainer.history,
            "watched": None if self.watched is None else self.watched.probe.watched.state_dict(),
        }
        write_state(path, state)

    def _load(self, path: Path) -> None:
        trainer = self.trainer
        state = read_state(path)
        if not isinstance(state, dict) or "outline" not in state:
            raise FileError(f"{path}: not a checkpoint of a fit")
        for what, expected in self._outline().items():
            saved = state["outline"].get(what)
            if saved != expected:
                raise StateError(f"{path} cannot be resumed here: its {what} is {saved!r}, this fit has {expected!r}")
        self.callbacks.load_state_dict(state["callbacks"])
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.scheduler is not None:
            trainer.scheduler.load_state_dict(state["scheduler"])
        self._set_random_states(state["random"])
        self._at_epoch_begin = state["random_at_epoch_begin"]
        position, sums = state["position"], state["sums"]
        trainer.epoch, trainer.step, trainer.stop = position["epoch"], position["step"], position["stop"]
        self.batch = position["batch"]
        self.sums = Sums(sums["rows"], sums["loss"], [np.asarray(value) for value in sums["metrics"]])
        self.work.first_loss, self.work.last_loss = state["losses"]["first"], state["losses"]["last"]
        trainer.history = state["history"]
        if self.watched is not None and state.get("watched") is not None:
            self.watched.probe.watched = Watched.from_state(state["watched"])
