"""python -m benchmarks.scores: test scores of backlit's estimators and of scikit-learn's, over 10 seeds.

A seed divides the rows and begins the fit; all else is as the classes have it.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence

import numpy as np
import sklearn.neural_network
from rich.table import Table
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import backlit.sklearn
from benchmarks.command import names, number, screen
from benchmarks.machine import describe

LIBRARIES = (sklearn.neural_network, backlit.sklearn)
TOYS = {
    "iris": ("MLPClassifier", load_iris),
    "wine": ("MLPClassifier", load_wine),
    "breast-cancer": ("MLPClassifier", load_breast_cancer),
    "digits": ("MLPClassifier", load_digits),
    "diabetes": ("MLPRegressor", load_diabetes),
}


def scores(name: str, seeds: int) -> tuple[str, np.ndarray]:
    """The name of the score, and the scores, (libraries, seeds)."""
    kind, load = TOYS[name]
    X, y = load(return_X_y=True)
    found = np.empty((len(LIBRARIES), seeds))
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        scaler = StandardScaler().fit(X_train)
        for place, library in enumerate(LIBRARIES):
            model = getattr(library, kind)(random_state=seed).fit(scaler.transform(X_train), y_train)
            found[place, seed] = model.score(scaler.transform(X_test), y_test)
    return "accuracy" if is_classifier(model) else "R²", found


def within_noise(found: np.ndarray) -> bool:
    """Whether the mean difference is at most twice its standard error, or nothing."""
    differences = found[1] - found[0]
    return bool(abs(differences.mean()) <= 2 * differences.std() / np.sqrt(len(differences)) + 1e-6)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.scores", description="Test scores beside scikit-learn's.")
    parser.add_argument("--data", type=names(TOYS), default=list(TOYS))
    parser.add_argument("--seeds", type=number(2), default=10)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    console = screen()
    console.print(describe(("backlit", "sklearn")), highlight=False)
    view = Table(caption=f"mean ± standard deviation over {options.seeds} seeds")
    for column in ("data", "score", "scikit-learn", "backlit", "largest difference", "within noise"):
        view.add_column(column)
    equal = True
    for name in options.data:
        what, found = scores(name, options.seeds)
        equal &= within_noise(found)
        words = [f"{values.mean():.4f} ± {values.std():.4f}" for values in found]
        largest = abs(found[1] - found[0]).max()
        view.add_row(name, what, *words, f"{largest:.4f}", "yes" if within_noise(found) else "[red]no !")
    console.print(view)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
