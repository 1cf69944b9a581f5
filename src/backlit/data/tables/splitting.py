"""Validation rows of a table: at random, in the classes' shares, by groups, or the latest."""

import numpy as np
from numpy.typing import NDArray

from backlit.data.preprocessing import split_rows
from backlit.data.tables.table import MOST_CATEGORIES, Column, Table
from backlit.errors import ArgumentError, DataError

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
# Numbers to stratify by are cut into so many parts of the same number of rows.
_PARTS = 10


def split_table(
    table: Table,
    share: float,
    *,
    stratify: str | None = None,
    group: str | None = None,
    time: str | None = None,
    rows: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Split:
    """Splits rows into training and validation rows; at most one of the columns may be given.

    Args:
        table: The table.
        share: Share of the rows for the validation, between 0 and 1; each part gets at least one row.
        stratify: A column whose classes, or tenths of whose numbers, are split in the same share.
        group: A column whose rows of one value stay together: groups are drawn until their rows are nearest the share.
        time: A column by which the latest rows are kept; rows of one time stay together.
        rows: The rows to split; None: all.
        seed: Of what is drawn.

    Returns:
        Row numbers for training and for the validation, each sorted.

    Raises:
        ArgumentError: Two ways to split, no such column, or `share` is not between 0 and 1.
        DataError: Too few rows, groups or times, or a missing one; or texts to stratify by that are too many to be
            classes.
    """
    ways = {"stratify": stratify, "group": group, "time": time}
    given = [name for name, column in ways.items() if column is not None]
    if len(given) > 1:
        raise ArgumentError(f"{' and '.join(given)} are two ways to split the rows; choose one")
    rows = np.arange(table.n_rows) if rows is None else rows
    if group is None and time is None:
        labels = None if stratify is None else _classes(table, table.usable(stratify))[rows]
        train, val = split_rows(len(rows), share, labels=labels, seed=seed)
        return rows[train], rows[val]
    if not 0 < share < 1:
        raise ArgumentError(f"split_table: share must be between 0 and 1, got {share}")
    column = table.usable(group or time or "")
    _all_there(table, column, rows)
    chosen = _grouped(column, rows, share, seed) if group else _latest(table, column, rows, share)
    if chosen.all() or not chosen.any():
        raise DataError(
            f"{table.source}: column {column.name!r} has one value alone, by which no rows can be set apart"
        )
    return rows[~chosen], rows[chosen]


def _classes(table: Table, column: Column) -> NDArray[np.int64]:
    """Numbers of classes: as they are where there are few, else the tenths of the values; a missing one is a class."""
    if column.overfull:
        raise DataError(
            f"{table.source}: column {column.name!r} has more than {MOST_CATEGORIES:,} different texts, in the shares "
            "of which rows cannot be split; choose a column of fewer"
        )
    values = column.values
    if not column.is_text:
        values = np.unique(values, return_inverse=True, equal_nan=True)[1].reshape(-1)
        if column.n_distinct > 2 * _PARTS:
            values = values.argsort(kind="stable").argsort(kind="stable") * _PARTS // len(values)
    return np.where(column.missing, -1, values).astype(np.int64)


def _all_there(table: Table, column: Column, rows: NDArray[np.int64]) -> None:
    gaps = column.missing[rows]
    if gaps.any():
        row = int(rows[gaps.argmax()])
        raise DataError(f"{table.cell(column.name, row)} is empty, but the rows are split by it; fill it in")


def _grouped(column: Column, rows: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    groups = np.unique(column.values[rows], return_inverse=True)[1].reshape(-1)
    counts = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(counts))
    filled = np.cumsum(counts[order])
    # The number of groups whose rows come nearest to the share, but neither none nor all.
    taken = int(np.abs(filled - share * len(rows)).argmin()) + 1
    chosen = np.zeros(len(counts), bool)
    chosen[order[: min(taken, max(len(counts) - 1, 1))]] = True
    return chosen[groups]


def _latest(table: Table, column: Column, rows: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    if column.is_text:
        raise DataError(f"{table.source}: column {column.name!r} holds text, and no times to split the rows by")
    values = column.values[rows]
    first = np.sort(values)[len(values) - max(round(share * len(values)), 1)]
    late = values >= first
    # Where a single time fills all that is left, the rows after it are the late ones.
    return values > first if late.all() else late
