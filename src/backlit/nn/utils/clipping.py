"""Gradients kept from growing without bound."""

import math
from collections.abc import Iterable

from backlit.core.modes import no_grad
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, NonFiniteError
from backlit.nn.checks import require_tensors
from backlit.ops import stack, tensor
from backlit.ops.tensor import Tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    require_tensors("clip_grad", **{f"parameter {i}": p for i, p in enumerate(given)})
    return [p.grad for p in given if p.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of all tensors together.

    Args:
        tensors: One tensor or several.
        norm_type: The p of the p-norm; `math.inf` for the largest magnitude.
        error_if_nonfinite: Whether a NaN or an infinity is an error.
        foreach: Has no effect.

    Raises:
        NonFiniteError: The norm is not finite, and that is an error.
    """
    given = [tensors] if isinstance(tensors, TensorBase) else list(tensors)
    if not given:
        return tensor(0.0)
    norms = [t.norm(norm_type) for t in given]
    total = norms[0] if len(norms) == 1 else stack(norms).norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise NonFiniteError(
            f"the total norm of order {norm_type} of {len(given)} gradients is {total.item()}, so they cannot be "
            "clipped; a smaller learning rate, or backlit.autograd.detect_anomaly(), may help to find out why"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that their total norm is at most `max_norm` (Pascanu et al., 2013).

    Args:
        parameters: Parameters; those without a gradient are skipped.
        max_norm: The largest norm to allow.
        norm_type: The p of the p-norm; `math.inf` for the largest magnitude.
        error_if_nonfinite: Whether a NaN or an infinity is an error.
        foreach: Has no effect.

    Returns:
        The total norm before.

    Raises:
        ArgumentError: `max_norm` is negative.
        NonFiniteError: The norm is not finite, and that is an error; nothing has changed.
    """
    if max_norm < 0:
        raise ArgumentError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    gradients = _gradients(parameters)
    with no_grad():
        total = get_total_norm(gradients, norm_type, error_if_nonfinite)
        scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Bound each element of all gradients, in place, by ±`clip_value`.

    Args:
        parameters: Parameters; those without a gradient are skipped.
        clip_value: The largest magnitude to allow.
        foreach: Has no effect.

    Raises:
        ArgumentError: `clip_value` is negative.
    """
    if clip_value < 0:
        raise ArgumentError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-clip_value, clip_value)
