"""Why a loss is no number: the step is taken back and its batch run again, with every operation watched."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import detect_anomaly
from backlit.errors import NonFiniteError
from backlit.ops import Tensor
from backlit.train.feed import first_not_finite

if TYPE_CHECKING:
    from backlit.train.loop import Work

# No sensible network has parameters of this size.
_HUGE = 1e4


def explain(work: "Work", inputs: Any, target: Any, what: str) -> NonFiniteError:
    """Take a step back and find what made its loss or gradients no number.

    Args:
        work: The fit's model, loss and optimizer; buffers and random numbers are put back to before the step.
        inputs: The batch's inputs.
        target: The batch's targets.
        what: What was found, for the message.

    Returns:
        The error to raise, which names the cause.
    """
    work.optimizer.zero_grad()
    work.guard.restore()
    cause = _cause(work, inputs, target)
    work.optimizer.zero_grad()
    work.guard.restore()
    return NonFiniteError(f"training stopped: {what}; {cause}. The update of this step was not made")


def _cause(work: "Work", inputs: Any, target: Any) -> str:
    for name, value in (("input", inputs), ("target", target)):
        place = first_not_finite(value.detach().numpy()) if isinstance(value, Tensor) else None
        if place is not None:
            column = f", column {', '.join(map(str, place[1:]))}" if place[1:] else ""
            return f"the batch's {name} has {value.detach().numpy()[place]} in its row {place[0]}{column}"
    for name, parameter in work.model.named_parameters():
        if first_not_finite(parameter.detach().numpy()) is not None:
            return (
                f"the parameter {name} holds NaN or infinity since an earlier update: its gradient was not finite, or "
                f"{_rates(work)} is too large a step; lower it, or bound the gradients with clip_grad_norm"
            )
    try:
        with detect_anomaly():
            work.loss(work.model(inputs), target).backward()
    except NonFiniteError as error:
        return f"{error}{_growth(work)}"
    return f"no single operation made it from finite numbers{_growth(work)}"


def _growth(work: "Work") -> str:
    """Words about a rate that is too high, where the losses or the parameters show signs of it."""
    largest = max(float(np.abs(parameter.detach().numpy()).max(initial=0)) for parameter in work.model.parameters())
    if work.last_loss > work.first_loss:
        sign = f"The loss had grown from {work.first_loss:.4g} to {work.last_loss:.4g}"
    elif largest > _HUGE:
        sign = f"The parameters reach {largest:.4g}"
    else:
        return ""
    return f". {sign}: {_rates(work)} is probably too high; lower it, or bound the gradients with clip_grad_norm"


def _rates(work: "Work") -> str:
    rates = dict.fromkeys(f"{float(group['lr']):.4g}" for group in work.optimizer.param_groups)
    return f"the learning rate {' or '.join(rates)}"
