"""Output layers: the right one, with its loss, is chosen from the labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit import nn
from backlit.data.datasets import Columns
from backlit.data.datasets.table import Task
from backlit.errors import ArgumentError, DataError
from backlit.ops import Tensor

Kind = Literal["regression", "two classes", "K classes", "several labels"]


@dataclass(frozen=True)
class Head:
    """What stands at the end of a network, and how it is trained.

    | kind             | outputs              | becomes                     | loss                |
    |------------------|----------------------|-----------------------------|---------------------|
    | "regression"     | targets: w_t'a + b_t | the values                  | `MSELoss`           |
    | "two classes"    | 1: w'a + b           | p(y=1), by the sigmoid      | `BCEWithLogitsLoss` |
    | "K classes"      | K: w_k'a + b_k       | p(y=k), by the softmax      | `CrossEntropyLoss`  |
    | "several labels" | targets: w_t'a + b_t | p(y_t=1), each by a sigmoid | `BCEWithLogitsLoss` |

    (C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 5.2.)

    Attributes:
        class_names: The name of each class number; empty for regression and several labels.
        labels: For several targets of two classes, the names of class 0 and 1 of each.
        n_values: For regression, the number of targets.
    """

    class_names: tuple[str, ...] = ()
    labels: tuple[tuple[str, ...], ...] = ()
    n_values: int = 1

    @classmethod
    def of_config(cls, data: Mapping[str, Any]) -> "Head":
        """The head of a run of `backlit train`, from what its configuration says about the data.

        Raises:
            KeyError, TypeError: It does not say what is needed.
        """
        return cls(tuple(data["class_names"]), tuple(map(tuple, data["labels"])), len(data["target_names"]))

    @property
    def kind(self) -> Kind:
        """Which of the four heads this is."""
        if self.labels:
            return "several labels"
        if not self.class_names:
            return "regression"
        return "two classes" if len(self.class_names) == 2 else "K classes"

    @property
    def out_features(self) -> int:
        """The number of outputs."""
        return {
            "regression": self.n_values,
            "two classes": 1,
            "K classes": len(self.class_names),
            "several labels": len(self.labels),
        }[self.kind]

    @property
    def metric(self) -> str | Callable[[Tensor, Tensor], float]:
        """The metric by which such predictions are judged: accuracy, of several labels all together, or R2."""
        if self.labels:
            return _label_accuracy
        return "accuracy" if self.class_names else "r2"

    def loss(self) -> nn.Module:
        """A fresh loss, which takes the network's outputs and `targets(y)`."""
        if self.kind == "regression":
            return nn.MSELoss()
        return nn.CrossEntropyLoss() if self.kind == "K classes" else nn.BCEWithLogitsLoss()

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Class numbers or values, (n,) or (n, targets), as the loss wants them.

        That is (n,) int64 for K classes, else (n, out_features) float32.
        """
        if self.kind == "K classes":
            return np.asarray(y, dtype=np.int64)
        return np.asarray(y, dtype=np.float32).reshape(len(y), -1)

    def probabilities(self, outputs: Tensor) -> NDArray[np.float32]:
        """p(y=k) of each class, (n, K), from outputs (n, out_features); of several labels p(y_t=1), (n, targets).

        Raises:
            ArgumentError: This is a regression.
        """
        if self.kind == "regression":
            raise ArgumentError("a regression has no classes, and so no probabilities")
        if self.kind == "K classes":
            return outputs.detach().softmax(1).numpy()
        if self.kind == "several labels":
            return outputs.detach().sigmoid().numpy()
        positive = outputs.detach().sigmoid().numpy().reshape(-1)
        return np.stack([1 - positive, positive], axis=1)

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Class numbers, int64, or values, float32, (n,), or (n, targets), from outputs (n, out_features)."""
        scores = outputs.detach().numpy()
        if self.kind == "several labels":
            return (scores > 0).astype(np.int64)
        if self.kind == "regression":
            return scores.reshape(-1) if self.n_values == 1 else scores
        return scores.argmax(1) if self.kind == "K classes" else (scores.reshape(-1) > 0).astype(np.int64)


def _label_accuracy(outputs: Tensor, targets: Tensor) -> float:
    """The share of labels that are right."""
    return float(((outputs.numpy() > 0) == (targets.numpy() > 0.5)).mean())


_label_accuracy.__name__ = "accuracy"


def choose_head(labels: ArrayLike, task: Task | None = None) -> tuple[Head, NDArray[Any]]:
    """The head for these labels, and the labels as numbers.

    Text, truth values and at most 20 distinct whole numbers are classes, in sorted order; all else are values.

    Args:
        labels: (n,).
        task: What to learn, where the labels' kind is not to decide.

    Returns:
        The head, and class numbers, int64, or values, float32, (n,).

    Raises:
        DataError: No labels, an empty or non-finite one, or fewer than two classes.
        ArgumentError: Unknown task, or labels that are not one-dimensional.
    """
    column = np.asarray(labels)
    if column.ndim != 1:
        raise ArgumentError(f"choose_head: expected labels of shape (n,), got {column.shape}")
    if not column.size:
        raise DataError("choose_head: there are no labels")
    if column.dtype.kind in "US":
        column = column.astype(object)
    target = Columns("labels", ("labels",), (column,)).target(0, task)
    return Head(target.class_names), target.y
