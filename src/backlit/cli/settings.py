"""What the command is asked to do: settings with their defaults, and the words that name their values."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from backlit import nn, optim
from backlit.data.datasets.table import Task
from backlit.errors import ArgumentError, FileError, suggest

# Peaks of the one-cycle schedule; the other optimizers start from their classes' own rates.
_PEAK_RATES = {"sgd": 0.5, "adagrad": 0.1, "adam": 0.01, "adamw": 0.01}
# From so many rows on there are many steps in an epoch: fewer epochs, larger batches and smaller steps do.
MANY_ROWS = 10_000
FEW: Mapping[str, Any] = {"hidden": (128, 64), "batch_size": 32, "epochs": 30}
MANY: Mapping[str, Any] = {"hidden": (512, 256), "batch_size": 256, "epochs": 10}
_MANY_FEATURES = 100
# Table files are trained at a rate that falls when the validation loss does not.
_TABLE_RATE = 0.2
TABLE_EPOCHS, MANY_TABLE_EPOCHS, TABLE_PATIENCE = 200, 40, 15


@dataclass(frozen=True)
class PredictSettings:
    """Settings of `backlit predict`.

    Attributes:
        run: The run's folder.
        data: The name of a data set, or a file.
        out: The file to write, CSV, Parquet or Arrow by its suffix; None: CSV on standard output.
        encoding: Of the text of a CSV file; None: as in training.
    """

    run: Path
    data: str
    out: Path | None
    encoding: str | None = None


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `backlit train`; None stands for a default that depends on the data.

    Attributes:
        data: The name of a data set, or a file.
        target: The column to predict, or several with commas between; None: one called so, else the last.
        task: "classification" or "regression"; None: by the target.
        encoding: Of the text of a CSV file; None: UTF-8, or what its byte-order mark says.
        categorical: Columns of a table file that hold categories, whatever they look like.
        numeric: Columns of it that hold numbers to learn from, even if they look like identifiers.
        drop: Columns of it that are not read.
        hidden: Sizes of the hidden layers.
        activation: Between layers, by the name of its class in `backlit.nn`.
        optimizer: By the name of its class in `backlit.optim`.
        lr: The highest learning rate of the schedule; for a table file the first.
        batch_size: Rows of a step, or "full".
        epochs: Passes over the data.
        patience: Epochs without a smaller validation loss after which training ends; 0 and None: never.
        val: Share of the rows that is kept for the test; None: the data set's own test rows, else 0.2.
        stratify: A column of a table file whose shares both parts keep; "none": no column; None: classes.
        group: A column of it whose rows of one value stay together.
        time: A column of it by which the latest rows are held out.
        seed: Of the split, the first weights and the order of the rows.
    """

    data: str
    target: str | None = None
    task: Task | None = None
    encoding: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    optimizer: str = "adam"
    lr: float | None = None
    batch_size: int | str | None = None
    epochs: int | None = None
    patience: int | None = None
    val: float | None = None
    stratify: str | None = None
    group: str | None = None
    time: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _named(self.activation, _activations(), "activation")
        _named(self.optimizer, _optimizers(), "optimizer")

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns to predict; none where they are to be guessed."""
        return () if self.target is None else read_names(self.target)

    def filled(self, n_rows: int, n_features: int, *, table: bool = False) -> "TrainSettings":
        """The settings with the defaults for training data of this size, from a table file or not."""
        many = n_rows >= MANY_ROWS
        own = inspect.signature(self.optimizer_class).parameters["lr"].default
        rate = _PEAK_RATES.get(_plain_name(self.optimizer), float(own))
        defaults = {**(MANY if many else FEW), "lr": rate * 0.4 if many else rate}
        if n_features <= _MANY_FEATURES:
            defaults["hidden"] = FEW["hidden"]
        if table:
            # The rate does not rise and fall, so it begins below the peak; early stopping finds the number of epochs.
            epochs = MANY_TABLE_EPOCHS if many else TABLE_EPOCHS
            peaks = _plain_name(self.optimizer) in _PEAK_RATES
            defaults |= {"lr": rate * _TABLE_RATE if peaks else rate, "epochs": epochs, "patience": TABLE_PATIENCE}
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return replace(self, **missing)

    @property
    def activation_class(self) -> type[nn.Module]:
        """The activation's class."""
        return _named(self.activation, _activations(), "activation")

    @property
    def optimizer_class(self) -> Callable[..., optim.Optimizer]:
        """The optimizer's class."""
        return _named(self.optimizer, _optimizers(), "optimizer")

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Any, place: str) -> "TrainSettings":
        """The settings that `to_dict` gave; `place` is where they come from, for the message of `FileError`."""
        names = {field.name for field in fields(cls)}
        if not isinstance(saved, Mapping) or set(saved) != names or not isinstance(saved["hidden"], list):
            raise FileError(f"{place}: not the settings of a run of this version")
        try:
            read_hidden(",".join(map(str, saved["hidden"])))
            for name, read in (("lr", read_rate), ("batch_size", read_batch_size), ("epochs", read_count)):
                read(str(saved[name]))
            read_seed(str(saved["seed"]))
            for name, read in (("patience", read_patience), ("val", read_share)):
                if saved[name] is not None:
                    read(str(saved[name]))
            lists = {name: tuple(map(str, saved[name])) for name in ("categorical", "numeric", "drop")}
            return cls(**{**saved, **lists, "hidden": tuple(saved["hidden"]), "data": str(saved["data"])})
        except (ArgumentError, AttributeError, TypeError) as error:
            raise FileError(f"{place}: its settings are damaged: {error}") from error


