"""Tables for the estimators to learn, and what they shall learn of them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.jobs import Job

Data = tuple[NDArray[np.floating], NDArray[Any]]
LARGE = 1_000_000


def _digits(job: Job) -> Data:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(job.dtype), y


def _housing(job: Job) -> Data:
    """California housing where scikit-learn has it; else waves of its shape."""
    from sklearn.datasets import fetch_california_housing
    from sklearn.preprocessing import StandardScaler

    try:
        X, y = fetch_california_housing(return_X_y=True, download_if_missing=False)
    except OSError:
        return _waves(job)
    return StandardScaler().fit_transform(X).astype(job.dtype), y.astype(job.dtype)


def _waves(job: Job) -> Data:
    """Normal inputs; the target is a wave of one and the product of two others, with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((job.rows, job.sizes[0]), job.dtype)
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + rng.standard_normal(job.rows, job.dtype)
    return X, y


def _quadrants(job: Job) -> Data:
    """Normal inputs; the class is whether two of them have one sign."""
    X = np.random.default_rng(0).standard_normal((job.rows, job.sizes[0]), job.dtype)
    return X, (X[:, 0] * X[:, 1] > 0).astype(np.int64)


TABLES: Mapping[str, Callable[[Job], Data]] = {
    "digits": _digits,
    "housing": _housing,
    "waves": _waves,
    "quadrants": _quadrants,
}


def california_housing_is_there() -> bool:
    """Whether scikit-learn has California housing, or can fetch it now."""
    from sklearn.datasets import fetch_california_housing

    with suppress(OSError):
        fetch_california_housing(n_retries=1, delay=0.1)
        return True
    return False


_DIGITS = {"sizes": (64, 32, 10), "rows": 1797, "batch_size": 32, "epochs": 20, "optimizer": "Adam", "table": "digits"}
_WAVES = {"rows": 20_000, "batch_size": 200, "table": "waves", "dtype": "float64"}
_HOUSING = {"rows": 20_640, "batch_size": 200, "table": "housing", "dtype": "float64"}
_MILLION = {"sizes": (50, 100, 1), "rows": LARGE, "batch_size": 200, "epochs": 1, "table": "quadrants"}

# A job's bar: how many times as long scikit-learn's fit must take at least.
TABLE_JOBS = {
    job.name: job
    for job in (
        Job("digits", **_DIGITS, bar=10.0, dtype="float64"),
        Job("digits32", **_DIGITS, bar=10.0),
        Job("tabular", (20, 64, 64, 1), epochs=5, optimizer="Adam", bar=1.0, **_WAVES),
        Job("tabular-lbfgs", (20, 100, 1), epochs=20, optimizer="LBFGS", bar=1.0, **_WAVES),
        Job("housing", (8, 100, 1), epochs=5, optimizer="Adam", bar=1.0, **_HOUSING),
        Job("million", **_MILLION, optimizer="Adam", bar=5.0, dtype="float64"),
        Job("million32", **_MILLION, optimizer="Adam", bar=5.0),
    )
}
