"""A table in memory, each column in as few bytes as it needs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables.times import CLOCK
from backlit.errors import ArgumentError, DataError, suggest

# A column of more different texts than this holds names or sentences; nothing is learnt from their numbers.
MOST_CATEGORIES = 50_000


@dataclass(frozen=True, eq=False)
class Column:
    """A column as it was read.

    Attributes:
        name: What it is called.
        values: (n_rows,): numbers, NaN where one is missing; times, datetime64, NaT where one is missing; or, for text,
            numbers of categories, -1 where one is missing.
        categories: The texts that the numbers stand for; None where this is no text. Empty where there are more than a
            reader keeps: all texts then have the number 0.
        whole: Whether all numbers were written as whole numbers.
        boolean: Whether the numbers, 0 and 1, are truth values.
        order: In which order day, month and year were written, as in "%d/%m/%Y"; empty for ISO 8601; "%H:%M" for times
            of day, which lie on the first of January 1970.
        form: In which form numbers were written (see `forms`); empty for plain ones.
        foreign: The type of cells that are no numbers, times or texts; none of them is then kept, and all are missing.
        stray: In a column of text, row and content of the first cell that is no number.
        numeric_share: In a column of text, the share of the cells that look like numbers.
    """

    name: str
    values: NDArray[Any]
    categories: tuple[str, ...] | None = None
    whole: bool = False
    boolean: bool = False
    order: str = ""
    form: str = ""
    foreign: str = ""
    stray: tuple[int, str] | None = None
    numeric_share: float = 0.0

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.categories is not None

    @property
    def is_time(self) -> bool:
        """Whether it holds dates or times."""
        return self.values.dtype.kind == "M"

    @property
    def is_clock(self) -> bool:
        """Whether it holds times of day."""
        return self.order == CLOCK

    @property
    def overfull(self) -> bool:
        """Whether it holds more different texts than were kept."""
        return self.categories == () and bool((self.values >= 0).any())

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which cells are missing, (n_rows,)."""
        if self.is_text:
            return self.values < 0
        if self.values.dtype.kind in "fM":
            return np.isnat(self.values) if self.is_time else np.isnan(self.values)
        return np.zeros(len(self.values), bool)

    @cached_property
    def n_missing(self) -> int:
        """How many cells are missing."""
        return int(np.count_nonzero(self.missing))

    @cached_property
    def n_distinct(self) -> int:
        """How many different values there are besides missing ones; of an overfull column, one more than are kept."""
        if self.overfull:
            return MOST_CATEGORIES + 1
        known = self.values[~self.missing] if self.n_missing else self.values
        if self.is_text:
            return int(np.count_nonzero(np.bincount(known, minlength=1))) if len(known) else 0
        ordered = np.sort(known)
        return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)

    @cached_property
    def _unit(self) -> str:
        """NumPy's word for the largest of days, minutes and seconds in which all times are whole."""
        known = self.values[~self.missing]
        return next((unit for unit in ("D", "m") if (known.astype(f"datetime64[{unit}]") == known).all()), "s")

    def cells(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[Any]:
        """The cells of rows as an array: numbers, times, or objects for text and truths, None where one is missing."""
        if self.boolean or self.is_clock:
            return np.array(self.told(rows), object)
        if self.is_time and self._unit == "D":
            return self.values[rows].astype("datetime64[D]")
        if self.categories is None:
            return self.values[rows]
        texts = np.array([*(self.categories or ("",)), None], object)
        return texts[self.values[rows]]

    def told(self, rows: NDArray[np.int64] | slice = slice(None)) -> list[Any]:
        """The cells of rows as Python shows them: numbers, texts, times in ISO 8601; None where missing."""
        values, missing = self.values[rows], self.missing[rows]
        if self.categories is not None:
            known: list[Any] = [self.categories[v] if v >= 0 and self.categories else None for v in values.tolist()]
            return known
        if self.is_clock:
            end = 19 if self._unit == "s" else 16
            return [None if gone else str(time)[11:end] for time, gone in zip(values, missing, strict=True)]
        if self.is_time:
            times = zip(self.cells(rows), missing, strict=True)
            return [None if gone else str(time) for time, gone in times]
        if self.boolean:
            return [None if gone else bool(v) for v, gone in zip(values.tolist(), missing.tolist(), strict=True)]
        if self.whole:
            return [None if gone else int(v) for v, gone in zip(values.tolist(), missing.tolist(), strict=True)]
        # The shortest number that a float32 stands for is the one that was read.
        return [None if gone else float(str(v)) for v, gone in zip(values, missing, strict=True)]


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of the same rows.

    Attributes:
        source: The file's name, for messages.
        columns: The columns, in order.
        n_rows: How many rows there are.
        first_row: The number of the first row in messages, as a spreadsheet shows it.
    """

    source: str
    columns: tuple[Column, ...]
    n_rows: int
    first_row: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    def usable(self, name: str) -> Column:
        """A column by its name, whose cells are values.

        Raises:
            ArgumentError: There is none of that name.
            DataError: Its cells are lists or other things that are no values.
        """
        column = self[name]
        if column.foreign:
            raise DataError(f"{self.source}: column {name!r} holds {column.foreign}, which is no number, time or text")
        return column

    def __getitem__(self, name: str) -> Column:
        """A column by its name.

        Raises:
            ArgumentError: There is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ArgumentError(f"{self.source}: no column {name!r}{suggest(name, self.names)}")

    def cell(self, name: str, row: int) -> str:
        """Words for a cell; `row` counts from 0."""
        return f"{self.source}: row {row + self.first_row:,}, column {name!r}"

    def part(self, names: Sequence[str], rows: NDArray[np.int64]) -> "Table":
        """A copy of some rows of some columns; raises what `table[name]` raises."""
        columns = tuple(replace(self[name], values=self[name].values[rows]) for name in names)
        return Table(self.source, columns, len(rows), self.first_row)
