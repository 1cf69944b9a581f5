"""Estimators on tables: scikit-learn's and backlit's, which share one text, and PyTorch's through skorch.

A builder's `action` is "fit", anew at each call, or "predict" of the first `rows` rows, `calls` times, by a model that
has seen few rows once.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.jobs import Job

FEW = 2000


def mlp(
    job: Job, X: Any, y: Any, *, library: str, threads: int, action: str, rows: int = 0, calls: int = 1
) -> Callable[[], float]:
    if library.startswith("backlit"):
        import backlit

        backlit.set_num_threads(threads)
    else:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
    kind = "MLPRegressor" if _is_regression(job, y) else "MLPClassifier"
    model = getattr(import_module(library), kind)(
        hidden_layer_sizes=job.sizes[1:-1],
        solver=job.optimizer.lower(),
        batch_size=job.batch_size,
        max_iter=job.epochs if action == "fit" else 1,
        n_iter_no_change=10**6,
        random_state=0,
    )
    return _timed(model, X, y, action, X[:rows], calls)


def skorch(
    job: Job, X: Any, y: Any, *, threads: int, action: str, rows: int = 0, calls: int = 1
) -> Callable[[], float]:
    import torch
    from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor

    from benchmarks.peers.torch_style import network

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    # Its networks compute in float32 unless told otherwise.
    X = X.astype(np.float32)
    if _is_regression(job, y):
        kind, y = NeuralNetRegressor, y.astype(np.float32)[:, None]
    elif job.sizes[-1] == 1:
        kind, y = NeuralNetBinaryClassifier, y.astype(np.float32)
    else:
        kind = NeuralNetClassifier
    options: dict[str, Any] = {"lr": 1e-3, "batch_size": job.batch_size, "optimizer__fused": True}
    epochs = job.epochs if action == "fit" else 1
    if job.optimizer == "LBFGS":
        line_search = {"optimizer__line_search_fn": "strong_wolfe", "optimizer__max_iter": epochs}
        options, epochs = {"lr": 1.0, "batch_size": -1, **line_search}, 1
    if kind is NeuralNetClassifier:
        options["criterion"] = torch.nn.CrossEntropyLoss
    model = kind(
        network(torch.nn, job),
        optimizer=getattr(torch.optim, job.optimizer),
        max_epochs=epochs,
        train_split=None,
        iterator_train__shuffle=job.optimizer != "LBFGS",
        verbose=0,
        **options,
    )
    return _timed(model, X, y, action, X[:rows], calls)


def _is_regression(job: Job, y: Any) -> bool:
    return job.sizes[-1] == 1 and y.dtype.kind == "f"


def _timed(model: Any, X: Any, y: Any, action: str, given: Any, calls: int) -> Callable[[], float]:
    few = slice(FEW if action == "predict" else None)

    def fit() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the job's
            model.fit(X[few], y[few])
        return float(model.loss_) if hasattr(model, "loss_") else model.history[-1, "train_loss"]

    def predict() -> float:
        for _ in range(calls):
            found = model.predict(given)
        return float(np.ravel(found)[0])

    if action == "fit":
        return fit
    fit()
    return predict
