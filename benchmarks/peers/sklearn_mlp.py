"""scikit-learn's MLPClassifier. It starts anew at each fit, and its loss is an epoch's mean."""

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.jobs import Job


def build(job: Job, X: Any, y: Any) -> Callable[[], float]:
    model = MLPClassifier(
        job.sizes[1:-1],
        solver=job.optimizer.lower(),
        batch_size=job.batch_size,
        max_iter=job.epochs,
        learning_rate_init=job.lr,
        momentum=0,
        alpha=0,
        n_iter_no_change=10**6,
        random_state=0,
    )

    def fit() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the job's, not convergence's
            return float(model.fit(X, y).loss_)

    return fit
