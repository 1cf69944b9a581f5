"""How good predictions are: scores, calibration, importances of columns, and whether one model beats another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import DataError, ShapeError

Floats = NDArray[np.float64]

# Probabilities are float32: what is closer to 0 or 1 than this cannot be told from it (scikit-learn clips so too).
_SMALLEST = float(np.finfo(np.float32).eps)
# Two-sided, for a difference whose mean is nearly normal.
_NINETY_FIVE = 1.96


def class_scores(actual: NDArray[Any], probabilities: NDArray[Any]) -> dict[str, float]:
    """Scores of predicted probabilities; the class with the highest is the prediction.

    Args:
        actual: Class numbers, (n,).
        probabilities: (n, K), each row adding up to 1.

    Returns:
        Accuracy; balanced accuracy, the mean over the actual classes of the share that is found; log loss, the mean of
        -log p(actual class); for two classes the area under the ROC curve, the probability that a row of the second
        class has a higher probability than one of the first (Fawcett, "An introduction to ROC analysis", 2006), NaN
        where one class is absent. A row whose probabilities are not finite counts as wrong and makes the log loss NaN.

    Raises:
        DataError: No rows.
        ShapeError: `probabilities` is not (n, K).
    """
    _check_rows("class_scores", actual, probabilities, 2)
    right = found_classes(probabilities) == actual
    scores = {
        "accuracy": float(right.mean()),
        "balanced accuracy": float(np.mean([right[actual == number].mean() for number in np.unique(actual)])),
        "log loss": float(log_losses(actual, probabilities).mean()),
    }
    if probabilities.shape[1] == 2:
        scores["ROC AUC"] = _area_under_roc(actual == 1, probabilities[:, 1])
    return scores


def found_classes(probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """The most probable class of each row, (n,); -1 where the probabilities are not finite."""
    return np.where(np.isfinite(probabilities).all(1), probabilities.argmax(1), -1)


def log_losses(actual: NDArray[Any], probabilities: NDArray[Any]) -> Floats:
    """-log p(actual class) of each row, (n,), at most 16, as probabilities are float32."""
    own = np.take_along_axis(probabilities, actual[:, None], axis=1)[:, 0].astype(np.float64)
    return -np.log(np.clip(own, _SMALLEST, 1 - _SMALLEST))


def _area_under_roc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """By the ranks of the positive rows (Mann and Whitney, 1947); equal scores share their mean rank."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative or not np.isfinite(scores).all():
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    wins = ranks[place][positive].sum() - n_positive * (n_positive + 1) / 2
    return float(wins / (n_positive * n_negative))


