"""`MLPClassifier`: scikit-learn's, compiled."""

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.calibration import best_temperature, tempered
from backlit.sklearn.checks import as_before_after_errors
from backlit.sklearn.documentation import documented
from backlit.sklearn.perceptron import Perceptron, stochastic
from backlit.sklearn.tables import one_column, pair
from backlit.sklearn.targets import Classes, by_class, first_classes, same_classes, several_labels

if TYPE_CHECKING:
    from backlit import nn
    from backlit.train.served import Served

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that classifies: scikit-learn's `MLPClassifier`, trained as machine code.

    Parameters and attributes mean what they mean there, and the same `random_state` gives the same network but for
    rounding. In float32 it computes in float32.

    Args:
        hidden_layer_sizes: Units of each hidden layer.
        activation: Of the hidden layers: "identity", "logistic", "tanh", "relu"; or any function of one tensor, or its
            name in `backlit.nn.functional`; or a list of these, one for each hidden layer.
        class_weight: Weights of the classes by label, or "balanced": inversely to their frequency.
        loss: "log_loss", or a function of tensors (scores, targets) that gives each row's loss: scores before softmax
            or sigmoid, (n, n_outputs_), targets as class numbers, (n,), or for one output or several labels zeros and
            ones, (n, n_outputs_).
        calibrate: Whether probabilities are calibrated by a temperature on validation rows after training.

    Attributes:
        classes_: The classes in order; for several labels their numbers.
        validation_scores_: Accuracy on the validation rows after each epoch; None without such rows.
        temperature_: What scores are divided by, with `calibrate`.
        out_activation_: "logistic" for two classes or several labels, else "softmax".

    Raises:
        ValueError: A parameter is out of range, or the data cannot be used; the message says why.
    """

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    class_weight: Any = None
    loss: Any = "log_loss"
    calibrate: bool = False

    _numeric_targets: ClassVar[bool] = False

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train on a table and its labels.

        Args:
            X: (n_samples, n_features); a sparse matrix is laid out in full.
            y: Labels, (n_samples,), or zeros and ones for several labels, (n_samples, n_labels).
            sample_weight: A weight for each row.
            X_val: Rows for validation; without them early stopping holds out a share of the rows.
            y_val: Their labels.

        Raises:
            ValueError: A parameter is out of range, or the data cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=False, held=pair(X_val, y_val))

    @available_if(stochastic)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on rows; the first call names all classes.

        Args:
            X: (n_samples, n_features).
            y: Labels of these rows.
            sample_weight: A weight for each row.
            classes: All labels that will ever come; needed in the first call for a single target.

        Raises:
            ValueError: As `fit`; or the classes are missing or differ from those of an earlier call.
        """
        with as_before_after_errors(self):
            if not hasattr(self, "classes_"):
                self._classes = first_classes(y, classes)
                self.classes_ = self._classes.names
            else:
                same_classes(self.classes_, classes)
            return self._fit(X, y, sample_weight, incremental=True)

    def _targets(self, y: Any, fresh: bool, dtype: str) -> Array:
        y = one_column(y)
        if fresh:
            self._classes = Classes(y)
            self.classes_ = self._classes.names
        return self._classes.encode(y, dtype)

    def _check_again(self, y: Any) -> None:
        found = Classes(one_column(y)).names
        if not np.array_equal(found, self.classes_):
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {found}"
            )

    def _weights(self, sample_weight: Any, y: Array, X: Array) -> Array | None:
        weight = super()._weights(sample_weight, y, X)
        return by_class(self.class_weight, weight, y, X.dtype)

    def _finish(self, held: list[Array] | None) -> None:
        if not self.calibrate:
            return
        if held is None:
            way = "" if self.solver == "lbfgs" else "early_stopping=True, or "
            raise ArgumentError(f"calibrate=True needs validation rows: {way}X_val and y_val")
        weight = held[2] if len(held) > 2 else None
        self.temperature_ = best_temperature(self._run(held[0]), held[1], weight)

    def _output(self) -> str:
        return "softmax" if self._classes.kind == "multiclass" else "logistic"

    def _loss(self) -> Any:
        if not callable(self.loss) and self.loss != "log_loss":
            raise ArgumentError(f'MLPClassifier: loss must be "log_loss" or a function, got {self.loss!r}')
        return self.loss

    def _width(self, targets: Array) -> int:
        return self._classes.n_outputs

    def _score_outputs(self, outputs: Array, targets: Array, weight: Array | None = None) -> float:
        """The accuracy; of several labels, the share of rows in which all are right."""
        if not np.isfinite(outputs).all():
            return np.nan
        right = outputs.argmax(1) == targets if targets.ndim == 1 else ((outputs > 0.5) == targets).all(1)
        return float(np.average(right, weights=weight))

    def predict(self, X: Any) -> Array:
        """The most probable class of each row, (n_samples,), or (n_samples, n_labels) zeros and ones."""
        outputs = self._outputs(X)
        return self._classes.decode(outputs)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class in the order of `classes_`, (n_samples, n_classes)."""
        outputs = self._outputs(X)
        if self.calibrate:
            outputs = tempered(outputs, self.temperature_, self.out_activation_ == "softmax")
        return self._classes.probabilities(outputs)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def to_module(self) -> "nn.Sequential":
        """The network as a module of its own: of the table as numbers the scores before softmax or sigmoid.

        Columns with missing values and of categories are numbers as `missing_values` and `categorical_features` say.
        The scores are divided by the temperature already.

        Raises:
            NotFittedError: It is not fitted.
        """
        return self._module(1 / self.temperature_ if self.calibrate else 1.0, "identity")

    def served(self) -> "Served":
        """The network with all that is done before and after it, as `backlit.onnx.export` writes it.

        Raises:
            NotFittedError: It is not fitted.
        """
        module, classes = self.to_module(), self._classes
        if classes.kind == "multilabel-indicator":
            return self._served(module, "several labels", several_labels(len(classes.names)))
        return self._served(module, "two classes" if len(classes.names) == 2 else "K classes", (classes.names,))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