def _activations() -> dict[str, type[nn.Module]]:
    found = {name.lower(): getattr(nn, name) for name in nn.__all__}
    where = nn.ReLU.__module__
    return {name: kind for name, kind in found.items() if getattr(kind, "__module__", "") == where and _plain(kind)}


def _plain(kind: Any) -> bool:
    """Whether a class can be made without arguments."""
    parameters = inspect.signature(kind).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _optimizers() -> dict[str, type[optim.Optimizer]]:
    found = {name.lower(): getattr(optim, name) for name in optim.__all__}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
    }


def _named(name: str, known: Mapping[str, Any], what: str) -> Any:
    plain = _plain_name(name)
    if plain not in known:
        raise ArgumentError(f"unknown {what} {name!r}{suggest(plain, known)}")
    return known[plain]


def _plain_name(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def read_hidden(text: str) -> tuple[int, ...]:
    """`"64,64"` as sizes of layers; `""` and `"0"` mean none."""
    if text.strip() in ("", "0"):
        return ()
    return tuple(read_count(part) for part in text.split(","))


def read_count(text: str) -> int:
    """A positive whole number."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise ArgumentError(f"expected a positive whole number, got {text!r}")
    return int(text)


def read_names(text: str) -> tuple[str, ...]:
    """`"a,b"` as names of columns."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ArgumentError(f"expected names of columns with commas between, got {text!r}")
    return names


def read_patience(text: str) -> int:
    """A whole number from 0 on."""
    if not text.strip().isdecimal():
        raise ArgumentError(f"expected a number of epochs, or 0, got {text!r}")
    return int(text)


def read_seed(text: str) -> int:
    """A whole number from 0 on."""
    if not text.strip().isdecimal() or int(text) >= 1 << 63:
        raise ArgumentError(f"expected a whole number from 0 to 2^63 - 1, got {text!r}")
    return int(text)


def read_batch_size(text: str) -> int | str:
    """`"full"` or a positive whole number."""
    return "full" if text == "full" else read_count(text)


def read_rate(text: str) -> float:
    """A positive number."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise ArgumentError(f"expected a positive number, got {text!r}")
    return value


def read_share(text: str) -> float:
    """A number between 0 and 1."""
    value = _number(text)
    if not 0 < value < 1:
        raise ArgumentError(f"expected a share between 0 and 1, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
