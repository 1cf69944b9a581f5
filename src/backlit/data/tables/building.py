"""A column put together from blocks: numbers and times become arrays at once, texts become numbers of categories."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.datasets.table import arrow
from backlit.data.tables.forms import as_plain, in_form, likely_forms
from backlit.data.tables.table import MOST_CATEGORIES, Column
from backlit.data.tables.times import CLOCK, ORDERS, as_times, fitting_orders, iso_times, ordered_times
from backlit.errors import DataError

# Texts that mean that nothing is there.
MISSING = (
    *("", "?", "-", "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "NaN", "nan", "NAN", "-nan", "-NaN", "null", "NULL"),
    *("None", "none", "NONE", "missing", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"),
)
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_EMPTY: dict[str, Any] = {"text": -1, "time": np.datetime64("NaT", "s"), "number": np.nan}
# A float32 keeps a value to this share of it.
_FLOAT32_EPS = 6e-8
# And whole numbers up to this one.
_FLOAT32_WHOLE = 2**24


class ReadAgainError(Exception):
    """A block is not what those before it looked like: the column must be read again.

    Args:
        builder: What the column is to be built by then.
    """

    def __init__(self, builder: "Builder") -> None:
        super().__init__(builder.name)
        self.builder = builder


@dataclass
class Builder:
    """A column in the making.

    Attributes:
        source: The file's name, for messages.
        name: The column's name.
        first_row: The number of the first row in messages.
        as_text: Whether it is text, whatever it looks like.
        keep_all: Whether all texts are kept, however many there are.
        orders: The orders of day, month and year that may occur; the first that fits is taken.
        forms: The forms of numbers that may occur; the first that fits is taken. None: all.
        comma: Whether a comma may stand for the decimal point.
        n_rows: Rows so far.
    """

    source: str
    name: str
    first_row: int = 1
    as_text: bool = False
    keep_all: bool = False
    orders: Sequence[str] = ORDERS
    forms: Sequence[str] | None = None
    comma: bool = False
    n_rows: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._kind = "text" if self.as_text else ""
        self._foreign = ""
        self._order, self._form = "", self.forms[0] if self.forms else ""
        self._values: NDArray[Any] = np.empty(0, np.int8)
        self._gap = 0
        self._whole, self._boolean = True, False
        self._numbers: dict[str, int] = {}
        self._overfull = self._padded = False
        self._n_numeric = 0
        self._stray: tuple[int, str] | None = None

    def add(self, array: Any) -> None:
        """Add a block of cells, an array of pyarrow.

        Raises:
            ReadAgainError: The column began as numbers or times and holds text as well, or numbers in another form, or
                times in another order.
            DataError: An infinite number.
        """
        pa = arrow()
        types = pa.types
        if types.is_dictionary(array.type):
            array = array.cast(array.type.value_type)
        chunk: NDArray[Any] | None = None
        if self._padded and self._kind != "text":
            array = _trimmed(array)
        if types.is_duration(array.type):
            array = pa.compute.divide(array.cast(pa.duration("us"), safe=False).cast(pa.int64()), 1e6)
        if array.null_count == len(array) or self._foreign:
            self._gap += len(array)
        elif self._kind == "text":
            chunk = self._other(array)
        elif types.is_string(array.type) or types.is_large_string(array.type):
            chunk = self._parsed(array)
        elif types.is_date(array.type) or types.is_timestamp(array.type):
            chunk = self._keep("time", as_times(array.cast(pa.timestamp("us", getattr(array.type, "tz", None)))))
        elif types.is_time(array.type):
            self._order = CLOCK
            seconds = array.cast(pa.time64("us"), safe=False).cast(pa.int64())
            chunk = self._keep("time", as_times(seconds.cast(pa.timestamp("us"))))
        elif types.is_boolean(array.type):
            self._boolean = True
            chunk = self._keep("number", self._compact(array.cast(pa.int64())))
        elif types.is_integer(array.type) or types.is_floating(array.type) or types.is_decimal(array.type):
            chunk = self._keep("number", self._compact(array))
        else:
            chunk = self._other(array)
        if chunk is not None:
            self._append(chunk)
        self.n_rows += len(array)

    def _append(self, chunk: NDArray[Any]) -> None:
        """Put a block behind the others, and before it the empty cells that came since."""
        filled, gap = self.n_rows - self._gap, self._gap
        kind = np.result_type(chunk.dtype if not self.n_rows - gap else self._values.dtype, chunk.dtype)
        if gap and self._kind == "number":
            kind = np.result_type(kind, np.float32)
        if kind != self._values.dtype or self.n_rows + len(chunk) > len(self._values):
            # Twice the room: pages that nothing was written to take no memory.
            grown = np.empty(2 * (self.n_rows + len(chunk)), kind)
            grown[:filled] = self._values[:filled]
            self._values = grown
        if gap:
            self._values[filled : self.n_rows] = _EMPTY[self._kind]
        self._values[self.n_rows : self.n_rows + len(chunk)] = chunk
        self._gap = 0

    def column(self) -> Column:
        """The column, when all blocks are there."""
        if not self._kind or self._foreign:
            return Column(self.name, np.full(self.n_rows, np.nan, np.float32), foreign=self._foreign)
        self._append(np.empty(0, self._values.dtype))
        values = self._values[: self.n_rows]
        if self._kind == "text":
            return self._text_column(values)
        whole, form = (self._whole, self._form) if self._kind == "number" else (False, "")
        return Column(self.name, values, whole=whole, boolean=whole and self._boolean, order=self._order, form=form)

    def _text_column(self, codes: NDArray[Any]) -> Column:
        if self._overfull:
            codes[codes > 0] = 0
        texts = () if self._overfull else tuple(self._numbers)
        lowered = {text.lower() for text in texts}
        if texts and lowered <= {"true", "false"} and not self.as_text:
            truths = np.array([*(text.lower() == "true" for text in texts), np.nan])
            values = truths[codes]
            return Column(self.name, _narrow(values), whole=True, boolean=True)
        known = int(np.count_nonzero(codes >= 0))
        return Column(self.name, codes, texts, stray=self._stray, numeric_share=self._n_numeric / max(known, 1))

    def _keep(self, kind: str, chunk: NDArray[Any]) -> NDArray[Any]:
        if self._kind not in ("", kind):
            raise ReadAgainError(replace(self, as_text=True))
        self._kind = kind
        return chunk

    def _parsed(self, array: Any) -> NDArray[Any]:
        """Text of a CSV file as numbers or times, if all of it is."""
        if self._kind in ("", "number"):
            numbers = self._numeric(array)
            if numbers is not None:
                return self._keep("number", self._compact(numbers))
        if self._kind in ("", "time"):
            times = self._times(array)
            if times is not None:
                return self._keep("time", times)
        if not self._padded and _has_space_around(array):
            self._padded = True
            return self._parsed(_trimmed(array))
        return self._keep("text", self._texts(array))

    def _numeric(self, array: Any) -> Any | None:
        """Texts as numbers in one form, if all of them are."""
        numbers = self._cast(array, self._form)
        if numbers is not None:
            return numbers
        if not self._padded and _has_space_around(array):
            return None
        fitting = [form for form in self._likely_forms(array) if self._cast(array, form) is not None]
        if not fitting:
            return None
        if self._kind:
            raise ReadAgainError(replace(self, forms=fitting[:1]))
        self._form = fitting[0]
        return self._cast(array, self._form)

    def _likely_forms(self, array: Any) -> Sequence[str]:
        return likely_forms(array, comma=self.comma) if self.forms is None else self.forms

    def _cast(self, array: Any, form: str) -> Any | None:
        """Texts of one form as numbers; None where one is of another."""
        pa = arrow()
        points = as_plain(array, form) if form else self._with_points(array)
        if points is None:
            return None
        for kind in (pa.int64(), pa.float64()) if self._whole else (pa.float64(),):
            try:
                return points.cast(kind)
            except pa.ArrowInvalid:
                continue
        return None

    def _with_points(self, array: Any) -> Any:
        return arrow().compute.replace_substring(array, ",", ".", max_replacements=1) if self.comma else array

    def _times(self, array: Any) -> NDArray[Any] | None:
        """Texts as times, if all of them are."""
        times = iso_times(array)
        if times is not None:
            return None if self._order == CLOCK else times
        fitting = fitting_orders(array, self.orders)
        # Times of day are no dates.
        dated = self._kind == "time" and self._order != CLOCK
        if not fitting or (dated and fitting[0] == CLOCK):
            return None
        if self._order and fitting[0] != self._order:
            raise ReadAgainError(replace(self, orders=fitting))
        self.orders, self._order = fitting, fitting[0]
        return ordered_times(array, self._order)

    def _other(self, array: Any) -> NDArray[Any] | None:
        """Cells as texts; None where they can be none, such as lists."""
        try:
            texts = array.cast(arrow().string())
        except arrow().ArrowException:
            self._foreign = str(array.type)
            self._gap += len(array)
            return None
        return self._keep("text", self._texts(texts))

    def _compact(self, array: Any) -> NDArray[Any]:
        """Numbers in the smallest type that keeps them."""
        pa = arrow()
        if pa.types.is_integer(array.type) and not array.null_count:
            return _narrow(array.to_numpy(zero_copy_only=False))
        self._whole &= pa.types.is_integer(array.type)
        values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        infinite = np.isinf(values)
        if infinite.any():
            row = int(infinite.argmax())
            raise DataError(
                f"{self.source}: row {self.n_rows + row + self.first_row:,}, column {self.name!r} is {values[row]}; "
                "make it a number, or empty the cell if nothing is known"
            )
        return _narrow(values, exactly=self._whole)

    def _texts(self, array: Any) -> NDArray[np.int32]:
        """Texts as numbers of categories, in the order in which they come."""
        pa = arrow()
        pc = pa.compute
        encoded = pc.dictionary_encode(array)
        local = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        texts = pc.utf8_trim_whitespace(encoded.dictionary)
        numeric = pc.match_substring_regex(self._with_points(texts), _NUMBER).to_numpy(zero_copy_only=False)
        for form in filter(None, self._likely_forms(texts)):
            numeric = numeric | in_form(texts, form).to_numpy(zero_copy_only=False)
        counts = np.bincount(local[local >= 0], minlength=len(texts))
        self._n_numeric += int(counts[numeric].sum())
        numeric |= pc.is_in(texts, value_set=pa.array(MISSING)).to_numpy(zero_copy_only=False)
        if self._stray is None and not numeric.all():
            strange = np.flatnonzero(~np.append(numeric, True)[local])
            self._stray = (self.n_rows + int(strange[0]), texts[int(local[strange[0]])].as_py())
        if not self._overfull and not self.keep_all and len(self._numbers) + len(texts) > MOST_CATEGORIES:
            self._overfull = len(self._numbers.keys() | set(texts.to_pylist())) > MOST_CATEGORIES
            self._numbers = {} if self._overfull else self._numbers
        if self._overfull:
            return np.where(local >= 0, 0, -1).astype(np.int32)
        codes = [
            -1 if text in MISSING else self._numbers.setdefault(text, len(self._numbers)) for text in texts.to_pylist()
        ]
        return np.array([*codes, -1], np.int32)[local]


def _narrow(values: NDArray[Any], *, exactly: bool = False) -> NDArray[Any]:
    """The numbers in fewer bytes: the smallest integers that hold them, float32 where it tells them apart.

    Args:
        values: Integers, or floats, NaN where one is missing.
        exactly: Whether float32 must hold the same numbers, as it must the names of classes.
    """
    if values.dtype.kind in "iu":
        least, most = int(values.min(initial=0)), int(values.max(initial=0))
        for kind in (np.int8, np.int16, np.int32):
            if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
                return values.astype(kind)
        return values
    known = values[~np.isnan(values)]
    if not len(known):
        return values.astype(np.float32)
    with np.errstate(over="ignore"):
        largest, spread = float(np.abs(known).max()), float(known.std())
    if exactly:
        fits = largest <= _FLOAT32_WHOLE
    else:
        fits = largest < float(np.finfo(np.float32).max) and largest * _FLOAT32_EPS <= 1e-4 * spread
    return values.astype(np.float32) if fits else values


def _has_space_around(array: Any) -> bool:
    """Whether there is space around some of these texts."""
    pc = arrow().compute
    return bool(pc.any(pc.match_substring_regex(array, r"^\s|\s$")).as_py())


def _trimmed(array: Any) -> Any:
    """Texts without space around them, and null where nothing is left that means anything."""
    pa = arrow()
    texts = pa.compute.utf8_trim_whitespace(array)
    return pa.compute.if_else(pa.compute.is_in(texts, value_set=pa.array(MISSING)), None, texts)
