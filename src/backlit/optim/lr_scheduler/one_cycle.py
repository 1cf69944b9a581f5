"""The 1cycle schedule: up to a large rate and down to a tiny one, with the momentum the other way round."""

from collections.abc import Sequence
from math import cos, pi
from typing import Any

from backlit.errors import ArgumentError, StateError
from backlit.optim.checks import in_range, integer, number
from backlit.optim.lr_scheduler.scheduler import LRScheduler, check_optimizer
from backlit.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """The rate rises from `max_lr / div_factor` to `max_lr`, then falls to `max_lr / div_factor / final_div_factor`.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018. It is
    stepped after every batch.

    Args:
        optimizer: The optimizer.
        max_lr: The largest rate, one number or one for each group.
        total_steps: Number of steps of the whole cycle; else `epochs * steps_per_epoch`.
        epochs: Number of epochs.
        steps_per_epoch: Number of batches in an epoch.
        pct_start: Share of the cycle in which the rate rises.
        anneal_strategy: `"cos"` or `"linear"`.
        cycle_momentum: Whether the momentum (of Adam, the first beta) goes from `max_momentum` to `base_momentum`
            while the rate rises, and back.
        base_momentum: The least momentum, one number or one for each group.
        max_momentum: The largest momentum, one number or one for each group.
        div_factor: See above.
        final_div_factor: See above.
        three_phase: Fall as long as it rose, to where it began, and then to the least rate.
        last_epoch: The step to go on from.

    Raises:
        ArgumentError: A number is out of range, or the optimizer has no momentum to cycle.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self.name, optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError(f"{self.name}: give total_steps, or epochs and steps_per_epoch")
            total_steps = integer(self.name, "epochs", epochs, 1)
            total_steps *= integer(self.name, "steps_per_epoch", steps_per_epoch, 1)
        self.total_steps = integer(self.name, "total_steps", total_steps, 1)
        in_range(self.name, {"pct_start": pct_start}, "pct_start", high=1)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"{self.name}: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self.optimizer = optimizer
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ArgumentError(f"{self.name}: {optimizer.name} has no momentum; pass cycle_momentum=False")
        self._schedule_phases = self._plan(pct_start, three_phase)
        largest = self._for_groups("max_lr", max_lr)
        momenta = zip(
            self._for_groups("max_momentum", max_momentum),
            self._for_groups("base_momentum", base_momentum),
            strict=True,
        )
        if last_epoch == -1:
            for group, lr, (most, least) in zip(optimizer.param_groups, largest, momenta, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = lr / div_factor / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = most, least
        super().__init__(optimizer, last_epoch)

    def _plan(self, rise: float, three_phase: bool) -> list[dict[str, Any]]:
        """For each phase its last step, and the names of the rates and momenta between which it goes."""
        up, last = rise * self.total_steps - 1, self.total_steps - 1
        if three_phase:
            return [
                _phase(up, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
                _phase(2 * up, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                _phase(last, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        return [
            _phase(up, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
            _phase(last, "max_lr", "min_lr", "base_momentum", "max_momentum"),
        ]

    def _for_groups(self, name: str, value: float | Sequence[float]) -> list[float]:
        groups = len(self._groups)
        values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
        if len(values) != groups:
            raise ArgumentError(f"{self.name}: got {len(values)} values of {name} for {groups} parameter groups")
        return [number(self.name, name, v) for v in values]

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (cos(pi * share) + 1)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`. Sets the momentum of all groups, too."""
        step = self.last_epoch
        if step > self.total_steps:
            raise StateError(f"{self.name}: step {step} is beyond the total of {self.total_steps}")
        ends = [phase["end_step"] for phase in self._schedule_phases]
        turn = next((i for i, end in enumerate(ends) if step <= end), len(ends) - 1)
        begin = ends[turn - 1] if turn else 0.0
        share = (step - begin) / (ends[turn] - begin) if ends[turn] != begin else 1.0
        phase = self._schedule_phases[turn]
        rates = []
        for group in self._groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                if self.use_beta1:
                    group["betas"] = (momentum, group["betas"][1])
                else:
                    group["momentum"] = momentum
        return rates


def _phase(end_step: float, start_lr: str, end_lr: str, start_momentum: str, end_momentum: str) -> dict[str, Any]:
    return {
        "end_step": end_step,
        "start_lr": start_lr,
        "end_lr": end_lr,
        "start_momentum": start_momentum,
        "end_momentum": end_momentum,
    }
