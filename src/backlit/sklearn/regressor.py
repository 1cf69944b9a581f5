"""`MLPRegressor`: scikit-learn's, compiled."""

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.documentation import documented
from backlit.sklearn.perceptron import Perceptron, stochastic
from backlit.sklearn.tables import pair
from backlit.sklearn.targets import values

if TYPE_CHECKING:
    from backlit import nn
    from backlit.train.served import Served

Array = NDArray[Any]


@documented
@dataclass(eq=False, repr=False)
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
        out_activation: Of the output, as `activation`; None: "identity", or "exp" for the loss "poisson".

    Attributes:
        validation_scores_: R² on the validation rows after each epoch; None without such rows.
        out_activation_: "identity", or "exp" for the loss "poisson".

    Raises:
        ValueError: A parameter is out of range, or the data cannot be used; the message says why.
    """

    loss: Any = "squared_error"
    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    out_activation: Any = None

    _numeric_targets: ClassVar[bool] = True

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
        if fresh or not hasattr(self, "_n_targets"):
            self._n_targets = targets.shape[1]
        if targets.shape[1] != self._n_targets:
            raise DataError(f"MLPRegressor: y has {targets.shape[1]} columns, expected {self._n_targets} as before")
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
