"""python -m benchmarks.tables: estimators on tables beside scikit-learn's, in time and in test scores over 10 seeds.

Both libraries fit and predict in turn in one process on the same data; times are medians. How long it takes from an
imported scikit-learn to a first fit is measured in processes of their own.
"""

import argparse
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sklearn.neural_network
from rich.console import Console
from rich.table import Table
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import backlit.sklearn
from benchmarks.machine import describe

LIBRARIES = (sklearn.neural_network, backlit.sklearn)
TOYS = {
    "iris": ("MLPClassifier", load_iris),
    "wine": ("MLPClassifier", load_wine),
    "breast cancer": ("MLPClassifier", load_breast_cancer),
    "digits": ("MLPClassifier", load_digits),
    "diabetes": ("MLPRegressor", load_diabetes),
}
SEEDS = 10
FIRST_FIT = """
import time
import numpy as np
import sklearn.neural_network
X, y = np.random.default_rng(0).normal(size=(1797, 64)), np.arange(1797) % 10
start = time.perf_counter()
import {0}
{0}.MLPClassifier((32,), batch_size=32, max_iter=2, tol=1).fit(X, y)
print(time.perf_counter() - start)
"""


def in_turn(rounds: int, actions: Sequence[Callable[[], Any]]) -> list[float]:
    """Seconds of each action: the median of rounds in which they run one after the other, after one not counted."""
    found: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for times, action in zip(found, actions, strict=True):
            start = time.perf_counter()
            action()
            if number:
                times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in found]


def jobs(rows: int) -> dict[str, tuple[Any, Any, str, dict[str, Any]]]:
    """Inputs, targets, estimator and options by the job's name."""
    digits, classes = load_digits(return_X_y=True)
    small = {"hidden_layer_sizes": (32,), "batch_size": 32, "max_iter": 20}
    rng = np.random.default_rng(0)
    table = rng.normal(size=(20_000, 20))
    price = np.sin(table[:, 0]) + table[:, 1] * table[:, 2] + rng.normal(size=20_000)
    large = rng.normal(size=(rows, 50)).astype(np.float32)
    return {
        "digits": (digits / 16, classes, "MLPClassifier", small),
        "digits, float32": ((digits / 16).astype(np.float32), classes, "MLPClassifier", small),
        "tabular": (table, price, "MLPRegressor", {"hidden_layer_sizes": (64, 64), "max_iter": 5}),
        "tabular, lbfgs": (table, price, "MLPRegressor", {"solver": "lbfgs", "max_iter": 20}),
        f"{rows:,} rows": (large, large[:, 0] * large[:, 1] > 0, "MLPClassifier", {"max_iter": 2}),
    }


def times(rows: int, rounds: int) -> Table:
    """What fitting and predicting take."""
    view = Table("job", "what", title="Milliseconds")
    for name in ("scikit-learn", "backlit", "ratio"):
        view.add_column(name, justify="right")
    for name, (X, y, kind, options) in jobs(rows).items():
        makers = [getattr(library, kind) for library in LIBRARIES]
        models = [make(**options, random_state=0).fit(X, y) for make in makers]
        few = rounds if len(X) < rows else 1
        parts = {
            "fit": (few, [partial(m.fit, X, y) for m in models]),
            "predict all": (3 * few, [partial(m.predict, X) for m in models]),
            "predict one row": (200, [partial(m.predict, X[:1]) for m in models]),
        }
        for what, (count, actions) in parts.items():
            theirs, ours = in_turn(count, actions)
            view.add_row(name, what, f"{1e3 * theirs:.3f}", f"{1e3 * ours:.3f}", f"{theirs / ours:.1f}")
        view.add_section()
    seconds = []
    for library in LIBRARIES:
        command = [sys.executable, "-W", "ignore", "-c", FIRST_FIT.format(library.__name__)]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
        seconds.append(statistics.median(float(run.stdout) for run in runs))
    view.add_row("import to first fit", "", *(f"{1e3 * s:.0f}" for s in seconds), f"+{seconds[1] - seconds[0]:.2f} s")
    return view


def scores() -> Table:
    """Test scores over the seeds: mean and spread."""
    view = Table("data", "score", "scikit-learn", "backlit", title=f"Test scores of {SEEDS} seeds, mean ± spread")
    for name, (kind, load) in TOYS.items():
        X, y = load(return_X_y=True)
        found: list[list[float]] = [[], []]
        for seed in range(SEEDS):
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
            scaler = StandardScaler().fit(X_train)
            for library, values in zip(LIBRARIES, found, strict=True):
                model = getattr(library, kind)(random_state=seed).fit(scaler.transform(X_train), y_train)
                values.append(model.score(scaler.transform(X_test), y_test))
        words = [f"{np.mean(values):.4f} ± {np.std(values):.4f}" for values in found]
        view.add_row(name, "accuracy" if is_classifier(model) else "R²", *words)
    return view


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.tables", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large table")
    parser.add_argument("--rounds", type=int, default=7, help="fits that are timed")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    console = Console()
    console.print(describe(("backlit", "sklearn")), highlight=False)
    console.print(times(options.rows, options.rounds))
    console.print(scores())
    return 0


if __name__ == "__main__":
    sys.exit(main())
