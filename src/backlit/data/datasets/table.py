"""Table files: CSV, Parquet and Arrow through pyarrow, `.npy` and `.npz` through NumPy.

A cell that cannot be used is named with its row and column. Rows count from 1, as a spreadsheet shows them: in a CSV
file with a header, the header is row 1.
"""

import codecs
import contextlib
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, DataError, FileError, MissingFileError, MissingPackageError, suggest

Kind = Literal["csv", "parquet", "arrow"]
KINDS: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
# Marks at a file's begin and what they say of its text; that of UTF-16 begins as one of UTF-32 does.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Those that files have most, to choose from; any that Python knows will do.
_ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr")
Task = Literal["classification", "regression"]

# Whole numbers with more distinct values than this are counts or measurements, not classes.
MOST_CLASSES = 20


def check_task(task: Any) -> None:
    """Raise `ArgumentError` unless this is a `Task` or None."""
    if task not in (None, *get_args(Task)):
        raise ArgumentError(f"unknown task {task!r}{suggest(str(task), get_args(Task))}")


@dataclass(frozen=True)
class Target:
    """Encoded targets.

    Attributes:
        y: Class numbers, int64, or values, float32; (n_samples,).
        class_names: The name of each class number; empty for regression.
    """

    y: NDArray[Any]
    class_names: tuple[str, ...]

    @property
    def task(self) -> Task:
        """What is to be learnt, from the kind of targets."""
        return "classification" if self.class_names else "regression"


