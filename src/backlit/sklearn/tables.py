"""Tables and weights of rows as arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_array, validate_data

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.refusing import names_of, refuse, refuse_target

Array = NDArray[Any]


def numbers(
    estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool, fills: bool = False, allow_nd: bool = False
) -> tuple[Array, Any]:
    """A table of numbers as an array that lies in rows without gaps, and targets; both are checked.

    Args:
        estimator: Notes the columns, or compares them with what it noted.
        X: (n_samples, n_features); a sparse matrix is laid out in full.
        y: Targets, or "no_validation".
        reset: Whether the columns are new.
        fills: Whether the estimator could fill missing values in.
        allow_nd: Whether rows may have more dimensions.

    Raises:
        ValueError: Something cannot be used: row and column are named where that is known.
    """
    if hasattr(X, "columns"):
        names_of(X)
    alone = isinstance(y, str)
    options = {} if alone else {"multi_output": True, "y_numeric": estimator._numeric_targets}
    try:
        found = validate_data(
            estimator,
            X,
            y,
            accept_sparse=["csr", "csc"],
            dtype=(np.float64, np.float32),
            reset=reset,
            allow_nd=allow_nd,
            **options,
        )
    except (ValueError, TypeError) as error:
        refuse(X, error, fills=fills)
        if not alone:
            refuse_target(y, error, numeric=estimator._numeric_targets)
        raise
    X, y = (found, None) if alone else found
    lay_out: Callable[[], Array] | None = getattr(X, "toarray", None)
    return np.ascontiguousarray(X if lay_out is None else lay_out()), y


def table(X: Any) -> Any:
    """A table whose columns are of any types, with at least one row and one column: a frame, or an array.

    Raises:
        ValueError: It has no rows, no columns, or not two dimensions; or it is sparse.
    """
    if hasattr(X, "toarray"):
        raise DataError("X is sparse: missing_values and categorical_features need dense tables; use X.toarray()")
    if not hasattr(X, "columns"):
        return check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
    if 0 in X.shape:
        raise DataError(f"X has shape {X.shape}; a minimum of one row and one column is required")
    return X


def one_column(y: Array) -> Array:
    """Targets, a single column of them without its second dimension."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def weights_of(sample_weight: Any, X: Array) -> Array | None:
    """Weights of rows, checked.

    Raises:
        DataError: They are not one for each row, not finite, negative, or all zero.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, X.dtype)
    if weight.ndim == 0:
        weight = np.full(len(X), weight)
    if weight.shape != (len(X),):
        raise DataError(f"sample_weight has shape {weight.shape}, expected one for each row, ({len(X)},)")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError("sample_weight must be finite and not negative")
    if not weight.any():
        raise DataError("sample_weight: all weights are zero, so that there is nothing to learn from")
    return weight


def pair(X: Any, y: Any) -> tuple[Any, Any] | None:
    """Rows and targets for validation, if they were given.

    Raises:
        ArgumentError: One was given without the other.
    """
    if (X is None) != (y is None):
        raise ArgumentError("X_val and y_val go together: give both or neither")
    return None if X is None else (X, y)
