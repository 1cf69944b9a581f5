"""From a data set's name or a table file to what a network learns from, and the rows that it is judged by."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.cli.columns import ColumnsFound, short
from backlit.cli.judging import Problem
from backlit.cli.preprocessing import Preprocessing
from backlit.cli.settings import TrainSettings
from backlit.data import StandardScaler
from backlit.data.datasets import guess_target, is_table, load
from backlit.data.tables import (
    Found,
    Table,
    TableEncoder,
    Targets,
    find_kinds,
    find_leaks,
    form_in_words,
    read_table,
    read_targets,
    split_table,
)
from backlit.errors import ArgumentError, DataError
from backlit.train import Head

_VALIDATION = 0.2
_MOST_SHOWN = 6


@dataclass(frozen=True)
class Prepared:
    """What `backlit train` trains on.

    Attributes:
        problem: The rows.
        preprocessing: What was done to them.
        feature_names: The columns that the network learns from.
        other_names: Columns of the file that it does not learn from.
    """

    problem: Problem
    preprocessing: Preprocessing
    feature_names: tuple[str, ...]
    other_names: tuple[str, ...] = ()

    @property
    def held_out_targets(self) -> NDArray[Any]:
        """The targets of the held-out rows, as the loss takes them."""
        problem = self.problem
        return problem.head.targets(self.preprocessing.scaled_target(problem.actual))

    def config(self) -> dict[str, Any]:
        """What a run's configuration says about the data."""
        problem, head = self.problem, self.problem.head
        return {
            "data": {
                "name": problem.name,
                "target_name": problem.target_names[0],
                "target_names": list(problem.target_names),
                "feature_names": list(self.feature_names),
                "other_names": list(self.other_names),
                "class_names": list(head.class_names),
                "labels": [list(names) for names in head.labels],
                "image_shape": list(problem.image_shape),
                "rows": [len(problem.train_inputs), len(problem.inputs)],
            },
            "preprocessing": self.preprocessing.to_dict(),
        }

    def check_same(self, config: Mapping[str, Any], folder: Path) -> None:
        """Raise `ArgumentError` unless the run in the folder, of this configuration, learnt from the same data."""
        now = json.loads(json.dumps(self.config()))
        changed: list[str] = []
        for part, found in now.items():
            before = config.get(part)
            changed += [name for name in found if not isinstance(before, dict) or before.get(name) != found[name]]
        if changed:
            raise ArgumentError(
                f"{self.problem.name} is no longer what {folder} learnt from: "
                f"{', '.join(changed).replace('_', ' ')} changed"
            )


def prepare(settings: TrainSettings) -> Prepared:
    """Read the data, split them, and fit the preprocessing on the training rows.

    Raises:
        BacklitError: The data cannot be used, or settings do not fit them: see the message.
    """
    if is_table(settings.data):
        return _of_table(settings)
    for name in ("encoding", "drop", "categorical", "numeric", "stratify", "group", "time"):
        if getattr(settings, name):
            raise ArgumentError(f"--{name} is for table files; {settings.data} is none")
    data = load(settings.data, settings.target, task=settings.task)
    parts = data.split(settings.val, seed=settings.seed)
    preprocessing = Preprocessing.fitted(parts[0])
    return Prepared(Problem.of(parts, preprocessing), preprocessing, data.feature_names)


def _of_table(settings: TrainSettings) -> Prepared:
    named = settings.target_names
    for name in settings.drop:
        if name in named:
            raise ArgumentError(f"{name!r} is the target and cannot be dropped")
    whole = () if settings.group is None else (settings.group,)
    table = read_table(
        settings.data, encoding=settings.encoding, drop=settings.drop, text=settings.categorical, whole=whole
    )
    if table.n_rows < 2:
        raise DataError(f"{table.source}: there is one row; learning needs at least two, and one more to check it by")
    if settings.target in table.names:
        named = (settings.target,)  # a name may hold a comma
    targets = read_targets(table, named or (guess_target(table.names),), settings.task)
    split = _split(settings, table, targets)
    found = find_kinds(table, targets.names, categorical=settings.categorical, numeric=settings.numeric)
    found = [_unless_group(each, settings.group) for each in found]
    encoder = TableEncoder.fit(table, found, split[0])
    preprocessing = Preprocessing(encoder, _target_scaler(targets, split[0]))
    used = tuple(str(column.name) for column in encoder.columns)
    other = tuple(name for name in table.names if name not in used and name not in targets.names)
    about = ColumnsFound.of(found, encoder, _told(settings, table, targets, split), find_leaks(table, found, targets))
    problem = _problem(table, targets, split, preprocessing, encoder, about)
    return Prepared(problem, preprocessing, used, (*other, *settings.drop))


def _unless_group(found: Found, group: str | None) -> Found:
    """Groups of the validation rows are none that training knows, so that nothing is learnt from their names."""
    if found.name != group:
        return found
    return Found(found.name, "identifier", found.distinct, found.missing, "it names the groups")


