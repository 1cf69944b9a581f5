"""Targets that do not fit what a model predicts are found before training, not in some batch of the first epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backlit.core.modes import no_grad
from backlit.errors import ArgumentTypeError, IndexRangeError, ShapeError
from backlit.nn import CrossEntropyLoss, HuberLoss, L1Loss, Module, MSELoss, NLLLoss, SmoothL1Loss
from backlit.ops import Tensor, default_generator
from backlit.train.feed import Feed
from backlit.train.modes import in_mode

# These would broadcast a target of another shape, and teach something else than was meant.
_ELEMENTWISE = (MSELoss, L1Loss, SmoothL1Loss, HuberLoss)


def check_targets(model: Module, loss: Callable[[Any, Any], Any], feed: Feed) -> int | None:
    """Compare the targets of a feed with what the model predicts for its first two rows, in evaluation mode.

    Nothing is compared where the targets are not known beforehand.

    Returns:
        How many classes the targets may name; None where they are no labels of classes.

    Raises:
        IndexRangeError: A class label is none of the model's outputs; its row is named.
        ShapeError: Targets of another shape than the predictions, or a loss that is not one number.
        ArgumentTypeError: A loss that is no tensor.
    """
    first = feed.first(2)
    if first is None or feed.targets is None:
        return None
    random = default_generator.get_state()
    try:
        with in_mode(model, training=False), no_grad():
            prediction = model(first[0])
            classes = _compare(loss, feed, prediction, first[1])
            value = loss(prediction, first[1])
    finally:
        default_generator.set_state(random)
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"the loss must return a tensor of one number, got {type(value).__name__}")
    if value.shape != ():
        raise ShapeError(
            f"the loss must return one number, got shape {tuple(value.shape)}; end it with .mean(), or leave out "
            "reduction='none'"
        )
    return classes


def _compare(loss: object, feed: Feed, prediction: Any, target: Any) -> int | None:
    labels = feed.targets
    if isinstance(loss, _ELEMENTWISE) and prediction.shape != target.shape:
        shapes = [("n", *side.shape[1:]) for side in (target, prediction)]
        wanted, predicted = (f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" for shape in shapes)
        raise ShapeError(
            f"{feed.name}: targets of shape {wanted} do not fit the model's predictions of shape {predicted}; "
            "reshape the targets, as in y[:, None], or the predictions"
        )
    if (
        isinstance(loss, CrossEntropyLoss | NLLLoss)
        and prediction.ndim > 1
        and labels is not None
        and labels.dtype.kind in "iu"
    ):
        classes = int(prediction.shape[1])
        check_labels(loss, feed, classes)
        return classes
    return None


def check_labels(loss: object, feed: Feed, classes: int) -> None:
    """Look at the labels of a feed.

    Raises:
        IndexRangeError: A label is none of so many classes; its row is named.
    """
    labels, ignored = feed.targets, getattr(loss, "ignore_index", None)
    if labels is None or (labels.min() >= 0 and labels.max() < classes):
        return
    wrong = np.argwhere(((labels < 0) | (labels >= classes)) & (labels != ignored))
    if len(wrong):
        place = tuple(wrong[0])
        raise IndexRangeError(
            f"{feed.name}: row {place[0]} has label {labels[place]}, but the model has {classes} outputs, so labels "
            f"run from 0 to {classes - 1}"
        )
