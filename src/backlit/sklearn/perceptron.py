"""What `MLPClassifier` and `MLPRegressor` share: parameters, fitting, and the network's outputs for rows."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.checks import as_before_after_errors, check_parameters, hidden_sizes, per_layer
from backlit.sklearn.course import Course
from backlit.sklearn.design import Design, activation, beginning, initial
from backlit.sklearn.engine import Predictor, Progress
from backlit.sklearn.minimising import Minimisation
from backlit.sklearn.refusing import names_of, refuse_target
from backlit.sklearn.solving import Stochastic
from backlit.sklearn.tables import numbers, table, weights_of

if TYPE_CHECKING:
    from backlit import nn
    from backlit.train.heads import Kind
    from backlit.train.served import Served

Array = NDArray[Any]
# Machine code is no part of an estimator: it is neither copied nor pickled.
_predictors: WeakKeyDictionary["Perceptron", Predictor] = WeakKeyDictionary()


@dataclass(eq=False, repr=False)
class Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron on tables; the base of `MLPClassifier` and `MLPRegressor`.

    Args:
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
        early_stopping: With "adam" or "sgd": stop by the score on validation rows, and keep the best network.
        validation_fraction: The share of rows held out for that.
        beta_1: With "adam": share of the average of gradients that is kept.
        beta_2: With "adam": share of the average of their squares that is kept.
        epsilon: With "adam": added to the denominator.
        n_iter_no_change: Epochs without improvement after which training stops.
        max_fun: With "lbfgs": evaluations of the loss at most.
        dropout: With "adam" or "sgd": share of values left out after each hidden layer while training, or a list, one
            for each.
        normalization: "batch" or "layer", before each hidden activation; None.
        metrics: Names ("accuracy", "top5", "r2", "mae", "mse") or functions of tensors (output, target) of a batch
            that return its mean over the rows; they are given what a function as `loss` is given, and each row counts
            alike. Their values stand in `history_`.
        callbacks: Objects with any of `on_fit_begin`, `on_epoch_begin`, `on_batch_end`, `on_epoch_end`, `on_fit_end`,
            each called with the estimator, whose weights are those of that moment; one may set `stop_ = True`. An
            iteration of "lbfgs" is an epoch of which only the end is called.
        missing_values: "error", or "impute": missing numbers become the mean of their column, and each column that
            misses values while training gets a further column of zeros and ones that says where.
        categorical_features: Columns by name or number that hold categories, or "from_dtype" for those of text or
            categories: each gets an embedding, learnt with the network (Guo and Berkhahn, arXiv 1604.06737). Unseen
            and missing categories share one of their own. None: all columns are numbers.

    Attributes:
        history_: Each epoch's values by name: "loss", "val_loss", and the metrics, those of the training rows averaged
            while the network changes.
        coefs_: Weights of each layer, (inputs, outputs).
        intercepts_: Biases of each layer, (outputs,).
        loss_: The last epoch's loss.
        loss_curve_: Each epoch's loss, averaged while the network changes, penalty included.
        best_loss_: The smallest of these losses; None with early stopping.
        validation_loss_curve_: The loss on the validation rows, without the penalty; None without such rows.
        best_validation_score_: The largest of `validation_scores_`; None without early stopping.
        n_iter_: Epochs, or iterations.
        t_: Rows seen in training.
        n_layers_: Layers, input and output included.
        n_outputs_: Outputs of the network.
        n_features_in_: Columns of the table.
        feature_names_in_: Their names, where they have names.
    """

    _: KW_ONLY
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: Any = 0.0
    normalization: str | None = None
    metrics: Sequence[Any] = ()
    callbacks: Any = ()
    missing_values: str = "error"
    categorical_features: Any = None

    # -- what the two estimators differ in ---------------------------------------------------------------------------

    _numeric_targets: ClassVar[bool]

    def _width(self, targets: Array) -> int:
        """Outputs of the network."""
        raise NotImplementedError

    def _targets(self, y: Any, fresh: bool, dtype: str) -> Array:
        """What the network learns: (n, outputs), or the numbers of classes (n,)."""
        raise NotImplementedError

    def _check_again(self, y: Any) -> None:
        """Raise unless targets of a warm start fit those before."""

    def _score_outputs(self, outputs: Array, targets: Array, weight: Array | None = None) -> float:
        """The validation score of outputs."""
        raise NotImplementedError

    def _output(self) -> Any:
        """The activation of the output."""
        raise NotImplementedError

    def _loss(self) -> Any:
        """The loss."""
        raise NotImplementedError

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool,
        held: tuple[Any, Any] | None = None,
    ) -> Self:
        check_parameters(self)
        sizes = hidden_sizes(self)
        if incremental and self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True")
        with as_before_after_errors(self):
            self._learn(X, y, sample_weight, sizes, held, incremental)
        return self

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        sizes: tuple[int, ...],
        held: tuple[Any, Any] | None,
        incremental: bool,
    ) -> None:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._check_data(X, y, first)
        if not (first or incremental):
            self._check_again(y)
        targets = self._targets(y, first and not incremental, X.dtype.name)
        weight = self._weights(sample_weight, y, X)
        draw = check_random_state(self.random_state)
        dtype = X.dtype.name if first else self._design.dtype
        kept = self._held_out(held, dtype)
        if first:
            self._begin(sizes, X, targets, draw)
        if X.dtype.name != self._design.dtype:
            X = X.astype(self._design.dtype)
            targets = targets if targets.dtype.kind == "i" else targets.astype(X.dtype)
            weight = None if weight is None else weight.astype(X.dtype)
        data = [X, targets] if weight is None else [X, targets, weight]
        if self.solver == "lbfgs":
            course: Course = Minimisation(self, data, kept)
        else:
            course = Stochastic(self, data, draw, kept, incremental)
        course.run()
        self._finish(course.held)

    def _check_data(self, X: Any, y: Any, first: bool) -> tuple[Array, Array]:
        if self._reads_columns:
            X = table(X)
            names_of(X)
            X, y = validate_data(self, X, y, reset=first, skip_check_array=True)
            try:
                y = check_array(y, ensure_2d=False, dtype="numeric" if self._numeric_targets else None, input_name="y")
            except (ValueError, TypeError) as error:
                refuse_target(y, error, numeric=self._numeric_targets)
                raise
            check_consistent_length(X, y)
            if first:
                from backlit.sklearn.columns import Columns

                self._columns: Columns = Columns(X, self.categorical_features, self.missing_values == "impute")
            return self._columns.transform(X), y
        return numbers(self, X, y, reset=first, fills=True)

    @property
    def _reads_columns(self) -> bool:
        """Whether a table is more than numbers that are all there."""
        return self.categorical_features is not None or self.missing_values == "impute"

    def _finish(self, held: list[Array] | None) -> None:
        """What is left to do after training, with the validation rows."""

    def _weights(self, sample_weight: Any, y: Array, X: Array) -> Array | None:
        return weights_of(sample_weight, X)

    def _held_out(self, held: tuple[Any, Any] | None, dtype: str) -> list[Array] | None:
        """A validation set that was given: inputs and targets."""
        if held is None:
            return None
        X, y = self._check_data(*held, first=False)
        return [X.astype(dtype, copy=False), self._targets(y, False, dtype)]

    def _begin(self, sizes: tuple[int, ...], X: Array, targets: Array, draw: np.random.RandomState) -> None:
        """Make the network, with weights drawn anew."""
        if self.normalization == "batch" and len(X) < 2:
            raise DataError('normalization="batch" needs at least two rows: n_samples=1 has no variance')
        self.n_outputs_ = self._width(targets)
        self.n_layers_ = len(sizes) + 2
        self.n_iter_ = self.t_ = 0
        self.out_activation_ = self._output()
        dropout = per_layer("dropout", self.dropout, len(sizes))
        if not all(isinstance(share, int | float | np.floating) and 0 <= share < 1 for share in dropout):
            raise ArgumentError(f"dropout must be a share of at least 0 and below 1, got {self.dropout!r}")
        for name in (*per_layer("activation", self.activation, len(sizes)), self.out_activation_):
            activation(name)
        self._design = Design(
            sizes=(X.shape[1], *sizes, self.n_outputs_),
            hidden=per_layer("activation", self.activation, len(sizes)),
            output=self.out_activation_,
            loss=self._loss(),
            dtype=X.dtype.name,
            dropout=dropout if any(dropout) else (),
            normalization=self.normalization,
            embeddings=self._columns.embeddings if self._reads_columns else (),
            classes=not self._numeric_targets,
        )
        layers = list(initial(self._design, draw, self.activation))
        self.coefs_ = [weight for weight, _ in layers]
        self.intercepts_ = [bias for _, bias in layers]
        self._rest = list(beginning(self._design, draw))
        self._progress: Progress | None = None
        self.history_: dict[str, list[float]] = {}

    @property
    def _arrays(self) -> list[Array]:
        """The network's arrays in the order of the design."""
        return [*self.coefs_, *self.intercepts_, *self._rest]

    def _take(self, arrays: list[Array]) -> None:
        """Set the network's arrays."""
        layers = self.n_layers_ - 1
        self.coefs_, self.intercepts_ = arrays[:layers], arrays[layers : 2 * layers]
        self._rest = arrays[2 * layers :]

    # -- predicting --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The network's outputs for rows, checked, (n, n_outputs)."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        if (
            type(X) is not np.ndarray
            or X.dtype != self._design.dtype
            or X.ndim != 2
            or X.shape[1] != self.n_features_in_
            or not len(X)
            or hasattr(self, "feature_names_in_")
            or self._reads_columns
            or not np.isfinite(X.sum())
        ):
            X = self._read(X)
        return self._run(X)

    def _read(self, X: Any) -> Array:
        """Rows to predict for, checked, in the network's own type."""
        if self._reads_columns:
            X = validate_data(self, table(X), reset=False, skip_check_array=True)
            return self._columns.transform(X).astype(self._design.dtype, copy=False)
        return numbers(self, X, reset=False, fills=True)[0].astype(self._design.dtype, copy=False)

    def _run(self, X: Array) -> Array:
        """The network's outputs for rows in its own type."""
        arrays, predictor = self._arrays, _predictors.get(self)
        if predictor is None or any(a is not b for a, b in zip(arrays, predictor.arrays, strict=True)):
            predictor = _predictors[self] = Predictor(self._design, arrays, X.shape[1])
        return predictor(X)

    # -- going elsewhere ---------------------------------------------------------------------------------------------

    def _module(self, scale: float, output: Any) -> "nn.Sequential":
        from backlit.sklearn.modules import module_of

        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        return module_of(self._design, self._arrays, scale, output)

    def _served(self, module: "nn.Sequential", kind: "Kind", classes: tuple[Array, ...]) -> "Served":
        from backlit.train.served import Served

        encoder = self._columns.encoder if self._reads_columns else None
        return Served(module, kind, (self.n_features_in_,), np.dtype(self._design.dtype), classes, encoder)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self._reads_columns
        tags.input_tags.allow_nan = self.missing_values == "impute"
        tags.input_tags.categorical = self.categorical_features is not None
        return tags


def stochastic(estimator: Any) -> bool:
    """Whether an estimator's solver learns batch by batch.

    Raises:
        AttributeError: It does not.
    """
    if estimator.solver not in ("adam", "sgd"):
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True
