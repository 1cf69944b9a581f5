"""`NetClassifier` and `NetRegressor`: any module behind scikit-learn's interface."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from backlit import nn
from backlit.errors import DataError
from backlit.ops import from_numpy
from backlit.sklearn.checks import as_before_after_errors
from backlit.sklearn.documentation import documented
from backlit.sklearn.net import Net
from backlit.sklearn.tables import one_column, pair
from backlit.sklearn.targets import Classes, by_class, first_classes, same_classes, several_labels, values
from backlit.train.heads import Kind
from backlit.train.served import Served

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False)
class NetClassifier(ClassifierMixin, Net):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier around any module, trained as machine code.

    Args:
        module: An `nn.Module`, which is copied; or a function `(n_features, n_outputs)`, or without arguments, that
            makes one; None: one hidden layer of 100 units. It gets rows in the type of the data, to which its
            parameters are brought, and gives (n_samples, n_outputs): logits, one for each
            class or label, or a single one for two classes.
        loss: `loss(outputs, targets)`, such as a loss of `backlit.nn`; None: cross-entropy; binary
            cross-entropy for several labels or a single output.
        class_weight: Weights of the classes by label, or "balanced": inversely to their frequency.

    Attributes:
        classes_: The classes in order.
    """

    _: KW_ONLY
    class_weight: Any = None

    _numeric_targets: ClassVar[bool] = False

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train the module.

        Args:
            X: (n_samples, n_features), or with more dimensions.
            y: Labels, (n_samples,), or zeros and ones for several labels.
            sample_weight: A weight for each row.
            X_val: Rows for validation.
            y_val: Their targets.

        Raises:
            ValueError: A parameter is out of range, or the data cannot be used.
            NonFiniteError: The loss is NaN or infinite; the message names the cause.
        """
        return self._fit(X, y, sample_weight, pair(X_val, y_val))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch; the first call names all classes.

        Args:
            X: Rows.
            y: Their labels.
            sample_weight: A weight for each row.
            classes: All labels that will ever come; needed in the first call.

        Raises:
            ValueError: As `fit`; or the classes are missing or differ from those of an earlier call.
        """
        with as_before_after_errors(self):
            if not hasattr(self, "_classes"):
                self._classes = first_classes(y, classes)
                self.classes_ = self._classes.names
            else:
                same_classes(self.classes_, classes)
            return self._fit(X, y, sample_weight, None, incremental=True)

    def _prepare(self, y: Any, fresh: bool, *, named: bool) -> int:
        if fresh and not named:
            self._classes = Classes(one_column(y))
            self.classes_ = self._classes.names
        return max(len(self._classes.names), 2)

    def _targets(self, y: Array, outputs: int, dtype: str) -> Array:
        y, classes = one_column(y), self._classes
        if self._several_labels or (classes.kind == "binary" and outputs <= 1):
            targets = classes.encode(y, dtype)
            return targets[:, 0] if not outputs else targets
        if outputs != max(len(classes.names), 2):
            raise DataError(f"the module has {outputs} outputs for {len(classes.names)} classes; it needs one for each")
        return classes.find(y).astype(np.int64)

    @property
    def _several_labels(self) -> bool:
        return bool(self._classes.kind == "multilabel-indicator")

    def _standard_loss(self, outputs: int) -> Any:
        single = outputs <= 1 or self._several_labels
        return nn.BCEWithLogitsLoss() if single else nn.CrossEntropyLoss()

    def _weights(self, sample_weight: Any, y: Array, X: Array) -> Array | None:
        weight = super()._weights(sample_weight, y, X)
        return by_class(self.class_weight, weight, y, X.dtype)

    def predict(self, X: Any) -> Array:
        """The most probable class of each row, or zeros and ones for several labels."""
        probabilities = self.predict_proba(X)
        if self._several_labels:
            return (probabilities > 0.5).astype(int)
        return self.classes_[probabilities.argmax(1)]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class in the order of `classes_`, (n_samples, n_classes)."""
        outputs, classes = from_numpy(self._outputs(X)), self._classes
        if self._several_labels:
            return outputs.sigmoid().numpy()
        if outputs.shape[1] == 1:
            return classes.probabilities(outputs.sigmoid().numpy())
        spread = outputs.exp() if isinstance(self._loss, nn.NLLLoss) else outputs.softmax(1)
        shares = spread.numpy()[:, : len(classes.names)]
        return np.ones_like(shares) if len(classes.names) == 1 else shares

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def served(self) -> Served:
        """The module with what is done after it, as `backlit.onnx.export` writes it.

        Raises:
            NotFittedError: It is not fitted.
        """
        module, classes = self.to_module(), self._classes
        if self._several_labels:
            return Served(
                module, "several labels", self._row, np.dtype(self._dtype), several_labels(len(classes.names))
            )
        kind: Kind = "two classes" if self._width <= 1 and len(classes.names) == 2 else "K classes"
        # The softmax of logarithms of probabilities is the probabilities again.
        return Served(module, kind, self._row, np.dtype(self._dtype), (classes.names,))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@documented
@dataclass(eq=False, repr=False)
class NetRegressor(RegressorMixin, Net):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor around any module, trained as machine code.

    Args:
        module: An `nn.Module`, which is copied; or a function `(n_features, n_outputs)`, or without arguments, that
            makes one; None: one hidden layer of 100 units. It gets rows in the type of the data, to which its
            parameters are brought, and gives (n_samples, n_outputs).
        loss: `loss(outputs, targets)`, such as a loss of `backlit.nn`; None: the mean squared error.

    Attributes:
        n_outputs_: The number of targets.
    """

    _numeric_targets: ClassVar[bool] = True

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train the module.

        Args:
            X: (n_samples, n_features), or with more dimensions.
            y: Targets, (n_samples,) or (n_samples, n_outputs).
            sample_weight: A weight for each row.
            X_val: Rows for validation.
            y_val: Their targets.

        Raises:
            ValueError: A parameter is out of range, or the data cannot be used.
            NonFiniteError: The loss is NaN or infinite; the message names the cause.
        """
        return self._fit(X, y, sample_weight, pair(X_val, y_val))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on rows, their targets and weights; raises what `fit` raises."""
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _prepare(self, y: Any, fresh: bool, *, named: bool) -> int:
        targets = values(y, "float64")
        if fresh:
            self.n_outputs_ = 1 if targets.ndim == 1 else targets.shape[1]
        return self.n_outputs_

    def _targets(self, y: Array, outputs: int, dtype: str) -> Array:
        targets = values(y, dtype)
        columns = 1 if targets.ndim == 1 else targets.shape[1]
        if columns != self.n_outputs_:
            raise DataError(f"NetRegressor: y has {columns} columns, expected {self.n_outputs_} as before")
        return targets[:, None] if targets.ndim == 1 and outputs else targets

    def _standard_loss(self, outputs: int) -> Any:
        return nn.MSELoss()

    def predict(self, X: Any) -> Array:
        """The target of each row, (n_samples,), or (n_samples, n_outputs) for several."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def served(self) -> Served:
        """The module as `backlit.onnx.export` writes it.

        Raises:
            NotFittedError: It is not fitted.
        """
        return Served(self.to_module(), "regression", self._row, np.dtype(self._dtype))
