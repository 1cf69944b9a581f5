"""Preparing tables: standardised columns, and splits that keep the classes' shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit.errors import ArgumentError, DataError, ShapeError, StateError


class StandardScaler:
    """Moves each column to mean 0 and standard deviation 1, by the rows it was fitted on.

    Fit it on training rows only: what it learns from test rows leaks into the score. A constant column keeps its
    scale. Statistics are kept in float64; standardised values are float32.

    Attributes:
        mean_: Each column's mean, (n_features,); None before `fit`.
        scale_: Each column's standard deviation (divided by n), 1 for constant columns; None before `fit`.
    """

    mean_: NDArray[np.float64] | None = None
    scale_: NDArray[np.float64] | None = None

    def fit(self, X: ArrayLike) -> "StandardScaler":
        """Learns mean and scale from rows `X`, (n_samples, n_features).

        Raises:
            ShapeError: `X` is not two-dimensional.
            DataError: `X` has no rows, or holds NaN or infinities.
        """
        rows = _table(X)
        if not len(rows):
            raise DataError("StandardScaler.fit: expected at least one row, got none")
        if not np.isfinite(rows).all():
            row, column = np.argwhere(~np.isfinite(rows))[0]
            raise DataError(f"StandardScaler.fit: X[{row}, {column}] is {rows[row, column]}; expected finite numbers")
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        # Rounding leaves a little spread in a constant column; dividing by it would blow that up to noise.
        scale[scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)] = 1.0
        self.mean_, self.scale_ = mean, scale
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Returns `(X - mean_) / scale_`, float32.

        Raises:
            StateError: `fit` was not called.
            ShapeError: `X` is not (n_samples, n_features) with the fitted number of features.
        """
        mean, scale = self._fitted()
        return ((_table(X, len(mean)) - mean) / scale).astype(np.float32)

    def fit_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Returns `fit(X).transform(X)`."""
        return self.fit(X).transform(X)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Returns `X * scale_ + mean_`, float64: what `transform` started from. Raises what `transform` raises.

        Far from 0 float32 would be coarser than the standardised values are.
        """
        mean, scale = self._fitted()
        return _table(X, len(mean)) * scale + mean

    def to_dict(self) -> dict[str, list[float]]:
        """Returns the state in lists of numbers, fit for JSON, exactly.

        Raises:
            StateError: `fit` was not called.
        """
        mean, scale = self._fitted()
        return {"mean": mean.tolist(), "scale": scale.tolist()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "StandardScaler":
        """Returns the scaler that `to_dict` described.

        Raises:
            StateError: `state` lacks a part, or its parts do not fit each other.
        """
        try:
            mean, scale = (np.array(state[key], dtype=np.float64) for key in ("mean", "scale"))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"StandardScaler.from_dict: expected lists 'mean' and 'scale': {error}") from error
        if mean.ndim != 1 or mean.shape != scale.shape or not np.isfinite(mean).all() or not (scale > 0).all():
            raise StateError(
                "StandardScaler.from_dict: expected finite means and positive scales of one length, "
                f"got shapes {mean.shape} and {scale.shape}"
            )
        scaler = cls()
        scaler.mean_, scaler.scale_ = mean, scale
        return scaler

    def _fitted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.mean_ is None or self.scale_ is None:
            raise StateError("StandardScaler: call fit with the training rows first")
        return self.mean_, self.scale_


def _table(X: ArrayLike, n_features: int | None = None) -> NDArray[np.float64]:
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"StandardScaler: expected a table of numbers: {error}") from error
    if rows.ndim != 2 or n_features not in (None, rows.shape[1]):
        wanted = "n_features" if n_features is None else n_features
        raise ShapeError(f"StandardScaler: expected X of shape (n_samples, {wanted}), got {rows.shape}")
    return rows


def split_rows(
    n_samples: int, test: float, *, labels: ArrayLike | None = None, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits row numbers at random into training and test rows.

    Args:
        n_samples: Number of rows, at least 2.
        test: Share of the rows for the test, between 0 and 1; each part gets at least one row.
        labels: Classes, (n_samples,): each class is then split in the same share, as far as whole rows allow.
        seed: Seed of the choice.

    Returns:
        Row numbers for training and for the test, each sorted, int64.

    Raises:
        ArgumentError: `test` is not between 0 and 1.
        DataError: Fewer than two rows, or labels of another length.
    """
    if not 0 < test < 1:
        raise ArgumentError(f"split_rows: test is a share of the rows, between 0 and 1, got {test}")
    if n_samples < 2:
        raise DataError(f"split_rows: expected at least 2 rows, one for each part, got {n_samples}")
    rng = np.random.default_rng(seed)
    n_test = min(max(round(n_samples * test), 1), n_samples - 1)
    order = rng.permutation(n_samples)
    if labels is None:
        return np.sort(order[n_test:]), np.sort(order[:n_test])
    codes = np.unique(np.asarray(labels), return_inverse=True)[1].reshape(-1)
    if len(codes) != n_samples:
        raise DataError(f"split_rows: expected {n_samples} labels, one for each row, got {len(codes)}")
    counts = np.bincount(codes)
    exact = counts * (n_test / n_samples)
    share = np.floor(exact).astype(np.int64)
    # Largest remainder: the rows that rounding down left over go to the classes that lost most by it, and to those that
    # would have no row left for training only when there is no other.
    needed = np.lexsort((share - exact, counts - share <= 1))[: n_test - share.sum()]
    share[needed] += 1
    grouped = order[np.argsort(codes[order], kind="stable")]
    rank = np.arange(n_samples) - np.repeat(np.cumsum(counts) - counts, counts)
    in_test = rank < np.repeat(share, counts)
    return np.sort(grouped[~in_test]), np.sort(grouped[in_test])
