"""Columns of tables: categories as numbers, and missing values filled in."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables import CategoryColumn, NumberColumn, TableEncoder, embedding_size, is_missing
from backlit.errors import ArgumentError, DataError, DtypeError, suggest
from backlit.sklearn.refusing import column, names_of, of_times, refuse

Array = NDArray[Any]
# How the types of columns of text and categories begin in pandas and polars.
_TEXT = ("cat", "enum", "str", "utf8", "object", "bool")


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
        DtypeError: A value is of a kind that is no number and no category.
    """

    def __init__(self, X: Any, chosen: Any, impute: bool) -> None:
        self._impute, names = impute, names_of(X)
        self._categorical = sorted(set(_numbers(X, names, chosen)))
        plain_types = {np.asarray(column(X, n)).dtype for n in range(len(names)) if n not in self._categorical}
        self._dtype = "float32" if plain_types == {np.dtype(np.float32)} else "float64"
        self.categorical = [_learnt(X, n, names[n]) for n in self._categorical]
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
                raise of_times(name)
            if values.dtype.kind == "O":
                values = np.array([np.nan if is_missing(v) else v for v in _values(X, number)], object)
            try:
                numbers = values.astype(self._dtype)
            except (TypeError, ValueError) as error:
                refuse(X if not categorical else _only(X, number, name), error, fills=True)
                raise
            bad = ~np.isfinite(numbers) & ~(np.isnan(numbers) & self._impute)
            if bad.any():
                row = int(bad.argmax())
                way = "make it a number, or NaN if nothing is known"
                if not self._impute:
                    way = 'missing_values="impute" fills missing values in'
                raise DataError(
                    f"X: row {row}, column {name!r} is {numbers[row]}: Input X contains NaN or infinity; {way}"
                )
            found.append(numbers)
        return np.stack(found, 1) if found else np.empty((len(X), 0), self._dtype)


def _learnt(X: Any, number: int, name: Any) -> CategoryColumn:
    """The categories of a column."""
    values = _values(X, number)
    try:
        return CategoryColumn.fit(name, (v for v in values if not is_missing(v)), flagged=False)
    except TypeError as error:
        row = next((row for row, value in enumerate(values) if not isinstance(value, Hashable)), None)
        if row is None:
            raise
        raise DtypeError(
            f"X: row {row}, column {name!r} is {values[row]!r}, no category: the argument must be a string or a number"
        ) from error


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
