"""How one column becomes numbers for a network: what was learnt from training rows, and nothing else."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from backlit.data.tables.table import Column
from backlit.data.tables.times import CLOCK

# Up to so many categories a one-hot vector is as small as a learnt one.
MOST_ONE_HOT = 10
_LARGEST_EMBEDDING = 50
_DAY = np.timedelta64(1, "D")
_DATE_PARTS = ("days", "year", "month", "weekday", "hour")
_CLOCK_PARTS = ("hour", "sine", "cosine")
# Below this share of a column's size its spread is rounding.
_SPREAD = 1e-12


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: `(value - mean) / scale`, and a column of zeros and ones where values were missing.

    Attributes:
        name: The column's name.
        fill: What a missing value becomes.
        mean: Of the training rows, after filling.
        scale: Their standard deviation, divided by n; 1 for a constant column.
        flagged: Whether a further column says where values are missing.
        form: In which form they were written (see `forms`); empty for plain numbers.
    """

    kind: ClassVar[str] = "number"

    name: Hashable
    fill: float
    mean: float
    scale: float
    flagged: bool
    form: str = ""

    @classmethod
    def fit(
        cls,
        name: Hashable,
        values: NDArray[Any],
        *,
        fill: Literal["median", "mean"] = "median",
        standardise: bool = True,
        form: str = "",
    ) -> "NumberColumn":
        """Learn from training rows, (n,), NaN where a value is missing; a column of nothing else is filled with 0."""
        numbers = np.asarray(values, np.float64)
        gaps = np.isnan(numbers)
        known = numbers[~gaps]
        middle = 0.0 if not len(known) else float(np.median(known) if fill == "median" else known.mean())
        mean, scale = _moments(np.where(gaps, middle, numbers)) if standardise else (0.0, 1.0)
        return cls(name, middle, mean, scale, bool(gaps.any()), form)

    @property
    def names(self) -> list[str]:
        """What its columns for the network are called."""
        return [str(self.name), *([f"{self.name} is missing"] if self.flagged else [])]

    def encode(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Numbers (n,) as the columns that `names` names, each (n,)."""
        numbers = np.asarray(values, np.float64)
        gaps = np.isnan(numbers)
        filled = (np.where(gaps, self.fill, numbers) - self.mean) / self.scale
        return [filled, gaps] if self.flagged else [filled]

    def transform(self, column: Column, rows: NDArray[np.int64] | slice) -> list[NDArray[Any]]:
        """Rows of a column as numbers."""
        return self.encode(column.values[rows])


@dataclass(frozen=True)
class DateColumn:
    """A column of times: standardised year, month, day of the week, elapsed days, and hours where there are any.

    Of times of day, the hour, and where it stands in the circle of the day. Parts that are the same in all training
    rows are left out, but for the first.

    Attributes:
        name: The column's name.
        fill: What a missing time becomes: seconds since 1970.
        parts: "days" since 1970, "year", "month", "weekday" (0: Monday), "hour"; or "hour", "sine", "cosine".
        means: Each part's mean in the training rows, after filling.
        scales: Each part's standard deviation, divided by n; 1 for a constant one.
        flagged: Whether a further column says where times are missing.
        order: In which order day, month and year were written, as in "%d/%m/%Y"; empty for ISO 8601; "%H:%M" for times
            of day.
    """

    kind: ClassVar[str] = "date"

    name: str
    fill: int
    parts: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    flagged: bool
    order: str = ""

    @classmethod
    def fit(cls, name: str, times: NDArray[Any], order: str = "") -> "DateColumn":
        """Learn from training rows, (n,) datetime64, NaT where a time is missing."""
        seconds = times.astype("datetime64[s]")
        gaps = np.isnat(seconds)
        known = seconds[~gaps].astype(np.int64)
        fill = int(np.median(known)) if len(known) else 0
        names = _CLOCK_PARTS if order == CLOCK else _DATE_PARTS
        found = _date_parts(np.where(gaps, np.datetime64(fill, "s"), seconds), names)
        varying = {part: value for part, value in found.items() if part == names[0] or np.ptp(value) > 0}
        moments = [_moments(value) for value in varying.values()]
        means, scales = zip(*moments, strict=True)
        return cls(name, fill, tuple(varying), means, scales, bool(gaps.any()), order)

    @property
    def is_clock(self) -> bool:
        """Whether it holds times of day."""
        return self.order == CLOCK

    @property
    def names(self) -> list[str]:
        """What its columns for the network are called."""
        return [*(f"{self.name}: {part}" for part in self.parts), *([f"{self.name} is missing"] * self.flagged)]

    def transform(self, column: Column, rows: NDArray[np.int64] | slice) -> list[NDArray[Any]]:
        """Rows of a column as numbers."""
        times = column.values[rows].astype("datetime64[s]")
        gaps = np.isnat(times)
        found = _date_parts(np.where(gaps, np.datetime64(self.fill, "s"), times), self.parts)
        parts = zip(self.parts, self.means, self.scales, strict=True)
        scaled: list[NDArray[Any]] = [(found[part] - mean) / scale for part, mean, scale in parts]
        return [*scaled, gaps] if self.flagged else scaled


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: each has a number.

    Attributes:
        name: The column's name.
        values: The categories of the training rows, in order.
        flagged: Whether "missing" is a category of its own, the last: values were missing in the training rows.
        size: The size of a learnt vector for each category; 0: a one-hot vector.
    """

    kind: ClassVar[str] = "category"

    name: Hashable
    values: tuple[Any, ...]
    flagged: bool
    size: int

    @classmethod
    def fit(cls, name: Hashable, known: Iterable[Any], *, flagged: bool) -> "CategoryColumn":
        """Learn from the categories of training rows, in any order."""
        values = tuple(sorted(set(known), key=lambda value: (str(type(value)), value)))
        count = len(values) + flagged
        return cls(name, values, flagged, 0 if count <= MOST_ONE_HOT else embedding_size(count))

    @property
    def names(self) -> list[str]:
        """What its column for the network is called."""
        return [str(self.name)]

    @property
    def count(self) -> int:
        """How many categories there are; this is also the number of one that is not known."""
        return len(self.values) + self.flagged

    def codes(self, values: Sequence[Any]) -> NDArray[np.int64]:
        """Categories as numbers; None and NaN are missing ones."""
        numbers = {value: number for number, value in enumerate(self.values)}
        missing = len(self.values)
        found = (missing if is_missing(v) else numbers.get(v, self.count) for v in values)
        return np.fromiter(found, np.int64, len(values))

    def transform(self, column: Column, rows: NDArray[np.int64] | slice) -> list[NDArray[Any]]:
        """Rows of a column as numbers of categories."""
        return [self.codes([*(column.categories or ()), None])[column.values[rows]]]


Encoding = NumberColumn | DateColumn | CategoryColumn


def embedding_size(count: int) -> int:
    """The size of learnt vectors for so many categories: half their number, at most 50."""
    return min(_LARGEST_EMBEDDING, (count + 2) // 2)


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None or NaN."""
    return value is None or value != value


def _moments(values: NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation, 1 where that is rounding alone."""
    # So that no square is too large or too small.
    size = float(np.abs(values).max(initial=0.0)) or 1.0
    shares = values / size
    mean, scale = float(shares.mean()) * size, float(shares.std()) * size
    return mean, scale if scale > _SPREAD * max(abs(mean), 1e-300) else 1.0


def _date_parts(times: NDArray[Any], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Parts of times by their names."""
    months, days = times.astype("datetime64[M]").astype(np.int64), times.astype("datetime64[D]")
    share = (times - days) / _DAY
    found: dict[str, Callable[[], NDArray[Any]]] = {
        "days": lambda: times.astype(np.int64) / 86_400,
        "year": lambda: 1970 + months // 12,
        "month": lambda: 1 + months % 12,
        "weekday": lambda: (days.astype(np.int64) + 3) % 7,
        "hour": lambda: share * 24,
        "sine": lambda: np.sin(2 * np.pi * share),
        "cosine": lambda: np.cos(2 * np.pi * share),
    }
    return {name: found[name]() for name in names}