@dataclass(frozen=True)
class Columns:
    """Named columns as read from a file, not yet made into numbers.

    Attributes:
        source: The file's name, for messages.
        names: The columns' names.
        values: The columns: NumPy arrays, or pyarrow's chunked arrays.
        first_row: The number of the first row in messages.
    """

    source: str
    names: tuple[str, ...]
    values: tuple[Any, ...]
    first_row: int = 1

    def index(self, column: str | int) -> int:
        """Finds a column by its name or its number (negative numbers count from the end).

        Raises:
            ArgumentError: There is no such column.
        """
        if isinstance(column, int):
            if -len(self.names) <= column < len(self.names):
                return column % len(self.names)
            raise ArgumentError(f"{self.source}: no column {column}, it has {len(self.names)}")
        if column not in self.names:
            raise ArgumentError(f"{self.source}: no column {column!r}{suggest(column, self.names)}")
        return self.names.index(column)

    def features(self, names: Sequence[str]) -> NDArray[np.float32]:
        """The columns `names` as numbers, float32, (n_samples, n_features).

        Raises:
            ArgumentError: A column is missing.
            DataError: A cell is empty or no finite number; it is named.
        """
        columns = [self._numbers(self.index(name)) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((self.n_rows, 0), np.float32)

    def target(self, column: str | int, task: Task | None = None) -> Target:
        """The column as targets: text, truth values and few whole numbers are classes, else values.

        Args:
            column: Name or number.
            task: What to learn, where the column's kind is not to decide.

        Raises:
            ArgumentError: No such column, or an unknown task.
            DataError: A cell is empty, or no number where regression needs one.
        """
        where = self.index(column)
        column_values, name = self._checked(where), self.names[where]
        check_task(task)
        if task == "regression":
            return Target(self._numbers(where), ())
        if column_values.dtype.kind == "f" and task is None:
            return Target(self._numbers(where), ())
        if column_values.dtype.kind == "O":
            column_values = np.array([str(value) for value in column_values.tolist()])
        classes, codes = np.unique(column_values, return_inverse=True)
        if task is None and column_values.dtype.kind in "iu" and len(classes) > MOST_CLASSES:
            return Target(self._numbers(where), ())
        if len(classes) < 2:
            only = f"only {classes[0]!s}" if len(classes) else "no rows"
            raise DataError(f"{self.source}: target {name!r} must hold at least two classes, it has {only}")
        return Target(codes.reshape(-1).astype(np.int64), tuple(map(str, classes.tolist())))

    def codes(self, column: str | int, class_names: Sequence[str]) -> NDArray[np.int64]:
        """The column as numbers of known classes, int64, (n_samples,).

        Raises:
            ArgumentError: No such column.
            DataError: A cell is empty or names none of the classes.
        """
        where = self.index(column)
        numbers = {name: number for number, name in enumerate(class_names)}
        values = list(map(str, self._checked(where).tolist()))
        for row, value in enumerate(values):
            if value not in numbers:
                raise DataError(f"{self._cell(where, row)}: {value!r} is no known class{suggest(value, class_names)}")
        return np.array([numbers[value] for value in values], dtype=np.int64)

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.values[0]) if self.values else 0

    def _checked(self, where: int) -> NDArray[Any]:
        """One column as a NumPy array without empty cells: numbers, truth values, or objects."""
        column = self.values[where]
        if not isinstance(column, np.ndarray):
            column = _to_numpy(column)
        if column.dtype.kind == "O":
            values = column.tolist()
            broken = next((row for row, value in enumerate(values) if isinstance(value, bytes)), None)
            if broken is not None:
                raise DataError(f"{self._cell(where, broken)}: {values[broken]!r} is not UTF-8; save the file as UTF-8")
            missing = np.array([value is None or value == "" for value in values], dtype=bool)
        elif column.dtype.kind == "f":
            missing = np.isnan(column)
        else:
            return column
        if missing.any():
            raise DataError(f"{self._cell(where, int(missing.argmax()))} is empty; fill it in or leave the row out")
        return column

    def _numbers(self, where: int) -> NDArray[np.float32]:
        column = self._checked(where)
        if column.dtype.kind not in "biuf":
            column = np.array(list(self._parse(where, column)), dtype=np.float64)
        with np.errstate(over="ignore"):
            numbers = column.astype(np.float32)
        if not np.isfinite(numbers).all():
            row = int((~np.isfinite(numbers)).argmax())
            raise DataError(f"{self._cell(where, row)}: {column[row]} is no finite float32 number")
        return numbers

    def _parse(self, where: int, column: NDArray[Any]) -> Iterator[float]:
        for row, value in enumerate(column.tolist()):
            try:
                yield float(value)
            except (TypeError, ValueError):
                raise DataError(
                    f"{self._cell(where, row)}: {value!r} is not a number; mend the cell, leave the column out, or "
                    "name the column as the target if it holds the classes"
                ) from None

    def _cell(self, where: int, row: int) -> str:
        return f"{self.source}: row {row + self.first_row}, column {self.names[where]!r}"


def read_columns(path: str | Path) -> Columns:
    """Reads a table file by its suffix.

    Args:
        path: `.csv`, `.tsv` or `.txt` (also with `.gz`), with or without a header; `.parquet`, `.pq`, `.arrow`,
            `.feather`; or `.npy` with a two-dimensional or a structured array.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged or not what its suffix says.
        DataError: The file has no rows, or two columns of one name.
        MissingPackageError: pyarrow is needed and not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"no file {path}")
    columns = columns_of_array(path, load_array(path)) if path.suffix == ".npy" else _read_arrow(path)
    names = columns.names
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}; give each its own name")
    if not columns.n_rows:
        raise DataError(f"{path}: no rows of data")
    return columns


def load_array(path: str | Path, *, mmap: bool = False) -> NDArray[Any]:
    """Reads a `.npy` file without running code from it; `mmap` maps it read-only instead.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is no `.npy` file, cut off, or holds Python objects.
    """
    with _numpy_file(path) as file:
        # A map needs a file of its own, to stay open as long as the array.
        content = np.load(path, mmap_mode="r", allow_pickle=False) if mmap else np.load(file, allow_pickle=False)
    if not isinstance(content, np.ndarray):
        raise FileError(f"{path}: expected one array (.npy), this is an archive of several (.npz)")
    return content


def load_archive(path: str | Path) -> dict[str, NDArray[Any]]:
    """Reads the arrays of an `.npz` file without running code from it.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is no `.npz` file, damaged, or holds Python objects.
    """
    with _numpy_file(path) as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@contextlib.contextmanager
def _numpy_file(path: str | Path) -> Iterator[BinaryIO]:
    if not Path(path).is_file():
        raise MissingFileError(f"no file {path}")
    # Opened here and not by NumPy, which leaves a damaged archive open.
    with Path(path).open("rb") as file:
        try:
            yield file
        except Exception as error:
            # A damaged file raises whatever its bytes lead NumPy into.
            raise FileError(f"{path}: not a readable NumPy file of plain numbers: {error}") from error


def arrow() -> Any:
    """The package pyarrow, with its csv, parquet and ipc parts loaded.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("reading tables needs pyarrow: pip install 'backlit[data]'") from error
    return pyarrow


