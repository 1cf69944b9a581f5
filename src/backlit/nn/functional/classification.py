"""Losses of classes: negative log-likelihood and cross-entropy."""

from typing import Any

import numpy as np

from backlit.core.composite import composite
from backlit.core.modes import STATE
from backlit.errors import DtypeError, IndexRangeError, ShapeError
from backlit.nn.checks import require_floats, require_tensors
from backlit.nn.functional.reduction import check_reduction, reduced
from backlit.ops import log_softmax, where
from backlit.ops.tensor import Tensor


def _check_labels(labels: Any, classes: int, ignore_index: int, operation: str) -> bool:
    """Raise unless all labels name a class or are to be ignored; are any to be ignored?

    Raises:
        IndexRangeError: A label is out of range; the message names it and its row.
    """
    # As unsigned integers negative labels are the largest, so that one pass over the labels is enough.
    unsigned = labels.view(f"u{labels.dtype.itemsize}")
    if not unsigned.size or (unsigned.max() < classes and not 0 <= ignore_index < classes):
        return False
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        row = place[0] if len(place) == 1 else place
        raise IndexRangeError(
            f"{operation}: label {int(labels[place])} in row {row} is out of range for {classes} classes; labels must "
            f"be 0 to {classes - 1}, or ignore_index={ignore_index}"
        )
    return bool((labels == ignore_index).any())


def _kernel(xp: Any, input: Any, target: Any, *, reduction: str, ignore_index: int) -> Any:
    classes = input.shape[1]
    ignored = _check_labels(target, classes, ignore_index, "cross_entropy")
    labels = (np.where(target == ignore_index, 0, target) if ignored else target).reshape(-1)
    # A copy with the classes first: NumPy reduces many long rows faster than many short ones.
    slope = np.array(input.swapaxes(0, 1), order="C").reshape(classes, labels.size)
    rows = np.arange(labels.size)
    slope -= np.maximum.reduce(slope, axis=0, initial=-np.inf)
    picked = slope[labels, rows]
    np.exp(slope, out=slope)
    total = np.add.reduce(slope, axis=0)
    slope /= total
    slope[labels, rows] -= 1
    loss = np.log(total, out=total)
    loss -= picked
    count = labels.size
    if ignored:
        used = (target != ignore_index).reshape(-1)
        # Not a product: what is ignored may be infinite.
        loss[~used] = 0
        slope[:, ~used] = 0
        count = int(np.count_nonzero(used))
    slope = slope.reshape(classes, *target.shape).swapaxes(0, 1)
    if reduction == "none":
        return loss.reshape(target.shape), slope, np.asarray(count)
    loss = np.add.reduce(loss)
    return loss / count if reduction == "mean" else loss, slope, np.asarray(count)


def _kernel_gradient(g: Any, ans: Any, reduction: str) -> Any:
    _, slope, count = ans
    if reduction == "mean":
        # Where nothing counts there is nothing to learn from, although the mean is no number.
        return slope * (g / np.maximum(count, 1)).astype(slope.dtype), None
    return slope * (g if reduction == "sum" else np.expand_dims(g, 1)), None


def _samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        ((rng.normal(size=(4, 3)), np.array([0, 2, -100, 1])), {"reduction": kind, "ignore_index": -100})
        for kind in ("mean", "sum", "none")
    ] + [((rng.normal(size=(2, 3, 4)), rng.integers(3, size=(2, 4))), {"reduction": "mean", "ignore_index": 1})]


@composite(
    kernel=_kernel,
    gradient=_kernel_gradient,
    role="loss",
    notation="-log softmax({input})[{target}]",
    promote=None,
    hidden=2,
    samples=_samples,
)
def _cross_entropy(input: Tensor, target: Tensor, *, reduction: str, ignore_index: int) -> Any:
    return _picked(log_softmax(input, 1), target, None, ignore_index, reduction)


