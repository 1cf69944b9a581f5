"""`TableEncoder`: how the columns of a table become the numbers that a network sees."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables.encodings import CategoryColumn, DateColumn, Encoding, NumberColumn
from backlit.data.tables.kinds import USED, Found
from backlit.data.tables.table import Column, Table
from backlit.errors import DataError, StateError

_KINDS: dict[str, type[Encoding]] = {kind.kind: kind for kind in (NumberColumn, DateColumn, CategoryColumn)}


@dataclass(frozen=True)
class TableEncoder:
    """Columns of a table as numbers, by what was learnt from training rows alone.

    The result has all numbers first, in the order of the columns, and then the number of each category, for
    `nn.TableInput`. A category that the training rows lacked has the number after all others.

    Attributes:
        columns: What is done to each column that is used.
    """

    columns: tuple[Encoding, ...]

    @classmethod
    def fit(cls, table: Table, found: Sequence[Found], rows: NDArray[np.int64] | slice) -> "TableEncoder":
        """Learn from the training rows.

        Args:
            table: The table.
            found: What its columns are.
            rows: The training rows.

        Raises:
            DataError: No column is left to learn from.
        """
        used = [_fitted(table[each.name], rows) for each in found if each.kind in USED]
        if not used:
            told = "; ".join(f"{each.name!r}: {each.reason}" for each in found) or "there is none but the target"
            raise DataError(f"{table.source}: no column is left to learn from ({told})")
        return cls(tuple(used))

    @property
    def numbers(self) -> int:
        """How many of the results are numbers; they come first."""
        return sum(len(column.names) for column in self._plain)

    @property
    def categories(self) -> list[int]:
        """The number of categories of each result that is a category's number."""
        return [column.count for column in self._categorical]

    @property
    def sizes(self) -> list[int]:
        """The size of the vectors of each of these; 0: one-hot."""
        return [column.size for column in self._categorical]

    @property
    def names(self) -> list[str]:
        """A name for each result."""
        return [name for column in (*self._plain, *self._categorical) for name in column.names]

    @property
    def places(self) -> dict[str, list[int]]:
        """The results that each column of the table becomes."""
        found, at = {}, 0
        for column in (*self._plain, *self._categorical):
            found[str(column.name)] = list(range(at, at + len(column.names)))
            at += len(column.names)
        return found

    def transform(self, table: Table, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Rows of a table with the columns that it was fitted on as numbers, (n, results).

        Raises:
            ArgumentError: A column is missing.
        """
        n_rows = len(range(table.n_rows)[rows]) if isinstance(rows, slice) else len(rows)
        result = np.empty((n_rows, len(self.names)), np.float32)
        places = self.places
        for column in self.columns:
            for place, values in zip(
                places[str(column.name)], column.transform(table[str(column.name)], rows), strict=True
            ):
                result[:, place] = values
        return result

    def to_dict(self) -> dict[str, Any]:
        """The state, fit for JSON."""
        return {"columns": [{"kind": column.kind, **asdict(column)} for column in self.columns]}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "TableEncoder":
        """The encoder that `to_dict` described.

        Raises:
            StateError: `state` is no such description.
        """
        try:
            return cls(tuple(_described(dict(each)) for each in state["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"TableEncoder.from_dict: not the description of an encoder: {error}") from error

    @property
    def _plain(self) -> list[NumberColumn | DateColumn]:
        return [column for column in self.columns if not isinstance(column, CategoryColumn)]

    @property
    def _categorical(self) -> list[CategoryColumn]:
        return [column for column in self.columns if isinstance(column, CategoryColumn)]


def _fitted(column: Column, rows: NDArray[np.int64] | slice) -> Encoding:
    values = column.values[rows]
    if column.is_time:
        return DateColumn.fit(column.name, values, column.order)
    if column.categories is None:
        return NumberColumn.fit(column.name, values, form=column.form)
    counts = np.bincount(values[values >= 0], minlength=len(column.categories))
    known = [column.categories[number] for number in np.flatnonzero(counts)]
    return CategoryColumn.fit(column.name, known, flagged=bool((values < 0).any()))


def _described(state: dict[str, Any]) -> Encoding:
    kind = _KINDS[state.pop("kind")]
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in state.items()}
    encoding = kind(**values)
    scales = encoding.scales if isinstance(encoding, DateColumn) else (getattr(encoding, "scale", 1.0),)
    if not all(0 < scale < np.inf for scale in scales):
        raise ValueError(f"column {encoding.name!r} has a scale that is not positive")
    return encoding
