"""What a network has to beat: a guess that ignores the inputs, and a linear model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import optim
from backlit.core.dtypes import float64
from backlit.core.modes import no_grad
from backlit.ops import Tensor, from_numpy, zeros
from backlit.train.heads import Head

# Of larger tables rows are drawn: a linear model has few weights, and needs no more to find them.
_MOST_CELLS = 10_000_000
_ITERATIONS = 200


def constant_guess(head: Head, actual: NDArray[Any]) -> NDArray[np.float64]:
    """The best guess that ignores the inputs: the shares of the classes, (K,), or the mean of each target, (T,).

    Args:
        head: What is to be learnt.
        actual: Class numbers, (n,), or values, (n,) or (n, T), of the training rows.
    """
    if head.class_names:
        return np.bincount(actual, minlength=len(head.class_names)) / len(actual)
    return actual.reshape(len(actual), -1).mean(0, dtype=np.float64)


class LinearModel:
    """Outputs `x @ weight.T + bias`, with the loss of a network's head: logistic or least-squares regression.

    Trained to the minimum of the loss and a small L2 penalty, ||weight||² / (2 n), without which classes that a plane
    separates have none; scikit-learn's `LogisticRegression` has the same by default.

    Args:
        head: What is to be learnt.
        inputs: (n, in_features).
        targets: As `head.targets` gives them.

    Attributes:
        n_rows: How many of the rows it was trained on.
        weight: (out_features, in_features), float64.
        bias: (out_features,), float64.
    """

    def __init__(self, head: Head, inputs: NDArray[Any], targets: NDArray[Any]) -> None:
        most = max(_MOST_CELLS // max(inputs.shape[1], 1), 1)
        if len(inputs) > most:
            drawn = np.sort(np.random.default_rng(0).permutation(len(inputs))[:most])
            inputs, targets = inputs[drawn], targets[drawn]
        self.n_rows = len(inputs)
        outputs = head.out_features if targets.ndim == 1 else targets.shape[1]
        self.weight = zeros(outputs, inputs.shape[1], dtype=float64, requires_grad=True)
        self.bias = zeros(outputs, dtype=float64, requires_grad=True)
        x = from_numpy(inputs.astype(np.float64))
        t = from_numpy(targets.astype(np.float64) if targets.dtype.kind == "f" else targets)
        loss = head.loss()
        optimizer = optim.LBFGS([self.weight, self.bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            value = loss(self(x), t) + (self.weight**2).sum() / (2 * self.n_rows)
            value.backward()
            return value

        # Not compiled: nearly all time goes into the products, and compiling would take longer than small tables do.
        optimizer.step(evaluate)

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs, (n, out_features), of inputs (n, in_features) of float64."""
        return x @ self.weight.T + self.bias

    def predict(self, inputs: NDArray[Any]) -> Tensor:
        """Outputs, (n, out_features), float64, of inputs (n, in_features)."""
        with no_grad():
            return self(from_numpy(inputs.astype(np.float64)))
