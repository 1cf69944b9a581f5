"""Times of texts: ISO 8601, or day, month and year in the orders in which people write them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.datasets.table import arrow

# Where all days are at most 12, "03/04/2021" fits two orders: the first here is taken, and the order is told.
_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
          "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")  # fmt: skip
ORDERS = tuple(date + clock for clock in ("", " %H:%M", " %H:%M:%S") for date in _DATES)
_WORDS = {"%d": "day", "%m": "month", "%b": "month", "%Y": "year", "%y": "year", " %H:%M": "", ":%S": ""}
# Four figures were asked for and two were there.
_FIRST = np.datetime64("1000-01-01")


def iso_times(array: Any) -> NDArray[Any] | None:
    """Texts in ISO 8601 as times, (n,) datetime64[s], NaT where one is missing; None where one is no such text."""
    pa = arrow()
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return as_times(array.cast(kind))
        except pa.ArrowInvalid:
            continue
    return None


def ordered_times(array: Any, order: str) -> NDArray[Any] | None:
    """Texts in one order as times; None where one does not fit it."""
    pa = arrow()
    try:
        times = as_times(pa.compute.strptime(array, format=order, unit="s"))
    except pa.ArrowInvalid:
        return None
    return None if (times < _FIRST).any() else times


def fitting_orders(array: Any, orders: Sequence[str]) -> list[str]:
    """Those of the orders that all texts fit."""
    return [order for order in orders if ordered_times(array, order) is not None]


def as_times(array: Any) -> NDArray[Any]:
    """An array of times of pyarrow as one of NumPy."""
    return array.to_numpy(zero_copy_only=False).astype("datetime64[s]")


def order_in_words(order: str) -> str:
    """`"%d/%m/%Y"` as `"day/month/year"`."""
    for mark, word in _WORDS.items():
        order = order.replace(mark, word)
    return order
