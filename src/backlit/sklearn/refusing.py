"""Words for tables and targets that cannot be used: row and column of what is wrong."""

from typing import Any

import numpy as np

from backlit.errors import BacklitError, DataError, DtypeError


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
        DtypeError: One was found that is neither text nor a number.
    """
    kind: type[BacklitError] = DtypeError if isinstance(error, TypeError) else DataError
    shape = np.shape(X)
    for number, name in enumerate(names_of(X) if not hasattr(X, "toarray") and len(shape) == 2 else ()):
        values = np.asarray(column(X, number))
        if values.dtype.kind in "mM":
            raise of_times(name) from error
        for row, value in enumerate(values.tolist() if values.dtype.kind in "OUS" else ()):
            if not _is_number(value):
                way = "name the column in categorical_features, or leave it out" if fills else "leave the column out"
                if fills and type(value).__name__ == "NAType":
                    way = 'missing_values="impute" fills missing values in'
                raise kind(f"X: row {row}, column {name!r} is {value!r}, not a number ({error}); {way}") from error
        if kind is DtypeError or values.dtype.kind not in "fO":
            continue
        numbers = values.astype(np.float64)
        if not np.isfinite(numbers).all():
            row = int(np.argmin(np.isfinite(numbers)))
            way = '; missing_values="impute" fills missing values in' if fills and np.isnan(numbers[row]) else ""
            what = str(error).partition("\n")[0].rstrip(".")
            raise DataError(f"X: row {row}, column {name!r} is {numbers[row]}: {what}{way}") from error


def refuse_target(y: Any, error: Exception, *, numeric: bool) -> None:
    """Say of an error the row of the first target that is missing or no finite number, if there is one.

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
            # pandas' NA compares with nothing.
            missing = type(value).__name__ in ("NoneType", "NAType")
            if missing or (numeric and not _is_number(value)) or (isinstance(value, float) and not np.isfinite(value)):
                what = str(error).partition("\n")[0].rstrip(".")
                raise DataError(f"y: row {row} is {value!r}: {what}") from error


def of_times(name: Any) -> DataError:
    """What is wrong with a column of times."""
    return DataError(f"X: column {name!r} holds times; make numbers of them, such as the year, or leave it out")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True