def _picked(scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Any:
    """The score of each row's class, negated, weighted and reduced."""
    used = target != ignore_index
    labels = where(used, target, 0).long()
    loss = -scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    factor = used.to(scores.dtype) if weight is None else weight[labels] * used
    loss = where(used, loss * factor, 0.0)
    if reduction == "none":
        return loss
    return loss.sum() / factor.sum() if reduction == "mean" else loss.sum()


def _check_shapes(input: Tensor, target: Tensor, weight: Tensor | None, operation: str) -> None:
    shape, wanted = input._array.shape, target._array.shape
    if len(shape) < 2 or shape[:1] + shape[2:] != wanted:
        fitting = f" = {shape[:1] + shape[2:]}" if len(shape) > 1 else ""
        if len(shape) > 1 and shape == wanted:
            fitting += "; one-hot rows become labels by .argmax(1), or probabilities by .float()"
        raise ShapeError(
            f"{operation}: got an input of shape {shape} and labels of shape {wanted}; an input of shape "
            f"(n, classes, ...) goes with labels of shape (n, ...){fitting}"
        )
    if target._array.dtype.kind not in "iu":
        raise DtypeError(
            f"{operation}: labels must be integers, got {target._array.dtype}; use .long(), or give probabilities of "
            "the input's shape"
        )
    if weight is not None and tuple(weight._array.shape) != (shape[1],):
        raise ShapeError(
            f"{operation}: weight has shape {tuple(weight._array.shape)}, expected one number a class, ({shape[1]},)"
        )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood: minus the log-probability of each row's class.

    Args:
        input: Log-probabilities, (n, classes) or (n, classes, ...), or (classes).
        target: Labels, (n) or (n, ...), or ().
        weight: One factor a class, (classes). The mean is divided by the sum of the factors.
        size_average: Has no effect, as in PyTorch, where it is retired.
        ignore_index: The label of rows that do not count.
        reduce: Has no effect.
        reduction: "none", "mean" or "sum".

    Raises:
        IndexRangeError: A label is out of range.
        ShapeError: The shapes do not fit.
    """
    check_reduction(reduction, "nll_loss")
    require_floats("nll_loss", input=input)
    require_tensors("nll_loss", target=target)
    single = input._array.ndim == 1
    if single:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    _check_shapes(input, target, weight, "nll_loss")
    if STATE.trace is None:
        _check_labels(target._array, input._array.shape[1], ignore_index, "nll_loss")
    loss = _picked(input, target, weight, ignore_index, reduction)
    return loss.squeeze(0) if single and reduction == "none" else loss


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross-entropy between softmax(input) and the target.

    Args:
        input: Logits, (n, classes) or (n, classes, ...), or (classes).
        target: Labels, (n) or (n, ...), or (); or probabilities of the input's shape.
        weight: One factor a class, (classes). With labels, the mean is divided by the sum of the factors.
        size_average: Has no effect, as in PyTorch, where it is retired.
        ignore_index: The label of rows that do not count.
        reduce: Has no effect.
        reduction: "none", "mean" or "sum".
        label_smoothing: Mix the target with this much of the even distribution (Szegedy et al., 2016).

    Raises:
        IndexRangeError: A label is out of range.
        ShapeError: The shapes do not fit.
        DtypeError: Labels are not integers.
    """
    check_reduction(reduction, "cross_entropy")
    require_floats("cross_entropy", input=input)
    require_tensors("cross_entropy", target=target)
    if input._array.shape == target._array.shape and target._array.dtype.kind == "f":
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    single = input._array.ndim == 1
    if single:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    _check_shapes(input, target, weight, "cross_entropy")
    if weight is None and label_smoothing == 0.0:
        loss = _cross_entropy.bind(input, target, reduction=reduction, ignore_index=ignore_index)
    else:
        if STATE.trace is None:
            _check_labels(target._array, input._array.shape[1], ignore_index, "cross_entropy")
        loss = _smoothed(log_softmax(input, 1), target, weight, ignore_index, reduction, label_smoothing)
    return loss.squeeze(0) if single and reduction == "none" else loss


def _smoothed(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    loss = _picked(scores, target, weight, ignore_index, reduction)
    if smoothing == 0.0:
        return loss
    used = target != ignore_index
    classes = scores._array.shape[1]
    even = where(used, -_weighted(scores, weight).sum(1), 0.0)
    if reduction == "sum":
        even = even.sum()
    elif reduction == "mean":
        count = used.sum() if weight is None else (weight[where(used, target, 0)] * used).sum()
        even = even.sum() / count
    return loss * (1 - smoothing) + even * (smoothing / classes)


def _weighted(scores: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return scores
    return scores * weight.reshape((-1,) + (1,) * max(scores._array.ndim - 2, 0))


def _of_probabilities(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    axis = 0 if input._array.ndim == 1 else 1
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input._array.shape[axis]
    loss = -(_weighted(log_softmax(input, axis), weight) * target).sum(axis)
    return reduced(loss, reduction, "cross_entropy")
