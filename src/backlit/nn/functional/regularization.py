"""Dropout: leaving out values at random while training."""

from typing import Any

from backlit.errors import ArgumentError
from backlit.nn.checks import require_floats
from backlit.ops import rand
from backlit.ops.tensor import Tensor


def check_probability(p: Any, operation: str) -> None:
    """Raise unless `p` is a number from 0 to 1.

    Raises:
        ArgumentError: It is not.
    """
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ArgumentError(f"{operation}: dropout probability has to be between 0 and 1, but got {p!r}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p) (Srivastava et al., 2014).

    The mask comes from the default generator, so that `manual_seed` repeats it.

    Args:
        input: Any shape, floating-point.
        p: Probability of a zero.
        training: Without it, the input is returned unchanged.
        inplace: Whether to change `input` itself.

    Raises:
        ArgumentError: `p` is not from 0 to 1.
    """
    check_probability(p, "dropout")
    require_floats("dropout", input=input)
    if not training or p == 0:
        return input
    if p == 1:
        noise: Any = 0.0
    else:
        kept = rand(*input._array.shape) >= p
        noise = kept.to(input.dtype) * (1 / (1 - p))
    return input.mul_(noise) if inplace else input * noise
