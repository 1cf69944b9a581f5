"""Columns that give a target away: what is learnt from them is of no use where the target is not known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables.kinds import FEW_ROWS, USED, Found
from backlit.data.tables.table import Column, Table
from backlit.data.tables.targets import Targets

# A line through the target leaves at most this share of a column's variance: a hundredth of its spread.
_MOST_LEFT = 1e-4
# From this share of rows on, values that stand for classes give them away.
_MOSTLY = 0.995
# Rows by which most columns are seen to be innocent.
_FIRST = 1000
_MOST_SHOWN = 3


@dataclass(frozen=True)
class Leak:
    """A column that gives a target away.

    Attributes:
        column: Its name.
        target: The target's.
        how: What it is, in words.
    """

    column: str
    target: str
    how: str


def find_leaks(table: Table, found: Sequence[Found], targets: Targets) -> list[Leak]:
    """The columns among those that are used which say what a target is, in at least 20 rows that know both.

    A target of values is given away by a column that is a line of it, such as 2 y + 1, or that only rises or only falls
    with it, such as its logarithm; classes by one value for each, and by being empty for one of two.
    """
    rows, leaks = targets.rows, []
    for name, y, classes in zip(targets.names, targets.columns, targets.class_names, strict=True):
        # One after the other in the order of the target, so that rising and falling are seen.
        order = np.argsort(y, kind="stable")
        for each in found:
            if each.kind in USED:
                column = table[each.name]
                told = (column, rows[order], y[order])
                how = _of_classes(*told, classes) if classes else _of_values(*told, name)
                leaks += [Leak(each.name, name, how)] if how else []
    return leaks


def _of_values(column: Column, rows: NDArray[np.int64], y: NDArray[Any], target: str) -> str:
    if column.is_text or len(rows) < FEW_ROWS:
        return ""
    parts: list[Any] = [slice(None)]
    if len(rows) > _FIRST:
        parts.insert(0, np.linspace(0, len(rows) - 1, _FIRST).astype(np.int64))
    for part in parts:
        known = ~column.missing[rows[part]]
        x, goal = column.values[rows[part]][known].astype(np.float64), y[part][known]
        if len(x) < FEW_ROWS:
            return ""
        how = _line(x, goal, target) or _rise(x, goal, target)
        if not how:
            return ""
    return how


def _line(x: NDArray[np.float64], y: NDArray[np.float64], target: str) -> str:
    """Words for a column that is a line of the target, but for rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        around, goal = x - x.mean(), y - y.mean()
        spread, size = float(around @ around), float(goal @ goal)
    if not (0 < spread < np.inf and 0 < size < np.inf):
        return ""
    slope = float(around @ goal) / size
    left = around - slope * goal
    if float(left @ left) > _MOST_LEFT * spread:
        return ""
    offset = float(x.mean() - slope * y.mean())
    told = "" if abs(offset) <= 1e-6 * float(np.abs(x).max()) else f" {'−' if offset < 0 else '+'} {abs(offset):.4g}"
    close = "" if float(left @ left) <= 1e-9 * spread else ", nearly"
    return f"it is {slope:.4g} × {target}{told}{close}"


def _rise(x: NDArray[np.float64], y: NDArray[np.float64], target: str) -> str:
    """Words for a column that rises or falls with the target, which is sorted, and tells most of its values apart."""
    steps = np.diff(x)
    different = np.count_nonzero(np.diff(y)) + 1
    if different < FEW_ROWS or np.count_nonzero(steps) + 1 < different / 2:
        return ""
    if (steps >= 0).all():
        return f"it rises whenever {target} rises"
    return f"it falls whenever {target} rises" if (steps <= 0).all() else ""


def _of_classes(column: Column, rows: NDArray[np.int64], y: NDArray[Any], classes: Sequence[str]) -> str:
    missing = column.missing[rows]
    if len(rows) < FEW_ROWS:
        return ""
    if len(classes) == 2 and missing.any():
        for number, name in enumerate(classes):
            if np.array_equal(missing, y == number):
                return f"it is empty in all rows of the class {name}, and in no other"
    # A missing value may stand for a class like any other.
    for known in (np.ones(len(rows), bool), ~missing) if missing.any() else (~missing,):
        how = _relabelled(column, rows[known], y[known], classes)
        if how:
            return how
    return ""


def _relabelled(column: Column, rows: NDArray[np.int64], y: NDArray[Any], classes: Sequence[str]) -> str:
    """Words for a column in which one value stands for each class."""
    count = len(classes)
    if len(rows) < FEW_ROWS or column.n_distinct > count:
        return ""
    first, codes = np.unique(column.values[rows], return_index=True, return_inverse=True)[1:]
    if len(first) != count:
        return ""
    pairs = np.bincount(codes * count + y, minlength=count * count).reshape(count, count)
    stands_for, right = pairs.argmax(1), int(pairs.max(1).sum())
    if len(set(stands_for.tolist())) < count or right < _MOSTLY * len(rows):
        return ""
    values = column.told(rows[first[np.argsort(stands_for)[:_MOST_SHOWN]]])
    pairs_told = zip(values, classes, strict=False)
    told = ", ".join(f"{'empty' if value is None else value}: {name}" for value, name in pairs_told)
    rest = ", …" if count > _MOST_SHOWN else ""
    share = "" if right == len(rows) else f" in {int(1000 * right / len(rows)) / 10}% of the rows"
    return f"each of its values stands for a class{share} ({told}{rest})"
