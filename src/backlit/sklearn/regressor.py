"""`MLPRegressor`: scikit-learn's, compiled."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.perceptron import Perceptron, stochastic
from backlit.sklearn.tables import pair
from backlit.sklearn.targets import values

if TYPE_CHECKING:
    from backlit import nn
    from backlit.train.served import Served

Array = NDArray[Any]


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that predicts numbers: scikit-learn's `MLPRegressor`, trained as machine code.

    Parameters and attributes mean what they mean there, and the same `random_state` gives the same network but for
    rounding. In float32 it computes in float32.

    Args:
        loss: "squared_error" (half of it), "poisson" (half the deviance; outputs are exponentials, targets not
            negative), or a function of tensors (output, target), both (n, n_outputs), that gives each row's loss.
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
        dropout: Share of values left out after each hidden layer while training, or a list, one for each.
        normalization: "batch" or "layer", before each hidden activation; None.
        out_activation: Of the output, as `activation`; None: "identity", or "exp" for the loss "poisson".
        callbacks: Objects with any of `on_fit_begin`, `on_epoch_begin`, `on_batch_end`, `on_epoch_end`, `on_fit_end`,
            each called with the estimator, whose weights are those of that moment; one may set `stop_ = True`.
        missing_values: "error", or "impute": missing numbers become the mean of their column, and each column that
            misses values while training gets a further column of zeros and ones that says where.
        categorical_features: Columns by name or number that hold categories, or "from_dtype" for those of text or
            categories: each gets an embedding, learnt with the network (Guo and Berkhahn, arXiv 1604.06737). Unseen
            and missing categories share one of their own. None: all columns are numbers.

    Attributes:
        coefs_: Weights of each layer, (inputs, outputs).
        intercepts_: Biases of each layer, (outputs,).
        loss_: The last epoch's loss.
        loss_curve_: Each epoch's loss, averaged while the network changes, penalty included.
        best_loss_: The smallest of them; None with early stopping.
        validation_scores_: R² on the validation rows after each epoch; None without such rows.
        validation_loss_curve_: The loss on them, without the penalty; None without such rows.
        best_validation_score_: The largest of the scores; None without early stopping.
        n_iter_: Epochs, or iterations.
        t_: Rows seen in training.
        n_layers_: Layers, input and output included.
        n_outputs_: Outputs of the network.
        out_activation_: "identity", or "exp" for the loss "poisson".
        n_features_in_: Columns of the table.
        feature_names_in_: Their names, where they have names.

    Raises:
        ValueError: A parameter is out of range, or the data cannot be used; the message says why.
    """

    _numeric_targets = True

    def __init__(
        self,
        loss: Any = "squared_error",
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
        dropout: Any = 0.0,
        normalization: str | None = None,
        out_activation: Any = None,
        callbacks: Any = (),
        missing_values: str = "error",
        categorical_features: Any = None,
    ) -> None:
        self.loss = loss
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
        self.dropout = dropout
        self.normalization = normalization
        self.out_activation = out_activation
        self.callbacks = callbacks
        self.missing_values = missing_values
        self.categorical_features = categorical_features

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train on a table and its targets.

        Args:
            X: (n_samples, n_features); a sparse matrix is laid out in full.
            y: Targets, (n_samples,) or (n_samples, n_outputs).
            sample_weight: A weight for each row.
            X_val: Rows for validation; without them early stopping holds out a share of the rows.
            y_val: Their targets.

        Raises:
            ValueError: A parameter is out of range, or the data cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=False, held=pair(X_val, y_val))

    @available_if(stochastic)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on rows.

        Args:
            X: (n_samples, n_features).
            y: Targets of these rows.
            sample_weight: A weight for each row.

        Raises:
            ValueError: As `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _targets(self, y: Any, fresh: bool, dtype: str) -> Array:
        targets = values(y, dtype)
        targets = targets[:, None] if targets.ndim == 1 else np.ascontiguousarray(targets)
        if self.loss == "poisson" and (targets < 0).any():
            raise DataError('MLPRegressor: the loss "poisson" needs targets that are not negative')
        return targets

    def _output(self) -> Any:
        standard = "exp" if self.loss == "poisson" else "identity"
        if self.out_activation not in (None, standard) and self.loss == "poisson":
            raise ArgumentError('MLPRegressor: the loss "poisson" has the out_activation "exp"')
        return standard if self.out_activation is None else self.out_activation

    def _loss(self) -> Any:
        if not callable(self.loss) and self.loss not in ("squared_error", "poisson"):
            raise ArgumentError(
                f'MLPRegressor: loss must be "squared_error", "poisson" or a function, got {self.loss!r}'
            )
        return self.loss

    def _width(self, targets: Array) -> int:
        return targets.shape[1]

    def _score_outputs(self, outputs: Array, targets: Array, weight: Array | None = None) -> float:
        """R², averaged over the targets."""
        from sklearn.metrics import r2_score

        return float(r2_score(targets, outputs, sample_weight=weight)) if np.isfinite(outputs).all() else np.nan

    def predict(self, X: Any) -> Array:
        """The target of each row, (n_samples,), or (n_samples, n_outputs) for several."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    def to_module(self) -> "nn.Sequential":
        """The network as a module of its own: of the table as numbers the targets.

        Columns with missing values and of categories are numbers as `missing_values` and `categorical_features` say.

        Raises:
            NotFittedError: It is not fitted.
        """
        return self._module(1.0, self.out_activation_)

    def served(self) -> "Served":
        """The network with all that is done before it, as `backlit.onnx.export` writes it.

        Raises:
            NotFittedError: It is not fitted.
        """
        return self._served(self.to_module(), "regression", ())
