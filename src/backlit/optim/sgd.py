"""Stochastic gradient descent, with momentum."""

from typing import Any

from backlit.core.composite import update
from backlit.errors import ArgumentError
from backlit.optim.blocks import blocks
from backlit.optim.checks import in_range, number
from backlit.optim.optimizer import Optimizer, Params
from backlit.optim.param_group import ParamGroup


def _sgd_kernel(
    param: Any,
    momentum_buffer: Any,
    step: Any,
    grad: Any,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    undamped = 1.0
    if step is not None:
        undamped -= dampening * min(step.item(), 1.0)
        step += 1
    for p, buffer, g in blocks(param, momentum_buffer, grad):
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        if buffer is not None:
            buffer *= momentum
            buffer += g if undamped == 1 else undamped * g
            g = g + momentum * buffer if nesterov else buffer
        p -= lr * g


@update(kernel=_sgd_kernel, writes=3)
def sgd(
    param: Any,
    momentum_buffer: Any,
    step: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Any:
    """One step of `SGD`. The buffer and the count start from zero; without dampening there is no count."""
    if maximize:
        grad = -grad
    if weight_decay:
        grad = grad + weight_decay * param
    if momentum_buffer is not None:
        arriving = grad
        if step is not None:
            # The first gradient is taken whole.
            arriving = (1 - dampening * step.clamp(max=1)) * grad
            step = step + 1
        momentum_buffer = momentum * momentum_buffer + arriving
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    return param - lr * grad, momentum_buffer, step


class SGD(Optimizer):
    """Stochastic gradient descent: `param -= lr * grad`, or with momentum `buffer = momentum * buffer + grad`.

    Momentum: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Nesterov's form as in
    Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.

    Args:
        params: Parameters, `(name, parameter)` pairs, or dicts with `"params"` and options of their own.
        lr: Learning rate.
        momentum: Share of the buffer that is kept from step to step.
        dampening: Share of a gradient, after the first, that does not enter the buffer.
        weight_decay: Factor of the L2 penalty whose gradient is added.
        nesterov: Look ahead along the buffer; wants momentum and no dampening.
        maximize: Ascend instead.

    Raises:
        ArgumentError: An option is out of range, or the parameters are not usable.
    """

    rule = sgd
    slots = ("momentum_buffer", "step")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def check_options(self, options: Any) -> None:
        """See `Optimizer.check_options`."""
        in_range(self.name, options, "lr", "momentum", "weight_decay")
        dampening = number(self.name, "dampening", options["dampening"])
        if options["nesterov"] and (options["momentum"] <= 0 or dampening):
            raise ArgumentError(f"{self.name}: nesterov needs a momentum above 0 and a dampening of 0")

    def state_names(self, group: ParamGroup) -> tuple[str | None, ...]:
        """See `Optimizer.state_names`."""
        if not group.uses("momentum"):
            return (None, None)
        return ("momentum_buffer", "step" if group["dampening"] else None)

    def initial(self, name: str, param: Any, group: ParamGroup) -> Any:
        """See `Optimizer.initial`. A buffer that was there before the count has taken its first gradient."""
        value = super().initial(name, param, group)
        if name == "step" and "momentum_buffer" in self.state.get(param, ()):
            value._array[...] = 1
        return value
