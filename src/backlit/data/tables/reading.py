"""Table files read block by block into columns of few bytes: memory holds one block of text at a time."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backlit.data.datasets.table import arrow, columns_of_array, csv_options, kind_of, load_array
from backlit.data.tables.building import MISSING, Builder, ReadAgainError
from backlit.data.tables.table import Table
from backlit.data.tables.times import ORDERS
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError, suggest

# Text of a CSV file, and rows of the other kinds, that are held at once.
_BLOCK_BYTES = 1 << 22
_BLOCK_ROWS = 1 << 14


def read_table(
    path: str | Path,
    *,
    encoding: str | None = None,
    drop: Collection[str] = (),
    text: Collection[str] = (),
    whole: Collection[str] = (),
    orders: Mapping[str, Sequence[str]] | None = None,
    forms: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """Reads a table file by its suffix.

    Args:
        path: A file as `read_columns` takes it. Empty cells, `NA`, `null`, `nan`, `?`, `-`, `None` and the like are
            missing ones. In CSV with semicolons a comma may stand for the decimal point. Percents, amounts of money and
            numbers with thousands set apart are numbers where all cells of the column are written so.
        encoding: Of the text of a CSV file, by Python's name for it, such as "latin-1"; None: UTF-8. A byte-order mark
            at its begin, as UTF-16 has, goes before.
        drop: Columns that are not wanted.
        text: Columns that are read as text, whatever they look like.
        whole: Columns of text of which all values are kept, however many there are.
        orders: For columns of times that are not in ISO 8601, the orders that are tried, such as "%d/%m/%Y"; else the
            usual ones.
        forms: For columns of numbers, the forms that are tried (see `tables.forms`); else all.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged or not what its suffix says.
        ArgumentError: `drop`, `text` or `whole` names no column, or the encoding is unknown.
        DataError: No rows, two columns of one name, or an infinite number.
        MissingPackageError: pyarrow is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no file {path}")
    pa = arrow()
    try:
        with _open(path, encoding, lambda name: name not in drop) as (names, first_row, comma, blocks):
            _check_names(path, names, (*drop, *text, *whole))
            wanted = [name for name in names if name not in drop]
            builders = {
                name: Builder(
                    source=path.name,
                    name=name,
                    first_row=first_row,
                    as_text=name in text,
                    keep_all=name in whole,
                    orders=(orders or {}).get(name, ORDERS),
                    forms=(forms or {}).get(name),
                    comma=comma,
                )
                for name in wanted
            }
            again = _build(builders, blocks)
        while again:
            # The text of their first blocks is gone.
            builders |= again
            with _open(path, encoding, again.__contains__) as source:
                again = _build(again, source.blocks)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise _unreadable(path, encoding, error) from error
    # What the blocks took is of no use to arrays of NumPy.
    pa.default_memory_pool().release_unused()
    n_rows = next(iter(builders.values())).n_rows if builders else 0
    if not n_rows:
        raise DataError(f"{path}: no rows of data")
    return Table(path.name, tuple(builder.column() for builder in builders.values()), n_rows, first_row)


def _build(builders: Mapping[str, Builder], blocks: Iterator[Any]) -> dict[str, Builder]:
    """Fill the builders; return those for columns that must be read again."""
    again: dict[str, Builder] = {}
    for block in blocks:
        for name, builder in builders.items():
            if name not in again:
                try:
                    builder.add(block.column(name))
                except ReadAgainError as error:
                    again[name] = error.builder
    return again


def _check_names(path: Path, names: Sequence[str], asked: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}; give each its own name")
    for name in asked:
        if name not in names:
            raise ArgumentError(f"{path}: no column {name!r}{suggest(name, names)}")


class _Source(NamedTuple):
    """A table file that is open.

    Attributes:
        names: All its columns' names.
        first_row: The number of the first row in messages.
        comma: Whether a comma may stand for the decimal point.
        blocks: Rows of the columns that are read.
    """

    names: list[str]
    first_row: int
    comma: bool
    blocks: Iterator[Any]


@contextlib.contextmanager
def _open(path: Path, encoding: str | None, wanted: Callable[[str], bool]) -> Iterator["_Source"]:
    """An open file, of which the columns that are wanted are read."""
    pa = arrow()
    if path.suffix == ".npy":
        columns = columns_of_array(path, load_array(path))
        arrays = [np.ascontiguousarray(values) for values in columns.values]
        block = pa.record_batch([pa.array(values) for values in arrays], names=list(columns.names))
        yield _Source(list(columns.names), 1, False, iter([block]))
        return
    kind = kind_of(path)
    with contextlib.ExitStack() as stack:
        if kind == "csv":
            options, first_row = csv_options(path, encoding)
            options["read_options"].block_size = _BLOCK_BYTES
            names = _csv_names(path, options)
            convert = pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(MISSING),
                strings_can_be_null=True,
                include_columns=_only(names, lambda name: wanted(name.strip())),
            )
            reader = stack.enter_context(pa.csv.open_csv(path, convert_options=convert, **options))
            # A space after a comma is no part of a name.
            blocks = (block.rename_columns([name.strip() for name in block.schema.names]) for block in reader)
            # Where cells end with a semicolon, people write 3,14.
            comma = options["parse_options"].delimiter == ";"
            yield _Source([name.strip() for name in names], first_row, comma, blocks)
        elif kind == "parquet":
            file = stack.enter_context(pa.parquet.ParquetFile(path, memory_map=True, pre_buffer=False))
            names = file.schema_arrow.names
            only = _only(names, wanted) or None
            yield _Source(names, 1, False, file.iter_batches(_BLOCK_ROWS, columns=only, use_threads=False))
        else:
            mapped = stack.enter_context(pa.memory_map(str(path)))
            names = pa.ipc.open_file(mapped).schema.names
            places = [names.index(name) for name in _only(names, wanted)]
            file = pa.ipc.open_file(mapped, options=pa.ipc.IpcReadOptions(included_fields=places))
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
            yield _Source(names, 1, False, batches)


def _only(names: Sequence[str], wanted: Callable[[str], bool]) -> list[str]:
    """The columns to read; none where all of them are, or none of them."""
    only = [name for name in names if wanted(name)]
    return only if len(only) < len(names) else []


def _csv_names(path: Path, options: dict[str, Any]) -> list[str]:
    """The names of a CSV file's columns, of which the types of all can then be told beforehand."""
    pa = arrow()
    if options["read_options"].column_names:
        return list(options["read_options"].column_names)
    with pa.csv.open_csv(path, **options) as reader:
        return list(reader.schema.names)


def read_names(path: str | Path, encoding: str | None = None) -> list[str]:
    """The names of a table file's columns; raises what `read_table` raises."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no file {path}")
    pa = arrow()
    try:
        with _open(path, encoding, lambda _: True) as source:
            _check_names(path, source.names, ())
            return source.names
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise _unreadable(path, encoding, error) from error


def _unreadable(path: Path, encoding: str | None, error: Exception) -> FileError:
    words = str(error)
    if isinstance(error, UnicodeError) or "UTF8" in words:
        words = (
            f"its text is not in {encoding or 'UTF-8'}; name its encoding, as by --encoding latin-1, or "
            "save it in UTF-8"
        )
    return FileError(f"{path}: cannot be read as {path.suffix[1:]}: {words}")
