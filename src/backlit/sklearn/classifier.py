"""`MLPClassifier`: scikit-learn's, compiled."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from backlit.errors import ArgumentError
from backlit.sklearn.calibration import best_temperature, tempered
from backlit.sklearn.perceptron import Perceptron, stochastic
from backlit.sklearn.tables import one_column, pair
from backlit.sklearn.targets import Classes, by_class, first_classes, same_classes, several_labels

if TYPE_CHECKING:
    from backlit import nn
    from backlit.train.served import Served

Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that classifies: scikit-learn's `MLPClassifier`, trained as machine code.

    Parameters and attributes mean what they mean there, and the same `random_state` gives the same network but for
    rounding. In float32 it computes in float32.

    Args:
        hidden_layer_sizes: Units of each hidden layer.
        activation: Of the hidden layers: "identity", "logistic", "tanh", "relu"; or any function of one tensor, or its
            name in `backlit.nn.functional`; or a list of these, one for each hidden layer.
        solver: "adam", "sgd", or "lbfgs" for SciPy's L-BFGS-B.
        alpha: The penalty on weights is alpha / 2 times their squares, divided by the rows of a batch.
        batch_size: Rows of a step; "auto" for 200, or all if there are fewer.
        learning_rate: With "sgd": "constant", "invscaling" (divided by the rows seen to the power `power_t`), or
            "adaptive" (divided by 5 where it would stop).
        learning_rate_init: The learning rate, or the first one.
        power_t: For "invscaling".
        max_iter: Epochs at most; with "lbfgs" iterations.
        shuffle: Whether each epoch has an order of its own.
        random_state: Seed or generator of weights, orders, validation rows and dropout.
        tol: What counts as an improvement.
        verbose: Whether to print each epoch's loss.
        warm_start: Whether `fit` goes on from the last one's network.
        momentum: With "sgd".
        nesterovs_momentum: With "sgd": whether to look ahead.
        early_stopping: Stop by the score on validation rows, and keep the best network.
        validation_fraction: The share of rows held out for that.
        beta_1: With "adam": share of the average of gradients that is kept.
        beta_2: With "adam": share of the average of their squares that is kept.
        epsilon: With "adam": added to the denominator.
        n_iter_no_change: Epochs without improvement after which training stops.
        max_fun: With "lbfgs": evaluations of the loss at most.
        class_weight: Weights of the classes by label, or "balanced": inversely to their frequency.
        dropout: Share of values left out after each hidden layer while training, or a list, one for each.
        normalization: "batch" or "layer", before each hidden activation; None.
        loss: "log_loss", or a function of tensors (scores, targets) that gives each row's loss: scores before softmax
            or sigmoid, (n, n_outputs_), targets as class numbers, (n,), or for one output or several labels zeros and
            ones, (n, n_outputs_).
        callbacks: Objects with any of `on_fit_begin`, `on_epoch_begin`, `on_batch_end`, `on_epoch_end`, `on_fit_end`,
            each called with the estimator, whose weights are those of that moment; one may set `stop_ = True`.
        missing_values: "error", or "impute": missing numbers become the mean of their column, and each column that
            misses values while training gets a further column of zeros and ones that says where.
        categorical_features: Columns by name or number that hold categories, or "from_dtype" for those of text or
            categories: each gets an embedding, learnt with the network (Guo and Berkhahn, arXiv 1604.06737). Unseen
            and missing categories share one of their own. None: all columns are numbers.
        calibrate: Whether probabilities are calibrated by a temperature on validation rows after training.

    Attributes:
        classes_: The classes in order; for several labels their numbers.
        coefs_: Weights of each layer, (inputs, outputs).
        intercepts_: Biases of each layer, (outputs,).
        loss_: The last epoch's loss.
        loss_curve_: Each epoch's loss, averaged while the network changes, penalty included.
        best_loss_: The smallest of them; None with early stopping.
        validation_scores_: Accuracy on the validation rows after each epoch; None without such rows.
        validation_loss_curve_: The loss on them, without the penalty; None without such rows.
        best_validation_score_: The largest of the scores; None without early stopping.
        temperature_: What scores are divided by, with `calibrate`.
        n_iter_: Epochs, or iterations.
        t_: Rows seen in training.
        n_layers_: Layers, input and output included.
        n_outputs_: Outputs of the network.
        out_activation_: "logistic" for two classes or several labels, else "softmax".
        n_features_in_: Columns of the table.
        feature_names_in_: Their names, where they have names.

    Raises:
        ValueError: A parameter is out of range, or the data cannot be used; the message says why.
    """

    _numeric_targets = False
    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        class_weight: Any = None,
        dropout: Any = 0.0,
        normalization: str | None = None,
        loss: Any = "log_loss",
        callbacks: Any = (),
        missing_values: str = "error",
        categorical_features: Any = None,
        calibrate: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.class_weight = class_weight
        self.dropout = dropout
        self.normalization = normalization
        self.loss = loss
        self.callbacks = callbacks
        self.missing_values = missing_values
        self.categorical_features = categorical_features
        self.calibrate = calibrate

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

    def _weights(self, sample_weight: Any, y: Array, X: Array) -> Array | None:
        weight = super()._weights(sample_weight, y, X)
        return by_class(self.class_weight, weight, y, X.dtype)

    def _finish(self, held: list[Array] | None) -> None:
        if not self.calibrate:
            return
        if held is None:
            raise ArgumentError("calibrate=True needs validation rows: early_stopping=True, or X_val and y_val")
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