def _split(settings: TrainSettings, table: Table, targets: Targets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    stratify = settings.stratify
    own_way = settings.group or settings.time
    if stratify is None and not own_way and len(targets.names) == 1 and targets.class_names[0]:
        stratify = targets.names[0]
    return split_table(
        table,
        settings.val or _VALIDATION,
        stratify=None if stratify == "none" else stratify,
        group=settings.group,
        time=settings.time,
        rows=targets.rows,
        seed=settings.seed,
    )


def _target_scaler(targets: Targets, train: NDArray[np.int64]) -> StandardScaler | None:
    if head_of(targets).kind != "regression":
        return None
    return StandardScaler().fit(targets.of(train).reshape(len(train), -1))


def _problem(
    table: Table,
    targets: Targets,
    split: tuple[NDArray[np.int64], NDArray[np.int64]],
    preprocessing: Preprocessing,
    encoder: TableEncoder,
    about: ColumnsFound,
) -> Problem:
    (train, val), head = split, head_of(targets)
    return Problem(
        name=table.source,
        head=head,
        target_names=targets.names,
        columns=_Cells(table.part([str(column.name) for column in encoder.columns], val)),
        groups=encoder.places,
        inputs=encoder.transform(table, val),
        actual=targets.of(val),
        train_inputs=encoder.transform(table, train),
        train_targets=head.targets(preprocessing.scaled_target(targets.of(train))),
        train_actual=targets.of(train),
        restore=preprocessing.original_target,
        categories=encoder.categories,
        row_numbers=val + table.first_row,
        about=about,
    )


def head_of(targets: Targets) -> Head:
    """The output layer and the loss for these targets."""
    if not targets.class_names[0]:
        return Head(n_values=len(targets.names))
    return Head(targets.class_names[0]) if len(targets.names) == 1 else Head(labels=targets.class_names)


def _told(
    settings: TrainSettings, table: Table, targets: Targets, split: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> list[str]:
    gone = table.n_rows - len(targets.rows)
    classes = [np.unique(column[np.searchsorted(targets.rows, split[0])]) for column in targets.columns]
    lacking = [
        f"No training row has the class {', '.join(np.delete(names, seen))} of {target}: the network cannot know it"
        for target, names, seen in zip(targets.names, targets.class_names, classes, strict=True)
        if len(seen) < len(names)
    ]
    return [
        f"{_plural('Target', len(targets.names))} {_about_targets(targets)}",
        *(f"{n}: numbers written as {form_in_words(table[n].form)}" for n in targets.names if table[n].form),
        *([f"Left out: {gone:,} {_plural('row', gone)} without a target"] if gone else []),
        f"Rows: {len(split[0]):,} to learn from, {len(split[1]):,} held out, {_way_to_split(settings, targets)}",
        *lacking,
    ]


def _about_targets(targets: Targets) -> str:
    """What the targets are, and what follows for the output layer and the loss."""
    head = head_of(targets)
    loss, outputs = type(head.loss()).__name__, head.out_features
    if head.kind == "regression":
        spans = zip(targets.names, targets.columns, strict=True)
        told = ", ".join(f"{name} ({short(y.min())} to {short(y.max())})" for name, y in spans)
        return f"{told}: values, so {outputs} linear {_plural('output', outputs)} and {loss}, on standardised values"
    if head.kind == "several labels":
        told = ", ".join(f"{n} ({' or '.join(c)})" for n, c in zip(targets.names, targets.class_names, strict=True))
        return f"{told}: two classes each, so a logit for each and {loss}"
    names, counts = head.class_names, np.bincount(targets.y, minlength=len(head.class_names))
    shares = [f"{name} {_share(count / len(targets.y))}" for name, count in zip(names, counts, strict=True)]
    told = ", ".join(shares[:_MOST_SHOWN]) + (", …" if len(shares) > _MOST_SHOWN else "")
    output = "one logit" if head.kind == "two classes" else f"{outputs} logits"
    return f"{targets.names[0]}: {len(names):,} classes ({told}), so {output} and {loss}"


def _way_to_split(settings: TrainSettings, targets: Targets) -> str:
    if settings.group:
        return f"whole groups of {settings.group}"
    if settings.time:
        return f"the latest by {settings.time}"
    if settings.stratify not in (None, "none"):
        return f"at random, in the shares of {settings.stratify}"
    classes = settings.stratify is None and len(targets.names) == 1 and targets.class_names[0]
    return "at random" + (", in the shares of the classes" if classes else "")


def _share(share: float) -> str:
    """A share of what is there, which is never nothing or all."""
    return "<1%" if share < 0.01 else ">99%" if share > 0.99 else f"{share:.0%}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


class _Cells(Mapping[str, NDArray[Any]]):
    """The columns of a table as the reader knows them, made when they are looked at."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._table.names:
            raise KeyError(name)
        return self._table[name].cells()

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.names)

    def __len__(self) -> int:
        return len(self._table.columns)