def value_scores(actual: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Scores of predicted values, both (n,).

    Returns:
        RMSE and MAE, in the values' unit, and R² = 1 - residual / total sum of squares, NaN where all values are equal.

    Raises:
        DataError: No rows.
        ShapeError: Not two vectors of one length.
    """
    _check_rows("value_scores", actual, predicted, 1)
    wanted = actual.astype(np.float64)
    errors = predicted - wanted
    spread = ((wanted - wanted.mean()) ** 2).sum()
    r2 = 1 - (errors**2).sum() / spread if spread else np.nan
    return {"RMSE": float(np.sqrt((errors**2).mean())), "MAE": float(np.abs(errors).mean()), "R²": float(r2)}


def _check_rows(name: str, actual: NDArray[Any], predicted: NDArray[Any], ndim: int) -> None:
    if actual.ndim != 1 or predicted.ndim != ndim or len(actual) != len(predicted):
        raise ShapeError(f"{name}: predictions of shape {predicted.shape} do not fit targets of shape {actual.shape}")
    if not len(actual):
        raise DataError(f"{name}: no rows to judge by")


@dataclass(frozen=True)
class Difference:
    """By how much one model's rows are better than another's, on average.

    Attributes:
        mean: Positive where the first model is better.
        margin: Half the width of the 95% confidence interval; NaN for a single row.
    """

    mean: float
    margin: float

    @property
    def verdict(self) -> str:
        """`"better"` or `"worse"` where the interval excludes 0, else `"no better"`."""
        if not abs(self.mean) > self.margin:
            return "no better"
        return "better" if self.mean > 0 else "worse"


def difference(losses: NDArray[Any], others: NDArray[Any]) -> Difference:
    """Compare two models row by row, by their losses (n,) on the same rows.

    Rows that are hard for both cancel, so that fewer rows show a difference (T. Dietterich, "Approximate statistical
    tests for comparing supervised classification learning algorithms", 1998).
    """
    gains = np.asarray(others, np.float64) - losses
    margin = _NINETY_FIVE * gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
    return Difference(float(gains.mean()), float(margin))


@dataclass(frozen=True)
class Calibration:
    """Whether what is said with probability p comes true in a share p of the cases.

    Attributes:
        predicted: Mean probability of each bin that holds rows, (b,).
        observed: Share in which it came true, (b,).
        counts: Rows of each bin, (b,).
    """

    predicted: Floats
    observed: Floats
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of the two, weighted by rows (Naeini et al., 2015)."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.counts))

    def intervals(self) -> tuple[Floats, Floats]:
        """Ends of 95% confidence intervals of `observed`, (b,) each (E. B. Wilson, 1927)."""
        z2 = _NINETY_FIVE**2
        center = (self.observed + z2 / (2 * self.counts)) / (1 + z2 / self.counts)
        variance = self.observed * (1 - self.observed) / self.counts + z2 / (4 * self.counts**2)
        half = _NINETY_FIVE * np.sqrt(variance) / (1 + z2 / self.counts)
        return center - half, center + half


def calibration(actual: NDArray[Any], probabilities: NDArray[Any], *, bins: int = 10) -> Calibration:
    """Group rows by their probability, in bins of equal width.

    For two classes the probability is that of the second, and comes true where a row is of it; for more it is that of
    the predicted class, and comes true where that is right (Guo et al., "On calibration of modern neural networks",
    2017). Rows whose probabilities are not finite are left out.

    Args:
        actual: Class numbers, (n,).
        probabilities: (n, K).
        bins: How many.

    Raises:
        DataError: No rows with finite probabilities.
        ShapeError: `probabilities` is not (n, K).
    """
    _check_rows("calibration", actual, probabilities, 2)
    usable = np.isfinite(probabilities).all(1)
    actual, probabilities = actual[usable], probabilities[usable].astype(np.float64)
    if not len(actual):
        raise DataError("calibration: no row has finite probabilities")
    if probabilities.shape[1] == 2:
        said, true = probabilities[:, 1], actual == 1
    else:
        said, true = probabilities.max(1), probabilities.argmax(1) == actual
    places = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], said)
    counts = np.bincount(places, minlength=bins)
    used = counts > 0
    sums = [np.bincount(places, weights=weights, minlength=bins)[used] for weights in (said, true)]
    return Calibration(sums[0] / counts[used], sums[1] / counts[used], counts[used])


def permutation_importances(
    score: Callable[[NDArray[Any], NDArray[np.int64]], float],
    inputs: NDArray[Any],
    groups: Mapping[str, Sequence[int]],
    *,
    repeats: int = 5,
    most_rows: int = 1000,
    seed: int = 0,
) -> dict[str, Floats]:
    """How much a score falls when the values of one column are shuffled over the rows.

    A column that the model does not use falls by 0; one that others stand in for falls by little (L. Breiman, "Random
    forests", 2001).

    Args:
        score: From inputs, (m, n_encoded), and the numbers of the rows that they stand for, (m,), to a score.
        inputs: What the model sees, (n, n_encoded).
        groups: For each column by its name the numbers of the encoded columns that are made of it; they are shuffled
            together.
        repeats: Shuffles of each column.
        most_rows: Of more rows so many are drawn.
        seed: Of the shuffles and the draw.

    Returns:
        For each column the falls, (repeats,).

    Raises:
        DataError: Fewer than two rows.
    """
    if len(inputs) < 2:
        raise DataError(f"permutation_importances: expected at least two rows to shuffle, got {len(inputs)}")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(inputs))[:most_rows])
    chosen = inputs[rows]
    whole = score(chosen, rows)
    falls = {}
    for name, places in groups.items():
        columns, own = list(places), np.empty(repeats)
        original = chosen[:, columns]
        for repeat in range(repeats):
            chosen[:, columns] = original[rng.permutation(len(rows))]
            own[repeat] = whole - score(chosen, rows)
        chosen[:, columns] = original
        falls[name] = own
    return falls
