"""Schedules one after the other."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.optim.lr_scheduler.plateau import ReduceLROnPlateau
from backlit.optim.lr_scheduler.scheduler import LRScheduler, check_optimizer
from backlit.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """Follows the first scheduler until the first of the epochs `milestones`, then the second, and so on.

    Args:
        optimizer: The optimizer, the same as that of all schedulers.
        schedulers: The schedulers.
        milestones: One epoch less than there are schedulers.
        last_epoch: The epoch to go on from.

    Raises:
        ArgumentError: The numbers do not fit, or a scheduler belongs to another optimizer.
    """

    _unsaved = ("optimizer", "_schedulers")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self.name, optimizer)
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler) or isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentTypeError(
                    f"{self.name}: scheduler {i} is a {type(scheduler).__name__}, whose steps it cannot take"
                )
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(f"{self.name}: scheduler {i} belongs to another optimizer")
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"{self.name}: got {len(schedulers)} schedulers and {len(milestones)} milestones; there must be one "
                "scheduler more"
            )
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        # All schedulers took their first step when they were made; only that of the scheduler in turn shall stay.
        self._undo_first_step()
        current = self._schedulers[bisect_right(self._milestones, 0)]
        current._initial_step()
        self._last_lr = current.get_last_lr()

    def _undo_first_step(self) -> None:
        for scheduler in self._schedulers:
            if isinstance(scheduler, SequentialLR):
                scheduler._undo_first_step()
            else:
                scheduler.last_epoch -= 1

    def step(self, epoch: int | None = None) -> None:
        """Go on by one epoch and set the rates."""
        if epoch is not None:
            raise ArgumentError(f"{self.name}: it can only go on by one epoch; call step() without an argument")
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        current = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            current._update_lr(0)
        else:
            current.step()
        self._last_lr = current.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """As in `LRScheduler`, with the states of all schedulers."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """See `LRScheduler.load_state_dict`."""
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise StateError(
                f"{self.name}: the state is for {len(states)} schedulers, there are {len(self._schedulers)}"
            )
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler._check_state(state)
