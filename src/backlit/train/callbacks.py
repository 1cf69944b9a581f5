"""Callbacks: code that runs at certain moments of a fit, and the two that training most often needs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backlit.errors import ArgumentError, ArgumentTypeError, StateError, suggest

if TYPE_CHECKING:
    from backlit.train.trainer import Trainer

HOOKS = ("on_fit_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_fit_end")
Mode = Literal["min", "max"]


class Callbacks:
    """The callbacks of a trainer, sorted by the hooks that they define.

    A callback is any object that defines one or more of `on_fit_begin(trainer)`, `on_epoch_begin(trainer)`,
    `on_batch_end(trainer)`, `on_epoch_end(trainer)`, `on_fit_end(trainer)`. It may set `trainer.stop = True`. One that
    remembers something across epochs also defines `state_dict()` and `load_state_dict(state)`; checkpoints keep that.

    Raises:
        ArgumentError: A callback defines no hook, or one of a name that does not exist.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        if not isinstance(callbacks, Sequence):
            raise ArgumentTypeError(f"callbacks: expected a list, got {type(callbacks).__name__}")
        self.all = list(callbacks)
        self._hooks: dict[str, list[Callable[[Any], None]]] = {hook: [] for hook in HOOKS}
        for callback in self.all:
            self._sort(callback)

    def _sort(self, callback: Any) -> None:
        kind = callback.__name__ if isinstance(callback, type) else type(callback).__name__
        if isinstance(callback, type):
            raise ArgumentTypeError(f"callbacks: {kind} is a class; pass an instance, {kind}()")
        named = [name for name in dir(callback) if name.startswith("on_") and callable(getattr(callback, name))]
        for name in named:
            if name not in HOOKS:
                raise ArgumentError(f"callbacks: {kind} defines {name}, which is never called{suggest(name, HOOKS)}")
            self._hooks[name].append(getattr(callback, name))
        if not named:
            raise ArgumentError(f"callbacks: {kind} defines none of {', '.join(HOOKS)}")

    def has(self, hook: str) -> bool:
        """Whether any callback defines a hook."""
        return bool(self._hooks[hook])

    def call(self, hook: str, trainer: "Trainer") -> None:
        """Call a hook of every callback that defines it, in order."""
        for function in self._hooks[hook]:
            function(trainer)

    def state_dict(self) -> list[Any]:
        """The states of the callbacks that have one."""
        return [
            {"class": type(callback).__name__, "state": callback.state_dict()}
            for callback in self.all
            if hasattr(callback, "state_dict")
        ]

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Give the callbacks back their states.

        Raises:
            StateError: Other callbacks than those of the trainer that saved.
        """
        own = [callback for callback in self.all if hasattr(callback, "state_dict")]
        names, saved = [type(callback).__name__ for callback in own], [state["class"] for state in states]
        if names != saved:
            raise StateError(
                f"the checkpoint has the state of callbacks {saved}, the trainer has {names}; use the same"
            )
        for callback, state in zip(own, states, strict=True):
            callback.load_state_dict(state["state"])


class _Watcher:
    """Looks at one number of the history after each epoch and remembers the best weights."""

    def __init__(self, monitor: str, mode: Mode | None) -> None:
        if mode not in (None, "min", "max"):
            raise ArgumentError(f"{type(self).__name__}: mode must be 'min', 'max' or None, got {mode!r}")
        self.monitor = monitor
        # Losses and errors are better when small; every other number, accuracy or R2, when large.
        small = monitor.removeprefix("val_") in ("loss", "mae", "mse")
        self.sign = 1.0 if mode == "min" or (mode is None and small) else -1.0
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch = -1
        self.weights: dict[str, Any] | None = None

    def on_fit_begin(self, trainer: "Trainer") -> None:
        """Forget what an earlier fit has seen, and check that the number will be there."""
        if self.monitor not in trainer.history:
            raise ArgumentError(
                f"{type(self).__name__}: nothing called {self.monitor!r} is measured in this fit"
                f"{suggest(self.monitor, trainer.history)}; val_… needs validation data"
            )
        self._reset()

    def _improved(self, trainer: "Trainer", min_delta: float) -> bool:
        value = trainer.history[self.monitor][-1]
        if np.isnan(value) or (self.best is not None and not self.sign * (self.best - value) > min_delta):
            return False
        self.best, self.best_epoch = value, trainer.epoch
        return True

    def _keep(self, trainer: "Trainer") -> None:
        self.weights = {name: tensor.detach().clone() for name, tensor in trainer.model.state_dict().items()}

    def _restore(self, trainer: "Trainer") -> None:
        if self.weights is not None:
            trainer.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self.best, "best_epoch": self.best_epoch, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.best, self.best_epoch, self.weights = state["best"], state["best_epoch"], state["weights"]


class BestWeights(_Watcher):
    """Puts the weights of the best epoch back when a fit ends.

    Args:
        monitor: A name in the history.
        mode: Whether the best is the smallest or the largest; None: the smallest for losses and errors.
    """

    def __init__(self, monitor: str = "val_loss", mode: Mode | None = None) -> None:
        super().__init__(monitor, mode)

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Copy the weights if this epoch is the best."""
        if self._improved(trainer, 0.0):
            self._keep(trainer)

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Put the best weights back."""
        self._restore(trainer)


class EarlyStopping(_Watcher):
    """Stops a fit when a number has not improved for some epochs (Prechelt, "Early stopping - but when?", 1998).

    Args:
        monitor: A name in the history.
        patience: Epochs without improvement after which to stop, at least 1.
        min_delta: By how much a number must be better than the best to count as an improvement, at least 0.
        restore_best: Whether the weights of the best epoch are put back when the fit ends.
        mode: Whether the best is the smallest or the largest; None: the smallest for losses and errors.

    Attributes:
        best: The best value so far.
        best_epoch: Its epoch, from 0.

    Raises:
        ArgumentError: An argument is out of range; or, in a fit, `monitor` names nothing that is measured.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: Mode | None = None,
    ) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ArgumentError(f"EarlyStopping: patience is a number of epochs, at least 1, got {patience!r}")
        if not 0 <= min_delta < np.inf:
            raise ArgumentError(f"EarlyStopping: min_delta must be at least 0, got {min_delta!r}")
        self.patience, self.min_delta, self.restore_best = patience, min_delta, restore_best
        super().__init__(monitor, mode)

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Look at the epoch's value; ask to stop if there was no improvement for too long."""
        if self._improved(trainer, self.min_delta):
            if self.restore_best:
                self._keep(trainer)
        elif trainer.epoch - self.best_epoch >= self.patience:
            trainer.stop = True

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Put the best weights back if so wished."""
        self._restore(trainer)
