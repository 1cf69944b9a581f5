"""Losses that are minus the logarithm of how likely a value is."""

import math

from backlit.core.modes import STATE
from backlit.errors import ArgumentError
from backlit.nn.checks import require_floats, require_tensors
from backlit.nn.functional.reduction import reduced
from backlit.ops import where
from backlit.ops.tensor import Tensor


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of counts by Poisson's distribution, exp(x) - t x.

    Args:
        input: Logarithms of the expected counts, any shape; the counts themselves without `log_input`.
        target: Counts of the same shape.
        log_input: Whether `input` holds logarithms.
        full: Whether to add Stirling's formula for log t!, where t > 1.
        eps: Added to expected counts before the logarithm.
        reduction: "none", "mean" or "sum".
    """
    require_floats("poisson_nll_loss", input=input)
    require_tensors("poisson_nll_loss", target=target)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        more = where(target > 1, target, 1.0)
        stirling = more * more.log() - more + 0.5 * (2 * math.pi * more).log()
        loss = loss + where(target > 1, stirling, 0.0)
    return reduced(loss, reduction, "poisson_nll_loss")


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of values by normal distributions, (log var + (x - t)^2 / var) / 2 (Nix, 1994).

    Args:
        input: Means, any shape.
        target: Values of the same shape.
        var: Variances, which broadcast, or one for all; below `eps` they count as `eps`.
        full: Whether to add log(2 pi) / 2.
        eps: The smallest variance.
        reduction: "none", "mean" or "sum".

    Raises:
        ArgumentError: A variance is negative.
    """
    require_floats("gaussian_nll_loss", input=input)
    require_tensors("gaussian_nll_loss", target=target)
    spread = var if isinstance(var, Tensor) else input.new_full((), var)
    if STATE.trace is None and (spread._array < 0).any():
        raise ArgumentError(f"gaussian_nll_loss: var: a variance is negative, {spread._array.min()}")
    # Bounded in value alone: the gradient goes through, as in PyTorch.
    bounded = spread + (spread.clamp(min=eps) - spread).detach()
    loss = 0.5 * (bounded.log() + (input - target).square() / bounded)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction, "gaussian_nll_loss")
