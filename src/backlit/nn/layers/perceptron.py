"""One neuron that decides yes or no, and the rule by which it was first taught."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array, TensorBase, values_of
from backlit.core.writing import write_arrays
from backlit.errors import ArgumentError, DataError, ShapeError
from backlit.nn import functional as F
from backlit.nn.checks import check_sizes
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import zeros
from backlit.ops.tensor import Tensor


@dataclass(frozen=True)
class PerceptronFit:
    """What a perceptron's training came to.

    Attributes:
        converged: Whether every row is decided as it should be.
        updates: How often the weights were changed.
        epochs: How often all rows were looked at.
        bound: The most updates that can be needed, (R / margin)^2 (Novikoff, 1962).
    """

    converged: bool
    updates: int
    epochs: int
    bound: int


class Perceptron(Module):
    """1 where w'x + b >= 0, else 0 (Rosenblatt, 1958).

    Args:
        in_features: Number of inputs.
        device: "cpu" or None.
        dtype: Type of the weights, the default type if None.

    Attributes:
        weight: (1, in_features), zeros at the start. No gradient teaches it: the step's slope is 0. `fit` does.
        bias: (1).
    """

    weight: Parameter
    bias: Parameter

    def __init__(self, in_features: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        check_sizes("Perceptron", in_features=in_features)
        self.in_features = in_features
        self.weight = Parameter(zeros(1, in_features, device=device, dtype=dtype), requires_grad=False)
        self.bias = Parameter(zeros(1, device=device, dtype=dtype), requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in_features) to decisions (*), 0 or 1."""
        return F.step(F.linear(input, self.weight, self.bias).squeeze(-1))

    def fit(self, X: Any, y: Any, max_updates: int | None = None, epochs: int | None = None) -> PerceptronFit:
        """Learn by the perceptron rule: for each row decided wrongly, w := w + (y - decision) x, b := b + y - decision.

        The weights begin at zero. If any weights decide all rows rightly, the rule finds some after at most
        (R / margin)^2 changes, with R the length of the longest row (x, 1) and the margin that of a pair (w, b) of
        length 1 (Novikoff, 1962).

        Args:
            X: (n, in_features), numbers.
            y: (n): 0 and 1, or -1 and 1.
            max_updates: Stop after so many changes; by default the bound.
            epochs: Stop after so many passes over all rows.

        Raises:
            DataError: No weights decide all rows rightly, as for XOR; or the data are empty, not finite, or labels
                are not of two classes. Nothing has changed.
            ShapeError: The shapes do not fit.
            ArgumentError: A limit is negative.
        """
        for name, limit in (("max_updates", max_updates), ("epochs", epochs)):
            if limit is not None and limit < 0:
                raise ArgumentError(f"Perceptron.fit: {name} must not be negative, got {limit}")
        rows, wanted = self._checked(X, y)
        bound = _bound(rows, wanted)
        limit = bound if max_updates is None else max_updates
        weights = np.zeros(rows.shape[1])
        updates = passes = 0
        wrong = True
        while wrong and updates < limit and (epochs is None or passes < epochs):
            passes += 1
            wrong = False
            for row, label in zip(rows, wanted, strict=True):
                error = label - (row @ weights >= 0)
                if error and updates < limit:
                    weights += error * row
                    updates += 1
                    wrong = True
        converged = bool(((rows @ weights >= 0) == wanted).all())
        kind = self.weight._array.dtype
        write_arrays(
            "Perceptron.fit", (self.weight, weights[None, :-1].astype(kind)), (self.bias, weights[-1:].astype(kind))
        )
        return PerceptronFit(converged, updates, passes, bound)

    def _checked(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Rows with a 1 at the end, and labels 0 and 1."""
        rows, labels = (np.asarray(values_of(a) if isinstance(a, TensorBase) else a, dtype=np.float64) for a in (X, y))
        if rows.ndim != 2 or rows.shape[1] != self.in_features:
            raise ShapeError(f"Perceptron.fit: got rows of shape {rows.shape}, expected (n, {self.in_features})")
        if labels.shape != rows.shape[:1]:
            raise ShapeError(f"Perceptron.fit: got labels of shape {labels.shape}, expected ({rows.shape[0]},)")
        if not len(rows):
            raise DataError("Perceptron.fit: there are no rows to learn from")
        if not np.isfinite(rows).all():
            raise DataError(f"Perceptron.fit: row {int(np.argwhere(~np.isfinite(rows))[0][0])} is not finite")
        if not set(np.unique(labels)) <= {0.0, 1.0} and not set(np.unique(labels)) <= {-1.0, 1.0}:
            raise DataError(
                f"Perceptron.fit: labels must be 0 and 1, or -1 and 1, got {np.unique(labels)[:5].tolist()}"
            )
        return np.column_stack([rows, np.ones(len(rows))]), (labels > 0).astype(np.float64)

    def extra_repr(self) -> str:
        """The number of inputs."""
        return f"in_features={self.in_features}"


def _bound(rows: Array, wanted: Array) -> int:
    """The most updates that separating these rows can take.

    Whether any weights separate them, and some that do with a wide margin, is found by linear programming: the
    smallest sum of |w| with (2 y - 1) w'x >= 1 for all rows.
    """
    from scipy.optimize import linprog

    sides = rows * (2 * wanted - 1)[:, None]
    size = rows.shape[1]
    found = linprog(
        np.ones(2 * size), A_ub=np.hstack([-sides, sides]), b_ub=-np.ones(len(rows)), bounds=(0, None), method="highs"
    )
    if found.status == 2:
        raise DataError(
            f"Perceptron.fit: these {len(rows)} rows are not separable by one neuron: no weights w and bias b have "
            "w'x + b >= 0 for exactly the rows of class 1, so the rule would go on for ever. Two layers can do it: put "
            f"a hidden layer before, for example nn.Sequential(nn.Linear({size - 1}, 8), nn.Tanh(), nn.Linear(8, 1)), "
            "and train by gradient descent"
        )
    if found.status != 0:
        raise DataError(f"Perceptron.fit: whether the classes are separable could not be found out: {found.message}")
    best = found.x[:size] - found.x[size:]
    margin = (sides @ best).min()
    return int(np.ceil((rows**2).sum(1).max() * (best @ best) / margin**2))
