"""Metrics of estimators, as `backlit.train.Trainer` has them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backlit.ops import from_numpy

if TYPE_CHECKING:
    from backlit.train.metrics import Metric

Array = NDArray[Any]


class Metrics:
    """Metrics of batches, averaged over their rows.

    Args:
        metrics: The metrics.

    Attributes:
        names: Their names.
    """

    def __init__(self, metrics: "list[Metric]") -> None:
        self._metrics = metrics
        self.names = [metric.name for metric in metrics]

    def means(self, batches: Iterable[tuple[Array, Array]], prefix: str = "") -> dict[str, float]:
        """Each metric by its name after the prefix, over batches of what they look at, and targets."""
        from backlit.train.loop import Sums

        sums = Sums()
        for shown, targets in batches:
            sums.rows += len(targets)
            sums.measure(from_numpy(shown), from_numpy(targets), self._metrics)
        found = sums.means(self._metrics, prefix)
        return {prefix + name: found[prefix + name] for name in self.names}


def metrics_of(given: Any, several_labels: bool) -> Metrics | None:
    """A perceptron's metrics; None where there are none, and nothing to import for them.

    Args:
        given: Names and functions.
        several_labels: Whether each row has several labels.

    Raises:
        ArgumentError: An unknown name, or two metrics of one name.
        ArgumentTypeError: Something is neither a name nor a function.
    """
    return None if isinstance(given, list | tuple) and not given else Metrics(resolved(given, None, several_labels))


def resolved(given: Any, loss: Any, several_labels: bool) -> "list[Metric]":
    """The metrics of these names and functions; "accuracy" is what the estimator's `score` is.

    Args:
        given: Names and functions.
        loss: Settles whether a single output is a probability or a logit.
        several_labels: Whether each row has several labels: all of them must be right then.

    Raises:
        ArgumentError: An unknown name, or two metrics of one name.
        ArgumentTypeError: Something is neither a name nor a function.
    """
    from backlit.train.metrics import resolve_metrics

    pairs = zip(given, resolve_metrics(given, loss), strict=True)
    return [
        replace(metric, measure=_all_right) if several_labels and isinstance(one, str) and one == "accuracy" else metric
        for one, metric in pairs
    ]


def _all_right(scores: Any, target: Any) -> np.float64:
    """The number of rows in which each label is right."""
    return np.float64(((scores.numpy() > 0) == (target.numpy() > 0.5)).all(1).sum())
