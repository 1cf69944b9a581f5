"""Columns of tables: categories as numbers, missing values filled in, and words for what cannot be used."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables import CategoryColumn, NumberColumn, TableEncoder, embedding_size, is_missing
from backlit.errors import ArgumentError, DataError, suggest

Array = NDArray[Any]
# How the types of columns of text and categories begin in pandas and polars.
_TEXT = ("cat", "enum", "str", "utf8", "object", "bool")


def names_of(X: Any) -> list[Any]:
    """The names of a table's columns, or their numbers.

    Raises:
        DataError: Two columns have one name.
    """
    names = list(X.columns) if hasattr(X, "columns") else list(range(np.shape(X)[1] if np.ndim(X) > 1 else 0))
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"X has several columns called {double!r}; give each a name of its own")
    return names


def column(X: Any, number: int) -> Any:
    """A column of a frame of pandas or polars, or of an array."""
    if hasattr(X, "iloc"):
        return X.iloc[:, number]
    return X.to_series(number) if hasattr(X, "to_series") else np.asarray(X)[:, number]


def refuse(X: Any, error: Exception, *, fills: bool) -> None:
    """Say of an error the row and column of the first value that is no finite number, if there is one.

    Args:
        X: The table.
        error: What scikit-learn or NumPy said of it.
        fills: Whether the estimator could fill missing values in.

    Raises:
        DataError: Such a value was found.
    """
    shape = np.shape(X)
    for number, name in enumerate(names_of(X) if not hasattr(X, "toarray") and len(shape) == 2 else ()):
        values = np.asarray(column(X, number))
        if values.dtype.kind in "mM":
            raise _of_times(name) from error
        if isinstance(error, TypeError):
            continue
        for row, value in enumerate(values.tolist() if values.dtype.kind in "OUS" else ()):
            if not _is_number(value):
                way = "name the column in categorical_features, or leave it out" if fills else "leave the column out"
                raise DataError(f"X: row {row}, column {name!r} is {value!r}, not a number ({error}); {way}") from error
        numbers = values.astype(np.float64) if values.dtype.kind in "fO" else np.zeros(1)
        if not np.isfinite(numbers).all():
            row = int(np.argmin(np.isfinite(numbers)))
            way = '; missing_values="impute" fills missing values in' if fills and np.isnan(numbers[row]) else ""
            what = str(error).partition("\n")[0].rstrip(".")
            raise DataError(f"X: row {row}, column {name!r} is {numbers[row]}: {what}{way}") from error


def refuse_target(y: Any, error: Exception, *, numeric: bool) -> None:
    """Say of an error the row of the first target that is no finite number, if there is one.

    Args:
        y: The targets.
        error: What scikit-learn or NumPy said of them.
        numeric: Whether they must be numbers.

    Raises:
        DataError: Such a target was found.
    """
    targets = np.asarray(y)
    for row, values in enumerate(targets.tolist() if targets.ndim in (1, 2) else ()):
        for value in values if isinstance(values, list) else [values]:
            if (numeric and not _is_number(value)) or (isinstance(value, float) and not np.isfinite(value)):
                what = str(error).partition("\n")[0].rstrip(".")
                raise DataError(f"y: row {row} is {value!r}: {what}") from error


def _of_times(name: Any) -> DataError:
    return DataError(f"X: column {name!r} holds times; make numbers of them, such as the year, or leave it out")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


class Columns:
    """What was learnt about the columns of a table, and how it becomes numbers.

    The result has the other columns first, each followed by a column of zeros and ones where values were missing in
    it, then the numbers of categories. A category that was not seen, and a missing one, has the number after all
    others.

    Args:
        X: The training rows.
        chosen: Categorical columns by name or number, "from_dtype" for those of text or categories, or None.
        impute: Whether missing numbers are replaced by the mean of their column, 0 where all are missing.

    Attributes:
        numbers: What is done to each column of numbers.
        categorical: What is done to each categorical column.

    Raises:
        ArgumentError: `chosen` names no column.
        DataError: A value is not a number, or is infinite, or is missing where that is not allowed.
    """

    def __init__(self, X: Any, chosen: Any, impute: bool) -> None:
        self._impute, names = impute, names_of(X)
        self._categorical = sorted(set(_numbers(X, names, chosen)))
        plain_types = {np.asarray(column(X, n)).dtype for n in range(len(names)) if n not in self._categorical}
        self._dtype = "float32" if plain_types == {np.dtype(np.float32)} else "float64"
        self.categorical = [
            CategoryColumn.fit(names[n], (v for v in _values(X, n) if not is_missing(v)), flagged=False)
            for n in self._categorical
        ]
        plain = self._plain(X)
        others = [name for n, name in enumerate(names) if n not in self._categorical]
        self.numbers = [
            NumberColumn.fit(name, values, fill="mean", standardise=False)
            for name, values in zip(others, plain.T, strict=True)
        ]

    @property
    def embeddings(self) -> tuple[tuple[int, int], ...]:
        """(rows, size) of a table of embeddings for each categorical column."""
        return tuple((column.count + 1, embedding_size(column.count)) for column in self.categorical)

    @property
    def encoder(self) -> TableEncoder:
        """What does the same to tables of which files are read."""
        categorical = dict(zip(self._categorical, self.categorical, strict=True))
        numbers, count = iter(self.numbers), len(self.numbers) + len(categorical)
        return TableEncoder(tuple(categorical.get(n) or next(numbers) for n in range(count)))

    def transform(self, X: Any) -> Array:
        """Rows as numbers, (n, columns); errors as when it was made."""
        encoded = [column.encode(values) for column, values in zip(self.numbers, self._plain(X).T, strict=True)]
        codes = [column.codes(_values(X, n)) for column, n in zip(self.categorical, self._categorical, strict=True)]
        parts = [*(part for parts in encoded for part in parts), *codes]
        result = np.empty((len(X), len(parts)), self._dtype)
        for at, part in enumerate(parts):
            result[:, at] = part
        return result

    def _plain(self, X: Any) -> Array:
        """The columns of numbers."""
        categorical, names = set(self._categorical), names_of(X)
        found = []
        for number, name in enumerate(names):
            if number in categorical:
                continue
            values = np.asarray(column(X, number))
            if values.dtype.kind in "mM":
                raise _of_times(name)
            if values.dtype.kind == "O":
                values = np.array([np.nan if is_missing(v) else v for v in _values(X, number)], object)
            try:
                numbers = values.astype(self._dtype)
            except (TypeError, ValueError) as error:
                refuse(X if not categorical else _only(X, number, name), ValueError(str(error)), fills=True)
                raise
            bad = ~np.isfinite(numbers) & ~(np.isnan(numbers) & self._impute)
            if bad.any():
                row = int(bad.argmax())
                raise DataError(
                    f"X: row {row}, column {name!r} is {numbers[row]}: Input X contains NaN or infinity; missing "
                    'values are filled in with missing_values="impute"'
                )
            found.append(numbers)
        return np.stack(found, 1) if found else np.empty((len(X), 0), self._dtype)


def _only(X: Any, number: int, name: Any) -> Any:
    return X[[name]] if hasattr(X, "columns") else np.asarray(X)[:, [number]]


def _values(X: Any, number: int) -> list[Any]:
    """The values of a column; None where pandas has a mark of its own for what is missing."""
    values = column(X, number)
    if hasattr(values, "notna"):
        values = values.astype(object).where(values.notna(), None)
    return np.asarray(values, object if hasattr(values, "notna") else None).tolist()


def _numbers(X: Any, names: Sequence[Any], chosen: Any) -> list[int]:
    """The numbers of the categorical columns."""
    if chosen is None:
        return []
    if isinstance(chosen, str):
        if chosen != "from_dtype":
            raise ArgumentError(f'categorical_features must be "from_dtype" or a list of columns, got {chosen!r}')
        kinds = [str(getattr(column(X, n), "dtype", "")).lower() for n in range(len(names))]
        return [n for n, kind in enumerate(kinds) if kind.startswith(_TEXT) or kind.lstrip("<>|=")[:1] == "u"]
    found = []
    for one in chosen:
        if one in names:
            found.append(list(names).index(one))
        elif isinstance(one, int | np.integer) and -len(names) <= one < len(names):
            found.append(int(one) % len(names))
        else:
            raise ArgumentError(f"categorical_features: no column {one!r}{suggest(str(one), map(str, names))}")
    return found
