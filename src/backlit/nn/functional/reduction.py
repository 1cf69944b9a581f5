"""How losses of single elements become one number."""

from typing import Any

from backlit.errors import ArgumentError, suggest
from backlit.ops.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(reduction: str, operation: str) -> None:
    """Raise unless `reduction` is "none", "mean" or "sum".

    Raises:
        ArgumentError: It is not.
    """
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ArgumentError(f"{operation}: unknown reduction {reduction!r}{suggest(str(reduction), REDUCTIONS)}")


def reduced(loss: Tensor, reduction: str, operation: str, weight: Tensor | None = None) -> Any:
    """Losses of single elements as they are, their mean or their sum, each counted by its `weight`."""
    if weight is not None:
        loss = loss * weight
        if reduction == "mean":
            return loss.sum() / weight.expand_as(loss).sum()
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    check_reduction(reduction, operation)
    return loss
