"""Predictions of JAX, jitted, and of scikit-learn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.jobs import Job


def jax(job: Job, X: Any, y: Any, *, rows: int, calls: int) -> Callable[[], float]:
    import jax

    from benchmarks.peers.jax_functions import forward, start

    parameters = start(replace(job, optimizer="SGD"), jax.random.key(0))
    predict = jax.jit(forward)
    given = jax.numpy.asarray(X[:rows])

    def run() -> float:
        for _ in range(calls):
            scores = predict(parameters, given).block_until_ready()
        return float(scores[0, 0])

    return run


def sklearn(job: Job, X: Any, y: Any, *, rows: int, calls: int) -> Callable[[], float]:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(job.sizes[1:-1], random_state=0).partial_fit(X, y, classes=range(job.sizes[-1]))
    given = X[:rows]

    def run() -> float:
        for _ in range(calls):
            scores = model.predict_proba(given)
        return float(scores[0, 0])

    return run
