"""The command line of `backlit`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from backlit.cli import settings
from backlit.cli.explaining import ExplainSettings
from backlit.cli.exporting import ExportSettings
from backlit.cli.inspecting import InspectSettings
from backlit.cli.settings import PredictSettings, TrainSettings
from backlit.errors import ArgumentError, suggest


@dataclass(frozen=True)
class TrainRequest:
    """What `backlit train` is asked for.

    Attributes:
        settings: Those of a new run; None where one is resumed.
        resume: The folder of the run to resume, or None.
        out: The folder for a new run; None: one that does not exist yet, below `runs`.
    """

    settings: TrainSettings | None
    resume: Path | None
    out: Path | None


Request = TrainRequest | PredictSettings | ExplainSettings | InspectSettings | ExportSettings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Errors are said by the command in one line, without the usage."""
        raise ArgumentError(message)


def parse(arguments: Sequence[str]) -> Request:
    """Read the arguments.

    Raises:
        ArgumentError: They cannot be understood.
    """
    parser = _parser()
    found, rest = parser.parse_known_args(list(arguments))
    if rest:
        options = [option for action in found.parser._actions for option in action.option_strings]
        near = suggest(rest[0], options) if rest[0].startswith("-") else ""
        if found.command == "explain":
            near += '; before an expression that starts with a minus write --, as in backlit explain -- "-x*y" x=2 y=3'
        raise ArgumentError(f"unknown argument {rest[0]!r}{near}")
    given = vars(found)
    command = given.pop("command")
    del given["parser"]
    if command == "predict":
        return PredictSettings(**given)
    if command == "explain":
        given.update(values=tuple(given["values"]), wrt=tuple(given["wrt"]))
        return ExplainSettings(**given)
    if command == "inspect":
        return InspectSettings(**given)
    if command == "export":
        return ExportSettings(**given)
    return _train_request(given)


def _train_request(given: dict[str, Any]) -> TrainRequest:
    resume, out = given.pop("resume"), given.pop("out")
    chosen = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        extra = [*chosen, *(["out"] if out is not None else [])]
        if extra:
            raise ArgumentError(
                f"--resume goes on with the run's own settings and data; leave out {', '.join(map(_as_typed, extra))}"
            )
        return TrainRequest(None, resume, None)
    if "data" not in chosen:
        raise ArgumentError("train: name a data set or a file, as in `backlit train digits`, or a run, --resume RUN")
    return TrainRequest(TrainSettings(**chosen), None, out)


