"""Schedules along a cosine.

Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
"""

from math import cos, floor, log, pi

from backlit.optim.checks import in_range, integer, number
from backlit.optim.lr_scheduler.scheduler import LRScheduler
from backlit.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """From the first rate to `eta_min` in `T_max` epochs along half a cosine, and back again."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = integer(self.name, "T_max", T_max, 1)
        self.eta_min = number(self.name, "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        rates = [group["lr"] for group in self._groups]
        if self._is_initial:
            return rates
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The rate is at its least, where the ratio below has no value.
            rise = (1 - cos(pi / self.T_max)) / 2
            return [lr + (base - self.eta_min) * rise for lr, base in zip(rates, self.base_lrs, strict=True)]
        change = (1 + cos(pi * self.last_epoch / self.T_max)) / (1 + cos(pi * (self.last_epoch - 1) / self.T_max))
        return [change * (lr - self.eta_min) + self.eta_min for lr in rates]

    def _get_closed_form_lr(self) -> list[float]:
        height = (1 + cos(pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the first rate to `eta_min` along half a cosine, and from the start again, each time `T_mult` times as long.

    Args:
        optimizer: The optimizer.
        T_0: Epochs of the first half cosine.
        T_mult: How many times as long each one takes as the one before.
        eta_min: The least rate.
        last_epoch: The epoch to go on from.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0 = self.T_i = integer(self.name, "T_0", T_0, 1)
        self.T_mult = integer(self.name, "T_mult", T_mult, 1)
        self.eta_min = number(self.name, "eta_min", eta_min)
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        height = (1 + cos(pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to `epoch`, which may be a fraction, and set the rates."""
        self._step_count += 1
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            in_range(self.name, {"epoch": epoch}, "epoch")
            restarts = 0
            if self.T_mult > 1:
                restarts = int(log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
                begun = self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
            else:
                begun = epoch // self.T_0 * self.T_0
            self.T_cur = epoch - begun
            self.T_i = self.T_0 * self.T_mult**restarts
        self.last_epoch = floor(epoch)
        self._set_lrs(self.get_lr())
