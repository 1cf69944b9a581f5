"""Numbers as people write them: percents, amounts of money, thousands set apart.

A form is a symbol, if there is one, and then the mark of the decimals: "%." is that of 12.5%, "$." that of $1,234.5 and
"€," that of 1.234,5 €. Plain numbers, as in 1234.5, have the form "".
"""

import re
import unicodedata
from typing import Any

from backlit.data.datasets.table import arrow

# Of ISO 4217 those that are traded most; other words before a number may as well be names, as in "LH 123".
_CODES = frozenset(
    ("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "MXN", "NOK", "NZD",
     "PLN", "SEK", "SGD", "TRY", "USD", "ZAR")
)  # fmt: skip
_SYMBOL = re.compile(r"%|[A-Z]{0,3}[^\w\s.,'’()+\-−]|[A-Z]{3}(?![A-Z])")
# What may stand between thousands, besides the mark that is not that of the decimals.
_BETWEEN = "'’\u00a0\u202f"


def likely_forms(array: Any, *, comma: bool) -> list[str]:
    """The forms that the first of these texts may be written in, besides the plain one.

    Args:
        array: Texts, an array of pyarrow.
        comma: Whether a comma may stand for the decimal point.
    """
    first = next(iter(array.drop_null().slice(0, 1).to_pylist()), "")
    found = _SYMBOL.search(first)
    if found is None:
        return ["," if comma else "."]
    symbol = found.group()
    known = symbol == "%" or symbol in _CODES or unicodedata.category(symbol[-1]) == "Sc"
    return [symbol + mark for mark in (",." if comma else ".,")] if known else []


def as_plain(array: Any, form: str) -> Any | None:
    """Texts in a form as plain ones, an array of pyarrow; None where one is not in this form.

    What stands in parentheses is negative, as in bookkeeping.
    """
    pc = arrow().compute
    if not pc.all(in_form(array, form)).as_py():
        return None
    kept = pc.replace_substring_regex(array, r"[(−]", "-")
    kept = pc.replace_substring_regex(kept, rf"[^0-9{form[-1]}\-]", "")
    return pc.replace_substring(kept, form[-1], ".")


def in_form(array: Any, form: str) -> Any:
    """Which texts are in a form, an array of pyarrow."""
    return arrow().compute.match_substring_regex(array, _pattern(form))


def same_symbol(form: str) -> list[str]:
    """A form and that of the same symbol with the other mark of decimals; none for plain numbers."""
    return [form, form[:-1] + (",."[form[-1] == ","])] if form else []


def form_in_words(form: str) -> str:
    """`"$."` as `"$1,234.5"`."""
    symbol, mark = form[:-1], form[-1]
    if symbol == "%":
        return f"12{mark}5%"
    return symbol + ("1,234.5" if mark == "." else "1.234,5")


def _pattern(form: str) -> str:
    """A regular expression for cells of a form."""
    symbol, mark = re.escape(form[:-1]), re.escape(form[-1])
    # A space may be between the thousands of an amount; elsewhere such numbers are those of telephones.
    between = "[" + ",."[form[-1] == ","] + _BETWEEN + " " * bool(symbol) + "]"
    number = rf"(?:(?:\d{{1,3}}(?:{between}\d{{3}})+|\d+)(?:{mark}\d*)?|{mark}\d+)"
    number = rf"(?:{symbol}\s*[+\-−]?\s*{number}|{number}\s*{symbol})"
    return rf"^\s*(?:[+\-−]?\s*{number}|\({number}\))\s*$"
