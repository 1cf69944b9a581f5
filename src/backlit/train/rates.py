"""A schedule of batches written down beforehand, so that native code can read each step's rates from a table."""

from typing import Any

import numpy as np

from backlit.optim import Optimizer


class RateTable:
    """The rates of the next steps. The scheduler has taken those steps when this returns; see `settle`.

    Args:
        scheduler: Steps once a batch.
        optimizer: Whose rates it sets.
        steps: How many steps to write down.

    Attributes:
        tensors: The 0-d tensors that hold the rates.
        steps: How many steps are written down.
        values: One row a step and one for after the last; one column a rate, float64.
    """

    def __init__(self, scheduler: Any, optimizer: Optimizer, steps: int) -> None:
        self._scheduler, self._before = scheduler, scheduler.state_dict()
        self.steps = steps
        self.tensors: list[Any] = [rate for group in optimizer.param_groups for rate in group.tensors()]
        self.values = np.empty((steps + 1, len(self.tensors)))
        for step, row in enumerate(self.values):
            row[:] = [rate.item() for rate in self.tensors]
            if step < steps:
                scheduler.step()

    def settle(self, done: int) -> None:
        """Leave scheduler and rates as they are after `done` of the steps, of which native code has set some."""
        if done == self.steps:
            self._set(self.values[done])
            return
        self._scheduler.load_state_dict(self._before)
        self._set(self.values[0])
        for _ in range(done):
            self._scheduler.step()

    def _set(self, rates: Any) -> None:
        for tensor, rate in zip(self.tensors, rates.tolist(), strict=True):
            tensor.fill_(rate)
