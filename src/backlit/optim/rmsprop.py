"""RMSprop: gradients divided by the root of a running average of their squares."""

from typing import Any

import numpy as np

from backlit.core.composite import update
from backlit.optim.blocks import blocks
from backlit.optim.checks import in_range
from backlit.optim.optimizer import Optimizer, Params
from backlit.optim.param_group import ParamGroup


def _rmsprop_kernel(
    param: Any,
    square_avg: Any,
    grad_avg: Any,
    momentum_buffer: Any,
    step: Any,
    grad: Any,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    step += 1
    for p, v, mean, buffer, g in blocks(param, square_avg, grad_avg, momentum_buffer, grad):
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        square = g * g
        square *= 1 - alpha
        v *= alpha
        v += square
        if mean is None:
            scale = np.sqrt(v)
        else:
            change = g - mean
            change *= 1 - alpha
            mean += change
            scale = np.sqrt(v - mean * mean)
        scale += eps
        change = g / scale
        if buffer is not None:
            buffer *= momentum
            buffer += change
            p -= lr * buffer
        else:
            change *= lr
            p -= change


@update(kernel=_rmsprop_kernel, writes=5)
def rmsprop(
    param: Any,
    square_avg: Any,
    grad_avg: Any,
    momentum_buffer: Any,
    step: Any,
    grad: Any,
    *,
    lr: Any,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: Any,
    maximize: bool,
) -> Any:
    """One step of `RMSprop`; averages, buffer and count start from zero."""
    if maximize:
        grad = -grad
    if weight_decay:
        grad = grad + weight_decay * param
    square_avg = alpha * square_avg + (1 - alpha) * (grad * grad)
    variance = square_avg
    if grad_avg is not None:
        grad_avg = grad_avg + (1 - alpha) * (grad - grad_avg)
        variance = square_avg - grad_avg * grad_avg
    change = grad / (variance.sqrt() + eps)
    if momentum_buffer is not None:
        change = momentum_buffer = momentum * momentum_buffer + change
    return param - lr * change, square_avg, grad_avg, momentum_buffer, step + 1


class RMSprop(Optimizer):
    """RMSprop: `param -= lr * grad / (sqrt(v) + eps)` with a running average v of squared gradients.

    Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; centered: Graves, "Generating Sequences With Recurrent
    Neural Networks", 2013.

    Args:
        params: Parameters, `(name, parameter)` pairs, or dicts with `"params"` and options of their own.
        lr: Learning rate.
        alpha: Share of the average that is kept from step to step.
        eps: Added to the denominator.
        weight_decay: Factor of the L2 penalty whose gradient is added.
        momentum: Share of the buffer of steps that is kept from step to step.
        centered: Divide by the standard deviation: the squared average gradient is taken off v.
        maximize: Ascend instead.

    Raises:
        ArgumentError: An option is out of range, or the parameters are not usable.
    """

    rule = rmsprop
    slots = ("square_avg", "grad_avg", "momentum_buffer", "step")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def check_options(self, options: Any) -> None:
        """See `Optimizer.check_options`."""
        in_range(self.name, options, "lr", "alpha", "eps", "weight_decay", "momentum")

    def state_names(self, group: ParamGroup) -> tuple[str | None, ...]:
        """See `Optimizer.state_names`."""
        centered, moving = group["centered"], group.uses("momentum")
        return ("square_avg", "grad_avg" if centered else None, "momentum_buffer" if moving else None, "step")
