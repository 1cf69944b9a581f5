"""Tables and weights of rows as arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from backlit.errors import ArgumentError, DataError

Array = NDArray[Any]


def dense(X: Any) -> Array:
    """A table that lies in rows without gaps; a sparse one is laid out in full."""
    lay_out: Callable[[], Array] | None = getattr(X, "toarray", None)
    return np.ascontiguousarray(X if lay_out is None else lay_out())


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
