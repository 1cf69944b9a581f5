"""What a network has to beat: a guess that ignores the inputs, and a linear model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import optim
from backlit.core.dtypes import float64
from backlit.core.modes import no_grad
from backlit.nn import functional as F
from backlit.ops import Tensor, from_numpy, zeros
from backlit.train.heads import Head

# Of larger tables rows are drawn: a linear model has few weights, and needs no more to find them.
_MOST_CELLS = 10_000_000
_ITERATIONS = 200
# Of the outputs of thousands of classes, so many are in memory at once.
_OUTPUTS_AT_ONCE = 4_000_000


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

    Inputs that are numbers of categories have a weight for each category, as if they were one-hot. Trained to the
    minimum of the loss and a small L2 penalty, ||weight||² / (2 n), without which classes that a plane separates have
    none; scikit-learn's `LogisticRegression` has the same by default.

    Args:
        head: What is to be learnt.
        inputs: (n, n_inputs).
        targets: As `head.targets` gives them.
        categories: How many categories each of the last inputs numbers; the number after them stands for others.

    Attributes:
        n_rows: How many of the rows it was trained on.
        weight: (out_features, n_inputs that are no categories), float64.
        tables: The weights of each input's categories, (categories + 1, out_features), float64.
        bias: (out_features,), float64.
    """

    def __init__(self, head: Head, inputs: NDArray[Any], targets: NDArray[Any], categories: Sequence[int] = ()) -> None:
        most = max(_MOST_CELLS // max(inputs.shape[1], 1), 1)
        if len(inputs) > most:
            drawn = np.sort(np.random.default_rng(0).permutation(len(inputs))[:most])
            inputs, targets = inputs[drawn], targets[drawn]
        self.n_rows = len(inputs)
        outputs = head.out_features
        self._numbers = inputs.shape[1] - len(categories)
        self.weight = _weights(outputs, self._numbers)
        self.tables = [_weights(count + 1, outputs) for count in categories]
        self.bias = _weights(outputs)
        size = max(_OUTPUTS_AT_ONCE // outputs, 1)
        parts = [(inputs[first : first + size], targets[first : first + size]) for first in range(0, len(inputs), size)]
        seen = [
            (*self._parts(x), from_numpy(t.astype(np.float64) if t.dtype.kind == "f" else t), len(x) / len(inputs))
            for x, t in parts
        ]
        loss = head.loss()
        own = [self.weight, *self.tables]
        optimizer = optim.LBFGS([*own, self.bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            value = sum(((weights**2).sum() for weights in own), zeros(1, dtype=float64).sum()) / (2 * self.n_rows)
            value.backward()
            total = value.detach()
            for x, codes, t, share in seen:
                value = loss(self._outputs(x, codes), t) * share
                value.backward()
                total = total + value.detach()
            return total

        # Not compiled: nearly all time goes into the products, and compiling would take longer than small tables do.
        optimizer.step(evaluate)

    def predict(self, inputs: NDArray[Any]) -> Tensor:
        """Outputs, (n, out_features), float64, of inputs (n, n_inputs)."""
        with no_grad():
            return self._outputs(*self._parts(inputs))

    def _parts(self, inputs: NDArray[Any]) -> tuple[Tensor, list[Tensor]]:
        """The numbers, and those of the categories of each further input."""
        codes = inputs[:, self._numbers :].astype(np.int64)
        numbers = inputs[:, : self._numbers].astype(np.float64)
        return from_numpy(numbers), [from_numpy(column.copy()) for column in codes.T]

    def _outputs(self, x: Tensor, codes: Sequence[Tensor]) -> Tensor:
        outputs = x @ self.weight.T + self.bias
        for table, code in zip(self.tables, codes, strict=True):
            outputs = outputs + F.embedding(code, table)
        return outputs


def _weights(*shape: int) -> Tensor:
    return zeros(*shape, dtype=float64, requires_grad=True)
