"""What is to be predicted of a table: classes or values, of one column or several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.datasets.table import MOST_CLASSES, Task, check_task
from backlit.data.tables.table import Column, Table
from backlit.errors import ArgumentError, DataError

# Of larger values the squares, added up, are beyond a float64.
_LARGEST = 1e150


@dataclass(frozen=True, eq=False)
class Targets:
    """Encoded targets.

    Attributes:
        names: Their columns.
        rows: The rows in which all of them are there, int64, (n,).
        y: Class numbers, int64, or values, float64; (n,), or (n, targets) for several of them.
        class_names: The name of each class number, for each target; empty for values.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    y: NDArray[Any]
    class_names: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> list[NDArray[Any]]:
        """The targets one by one, (n,) each."""
        return list(self.y.reshape(len(self.y), -1).T)

    def of(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The targets of some rows of the table, all of which have them."""
        return self.y[np.searchsorted(self.rows, rows)]


def read_targets(table: Table, names: Sequence[str], task: Task | None = None) -> Targets:
    """The targets of a table; rows in which one is missing are left out.

    Text, truth values, at most 20 different whole numbers, and two such as 0.0 and 1.0 are classes; the rest are
    values.

    Args:
        table: The table.
        names: One or more columns.
        task: What to learn, where the columns are not to decide.

    Raises:
        ArgumentError: No such column, one named twice, or an unknown task.
        DataError: Cells that are no values, no row has them all, a single class, text where values are wanted, or a
            mixture of kinds.
    """
    check_task(task)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ArgumentError(f"the target {twice[0]!r} is named twice")
    columns = [table.usable(name) for name in names]
    rows = np.flatnonzero(~np.logical_or.reduce([column.missing for column in columns]))
    if not len(rows):
        raise DataError(f"{table.source}: no row has a value of the target {' and '.join(map(repr, names))}")
    found = [_target(table, column, rows, task) for column in columns]
    class_names = tuple(classes for _, classes in found)
    if len(found) > 1 and {len(classes) for classes in class_names} not in ({0}, {2}):
        told = ", ".join(
            f"{n!r} has {f'{len(c)} classes' if c else 'values'}" for n, c in zip(names, class_names, strict=True)
        )
        raise DataError(
            f"{table.source}: several targets must all be values, or all be two classes, but {told}; choose one kind, "
            "or make the kind of all of them with --task"
        )
    y = found[0][0] if len(found) == 1 else np.stack([values for values, _ in found], 1)
    return Targets(tuple(names), rows, y, class_names)


def _target(
    table: Table, column: Column, rows: NDArray[np.int64], task: Task | None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    values = column.values[rows]
    countable = column.is_text or column.boolean or _are_few(column, values)
    if task != "classification" and (task == "regression" or not countable):
        return _values(table, column, rows), ()
    if column.overfull:
        raise DataError(f"{table.source}: target {column.name!r} holds too many different texts to be classes")
    told = column.told(rows)
    classes = sorted(set(told))
    if len(classes) < 2:
        gone = f"; {column.n_missing:,} of its cells are missing, as 'none' and 'NA' are" if column.n_missing else ""
        raise DataError(
            f"{table.source}: target {column.name!r} must hold at least two classes, it has only {classes[0]!s}{gone}"
        )
    if len(classes) > max(MOST_CLASSES, len(told) / 2):
        raise DataError(
            f"{table.source}: target {column.name!r} has {len(classes):,} classes in {len(told):,} rows, so hardly one "
            "comes twice; choose another target or another task"
        )
    numbers = {value: number for number, value in enumerate(classes)}
    return np.fromiter((numbers[v] for v in told), np.int64, len(told)), tuple(map(str, classes))


def _are_few(column: Column, values: NDArray[Any]) -> bool:
    """Whether numbers are so few that they are classes."""
    if column.is_time:
        return False
    different = np.unique(values)
    # Where a cell is missing, other programs write 0 and 1 as 0.0 and 1.0.
    pair = len(different) == 2 and not (different % 1).any()
    return pair or (column.whole and len(different) <= MOST_CLASSES)


def _values(table: Table, column: Column, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    if column.stray is not None:
        row, content = column.stray
        raise DataError(f"{table.cell(column.name, row)}: {content!r} is not a number; mend or empty the cell")
    if column.is_text or column.is_time:
        what = "times" if column.is_time else "text"
        raise DataError(f"{table.source}: target {column.name!r} holds {what}, and no numbers to learn")
    values = column.values[rows].astype(np.float64)
    largest = float(np.abs(values).max())
    if largest > _LARGEST:
        raise DataError(
            f"{table.source}: target {column.name!r} holds values up to {largest:.3g}, whose squares are beyond what a "
            "float holds; write them in a larger unit"
        )
    if len(values) > 1 and np.ptp(values) == 0:
        raise DataError(f"{table.source}: target {column.name!r} is {values[0]:g} in every row; nothing can be learnt")
    return values
