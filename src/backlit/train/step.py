"""The training step as one function that can be compiled, and the loop over batches that are not known beforehand."""

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from backlit.compiler.family import kinds_of, rows_of
from backlit.compiler.specialised import Specialised
from backlit.compiler.surroundings import Surroundings
from backlit.errors import GraphError
from backlit.nn.utils import clip_grad_norm_
from backlit.ops import Tensor
from backlit.optim import LBFGS
from backlit.train.loop import Sums, Work, run_epoch


def training_step(work: Work) -> tuple[Callable[[Any, Any], Any], int]:
    """The step of a fit as a function of a batch, and how many of its results must be finite before it updates.

    The function returns the loss, the norm of the gradients where they are clipped, and the prediction where metrics
    want it.
    """

    def step(inputs: Any, target: Any) -> Any:
        prediction = work.model(inputs)
        loss = work.loss(prediction, target)
        work.send_back(loss)
        guarded = [loss]
        if work.clip_grad_norm is not None:
            parameters = [p for group in work.optimizer.param_groups for p in group["params"]]
            guarded.append(clip_grad_norm_(parameters, work.clip_grad_norm))
        work.optimizer.step()
        return (*guarded, prediction) if work.metrics else tuple(guarded)

    return step, 1 + (work.clip_grad_norm is not None)


def surroundings(work: Work) -> Surroundings:
    """What the names in the code of a fit's model, loss and optimizer lead to now."""
    return Surroundings(work.loss, (work.model, work.optimizer))


def has_rows(inputs: Any, target: Any) -> bool:
    """Whether a batch is of tensors that are not empty."""
    return isinstance(inputs, Tensor) and isinstance(target, Tensor) and target.numel() > 0 and inputs.numel() > 0


def runs_eagerly(reason: GraphError) -> None:
    """Say that a fit runs eagerly, and why."""
    warnings.warn(f"Trainer: the training step cannot be compiled and runs eagerly: {reason}", stacklevel=2)


class CompiledStep:
    """Trains on batches from any iterable, each with one call of the compiled step.

    Args:
        work: Model, loss, optimizer and metrics.
        compile: Whether to compile at all.
    """

    def __init__(self, work: Work, compile: bool = True) -> None:
        self.work = work
        self._known: dict[Any, Specialised] = {}
        self._traceable = compile and not isinstance(work.optimizer, LBFGS)

    def run_epoch(self, batches: Iterable[tuple[Any, Any]], sums: Sums, after_step: Callable[[], bool]) -> bool:
        """As `loop.run_epoch`, which also runs what cannot be compiled and explains a loss that is not finite."""
        for inputs, target in batches:
            if not self._run(inputs, target, sums):
                self._run_eagerly(inputs, target, sums)
            if after_step():
                return False
        return True

    def _run_eagerly(self, inputs: Any, target: Any, sums: Sums) -> None:
        run_epoch(self.work, [(inputs, target)], sums, lambda: False)

    def _program(self) -> tuple[Callable[[Any, Any], Any], int]:
        return training_step(self.work)

    def _note(self, loss: float) -> None:
        """Note the first and the last loss of the fit."""
        if self.work.first_loss != self.work.first_loss:
            self.work.first_loss = loss
        self.work.last_loss = loss

    def _has_run(self, results: list[Any]) -> None:
        """Called with all that the program returned, after a step whose results are finite."""

    def _run(self, inputs: Any, target: Any, sums: Sums) -> bool:
        """Run one batch natively, if that can be done and its results are finite."""
        if not (self._traceable and has_rows(inputs, target)):
            return False
        work, (function, guards) = self.work, self._program()
        rows = rows_of((inputs, target))
        key = tuple(kinds_of((inputs, target), rows))
        step = self._known.get(key)
        if step is None or not step.is_current() or not step.serves(rows):
            work.optimizer.prepare()
            try:
                step = self._known[key] = Specialised(
                    function,
                    (inputs, target),
                    keep_grads=False,
                    guards=guards,
                    surroundings=lambda: surroundings(self.work),
                )
            except GraphError as error:
                self._traceable = False
                runs_eagerly(error)
                return False
        results = step.run((inputs, target), rows)
        loss, *others = results[:guards]
        value = loss.item()
        if not all(math.isfinite(r) for r in (value, *(other.item() for other in others))):
            return False
        self._note(value)
        sums.add(value, results[guards] if work.metrics else None, target, work.metrics)
        self._has_run(results)
        return True
