"""Data larger than memory: arrays on disk that are read row by row, and tables that are read block by block."""

import contextlib
import itertools
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.dataset import Dataset, IterableDataset, Rows
from backlit.data.datasets.table import Columns, arrow, csv_options, kind_of, load_array
from backlit.data.worker_info import get_worker_info
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError, ShapeError
from backlit.ops import Tensor, from_numpy


class ArrayFiles(Dataset[tuple[Tensor, ...]]):
    """Rows of `.npy` files that stay on disk: `dataset[i]` is `(array[i] for each file)`.

    Only the rows that a batch needs are read, so shuffling works, and data may be larger than memory.

    Args:
        paths: `.npy` files whose first axis runs over the same rows.

    Raises:
        MissingFileError: A file is missing.
        FileError: A file is damaged.
        ShapeError: The files have different numbers of rows.
        DataError: A file does not hold numbers.
    """

    def __init__(self, *paths: str | Path) -> None:
        self.paths = [Path(path) for path in paths]
        self._arrays = self._open()
        shapes = [array.shape for array in self._arrays]
        if not shapes or any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ShapeError(f"ArrayFiles: files must have the same number of rows, got shapes {shapes}")
        for path, array in zip(self.paths, self._arrays, strict=True):
            if array.dtype.kind not in "biuf":
                raise DataError(f"{path}: expected numbers, got {array.dtype}")

    def _open(self) -> tuple[NDArray[Any], ...]:
        return tuple(load_array(path, mmap=True) for path in self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.array(array[index])) for array in self._arrays)

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __rows__(self) -> Rows:
        """The arrays on disk."""
        return Rows(self._arrays)

    # A copy for a worker process opens the files again; the maps would travel as all of their data.
    def __getstate__(self) -> list[Path]:
        return self.paths

    def __setstate__(self, paths: list[Path]) -> None:
        self.paths = paths
        self._arrays = self._open()


class TableStream(IterableDataset[tuple[Tensor, Tensor]]):
    """Rows `(features, target)` of a CSV, Parquet or Arrow file, read block by block.

    Memory holds one block at a time. With several workers, each reads the file and hands out its share of the blocks.

    Args:
        path: The file; see `read_columns` for the kinds.
        target: The column with the targets.
        features: The columns with the features; None: all others.
        class_names: The names of the classes, in the order of their numbers; None: the targets are values.
        batch_size: None: rows come one by one. Else whole batches come: give them to `DataLoader(batch_size=None)`,
            which is many times as fast.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged.
        ArgumentError: No such column, or `batch_size` is not positive.
        DataError: While it is read: a cell is empty, is no number or no known class.
    """

    def __init__(
        self,
        path: str | Path,
        target: str,
        *,
        features: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.path, self.target, self.batch_size = Path(path), target, batch_size
        self.class_names = None if class_names is None else tuple(class_names)
        if not self.path.is_file():
            raise MissingFileError(f"TableStream: no file {path}")
        if batch_size is not None and batch_size < 1:
            raise ArgumentError(f"TableStream: batch_size must be positive, got {batch_size}")
        with contextlib.closing(self._blocks({})) as blocks:
            first = next(blocks, None)
        if first is None:
            raise DataError(f"{path}: no rows of data")
        self.features = [name for name in first.names if name != target] if features is None else list(features)
        for name in (target, *self.features):
            first.index(name)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        step, first = (worker.num_workers, worker.id) if worker is not None else (1, 0)
        types = dict.fromkeys(self.features, "float64")
        types[self.target] = "float64" if self.class_names is None else "string"
        for block in itertools.islice(self._blocks(types), first, None, step):
            X, y = block.features(self.features), self._targets(block)
            size = self.batch_size
            if size is None:
                yield from ((from_numpy(x), from_numpy(np.asarray(target))) for x, target in zip(X, y, strict=True))
            else:
                for start in range(0, len(X), size):
                    yield from_numpy(X[start : start + size]), from_numpy(y[start : start + size])

    def _targets(self, block: Columns) -> NDArray[Any]:
        if self.class_names is None:
            return block.target(self.target, "regression").y
        return block.codes(self.target, self.class_names)

    def _blocks(self, types: dict[str, str]) -> Generator[Columns, None, None]:
        """The file's blocks. A CSV file's columns are read as `types`, not as its first block happens to look."""
        pa, kind, row = arrow(), kind_of(self.path), 1
        with contextlib.ExitStack() as stack:
            try:
                if kind == "csv":
                    options, row = csv_options(self.path)
                    convert = pa.csv.ConvertOptions(column_types=types)
                    batches = iter(stack.enter_context(pa.csv.open_csv(self.path, convert_options=convert, **options)))
                elif kind == "parquet":
                    batches = stack.enter_context(pa.parquet.ParquetFile(self.path)).iter_batches()
                else:
                    file = pa.ipc.open_file(stack.enter_context(pa.memory_map(str(self.path))))
                    batches = map(file.get_batch, range(file.num_record_batches))
                for batch in batches:
                    if batch.num_rows:
                        yield Columns(str(self.path), tuple(batch.schema.names), tuple(batch.columns), row)
                    row += batch.num_rows
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise FileError(f"{self.path}: cannot be read after row {row}: {error}") from error
