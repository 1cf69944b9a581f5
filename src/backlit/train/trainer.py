"""`Trainer`: fits a model to data, measures it, and predicts with it."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from backlit.core.threads import num_threads
from backlit.errors import ArgumentError, ArgumentTypeError, GraphError, StateError
from backlit.nn import Module
from backlit.ops import Generator, Tensor, manual_seed
from backlit.optim import LBFGS, Optimizer
from backlit.train.callbacks import Callbacks
from backlit.train.closure import CompiledClosure
from backlit.train.feed import Feed
from backlit.train.fit import Fit
from backlit.train.loop import Work, evaluate_batches
from backlit.train.metrics import UserMetric, resolve_metrics
from backlit.train.modes import in_mode
from backlit.train.native import NativeLoop
from backlit.train.prediction import ROWS_AT_ONCE, BatchSize, float_dtype, predict
from backlit.train.run import Run
from backlit.train.step import CompiledStep, runs_eagerly
from backlit.train.storage import as_path
from backlit.train.targets import check_labels, check_targets
from backlit.train.watching import Probe, Watched, WatchedStep, check_watch, every_for

# The trainers that fit, by identity: a copy of one does not.
_fitting: set[int] = set()
_turn = threading.Lock()
# Options of an optimizer that a configuration can hold.
_JSON = (bool, int, float, str, tuple)


class Trainer:
    """Fits a model to data.

    Args:
        model: Called with a batch of inputs; gives predictions.
        loss: `loss(prediction, target)`, a scalar tensor.
        optimizer: Over the model's parameters.
        metrics: Names ("accuracy", "top5", "r2", "mae", "mse") or functions `f(pred, target)` of a batch that return
            its mean over the rows; each is averaged over all rows.
        callbacks: Objects that define any of `on_fit_begin`, `on_epoch_begin`, `on_batch_end`, `on_epoch_end`,
            `on_fit_end`, each called with the trainer; see `Callbacks`.
        scheduler: Stepped after each epoch (`ReduceLROnPlateau` with the validation loss, or the loss where there is no
            validation data); `OneCycleLR` after each batch.
        clip_grad_norm: The largest norm of all gradients together; larger ones are scaled down.
        seed: With it the first fit seeds the default generator, which shuffling and dropout use; later fits go on.
        watch: Whether values, weights, gradients and updates are measured, for `Run.watched`; a number k: at every k-th
            step; True: at every 100th, more often in a short training.

    Attributes:
        history: The current or last fit's values, a list for each name.
        epoch: Epochs that the fit has finished.
        step: Updates that the fit has made.
        stop: Set it in a callback to end the fit.

    Raises:
        ArgumentError: A value out of range, an unknown metric or hook, an optimizer of another model's parameters.
        ArgumentTypeError: Something of another kind.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        *,
        metrics: Sequence[str | UserMetric] = (),
        callbacks: Sequence[Any] = (),
        scheduler: Any = None,
        clip_grad_norm: float | None = None,
        seed: int | None = None,
        watch: bool | int = False,
    ) -> None:
        if not isinstance(model, Module):
            raise ArgumentTypeError(f"Trainer: model must be an nn.Module, got {type(model).__name__}")
        if isinstance(loss, type) or not callable(loss):
            raise ArgumentTypeError(f"Trainer: loss must be a function or a loss such as nn.MSELoss(), got {loss!r}")
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"Trainer: optimizer must be an optim.Optimizer, got {type(optimizer).__name__}")
        if scheduler is not None and not hasattr(scheduler, "step"):
            raise ArgumentTypeError(f"Trainer: scheduler must have a method step, got {type(scheduler).__name__}")
        own = {id(parameter) for parameter in model.parameters()}
        if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
            raise ArgumentError("Trainer: the optimizer has none of the model's parameters; give it model.parameters()")
        if clip_grad_norm is not None and not 0 < clip_grad_norm < math.inf:
            raise ArgumentError(f"Trainer: clip_grad_norm must be positive and finite, got {clip_grad_norm!r}")
        self.model, self.loss, self.optimizer, self.scheduler = model, loss, optimizer, scheduler
        self.metrics = resolve_metrics(metrics, loss)
        self.callbacks = Callbacks(callbacks)
        self.clip_grad_norm, self.seed = clip_grad_norm, seed
        check_watch(watch)
        self._watch, self._probe = watch, Probe(model) if watch else None
        self.history: dict[str, list[float]] = {}
        self.epoch = self.step = 0
        self.stop = False
        self._work: Work | None = None
        self._loop: NativeLoop | None = None
        self._classes: int | None = None
        self._unused_seed = seed
        if seed is not None:
            Generator().manual_seed(seed)  # an error now and not at the first fit

    @property
    def last_loss(self) -> float:
        """The loss of the last batch, before its update; NaN where there was none yet."""
        return math.nan if self._work is None else self._work.last_loss

    def fit(
        self,
        train: Any,
        val: Any = None,
        *,
        epochs: int,
        batch_size: BatchSize = 32,
        shuffle: bool = True,
        compile: bool = True,
        threads: int | None = None,
        checkpoint: str | Path | None = None,
        checkpoint_every: int | None = None,
        resume: str | Path | None = None,
        progress: bool | None = None,
    ) -> Run:
        """Train the model; a second call goes on with the same model and optimizer.

        Ctrl-C ends training after the current step, with everything learnt until then. The values in the history are
        averages over an epoch's rows, taken while the model changes; `val_…` values are taken after the epoch.

        Args:
            train: A pair (inputs, targets) of arrays or tensors, a `Dataset` of such rows, a `DataLoader`, which
                brings its own batch size and order, or any other iterable of batches (inputs, targets) that starts anew
                for each epoch. Arrays of floats are brought to the type of the parameters.
            val: The same kinds of data, for `val_loss` and each `val_NAME`.
            epochs: Passes over the data; in a resumed fit, those before it included.
            batch_size: Rows of a step: "full" for gradient descent on all, 1 for stochastic, between for mini-batches.
            shuffle: Whether each epoch has a new random order of the rows; with "full" there is none to choose.
            compile: Whether epochs, and single steps where the data do not lie in arrays, run as machine code if the
                step can be traced; results agree with eager training to float rounding. Else training runs eagerly.
            threads: Threads to use during the fit; None: as many as are worth having.
            checkpoint: A file in which the state is saved after each epoch, whole or not at all.
            checkpoint_every: Also after this number of steps.
            resume: A checkpoint to go on from. Data, model, optimizer and arguments must be the same; then the result
                is, bit for bit, that of a fit without a break.
            progress: Whether a bar is drawn on standard error; None: if that is a terminal.

        Raises:
            ArgumentError: An argument is out of range.
            DataError, ShapeError, IndexRangeError: The data cannot be used: see the message. Nothing was trained.
            NonFiniteError: A loss is NaN or infinite. The message names the cause; that step's update was not made.
            MissingFileError, FileError, StateError: `resume` is missing, damaged, or of another training.
            StateError: The trainer is in the middle of a fit, which goes on as if nothing had been asked.
        """
        _check_count("epochs", epochs)
        _check_flag("shuffle", shuffle)
        _check_flag("compile", compile)
        _check_count("threads", threads, optional=True)
        _check_count("checkpoint_every", checkpoint_every, optional=True)
        if checkpoint_every is not None and checkpoint is None:
            raise ArgumentError("fit: checkpoint_every needs a file, checkpoint=PATH")
        path = None if checkpoint is None else as_path(checkpoint, "fit: checkpoint")
        earlier = None if resume is None else as_path(resume, "fit: resume")
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise ArgumentError(f"fit: checkpoint={str(checkpoint)!r} must name a file in a folder that exists")
        with self._alone():
            dtype = float_dtype(self.model)
            feed = Feed(train, batch_size, shuffle=shuffle, name="train", dtype=dtype)
            held_out = None if val is None else Feed(val, ROWS_AT_ONCE, shuffle=False, name="val", dtype=dtype)
            names = [name for metric in ("loss", *(m.name for m in self.metrics)) for name in (metric, f"val_{metric}")]
            self.history = {name: [] for name in names if held_out is not None or not name.startswith("val_")}
            self.epoch, self.step, self.stop = 0, 0, False
            work = Work(self.model, self.loss, self.optimizer, self.metrics, self.clip_grad_norm)
            served = compile and self._served(work, feed)
            if not served:
                self._classes = check_targets(self.model, self.loss, feed)
            elif self._classes is not None:
                check_labels(self.loss, feed, self._classes)
            if held_out is not None:
                check_targets(self.model, self.loss, held_out)
            self._work = work
            native = self._native(work, feed, threads, served) if compile else None
            probe = self._probe
            if probe is not None:
                probe.watched = Watched(every_for(self._watch, feed.n_batches and epochs * feed.n_batches))
            fit = Fit(
                self,
                work,
                feed,
                held_out,
                epochs=epochs,
                checkpoint=path,
                checkpoint_every=checkpoint_every,
                native=native,
                step=self._step(work, feed) if compile else None,
                watched=None if probe is None else WatchedStep(work, probe, compile),
            )
            if self._unused_seed is not None:
                manual_seed(self._unused_seed)
                self._unused_seed = None
            with nullcontext() if threads is None else num_threads(threads):
                fit.run(earlier, progress)
            watched = None if probe is None else probe.watched
            return Run(self.history, self.model, self._config(feed, epochs, shuffle), fit.interrupted, watched)

    def evaluate(self, data: Any, *, batch_size: BatchSize = ROWS_AT_ONCE) -> dict[str, float]:
        """The loss and each metric by name, averaged over the rows of `data`, in evaluation mode.

        Args:
            data: The kinds of data that `fit` takes.
            batch_size: Rows at once; of no influence but on memory, time and rounding.

        Raises:
            DataError, ShapeError, IndexRangeError: The data cannot be used.
        """
        feed = Feed(data, batch_size, shuffle=False, name="data", dtype=float_dtype(self.model))
        check_targets(self.model, self.loss, feed)
        return evaluate_batches(self.model, self.loss, feed.batches(), self.metrics).means(self.metrics)

    def predict(self, inputs: Any, *, batch_size: BatchSize = ROWS_AT_ONCE) -> Tensor:
        """The model's outputs for all rows, in evaluation mode; arguments, results and errors as `Run.predict`."""
        return predict(self.model, inputs, batch_size=batch_size)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises `StateError` where another fit of this trainer goes on."""
        with _turn:
            if id(self) in _fitting:
                raise StateError(
                    "fit: this trainer is in the middle of a fit, in another thread or around the callback that asks "
                    "for one; wait for its end, or make another Trainer, with a model and an optimizer of its own"
                )
            _fitting.add(id(self))
        try:
            yield
        finally:
            _fitting.discard(id(self))

    def _step(self, work: Work, feed: Feed) -> CompiledStep | None:
        """What runs single batches as machine code, where whole epochs cannot be."""
        if not self._streams(work, feed):
            return None
        return CompiledClosure(work) if isinstance(self.optimizer, LBFGS) else CompiledStep(work)

    @staticmethod
    def _streams(work: Work, feed: Feed) -> bool:
        """Whether batches are only known when they come."""
        return not (feed.rows is not None and NativeLoop.suits(work, feed.rows))

    def _served(self, work: Work, feed: Feed) -> bool:
        """Whether the compiled loop of the last fit serves this one as it is."""
        rows, size = feed.rows, feed.loader.batch_size
        if self._loop is None or rows is None or size is None or not NativeLoop.suits(work, rows):
            return False
        with in_mode(self.model, training=True):
            return self._loop.serves(work, rows, size)

    def _native(self, work: Work, feed: Feed, threads: int | None, served: bool) -> NativeLoop | None:
        """The compiled loop over batches, that of the last fit if it serves; None where there can be none."""
        rows = feed.rows
        if rows is None or self._streams(work, feed) or feed.loader.batch_size is None:
            return None
        try:
            if served and self._loop is not None:
                self._loop.attach(work, rows, threads)
                return self._loop
            with in_mode(self.model, training=True):
                self._loop = NativeLoop(work, rows, feed.loader.batch_size, threads, self._probe)
            return self._loop
        except GraphError as error:
            runs_eagerly(error)
            return None

    def _config(self, feed: Feed, epochs: int, shuffle: bool) -> dict[str, Any]:
        options = {
            name: value for name, value in self.optimizer.defaults.items() if value is None or isinstance(value, _JSON)
        }
        return {
            "epochs": epochs,
            "batch_size": feed.loader.batch_size,
            "shuffle": shuffle,
            "rows": feed.n_rows,
            "loss": getattr(self.loss, "__name__", type(self.loss).__name__),
            "metrics": [metric.name for metric in self.metrics],
            "optimizer": {"name": type(self.optimizer).__name__, **options},
            "scheduler": None if self.scheduler is None else type(self.scheduler).__name__,
            "clip_grad_norm": self.clip_grad_norm,
            "seed": self.seed,
            "parameters": sum(parameter._array.size for parameter in self.model.parameters()),
        }


def _check_count(name: str, value: Any, *, optional: bool = False) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError(f"fit: {name} must be a positive whole number, got {value!r}")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"fit: {name} must be True or False, got {value!r}")
