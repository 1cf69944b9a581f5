"""Schedules that multiply the rate by a factor."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from math import prod
from types import FunctionType
from typing import Any

from backlit.errors import ArgumentError, StateError
from backlit.optim.checks import in_range, integer, number
from backlit.optim.lr_scheduler.scheduler import LRScheduler, check_optimizer
from backlit.optim.optimizer import Optimizer

Lambda = Callable[[int], float]


class LambdaLR(LRScheduler):
    """The first rate times `lr_lambda(epoch)`.

    Args:
        optimizer: The optimizer.
        lr_lambda: A function for all groups, or one for each.
        last_epoch: The epoch to go on from.
    """

    _unsaved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer: Optimizer, lr_lambda: Lambda | Sequence[Lambda], last_epoch: int = -1) -> None:
        check_optimizer(self.name, optimizer)
        groups = len(optimizer.param_groups)
        self.lr_lambdas: list[Lambda] = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ArgumentError(f"{self.name}: got {len(self.lr_lambdas)} functions for {groups} parameter groups")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        if len(state_dict["lr_lambdas"]) != len(self.lr_lambdas):
            raise StateError(
                f"{self.name}: the state is for {len(state_dict['lr_lambdas'])} functions, there are "
                f"{len(self.lr_lambdas)}"
            )

    def state_dict(self) -> dict[str, Any]:
        """As in `LRScheduler`; of callable objects their fields, of functions nothing."""
        fields = [None if isinstance(f, FunctionType) else dict(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": fields}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """See `LRScheduler.load_state_dict`."""
        super().load_state_dict(state_dict)
        for function, values in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if values is not None:
                vars(function).update(deepcopy(values))


class MultiplicativeLR(LambdaLR):
    """Multiplies the rate by `lr_lambda(epoch)` every epoch; arguments as in `LambdaLR`."""

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        factors = [1.0 if self._is_initial else f(self.last_epoch) for f in self.lr_lambdas]
        return [group["lr"] * factor for group, factor in zip(self._groups, factors, strict=True)]

    def _get_closed_form_lr(self) -> list[float]:
        passed = range(1, self.last_epoch + 1)
        return [base * prod(map(f, passed)) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class PolynomialLR(LRScheduler):
    """The first rate times (1 - epoch / `total_iters`) ** `power`, and 0 from epoch `total_iters` on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = integer(self.name, "total_iters", total_iters, 1)
        self.power = number(self.name, "power", power)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return [group["lr"] for group in self._groups]
        left, before = self.total_iters - self.last_epoch, self.total_iters - self.last_epoch + 1
        return [group["lr"] * (left / before) ** self.power for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        share = 1 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * share**self.power for base in self.base_lrs]


class StepLR(LRScheduler):
    """Multiplies the rate by `gamma` every `step_size` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = integer(self.name, "step_size", step_size, 1)
        self.gamma = number(self.name, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return [group["lr"] * (self.gamma if due else 1) for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiplies the rate by `gamma` at each of the epochs `milestones`."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(integer(self.name, "a milestone", m, 0) for m in milestones)
        self.gamma = number(self.name, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        factor = self.gamma ** self.milestones.count(self.last_epoch)
        return [group["lr"] * factor for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        passed = bisect_right(self.milestones, self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Multiplies the rate by `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number(self.name, "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        return [group["lr"] * (1 if self._is_initial else self.gamma) for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The rate times `factor` for the first `total_iters` epochs."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        in_range(self.name, {"factor": factor}, "factor", high=1)
        self.factor = factor
        self.total_iters = integer(self.name, "total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        if self.last_epoch == 0:
            change = self.factor
        else:
            change = 1.0 / self.factor if self.last_epoch == self.total_iters else 1
        return [group["lr"] * change for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * (1 if self.last_epoch >= self.total_iters else self.factor) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes in a straight line from `start_factor` to `end_factor` in `total_iters`."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        factors = {"start_factor": start_factor, "end_factor": end_factor}
        in_range(self.name, factors, "start_factor", "end_factor", high=1)
        if start_factor == 0:
            raise ArgumentError(f"{self.name}: start_factor must be above 0")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = integer(self.name, "total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        rise = self.end_factor - self.start_factor
        if self.last_epoch == 0:
            change = self.start_factor
        elif self._is_initial or self.last_epoch > self.total_iters:
            change = 1.0
        else:
            change = 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [group["lr"] * change for group in self._groups]

    def _get_closed_form_lr(self) -> list[float]:
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + (self.end_factor - self.start_factor) * share) for base in self.base_lrs]
