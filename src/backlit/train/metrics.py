"""Metrics: how good predictions are, added up batch by batch, so that data larger than memory has them too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError, suggest
from backlit.nn import BCELoss
from backlit.ops import Tensor

Sums = NDArray[np.float64]
UserMetric = Callable[[Tensor, Tensor], Any]


@dataclass(frozen=True)
class Metric:
    """A number that says how well predictions fit targets.

    Attributes:
        name: What the history calls it.
        measure: From a batch's predictions and targets to sums, float64, which are added over batches.
        finish: From the sums and the number of rows to the metric's value.
    """

    name: str
    measure: Callable[[Tensor, Tensor], Any]
    finish: Callable[[Any, int], float]


def resolve_metrics(metrics: Sequence[str | UserMetric], loss: object) -> list[Metric]:
    """The metrics of these names and functions.

    Args:
        metrics: Names, or functions `f(pred, target)` of a batch that return its mean over the rows.
        loss: The loss, which settles whether a single output is a probability or a logit.

    Raises:
        ArgumentError: An unknown name, or two metrics of one name.
        ArgumentTypeError: Something is neither a name nor a function.
    """
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise ArgumentTypeError(f"metrics: expected a list of names or functions, got {metrics!r}; write [{metrics!r}]")
    threshold = 0.5 if isinstance(loss, BCELoss) else 0.0
    found = [_resolve(metric, threshold) for metric in metrics]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1 or name == "loss" or name.startswith("val_"):
            raise ArgumentError(f"metrics: the name {name!r} is taken; give the function another __name__")
    return found


def _resolve(metric: str | UserMetric, threshold: float) -> Metric:
    if isinstance(metric, str):
        if metric not in _NAMED:
            raise ArgumentError(f"metrics: unknown metric {metric!r}{suggest(metric, _NAMED)}, or pass a function")
        return _NAMED[metric](threshold)
    if not callable(metric):
        raise ArgumentTypeError(f"metrics: expected names or functions f(pred, target), got {type(metric).__name__}")
    return Metric(_name(metric), _rows_times(metric), _mean)


def _rows_times(metric: UserMetric) -> Callable[[Tensor, Tensor], Any]:
    def measure(pred: Tensor, target: Tensor) -> Any:
        value = metric(pred, target)
        if np.shape(value) != ():
            raise ShapeError(f"metrics: {_name(metric)} must return one number, its mean, got shape {np.shape(value)}")
        return np.float64(float(value) * len(target))

    return measure


def _name(metric: UserMetric) -> str:
    return getattr(metric, "__name__", type(metric).__name__)


def _mean(sums: Any, rows: int) -> float:
    return float(sums) / rows


def _accuracy(threshold: float) -> Metric:
    def measure(pred: Tensor, target: Tensor) -> Any:
        scores, wanted = pred.numpy(), target.numpy()
        if scores.ndim >= 2 and scores.shape[1] > 1:
            if wanted.shape == scores.shape:
                wanted = wanted.argmax(1)
            chosen = scores.argmax(1)
        else:
            chosen, wanted = scores.reshape(-1) > threshold, wanted.reshape(-1) > 0.5
        _same_shape("accuracy", chosen, wanted)
        # Rows with several labels each (sequences, images) count by the share that is right.
        return np.float64((chosen == wanted).sum() / max(chosen[:1].size, 1))

    return Metric("accuracy", measure, _mean)


def _top5(_: float) -> Metric:
    def measure(pred: Tensor, target: Tensor) -> Any:
        scores, wanted = pred.numpy(), target.numpy()
        if scores.ndim != 2 or wanted.shape != scores.shape[:1]:
            raise ShapeError(f"top5: expected (n, classes) and (n,), got {scores.shape} and {wanted.shape}")
        own = np.take_along_axis(scores, wanted[:, None], axis=1)
        return np.float64(((scores > own).sum(1) < 5).sum())

    return Metric("top5", measure, _mean)


def _error(name: str, of: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[float], Metric]:
    def measure(pred: Tensor, target: Tensor) -> Any:
        guesses, wanted = _columns(name, pred, target)
        return np.float64(of(guesses - wanted).mean() * len(wanted))

    return lambda _: Metric(name, measure, _mean)


def _r2(_: float) -> Metric:
    """The coefficient of determination, 1 - residual / total sum of squares; outputs count alike."""

    def measure(pred: Tensor, target: Tensor) -> Any:
        guesses, wanted = _columns("r2", pred, target)
        return np.stack([((guesses - wanted) ** 2).sum(0), wanted.sum(0), (wanted**2).sum(0)])

    def finish(sums: Any, rows: int) -> float:
        residual, total, squares = sums
        spread = squares - total**2 / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((1 - residual / spread).mean())

    return Metric("r2", measure, finish)


_NAMED: dict[str, Callable[[float], Metric]] = {
    "accuracy": _accuracy,
    "top5": _top5,
    "r2": _r2,
    "mae": _error("mae", np.abs),
    "mse": _error("mse", np.square),
}


def _columns(name: str, pred: Tensor, target: Tensor) -> tuple[Sums, Sums]:
    guesses, wanted = (side.numpy().astype(np.float64) for side in (pred, target))
    guesses, wanted = guesses.reshape(len(guesses), -1), wanted.reshape(len(wanted), -1)
    _same_shape(name, guesses, wanted)
    return guesses, wanted


def _same_shape(name: str, chosen: NDArray[Any], wanted: NDArray[Any]) -> None:
    if chosen.shape != wanted.shape:
        raise ShapeError(f"{name}: predictions of shape {chosen.shape} do not fit targets of shape {wanted.shape}")
