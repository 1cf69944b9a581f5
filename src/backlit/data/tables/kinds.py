"""What each column of a table is, and what is done with it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backlit.data.tables.table import MOST_CATEGORIES, Column, Table
from backlit.errors import ArgumentError, DataError, suggest

Kind = Literal[
    "number", "boolean", "category", "date", "time", "identifier", "text", "constant", "missing", "copy", "other"
]
USED: tuple[Kind, ...] = ("number", "boolean", "category", "date", "time")

# A table of fewer rows tells nothing about whether values repeat.
FEW_ROWS = 20
# From this share of numbers on, a cell of text among them is an error and no category.
_MOSTLY = 0.9
# From this share on they are told.
_MANY = 0.5
_CALLED_ID = re.compile(r"(^|[\W_])(id|uuid|guid|index|rownum|row_?id)$|^unnamed: 0$|^$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z](Id|ID)$")


@dataclass(frozen=True)
class Found:
    """What a column is.

    Attributes:
        name: The column.
        kind: Its kind; a column of one that is not in `USED` is left out.
        distinct: How many different values there are besides missing ones.
        missing: How many cells are missing.
        reason: Why it is left out; empty where it is used.
    """

    name: str
    kind: Kind
    distinct: int
    missing: int
    reason: str = ""


def find_kinds(
    table: Table, targets: Sequence[str], *, categorical: Collection[str] = (), numeric: Collection[str] = ()
) -> list[Found]:
    """The kind of each column but the targets.

    Args:
        table: All rows.
        targets: Columns that are predicted.
        categorical: Columns that hold categories, whatever they look like; they were read as text.
        numeric: Columns that hold numbers to learn from, even if they look like identifiers.

    Raises:
        ArgumentError: A name is no column, stands in both lists, or is a target.
        DataError: A column holds a cell of text among numbers, or cannot be what it is said to be.
    """
    for name in (*categorical, *numeric):
        if name not in table.names:
            raise ArgumentError(f"{table.source}: no column {name!r}{suggest(name, table.names)}")
        if name in targets:
            raise ArgumentError(f"{name!r} is the target, which is not learnt from; leave it out of the other columns")
        if name in categorical and name in numeric:
            raise ArgumentError(f"{name!r} is said to be both categorical and numeric; choose one")
        if name in categorical and not table[name].is_text and table[name].n_missing < table.n_rows:
            raise ArgumentError(f"{name!r} is said to be categorical and was not read as text: read_table(…, text=[…])")
    goals = [table[name] for name in targets]
    found = []
    for column in table.columns:
        if column.name not in targets:
            kind, reason = _kind(table, column, goals, column.name in categorical, column.name in numeric)
            found.append(Found(column.name, kind, column.n_distinct, column.n_missing, reason))
    return found


def _kind(table: Table, column: Column, goals: Sequence[Column], categorical: bool, numeric: bool) -> tuple[Kind, str]:
    if column.foreign:
        if numeric or categorical:
            table.usable(column.name)
        return "other", f"cells of the type {column.foreign}"
    known = table.n_rows - column.n_missing
    if not known:
        return "missing", "no value in any row"
    if numeric and (column.is_text or column.is_time):
        raise DataError(_not_numbers(table, column))
    if column.stray is not None and column.numeric_share >= _MOSTLY and not categorical:
        raise DataError(_not_numbers(table, column))
    if column.n_distinct == 1 and not column.n_missing:
        return "constant", f"{column.told(slice(0, 1))[0]!s} in every row"
    if any(_same(column, goal) for goal in goals):
        return "copy", "the same as the target"
    if column.overfull:
        if categorical:
            raise DataError(f"{table.source}: column {column.name!r} has more than {MOST_CATEGORIES:,} categories")
        return "text", f"more than {MOST_CATEGORIES:,} different texts"
    if column.is_time:
        return "time" if column.is_clock else "date", ""
    if column.is_text:
        if not categorical and column.n_distinct > max(FEW_ROWS, known / 2):
            return "text", "hardly a text comes twice" + _numbers_among(table, column)
        return "category", ""
    if column.boolean:
        return "boolean", ""
    if not numeric and _numbers_rows(column):
        return "identifier", "it numbers the rows"
    return "number", ""


def _numbers_among(table: Table, column: Column) -> str:
    """Words about the numbers in a column of text, and about what keeps it from being one of numbers."""
    if column.stray is None or column.numeric_share < _MANY:
        return ""
    row, content = column.stray
    return f"; {column.numeric_share:.0%} are numbers, and {content!r} in row {row + table.first_row:,} is none"


def _numbers_rows(column: Column) -> bool:
    """Whether whole numbers tell rows apart and nothing else."""
    n = len(column.values)
    if not column.whole or n < FEW_ROWS or column.n_distinct < n:
        return False
    consecutive = int(column.values.max()) - int(column.values.min()) == n - 1
    called = bool(_CALLED_ID.search(column.name) or _CAMEL_ID.search(column.name))
    return called or (consecutive and bool((np.diff(column.values.astype(np.int64)) == 1).all()))


def _same(column: Column, goal: Column) -> bool:
    """Whether a column has the target's value in every row."""
    if len(column.values) < FEW_ROWS or column.categories != goal.categories or column.is_time != goal.is_time:
        return False
    same = column.values == goal.values
    return bool((same | (column.missing & goal.missing)).all())


def _not_numbers(table: Table, column: Column) -> str:
    if column.stray is None:
        kind = "times" if column.is_time else "text"
        return f"{table.source}: column {column.name!r} holds {kind} and no numbers"
    row, content = column.stray
    most = ", as most of the column are" if column.numeric_share >= _MOSTLY else ""
    return (
        f"{table.cell(column.name, row)}: {content!r} is not a number{most}; mend or empty the cell, leave the column "
        "out, or say that it holds categories"
    )