def csv_options(path: Path, encoding: str | None = None) -> tuple[dict[str, Any], int]:
    """Looks at a CSV file's first line.

    Args:
        path: The file.
        encoding: Of its text, by Python's name for it; None: UTF-8. A byte-order mark goes before.

    Returns:
        Keyword arguments for pyarrow's CSV readers, and the number of the first row of data.

    Raises:
        ArgumentError: An unknown encoding.
        DataError: The file is empty.
        FileError: It cannot be read.
    """
    pa = arrow()
    try:
        with pa.input_stream(str(path)) as stream:
            begin = stream.read(1 << 16)
        encoding = next((name for mark, name in _MARKS.items() if begin.startswith(mark)), encoding or "utf-8")
        start = begin.decode(encoding, errors="replace").removeprefix("\ufeff")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error}") from error
    except (LookupError, ValueError) as error:
        raise ArgumentError(f"unknown encoding {encoding!r}{suggest(str(encoding), _ENCODINGS)}") from error
    line = next((line for line in start.splitlines() if line.strip()), None)
    if line is None:
        raise DataError(f"{path}: the file is empty")
    delimiter = max(",;\t|", key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter))
    # Row numbers in pyarrow's messages need a single thread.
    read: dict[str, Any] = {"use_threads": False, "encoding": encoding}
    headless = all(map(_is_number, cells))
    if headless:
        read["column_names"] = [f"x{number}" for number in range(len(cells))]
    options = {
        "read_options": pa.csv.ReadOptions(**read),
        "parse_options": pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
    }
    return options, 1 if headless else 2


def kind_of(path: Path) -> Kind:
    """Which of pyarrow's readers a file's suffix asks for.

    Raises:
        FileError: An unknown suffix.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = (suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes)[-1:]
    if not suffix or suffix[0] not in KINDS:
        known = ", ".join((*KINDS, ".npy", ".npz"))
        raise FileError(f"{path}: unknown kind of table {path.suffix!r}; expected one of {known}")
    return KINDS[suffix[0]]


def _read_arrow(path: Path) -> Columns:
    kind, pa, first_row = kind_of(path), arrow(), 1
    try:
        if kind == "csv":
            options, first_row = csv_options(path)
            table = pa.csv.read_csv(path, **options)
        elif kind == "parquet":
            table = pa.parquet.read_table(path)
        else:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
        return Columns(str(path), tuple(table.column_names), tuple(table.columns), first_row)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read as {kind}: {error}") from error


def columns_of_array(path: Path, array: NDArray[Any]) -> Columns:
    """The columns of a structured array, by its names, or of a two-dimensional one, called x0, x1, and so on."""
    if array.dtype.names:
        return Columns(str(path), array.dtype.names, tuple(array[name] for name in array.dtype.names))
    if array.ndim != 2:
        raise DataError(f"{path}: expected an array of shape (n_samples, n_columns), got {array.shape}")
    return Columns(str(path), tuple(f"x{number}" for number in range(array.shape[1])), tuple(array.T))


def _to_numpy(column: Any) -> NDArray[Any]:
    pa = arrow()
    kind = column.type
    if column.null_count == 0 and (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    ):
        values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return values
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
