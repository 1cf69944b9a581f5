"""Losses that compare element by element."""

import warnings
from typing import Any

import numpy as np

from backlit.core.composite import composite
from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import require_floats, require_tensors
from backlit.nn.functional.reduction import check_reduction, reduced
from backlit.ops import broadcast_tensors, softplus, where
from backlit.ops.tensor import Tensor


def _alike(input: Tensor, target: Tensor, operation: str) -> tuple[Tensor, Tensor]:
    """Input and target brought to one shape, with PyTorch's warning if they had two."""
    require_floats(operation, input=input)
    require_tensors(operation, target=target)
    shape, wanted = tuple(input._array.shape), tuple(target._array.shape)
    if shape == wanted:
        return input, target
    try:
        np.broadcast_shapes(shape, wanted)
    except ValueError:
        raise ShapeError(
            f"{operation}: got an input of shape {shape} and a target of shape {wanted}; expected the same shape"
        ) from None
    warnings.warn(
        f"{operation}: using a target size ({wanted}) that is different to the input size ({shape}). This will likely "
        "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        UserWarning,
        stacklevel=4,
    )
    first, second = broadcast_tensors(input, target)
    return first, second


def _mse_kernel(xp: Any, input: Any, target: Any, *, reduction: str) -> Any:
    difference = input - target
    loss = np.square(difference)
    if reduction == "none":
        return loss, difference
    total = np.add.reduce(loss, axis=None)
    return total / loss.size if reduction == "mean" else total, difference


def _mse_gradient(g: Any, ans: Any, needs: Any, reduction: str) -> Any:
    difference = ans[1]
    scale = g * 2 / difference.size if reduction == "mean" else g * 2
    slope = difference * scale.astype(difference.dtype)
    return slope if needs[0] else None, -slope if needs[1] else None


