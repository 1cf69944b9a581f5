"""Times of texts: ISO 8601, day, month and year in the orders in which people write them, or times of day."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.datasets.table import arrow

# Where all days are at most 12, "03/04/2021" fits two orders: the first here is taken, and the order is told.
_DATES = ("%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y",
          "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")  # fmt: skip
# The mark of a column of times of day, which lie on the first of January 1970: 14:35, 9:05:20, 2:35 pm.
CLOCK = "%H:%M"
ORDERS = (*(date + clock for clock in ("", " %H:%M", " %H:%M:%S") for date in _DATES), CLOCK)
_CLOCK = (
    r"^\s*(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d(?:\.\d+)?))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*$"
)
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
    if order == CLOCK:
        return _clock_times(array)
    pa = arrow()
    try:
        times = as_times(pa.compute.strptime(array, format=order, unit="s"))
    except pa.ArrowInvalid:
        return None
    return None if (times < _FIRST).any() else times


def _clock_times(array: Any) -> NDArray[Any] | None:
    """Texts as times of day; None where one is none."""
    pa = arrow()
    pc = pa.compute
    parts = pc.extract_regex(array, pattern=_CLOCK)
    if parts.null_count > array.null_count:
        return None
    hour, minute, second, half = (
        pc.struct_field(parts.drop_null(), name) for name in ("hour", "minute", "second", "half")
    )
    hours = hour.cast(pa.int64()).to_numpy(zero_copy_only=False)
    halves = pc.utf8_lower(pc.utf8_slice_codeunits(half, 0, 1)).to_numpy(zero_copy_only=False)
    of_half = halves != ""
    if not np.where(of_half, (hours > 0) & (hours < 13), hours < 24).all():
        return None
    hours = np.where(of_half, hours % 12 + 12 * (halves == "p"), hours)
    seconds = pc.if_else(pc.equal(second, ""), "0", second).cast(pa.float64()).to_numpy(zero_copy_only=False)
    found = np.full(len(array), "NaT", "datetime64[s]")
    known = array.is_valid().to_numpy(zero_copy_only=False)
    whole = hours * 3600 + minute.cast(pa.int64()).to_numpy(zero_copy_only=False) * 60 + seconds.astype(np.int64)
    found[known] = whole.astype("datetime64[s]")
    return found


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
