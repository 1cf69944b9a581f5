"""`backlit predict`: a run's predictions for a data set or a file, as CSV, Parquet or Arrow."""

import csv
import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.cli.preprocessing import Preprocessing
from backlit.cli.settings import PredictSettings
from backlit.data.datasets import arrow, is_table, load_features
from backlit.data.datasets.table import KINDS
from backlit.data.tables import TableEncoder, read_like
from backlit.errors import ArgumentError, FileError, MissingFileError
from backlit.serialization import write_whole
from backlit.train import Head, Run

# Texts are written with commas alone.
_KINDS = {suffix: kind for suffix, kind in KINDS.items() if kind != "csv" or suffix == ".csv"}


def predict(settings: PredictSettings) -> None:
    """Write a row for each row of the data: the prediction, and for classes the probability of each.

    Raises:
        BacklitError: The run or the data cannot be used: see the message.
    """
    if not settings.run.is_dir():
        raise MissingFileError(f"no run {settings.run}; expected the folder that `backlit train` made")
    kind = "csv" if settings.out is None else _KINDS.get(settings.out.suffix.lower(), "")
    if not kind:
        raise FileError(f"{settings.out}: predictions are written as {', '.join(_KINDS)}; choose one of these suffixes")
    run = Run.load(settings.run)
    try:
        data = run.config["data"]
        targets = [str(name) for name in data["target_names"]]
        head = Head.of_config(data)
        preprocessing = Preprocessing.from_dict(run.config["preprocessing"])
        if settings.encoding and not isinstance(preprocessing.encoder, TableEncoder):
            raise ArgumentError("--encoding is for table files, and the run learnt from none; leave it out")
        encoding = settings.encoding or (run.config.get("command") or {}).get("encoding")
        features = preprocessing.features(_rows(settings.data, data, preprocessing, encoding))
    except (KeyError, TypeError) as error:
        raise FileError(f"{settings.run}: not a run of the command, its configuration lacks {error}") from error
    outputs = run.predict(features)
    probabilities = None if head.kind == "regression" else head.probabilities(outputs)
    predictions = preprocessing.original_target(head.predictions(outputs))
    columns = _columns(head, targets, predictions, probabilities)
    written = _csv(columns) if kind == "csv" else _arrow(columns, kind)
    if settings.out is None:
        # In UTF-8 as a file would be, whatever letters the terminal has.
        sys.stdout.buffer.write(written)
    else:
        write_whole(settings.out, written)


def _rows(place: str, data: dict[str, Any], preprocessing: Preprocessing, encoding: str | None) -> Any:
    """The rows to predict for, as the run's preprocessing takes them; what is strange is said on standard error."""
    if not isinstance(preprocessing.encoder, TableEncoder):
        return load_features(place, data["feature_names"], tuple(data["image_shape"]))
    if not is_table(place):
        if not Path(place).exists():
            raise MissingFileError(f"no file {place}")
        raise FileError(f"{place} is no table file, and the run learnt from one")
    known = (*data["target_names"], *data["other_names"])
    table, notes = read_like(place, preprocessing.encoder, known, encoding)
    for note in notes:
        sys.stderr.write(f"backlit: note: {note}\n")
    return table


def _columns(
    head: Head, targets: list[str], predictions: NDArray[Any], probabilities: NDArray[Any] | None
) -> dict[str, NDArray[Any]]:
    """The columns to write, by their names."""
    if head.class_names and probabilities is not None:
        shares = {f"p({name})": probabilities[:, at] for at, name in enumerate(head.class_names)}
        return {"prediction": np.array(head.class_names, object)[predictions], **shares}
    if len(targets) == 1:
        return {"prediction": predictions}
    found: dict[str, NDArray[Any]] = {}
    for at, name in enumerate(targets):
        values = predictions[:, at]
        found[name] = np.array(head.labels[at], object)[values] if head.labels else values
        if probabilities is not None:
            found[f"p({name}={head.labels[at][1]})"] = probabilities[:, at]
    return found


def _csv(columns: dict[str, NDArray[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    forms = ["{:.6g}" if name.startswith("p(") else _form(values) for name, values in columns.items()]
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        writer.writerow([form.format(cell) for form, cell in zip(forms, row, strict=True)])
    return text.getvalue().encode()


def _form(values: NDArray[Any]) -> str:
    """How predictions are written: the digits that a float32 tells apart, and more for values far from 0."""
    if values.dtype == object:
        return "{}"
    known = values[np.isfinite(values)]
    spread, largest = (np.ptp(known), np.abs(known).max()) if len(known) else (0.0, 0.0)
    more = math.ceil(math.log10(largest / spread)) if spread else 0
    return f"{{:.{min(9 + max(more, 0), 17)}g}}"


def _arrow(columns: dict[str, NDArray[Any]], kind: str) -> bytes:
    pa = arrow()
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    if kind == "parquet":
        pa.parquet.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()
