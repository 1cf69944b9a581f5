"""The loop over an epoch's batches, where the time of a fit is spent: forward, a look at the loss, backward, update."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.core.modes import no_grad
from backlit.errors import StateError
from backlit.nn import Module
from backlit.nn.utils import clip_grad_norm_
from backlit.ops import Generator, default_generator
from backlit.optim import LBFGS
from backlit.train.diagnosis import explain
from backlit.train.metrics import Metric
from backlit.train.modes import in_mode


@dataclass
class Sums:
    """What an epoch has added up so far.

    Attributes:
        rows: Rows seen.
        loss: The batches' losses times their rows.
        metrics: The sums of each metric.
    """

    rows: int = 0
    loss: float = 0.0
    metrics: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, value: float, prediction: Any, target: Any, metrics: list[Metric]) -> None:
        """Add a batch with loss `value`."""
        n_rows = len(target)
        self.rows += n_rows
        self.loss += value * n_rows
        if metrics:
            self.measure(prediction.detach(), target, metrics)

    def measure(self, prediction: Any, target: Any, metrics: list[Metric]) -> None:
        """Add the metrics of a batch."""
        found = [metric.measure(prediction, target) for metric in metrics]
        self.metrics = [old + new for old, new in zip(self.metrics, found, strict=True)] if self.metrics else found

    def means(self, metrics: list[Metric], prefix: str = "") -> dict[str, float]:
        """The loss and the metrics by name, averaged over the rows."""
        values = {f"{prefix}loss": self.loss / max(self.rows, 1)}
        for metric, sums in zip(metrics, self.metrics, strict=bool(self.rows)):
            values[prefix + metric.name] = metric.finish(sums, self.rows)
        return values


class Guard:
    """Keeps what the forward pass itself changes, buffers and random numbers, so that a step can be taken back."""

    def __init__(self, model: Module, generator: Generator) -> None:
        self._generator = generator
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        self.save()

    def save(self) -> None:
        """Note the state before a step."""
        self._random = self._generator.get_state()
        for buffer, copy in self._buffers:
            copy.copy_(buffer)

    def restore(self) -> None:
        """Put the noted state back."""
        self._generator.set_state(self._random)
        with no_grad():
            for buffer, copy in self._buffers:
                buffer.copy_(copy)


@dataclass
class Work:
    """What the steps of a fit work with.

    Attributes:
        model: Makes predictions.
        loss: `loss(prediction, target)`, a scalar.
        optimizer: Updates the parameters.
        metrics: Measured on each batch.
        clip_grad_norm: The largest norm of all gradients together; None: no bound.
        last_loss: The loss of the last batch.
        first_loss: The loss of the first batch.
    """

    model: Module
    loss: Callable[[Any, Any], Any]
    optimizer: Any
    metrics: list[Metric]
    clip_grad_norm: float | None
    last_loss: float = math.nan
    first_loss: float = math.nan

    def __post_init__(self) -> None:
        self.guard = Guard(self.model, default_generator)
        self._step = self._step_by_closure if isinstance(self.optimizer, LBFGS) else self._step_once

    def update(self, loss: Any, inputs: Any, target: Any) -> None:
        """Send gradients back from `loss` and let the optimizer use them."""
        self._step(loss, inputs, target)

    def send_back(self, loss: Any) -> None:
        """Replace the gradients by those of `loss`.

        Raises:
            StateError: It depends on nothing that is trained.
        """
        if not loss.requires_grad:
            raise StateError(
                "fit: there is nothing to train: no parameter that the loss depends on has requires_grad=True, or the "
                "model or the loss computes without gradients; thaw parameters with .requires_grad_(True)"
            )
        self.optimizer.zero_grad()
        loss.backward()

    def _step_once(self, loss: Any, inputs: Any, target: Any) -> None:
        self.send_back(loss)
        if self.clip_grad_norm is not None:
            self._clip(self.clip_grad_norm, inputs, target)
        self.optimizer.step()

    def _step_by_closure(self, loss: Any, inputs: Any, target: Any) -> None:
        """For the optimizer that looks at the loss at several places in a step."""

        def closure() -> Any:
            again = self.loss(self.model(inputs), target)
            self.send_back(again)
            if self.clip_grad_norm is not None:
                self._clip(self.clip_grad_norm, inputs, target)
            return again

        self.optimizer.step(closure)

    def _clip(self, bound: float, inputs: Any, target: Any) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = float(clip_grad_norm_(parameters, bound))
        if not math.isfinite(norm):
            raise explain(self, inputs, target, f"the norm of the gradients is {norm}")


def run_epoch(work: Work, batches: Iterable[tuple[Any, Any]], sums: Sums, after_step: Callable[[], bool]) -> bool:
    """Train on batches.

    The loss is looked at before the update: where it is no number, an error with the cause ends the epoch, and model
    and optimizer are as they were before that batch.

    Args:
        work: Model, loss and optimizer.
        batches: Pairs (inputs, target).
        sums: Added to.
        after_step: Called after each update; true ends the epoch early.

    Returns:
        Whether the batches came to their end.

    Raises:
        NonFiniteError: The loss, or with clipping the gradients' norm, is NaN or infinite.
    """
    model, loss_of, guard, metrics, isfinite = work.model, work.loss, work.guard, work.metrics, math.isfinite
    for inputs, target in batches:
        guard.save()
        prediction = model(inputs)
        loss = loss_of(prediction, target)
        value = loss.item()
        if not isfinite(value):
            raise explain(work, inputs, target, f"the loss is {value}")
        if work.first_loss != work.first_loss:
            work.first_loss = value
        work.update(loss, inputs, target)
        work.last_loss = value
        sums.add(value, prediction, target, metrics)
        if after_step():
            return False
    return True


def evaluate_batches(
    model: Module, loss_of: Callable[[Any, Any], Any], batches: Iterator[tuple[Any, Any]], metrics: list[Metric]
) -> Sums:
    """The sums of a pass without updates, in evaluation mode."""
    sums = Sums()
    with in_mode(model, training=False), no_grad():
        for inputs, target in batches:
            prediction = model(inputs)
            sums.add(loss_of(prediction, target).item(), prediction, target, metrics)
    return sums
