"""The memory and the time that `backlit train` needs for a table of a million rows and 50 mixed columns.

The table is made here: 30 columns of numbers, some with gaps, 10 of categories, 5 of whole numbers, 3 of dates, an
identifier, and the target. The command runs in a process of its own. Its peak of memory stands beside the bar of 1 GiB,
above which the exit status is 1; beside it the seconds of the whole command, with its report, and of an epoch.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from rich.table import Table

from benchmarks.command import names, number, screen
from benchmarks.machine import describe

MOST_MIB = 1024
NUMBERS, CATEGORIES, COUNTS, DATES = 30, 10, 5, 3
KINDS = ("csv", "parquet")
_BLOCK = 50_000
_TRAIN = """
import sys
from backlit.cli import main
from benchmarks.memory import peak_mib
status = main(sys.argv[1:])
print("peak", peak_mib())
sys.exit(status)
"""


def block(rng: np.random.Generator, first: int, rows: int) -> pa.RecordBatch:
    """Some rows of the table."""
    numbers = rng.normal(size=(rows, NUMBERS)).round(4)
    price = 3 * numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + rng.normal(size=rows)
    columns: dict[str, pa.Array] = {"id": pa.array(np.arange(first, first + rows))}
    for at in range(NUMBERS):
        gaps = rng.random(rows) < 0.02 if at % 5 == 0 else None
        columns[f"number_{at}"] = pa.array(numbers[:, at], mask=gaps)
    for at in range(CATEGORIES):
        codes = rng.integers(0, (at + 1) * 8, rows)
        price += (codes % 3) * 0.5
        texts = np.array([f"category {at}-{code}" for code in range((at + 1) * 8)], object)
        columns[f"category_{at}"] = pa.array(texts[codes])
    for at in range(COUNTS):
        columns[f"count_{at}"] = pa.array(rng.poisson(3 * (at + 1), rows))
    for at in range(DATES):
        days = np.datetime64("2015-01-01") + rng.integers(0, 3000, rows)
        columns[f"date_{at}"] = pa.array(days)
    columns["price"] = pa.array(price.round(3))
    return pa.RecordBatch.from_pydict(columns)


def write(path: Path, rows: int) -> None:
    """Write the table, block by block, as CSV or Parquet by the suffix."""
    rng = np.random.default_rng(0)
    schema = block(rng, 0, 1).schema
    make = pa.csv.CSVWriter if path.suffix == ".csv" else pa.parquet.ParquetWriter
    with make(str(path), schema) as writer:
        for first in range(0, rows, _BLOCK):
            writer.write(block(rng, first, min(_BLOCK, rows - first)))


def measure(path: Path, epochs: int, folder: Path) -> tuple[float, float, float]:
    """The peak in MiB, seconds of the whole command, and seconds of an epoch."""
    command = ["train", str(path), "--target", "price", "--epochs", str(epochs), "--out", str(folder)]
    begin = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", _TRAIN, *command], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if run.returncode:
        raise SystemExit(run.stderr)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return float(run.stdout.split("peak ")[-1]), seconds, config["seconds"] / epochs


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.million_rows", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=number(100), default=1_000_000, help="rows of the table")
    parser.add_argument("--epochs", type=number(1), default=2, help="epochs")
    parser.add_argument("--kinds", type=names(KINDS), default=list(KINDS), help="kinds of files")
    options = parser.parse_args(arguments)
    console = screen()
    console.print(describe(("backlit", "pyarrow")), highlight=False)
    view = Table("file", title=f"{options.rows:,} rows of 50 columns, {options.epochs} epochs")
    for name in ("size, MiB", f"peak, MiB (bar {MOST_MIB:,})", "whole command, s", "epoch, s"):
        view.add_column(name, justify="right")
    worst = 0.0
    with tempfile.TemporaryDirectory() as place:
        for kind in options.kinds:
            path = Path(place) / f"table.{kind}"
            write(path, options.rows)
            peak, seconds, epoch = measure(path, options.epochs, Path(place) / kind)
            worst = max(worst, peak)
            size = path.stat().st_size / 2**20
            path.unlink()
            view.add_row(kind, f"{size:,.0f}", f"{peak:,.0f}", f"{seconds:.1f}", f"{epoch:.1f}")
    console.print(view)
    return int(worst > MOST_MIB)


if __name__ == "__main__":
    sys.exit(main())