@composite(
    kernel=_mse_kernel,
    gradient=_mse_gradient,
    role="loss",
    notation="({input} - {target})^2",
    hidden=1,
    samples=lambda rng: [
        ((rng.normal(size=(3, 2)), rng.normal(size=(3, 2))), {"reduction": kind}) for kind in ("mean", "sum", "none")
    ],
)
def _mse_loss(input: Tensor, target: Tensor, *, reduction: str) -> Any:
    return reduced((input - target).square(), reduction, "mse_loss")


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference (input - target)^2.

    Args:
        input: Any shape.
        target: The same shape; other shapes broadcast, with a warning.
        size_average: Has no effect, as in PyTorch, where it is retired.
        reduce: Has no effect.
        reduction: "none", "mean" or "sum".
        weight: A factor for each element; the mean is divided by the sum of the factors.

    Raises:
        ShapeError: The shapes do not broadcast.
    """
    check_reduction(reduction, "mse_loss")
    input, target = _alike(input, target, "mse_loss")
    if weight is None:
        return _mse_loss.bind(input, target, reduction=reduction)
    return reduced(_mse_loss.bind(input, target, reduction="none"), reduction, "mse_loss", weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference |input - target|; arguments as in `mse_loss`."""
    input, target = _alike(input, target, "l1_loss")
    loss = (input - target).abs()
    return reduced(loss, reduction, "l1_loss", weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) where d = |input - target| is below `beta`, d - beta / 2 elsewhere (Girshick, 2015).

    Raises:
        ArgumentError: `beta` is negative.
    """
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = _alike(input, target, "smooth_l1_loss")
    distance = (input - target).abs()
    loss = where(distance < beta, distance.square() * (0.5 / beta), distance - 0.5 * beta)
    return reduced(loss, reduction, "smooth_l1_loss")


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d^2 / 2 where d = |input - target| is at most `delta`, delta (d - delta / 2) elsewhere (Huber, 1964).

    Raises:
        ArgumentError: `delta` is not positive.
    """
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    input, target = _alike(input, target, "huber_loss")
    distance = (input - target).abs()
    loss = where(distance <= delta, distance.square() * 0.5, (distance - 0.5 * delta) * delta)
    return reduced(loss, reduction, "huber_loss", weight)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence target (log target - input), element by element.

    Args:
        input: Log-probabilities, any shape.
        target: Probabilities of the same shape, or their logarithms with `log_target`.
        size_average: Has no effect, as in PyTorch, where it is retired.
        reduce: Has no effect.
        reduction: "none", "mean", "sum", or "batchmean": the sum divided by the number of rows, which is the
            divergence itself.
        log_target: Whether `target` holds logarithms.
    """
    input, target = _alike(input, target, "kl_div")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        # Where the target is 0, so is 0 log 0.
        positive = target > 0
        loss = where(positive, target * where(positive, target, 1.0).log(), 0.0) - target * input
    if reduction == "batchmean":
        return loss.sum() / (loss._array.shape[0] if loss._array.ndim else 1)
    return reduced(loss, reduction, "kl_div")


def _bce_slope(g: Tensor, input: Tensor, target: Tensor) -> Tensor:
    # PyTorch's bound: at 0 and 1 the slope is large, and not infinite.
    return g * (input - target) / ((1 - input) * input).clamp(min=1e-12)


@primitive(
    role="loss",
    notation="-({target} log {input} + (1 - {target}) log(1 - {input}))",
    elementwise=True,
    domain=(0.1, 0.9),
)
def _binary_cross_entropy(xp: Any, input: Any, target: Any) -> Any:
    # Logarithms are bounded by -100, as in PyTorch, so that a saturated output has a finite loss.
    return -(target * xp.maximum(xp.log(input), -100) + (1 - target) * xp.maximum(xp.log1p(-input), -100))


_binary_cross_entropy.gradient(
    input=_bce_slope,
    target=lambda g, input: g * ((1 - input).log().clamp(min=-100) - input.log().clamp(min=-100)),
)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross-entropy of probabilities of "yes": -(t log p + (1 - t) log(1 - p)).

    Args:
        input: Probabilities, any shape; for numbers of any size use `binary_cross_entropy_with_logits`.
        target: Labels 0 and 1, or probabilities, of the same shape.
        weight: A factor for each element.
        size_average: Has no effect, as in PyTorch, where it is retired.
        reduce: Has no effect.
        reduction: "none", "mean" or "sum".

    Raises:
        ShapeError: The shapes differ.
        ArgumentError: A probability is outside of [0, 1].
    """
    _same_shape(input, target, "binary_cross_entropy")
    if STATE.trace is None:
        array = input._array
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise ArgumentError(
                f"binary_cross_entropy: all elements of input should be between 0 and 1, got {array.min()} to "
                f"{array.max()}; apply a sigmoid first, or use binary_cross_entropy_with_logits"
            )
    loss = _binary_cross_entropy.bind(input, target)
    return reduced(loss if weight is None else loss * weight, reduction, "binary_cross_entropy")


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), computed so that large numbers do no harm.

    Args:
        input: Logits, any shape.
        target: Labels 0 and 1, or probabilities, of the same shape.
        weight: A factor for each element.
        size_average: Has no effect, as in PyTorch, where it is retired.
        reduce: Has no effect.
        reduction: "none", "mean" or "sum".
        pos_weight: A factor for the "yes" part, which broadcasts to the input's shape.

    Raises:
        ShapeError: The shapes differ.
    """
    _same_shape(input, target, "binary_cross_entropy_with_logits")
    loss = input * (1 - target)
    softened = softplus(-input)
    loss = loss + (softened if pos_weight is None else softened * ((pos_weight - 1) * target + 1))
    return reduced(loss if weight is None else loss * weight, reduction, "binary_cross_entropy_with_logits")


def _same_shape(input: Tensor, target: Tensor, operation: str) -> None:
    require_floats(operation, input=input)
    require_tensors(operation, target=target)
    if input._array.shape != target._array.shape:
        raise ShapeError(
            f"{operation}: target size ({tuple(target._array.shape)}) must be the same as input size "
            f"({tuple(input._array.shape)})"
        )
