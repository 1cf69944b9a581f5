"""Adam and AdamW: steps measured by running averages of gradients and of their squares."""

import math
from typing import Any

import numpy as np

from backlit.core.composite import update
from backlit.optim.blocks import blocks
from backlit.optim.checks import betas_in_range, in_range
from backlit.optim.optimizer import Optimizer, Params
from backlit.optim.param_group import ParamGroup


def _adam_kernel(
    param: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    step: Any,
    grad: Any,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
    decoupled_weight_decay: bool,
) -> None:
    step += 1
    count = step.item()
    correction = math.sqrt(1 - beta2**count)
    rate = lr * correction / (1 - beta1**count)
    floor = eps * correction
    for p, m, v, largest, g in blocks(param, exp_avg, exp_avg_sq, max_exp_avg_sq, grad):
        if maximize:
            g = -g
        if weight_decay:
            if decoupled_weight_decay:
                p *= 1 - lr * weight_decay
            else:
                g = g + weight_decay * p
        change = g - m
        change *= 1 - beta1
        m += change
        square = g * g
        square *= 1 - beta2
        v *= beta2
        v += square
        if largest is None:
            scale = np.sqrt(v)
        else:
            np.maximum(largest, v, out=largest)
            scale = np.sqrt(largest)
        scale += floor
        change = m / scale
        change *= rate
        p -= change


@update(kernel=_adam_kernel, writes=5)
def adam(
    param: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    step: Any,
    grad: Any,
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    eps: float,
    weight_decay: float,
    maximize: bool,
    decoupled_weight_decay: bool,
) -> Any:
    """One step of `Adam` and `AdamW`; averages and the count start from zero.

    Both bias corrections are taken out of the fraction, which saves a pass over the parameters.
    """
    step = step + 1
    correction = _share(beta2, step).sqrt()
    rate = lr * correction / _share(beta1, step)
    if maximize:
        grad = -grad
    if weight_decay:
        if decoupled_weight_decay:
            param = param * (1 - lr * weight_decay)
        else:
            grad = grad + weight_decay * param
    exp_avg = exp_avg + (1 - beta1) * (grad - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (grad * grad)
    largest = exp_avg_sq
    if max_exp_avg_sq is not None:
        largest = max_exp_avg_sq = max_exp_avg_sq.maximum(exp_avg_sq)
    param = param - rate * (exp_avg / (largest.sqrt() + eps * correction))
    return param, exp_avg, exp_avg_sq, max_exp_avg_sq, step


def _share(beta: Any, step: Any) -> Any:
    """1 - beta^step: what an average that started from zero has taken in so far, exact also for a beta close to 1."""
    return -(step * beta.log()).expm1()


class Adam(Optimizer):
    """Adam: `param -= lr * m / (sqrt(v) + eps)` with bias-corrected averages m of gradients and v of their squares.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; amsgrad: Reddi, Kale and Kumar, "On the
    Convergence of Adam and Beyond", ICLR 2018.

    Args:
        params: Parameters, `(name, parameter)` pairs, or dicts with `"params"` and options of their own.
        lr: Learning rate.
        betas: Shares of the two averages that are kept from step to step.
        eps: Added to the denominator.
        weight_decay: Factor of the L2 penalty whose gradient is added.
        amsgrad: Divide by the largest v so far.
        maximize: Ascend instead.
        decoupled_weight_decay: Shrink the parameters by `lr * weight_decay` instead of adding to the gradient.

    Raises:
        ArgumentError: An option is out of range, or the parameters are not usable.
    """

    rule = adam
    slots = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def check_options(self, options: Any) -> None:
        """See `Optimizer.check_options`."""
        in_range(self.name, options, "lr", "eps", "weight_decay")
        betas_in_range(self.name, options["betas"])

    def state_names(self, group: ParamGroup) -> tuple[str | None, ...]:
        """See `Optimizer.state_names`."""
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None, "step")


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by `lr * weight_decay` at each step.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019. Arguments are those of `Adam`.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
