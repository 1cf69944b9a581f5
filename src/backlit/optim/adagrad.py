"""Adagrad: gradients divided by the root of the sum of their squares so far."""

from typing import Any

import numpy as np

from backlit.core.composite import update
from backlit.optim.blocks import blocks
from backlit.optim.checks import in_range
from backlit.optim.optimizer import Optimizer, Params
from backlit.optim.param_group import ParamGroup


def _adagrad_kernel(
    param: Any,
    sum: Any,
    step: Any,
    grad: Any,
    *,
    lr: float,
    lr_decay: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> None:
    rate = lr / (1 + step.item() * lr_decay)
    step += 1
    for p, total, g in blocks(param, sum, grad):
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        total += g * g
        scale = np.sqrt(total)
        scale += eps
        change = g / scale
        change *= rate
        p -= change


@update(kernel=_adagrad_kernel, writes=3)
def adagrad(
    param: Any,
    sum: Any,
    step: Any,
    grad: Any,
    *,
    lr: Any,
    lr_decay: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
) -> Any:
    """One step of `Adagrad`."""
    rate = lr / (1 + step * lr_decay)
    if maximize:
        grad = -grad
    if weight_decay:
        grad = grad + weight_decay * param
    sum = sum + grad * grad
    return param - rate * (grad / (sum.sqrt() + eps)), sum, step + 1


class Adagrad(Optimizer):
    """Adagrad: `param -= lr * grad / (sqrt(s) + eps)` with the sum s of all squared gradients.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR 2011.

    Args:
        params: Parameters, `(name, parameter)` pairs, or dicts with `"params"` and options of their own.
        lr: Learning rate; in step n, counted from 0, it is `lr / (1 + n * lr_decay)`.
        lr_decay: See `lr`.
        weight_decay: Factor of the L2 penalty whose gradient is added.
        initial_accumulator_value: What the sums start from.
        eps: Added to the denominator.
        maximize: Ascend instead.

    Raises:
        ArgumentError: An option is out of range, or the parameters are not usable.
    """

    rule = adagrad
    slots = ("sum", "step")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )

    def check_options(self, options: Any) -> None:
        """See `Optimizer.check_options`."""
        in_range(self.name, options, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def initial(self, name: str, param: Any, group: ParamGroup) -> Any:
        """See `Optimizer.initial`."""
        value = super().initial(name, param, group)
        if name == "sum":
            value._array[...] = group["initial_accumulator_value"]
        return value
