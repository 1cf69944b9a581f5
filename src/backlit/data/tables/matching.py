"""New rows for a fitted encoder: read as it expects them, with words for what is other than it was."""

import difflib
from pathlib import Path

import numpy as np

from backlit.data.tables.encoder import TableEncoder
from backlit.data.tables.encodings import CategoryColumn, DateColumn, Encoding, NumberColumn
from backlit.data.tables.forms import form_in_words, same_symbol
from backlit.data.tables.reading import read_names, read_table
from backlit.data.tables.table import Column, Table
from backlit.data.tables.times import order_in_words
from backlit.errors import DataError

_SHOWN = 3


def read_like(
    path: str | Path, encoder: TableEncoder, known: tuple[str, ...] = (), encoding: str | None = None
) -> tuple[Table, list[str]]:
    """Reads new rows of a table that an encoder was fitted on.

    Args:
        path: The file.
        encoder: What its columns become.
        known: Further columns of the first table, which are not missed and not remarkable: targets, and columns that
            were left out.
        encoding: As for `read_table`.

    Returns:
        The rows, with the columns that the encoder uses; and a sentence about all that is other than it was.

    Raises:
        DataError: Columns are missing, or hold what cannot be made into numbers; they are named.
        ArgumentError, MissingFileError, FileError, MissingPackageError: As for `read_table`.
    """
    path = Path(path)
    names = read_names(path, encoding)
    wanted = [str(column.name) for column in encoder.columns]
    absent = [name for name in wanted if name not in names]
    if absent:
        near = [(name, difflib.get_close_matches(name, set(names) - set(wanted), n=1)) for name in absent]
        told = ", ".join(f"{name!r}" + (f" (did you mean {found[0]!r}?)" if found else "") for name, found in near)
        raise DataError(f"{path}: it lacks what the network learnt from: {told}; add the columns, empty where unknown")
    extra = [name for name in names if name not in wanted]
    strange = [name for name in extra if name not in known]
    text = [str(column.name) for column in encoder.columns if isinstance(column, CategoryColumn)]
    orders = {
        column.name: (column.order,) for column in encoder.columns if isinstance(column, DateColumn) and column.order
    }
    forms = {
        str(column.name): [*same_symbol(column.form), ""]
        for column in encoder.columns
        if isinstance(column, NumberColumn)
    }
    # However many texts there are: a reader that gives up on them could not tell the known ones.
    table = read_table(path, encoding=encoding, drop=extra, text=text, whole=text, orders=orders, forms=forms)
    notes = [f"ignored columns that the network did not learn from: {', '.join(strange)}"] if strange else []
    for each in encoder.columns:
        notes += _differences(table, table.usable(str(each.name)), each)
    return table, notes


def _differences(table: Table, column: Column, encoding: Encoding) -> list[str]:
    name, gaps = column.name, column.n_missing
    if gaps == len(column.values):
        return [f"column {name!r} holds no value in any row; {_filling(encoding)}"]
    notes, wanted = [], _sort(encoding)
    if isinstance(encoding, CategoryColumn):
        notes = _unseen(table, column, encoding)
    elif column.is_text or _sort(column) != wanted:
        if column.stray is not None and wanted == "numbers":
            row, content = column.stray
            raise DataError(f"{table.cell(name, row)}: {content!r} is not a number; mend or empty the cell")
        content = next(value for value in column.told() if value is not None)
        raise DataError(
            f"{table.source}: column {name!r} held {wanted} when the network was trained, and holds {content!r} now"
        )
    else:
        notes = _written_otherwise(column, encoding)
    if gaps and not encoding.flagged:
        notes.append(f"column {name!r}: {gaps:,} missing, of which training knew none; {_filling(encoding)}")
    return notes


def _sort(what: Column | Encoding) -> str:
    """What a column holds, or held in training, that is no text."""
    if isinstance(what, DateColumn) or (isinstance(what, Column) and what.is_time):
        return "times of day" if what.is_clock else "times"
    return "numbers"


def _written_otherwise(column: Column, encoding: NumberColumn | DateColumn) -> list[str]:
    """Words about numbers or times whose cells are written in another way than those of training."""
    if isinstance(encoding, DateColumn):
        if column.order in ("", encoding.order):
            return []
        return [f"column {column.name!r} is read as {order_in_words(column.order)}, and was in ISO 8601 in training"]
    if column.form == encoding.form:
        return []
    now = f"is written as {form_in_words(column.form)} now" if column.form else "holds plain numbers now"
    return [f"column {column.name!r} was written as {form_in_words(encoding.form)} in training, and {now}"]


def _unseen(table: Table, column: Column, encoding: CategoryColumn) -> list[str]:
    known, texts = set(encoding.values), column.categories or ()
    strange = np.array([text not in known for text in texts], bool)
    if not strange.any():
        return []
    counts = np.bincount(column.values[column.values >= 0], minlength=len(texts))
    shown = [repr(texts[number]) for number in np.flatnonzero(strange)]
    rest = f" and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else ""
    rows = int(counts[strange].sum())
    return [
        f"column {column.name!r}: {rows:,} {'row has a category' if rows == 1 else 'rows have categories'} that "
        f"training did not know ({', '.join(shown[:_SHOWN])}{rest}); taken as unknown"
    ]


def _filling(encoding: Encoding) -> str:
    if isinstance(encoding, CategoryColumn):
        return "taken as unknown"
    return "filled with the training rows' median"
