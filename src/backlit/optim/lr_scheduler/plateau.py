"""A schedule that waits for a measured quantity."""

from collections.abc import Sequence
from math import inf
from typing import Any

from backlit.errors import ArgumentError, StateError
from backlit.optim.checks import in_range, integer, number
from backlit.optim.lr_scheduler.scheduler import LRScheduler, check_optimizer
from backlit.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rate by `factor` when a metric has not become better for more than `patience` epochs.

    Args:
        optimizer: The optimizer.
        mode: `"min"` if a smaller metric is better, else `"max"`.
        factor: Below 1.
        patience: Epochs without a better value that are let pass.
        threshold: How much better a value must be to count.
        threshold_mode: Whether `threshold` is a share of the best value (`"rel"`) or a difference (`"abs"`).
        cooldown: Epochs after a reduction in which none are counted.
        min_lr: The least rate, one number or one for each group.
        eps: A rate that would change by less is left alone.

    Raises:
        ArgumentError: An argument is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        check_optimizer(self.name, optimizer)
        in_range(self.name, {"factor": factor}, "factor", high=1, closed=False)
        in_range(self.name, {"threshold": threshold, "eps": eps}, "threshold", "eps")
        if mode not in ("min", "max"):
            raise ArgumentError(f"{self.name}: mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"{self.name}: threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"{self.name}: got {len(self.min_lrs)} values of min_lr for {groups} parameter groups")
        self.optimizer = optimizer
        self.mode, self.factor = mode, factor
        self.patience = integer(self.name, "patience", patience, 0)
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown = integer(self.name, "cooldown", cooldown, 0)
        self.eps = eps
        self.last_epoch = 0
        self.best = inf if mode == "min" else -inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted at the moment."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take in the metric of one more epoch, a number or a tensor of one element."""
        current = number(self.name, "the metric", metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = [group["lr"] for group in self._groups]
        if self.num_bad_epochs > self.patience:
            if len(rates) != len(self.min_lrs):
                raise StateError(f"{self.name}: the optimizer got a parameter group more; append its rate to min_lrs")
            reduced = [max(lr * self.factor, least) for lr, least in zip(rates, self.min_lrs, strict=True)]
            rates = [new if lr - new > self.eps else lr for lr, new in zip(rates, reduced, strict=True)]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._set_lrs(rates)

    def _better(self, current: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        margin = self.threshold
        bound = self.best * (1 + sign * margin) if self.threshold_mode == "rel" else self.best + sign * margin
        return current > bound if self.mode == "max" else current < bound
