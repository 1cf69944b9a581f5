"""`Watch`: looks at a training loop that is written out, as `Trainer(watch=…)` does at its own."""

import functools
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np

from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.nn import Module
from backlit.ops import Tensor
from backlit.train.run import Run
from backlit.train.watching import Probe, Watched


class Watch:
    """Measures the steps of a loop, each run inside `with watch:`, which calls `watch.see(loss)` once.

    A step is forward, backward and update; where gradients are added up over several batches, all of them together.

    Args:
        model: The network.
        loss: The loss function, by which a diagnosis judges the network's outputs; None: it does not.
        every: Every how many steps to measure.

    Attributes:
        losses: The loss of each step.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: `every` is no positive whole number.
    """

    def __init__(self, model: Module, loss: Callable[..., Any] | None = None, *, every: int = 10) -> None:
        if not isinstance(model, Module):
            raise ArgumentTypeError(f"Watch: model must be an nn.Module, got {type(model).__name__}")
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ArgumentError(f"Watch: every must be a positive number of steps, got {every!r}")
        self.losses: list[float] = []
        self._model, self._loss_name = model, "" if loss is None else getattr(loss, "__name__", type(loss).__name__)
        self._probe = Probe(model)
        self._probe.watched = Watched(every)
        self._step = 0

    def __enter__(self) -> Self:
        self._loss: Any = None
        self._open = ExitStack()
        self._measured: Callable[..., Any] | None = None
        if not self._probe.until_due(self._step):
            self._measured = self._open.enter_context(self._probe.attached())
            self._begin()
        return self

    def see(self, loss: Tensor) -> None:
        """Take note of the step's loss, a scalar."""
        self._loss = loss.detach()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            if kind is not None:
                return
            if self._loss is None:
                raise StateError(
                    "Watch: the step has ended without its loss; call watch.see(loss) inside `with watch:`"
                )
            self.losses.append(self._loss.item())
            if self._measured is not None:
                rows = self._measured(self._loss, self._arrived, self._carried())
                self._probe.note(self._step, rows.numpy())
        self._step += 1

    def run(self) -> Run:
        """What was measured so far, for `diagnose` and `view.training`; its history is the mean loss of tenths."""
        parts = np.array_split(np.array(self.losses), 10) if len(self.losses) >= 10 else []
        history = {"loss": [float(part.mean()) for part in parts]}
        return Run(history, self._model, {"loss": self._loss_name}, watched=self._probe.watched)

    def _begin(self) -> None:
        """Keep the gradients that are there already, and those that come."""
        self._arrived: dict[str, Tensor] = {}
        self._old: dict[str, Tensor] = {}
        for name, parameter in self._model.named_parameters():
            if parameter.grad is not None:
                self._old[name] = parameter.grad.detach().clone()
            if parameter.requires_grad:
                handle = parameter.register_hook(functools.partial(self._arrive, name))
                self._open.callback(handle.remove)

    def _arrive(self, name: str, gradient: Tensor) -> None:
        with no_grad():
            before = self._arrived.get(name)
            self._arrived[name] = gradient.detach().clone() if before is None else before + gradient.detach()

    def _carried(self) -> dict[str, Tensor]:
        """Gradients from before the step that it has added to."""
        found: dict[str, Tensor] = {}
        for name, parameter in self._model.named_parameters():
            old, new = self._old.get(name), self._arrived.get(name)
            if old is None or new is None or parameter.grad is None or not bool(old.any()):
                continue
            total = (old + new).numpy()
            if np.allclose(parameter.grad.detach().numpy(), total, rtol=1e-4, atol=1e-6 * float(np.abs(total).max())):
                found[name] = old
        return found
