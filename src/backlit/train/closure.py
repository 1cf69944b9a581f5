"""Steps of optimizers that look at the loss several times and decide in Python, around a compiled loss and gradient."""

import math
from typing import Any

from backlit.compiler.compiled import compile
from backlit.errors import GraphError
from backlit.nn.utils import clip_grad_norm_
from backlit.train.loop import Sums, Work
from backlit.train.step import CompiledStep, has_rows, runs_eagerly


class CompiledClosure(CompiledStep):
    """Trains with L-BFGS: each evaluation of a batch's loss and gradients is one call of machine code.

    Args:
        work: Model, loss, optimizer and metrics.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._evaluate = compile(self._loss_and_gradients)
        self._traceable = True

    def _loss_and_gradients(self, inputs: Any, target: Any) -> tuple[Any, Any]:
        work = self.work
        prediction = work.model(inputs)
        loss = work.loss(prediction, target)
        work.send_back(loss)
        if work.clip_grad_norm is not None:
            clip_grad_norm_([p for group in work.optimizer.param_groups for p in group["params"]], work.clip_grad_norm)
        return loss, prediction

    def _run(self, inputs: Any, target: Any, sums: Sums) -> bool:
        if not (self._traceable and has_rows(inputs, target)):
            return False
        work = self.work
        try:
            loss, prediction = self._evaluate(inputs, target)
        except GraphError as error:
            self._traceable = False
            runs_eagerly(error)
            return False
        value = loss.item()
        if not math.isfinite(value):
            return False
        self._note(value)
        work.optimizer.step(lambda: self._evaluate(inputs, target)[0])
        sums.add(value, prediction, target, work.metrics)
        return True