def _as_typed(name: str) -> str:
    return "NAME_OR_PATH" if name == "data" else "--" + name.replace("_", "-")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="backlit", description="Neural networks you can see through.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a network on a data set or a file",
        description="Train a network on a data set or a file, and leave a run: a folder with the model, how it was "
        "trained, its history and pictures. The output layer and the loss are chosen from the targets.",
    )
    train.add_argument("data", nargs="?", metavar="NAME_OR_PATH", help="digits, fashion-mnist, two-moons, …, or a file")
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run that was stopped")
    train.add_argument(
        "--target",
        metavar="COLUMN[,…]",
        help="the column to predict, or several (default: target, label, class, y, else the last)",
    )
    train.add_argument(
        "--task", choices=("classification", "regression"), help="what to learn (default: by the target's values)"
    )
    train.add_argument(
        "--encoding",
        metavar="NAME",
        help="how the text of a CSV file is written: latin-1, cp1252, … (default: by its byte-order mark, else utf-8)",
    )
    for name, words in (
        ("categorical", "columns of a table file that hold categories, whatever they look like"),
        ("numeric", "columns of a table file that hold numbers to learn from, even if they look like identifiers"),
        ("drop", "columns of a table file that are not read"),
    ):
        train.add_argument(f"--{name}", type=_reads(settings.read_names), metavar="COLUMN[,…]", help=words)
    train.add_argument(
        "--hidden",
        type=_reads(settings.read_hidden),
        metavar="64,64",
        help="sizes of the hidden layers; 0: none" + _default("hidden", " of many columns"),
    )
    train.add_argument("--activation", metavar="NAME", help="relu (default), tanh, sigmoid, gelu, …")
    train.add_argument("--optimizer", metavar="NAME", help="adam (default), sgd, adamw, rmsprop, …")
    train.add_argument(
        "--lr",
        type=_reads(settings.read_rate),
        metavar="RATE",
        help="the highest learning rate: of the one-cycle schedule, or for table files the first one, which falls "
        "where the validation loss does not (default: by the optimizer and the number of rows)",
    )
    train.add_argument(
        "--batch-size",
        type=_reads(settings.read_batch_size),
        metavar="N|full|1",
        help="rows of a step: full-batch, stochastic (1) or mini-batch" + _default("batch_size"),
    )
    train.add_argument(
        "--epochs",
        type=_reads(settings.read_count),
        metavar="N",
        help="passes over the data"
        + _default("epochs")
        + f"; of a table file at most {settings.TABLE_EPOCHS} and {settings.MANY_TABLE_EPOCHS}",
    )
    train.add_argument(
        "--patience",
        type=_reads(settings.read_patience),
        metavar="N",
        help="end after N epochs without a smaller validation loss, with the best weights; 0: never "
        f"(default: {settings.TABLE_PATIENCE} for table files, else 0)",
    )
    train.add_argument(
        "--val",
        type=_reads(settings.read_share),
        metavar="SHARE",
        help="share of the rows held out (default: the data set's own test rows, else 0.2)",
    )
    train.add_argument(
        "--stratify",
        metavar="COLUMN",
        help="hold out rows in the shares of a column of a table file; none: at random (default: in those of classes)",
    )
    train.add_argument("--group", metavar="COLUMN", help="hold out whole groups: rows that have this column in common")
    train.add_argument("--time", metavar="COLUMN", help="hold out the latest rows by this column")
    train.add_argument(
        "--seed", type=_reads(settings.read_seed), metavar="N", help="of all that is random (default: 0)"
    )
    train.add_argument("--out", type=Path, metavar="FOLDER", help="the run's folder (default: a new one below runs)")
    train.set_defaults(parser=train)

    predict = commands.add_parser(
        "predict",
        help="predict with a run",
        description="Predict for each row of a data set or a file, in order. What is other in the file than it was in "
        "training is said on standard error.",
    )
    predict.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    predict.add_argument("data", metavar="DATA", help="a data set or a file with the columns that the run learnt from")
    predict.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="a .csv, .parquet or .arrow file to write (default: CSV on standard output)",
    )
    predict.add_argument(
        "--encoding", metavar="NAME", help="how the text of a CSV file is written (default: as the run's own data)"
    )
    predict.set_defaults(parser=predict)

    explain = commands.add_parser(
        "explain",
        help="derive the gradient of an expression, step by step",
        description="Compute an expression forward and backward, step by step, derive its gradients by the chain rule "
        "in symbols and numbers, and draw its graph. Before an expression that starts with a minus write --.",
    )
    explain.add_argument("expression", metavar="EXPRESSION", help='such as "(x+y)*z"; functions have PyTorch\'s names')
    explain.add_argument("values", nargs="*", metavar="NAME=VALUE", help="such as x=-2 or W=[[1,2],[3,4]]")
    explain.add_argument("--wrt", nargs="+", default=(), metavar="NAME", help="derive by these alone (default: by all)")
    explain.add_argument(
        "--out",
        type=Path,
        default=Path("graph.svg"),
        metavar="FILE",
        help="the picture (.svg, .png, .pdf), or a page with all of it (.html)",
    )
    explain.add_argument("--theme", default="light", choices=("light", "dark"), help="the picture's colours")
    explain.set_defaults(parser=explain)

    inspect = commands.add_parser(
        "inspect",
        help="write a page on a trained network",
        description="Write one page on a run: summary, curves, network, confusion matrix, worst mistakes.",
    )
    inspect.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    inspect.add_argument("--out", type=Path, metavar="FILE", help="the page (default: inspect.html in the folder)")
    inspect.add_argument(
        "--theme",
        default="auto",
        choices=("auto", "light", "dark"),
        help="the page's colours (default: auto, the reader's own)",
    )
    inspect.set_defaults(parser=inspect)

    export = commands.add_parser(
        "export",
        help="write a run as an ONNX model",
        description="Write a run as an ONNX model, with its preprocessing: what it takes is the columns of the table, "
        "what it gives its predictions.",
    )
    export.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    export.add_argument("out", type=Path, metavar="FILE", help="the file to write, such as model.onnx")
    export.set_defaults(parser=export)
    return parser


def _default(name: str, more: str = "") -> str:
    """Words about a default that depends on the number of rows."""
    few, many = (
        ",".join(map(str, value)) if isinstance(value, tuple) else value
        for value in (settings.FEW[name], settings.MANY[name])
    )
    return f" (default: {few}; from {settings.MANY_ROWS:,} rows{more} on {many})"


def _reads(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader whose error argparse puts behind the option's name."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ArgumentError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert
