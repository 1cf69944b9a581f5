"""`backlit inspect`: one page on a trained network."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import view
from backlit.cli.preprocessing import Preprocessing
from backlit.cli.settings import TrainSettings
from backlit.data.datasets import ArrayData, load
from backlit.errors import ArgumentError, FileError, MissingFileError
from backlit.ops import Tensor
from backlit.serialization import write_whole
from backlit.train import Head, Run
from backlit.train.run import CONFIG_FILE
from backlit.view.picture import page
from backlit.view.theme import number, theme_of

PAGE_FILE = "inspect.html"
_MISTAKES = 12
_STYLE = """
main { max-width: 1120px; margin: auto; }
svg { max-width: 100%; height: auto; }
pre { overflow-x: auto; font: 13px/1.35 "DejaVu Sans Mono", Menlo, Consolas, monospace; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #80868b55; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
"""


@dataclass(frozen=True)
class InspectSettings:
    """Settings of `backlit inspect`.

    Attributes:
        run: The run's folder.
        out: The page; None: `inspect.html` in the run's folder.
        theme: "light" or "dark".
    """

    run: Path
    out: Path | None
    theme: str


@dataclass(frozen=True)
class Judged:
    """A run with its outputs for the rows that it was tested on.

    Attributes:
        run: The run.
        head: What its outputs mean.
        data: The rows.
        inputs: What the network saw of them.
        outputs: What it gave.
        predicted: Class numbers, or values in the data's own units.
    """

    run: Run
    head: Head
    data: ArrayData
    inputs: NDArray[Any]
    outputs: Tensor
    predicted: NDArray[Any]

    @classmethod
    def of(cls, run: Run, data: ArrayData, preprocessing: Preprocessing) -> "Judged":
        """Predict for each row."""
        head, inputs = Head(data.class_names), preprocessing.features(data.X)
        outputs = run.predict(inputs)
        return cls(run, head, data, inputs, outputs, preprocessing.original_target(head.predictions(outputs)))

    def worst(self, most: int = _MISTAKES) -> NDArray[np.int64]:
        """Rows of the worst mistakes, the worst first.

        For classes, wrong ones alone, by the probability of the right class; for values, by the error.
        """
        if not self.head.class_names:
            return np.argsort(-np.abs(self.predicted - self.data.y), kind="stable")[:most]
        right = self._probability(self.data.y)
        wrong = np.flatnonzero(self.predicted != self.data.y)
        return wrong[np.argsort(right[wrong], kind="stable")][:most]

    def _probability(self, classes: NDArray[Any]) -> NDArray[Any]:
        return np.take_along_axis(self.head.probabilities(self.outputs), classes[:, None], axis=1)[:, 0]

    def told(self, row: int) -> tuple[str, str]:
        """The actual and the predicted value of a row, with probabilities of classes."""
        if not self.head.class_names:
            return number(self.data.y[row]), number(self.predicted[row])
        names, shares = self.head.class_names, self.head.probabilities(self.outputs)[row]
        sides = (int(self.data.y[row]), int(self.predicted[row]))
        actual, predicted = (f"{names[side]} ({shares[side]:.1%})" for side in sides)
        return actual, predicted


def inspect(settings: InspectSettings) -> Path:
    """Write the page and say where it is.

    Raises:
        MissingFileError: There is no such run, or its data are gone.
        FileError: It is no run of the command.
        MissingPackageError: Matplotlib is not installed.
    """
    from rich.console import Console

    folder = settings.run
    if not folder.is_dir():
        raise MissingFileError(f"no run {folder}; expected the folder that `backlit train` made")
    run = Run.load(folder)
    given = TrainSettings.from_dict(run.config.get("command"), str(folder / CONFIG_FILE))
    try:
        preprocessing = Preprocessing.from_dict(run.config["preprocessing"])
    except (KeyError, TypeError) as error:
        raise FileError(f"{folder}: not a run of the command, its configuration lacks {error}") from error
    data = load(given.data, given.target)
    if list(data.feature_names) != run.config.get("data", {}).get("feature_names"):
        raise ArgumentError(f"{given.data} has other columns now than those that {folder} learnt from")
    held_out = data.split(given.val, seed=given.seed)[1]
    place = settings.out or folder / PAGE_FILE
    write_page(Judged.of(run, held_out, preprocessing), place, settings.theme)
    Console().print(f"The page is {place}", highlight=False, soft_wrap=True)
    return place


def write_page(judged: Judged, place: Path, theme: str = "light") -> None:
    """Write the page: summary, curves, network, confusion matrix, worst mistakes.

    Raises:
        FileError: It cannot be written.
        MissingPackageError: Matplotlib is not installed.
    """
    run, data = judged.run, judged.data
    first = judged.inputs[:1]
    sections = [
        ("Summary", f"<pre>{html.escape(str(view.summary(run.model, first)))}</pre>"),
        ("Training", view.training(run, theme=theme).svg),
        (
            f"The network, for the first test row ({judged.told(0)[0]} is right, {judged.told(0)[1]} is predicted)"
            if data.class_names
            else f"The network, for the first test row ({data.target_name} {judged.told(0)[0]})",
            view.network(run.model, first, theme=theme).svg,
        ),
    ]
    if len(data.image_shape) == 2:
        height, width = data.image_shape
        sections.append(("What the first layer looks for", view.weights(run.model, (height, width), theme=theme).svg))
    if data.class_names:
        picture = view.confusion(data.y, judged.predicted, data.class_names, theme=theme)
        sections.append(("Confusion matrix of the test rows", picture.svg))
    else:
        picture = view.agreement(data.y, judged.predicted, data.target_name, theme=theme)
        sections.append(("Predicted and actual values of the test rows", picture.svg))
    sections.append(("The worst mistakes", _mistakes(judged, theme)))
    size = f"{run.config.get('parameters', 0):,} parameters"
    body = "\n".join(f"<section>\n<h2>{html.escape(title)}</h2>\n{content}\n</section>" for title, content in sections)
    heading = f"<h1>{html.escape(data.name)}: a network of {size}</h1>"
    body = f"<main>\n{heading}\n{_results(run)}\n{body}\n</main>"
    write_whole(place, page(f"{data.name}: a trained network", body, theme_of(theme), _STYLE).encode())


def _results(run: Run) -> str:
    results = run.config.get("results", {})
    if not results:
        return "<p>The training was not finished.</p>"
    lines = [f"<tr><th></th>{''.join(f'<th>{html.escape(part)}</th>' for part in results)}</tr>"]
    for figure in next(iter(results.values())):
        cells = "".join(f"<td>{number(result[figure])}</td>" for result in results.values())
        lines.append(f"<tr><td>{html.escape(figure)}</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _mistakes(judged: Judged, theme: str) -> str:
    """The rows of the worst mistakes, as images or as a table."""
    rows, data = judged.worst(), judged.data
    if not len(rows):
        return "<p>There are none: each test row is predicted right.</p>"
    if len(data.image_shape) == 2:
        images = data.X[rows].reshape(len(rows), *data.image_shape)
        titles = ["is {}\nseen as {}".format(*judged.told(row)) for row in rows]
        return view.gallery(images, titles, theme=theme).svg
    shown = data.feature_names[:_MISTAKES]
    heads = ["test row", "actual", "predicted", *shown]
    lines = [f"<tr>{''.join(f'<th>{html.escape(head)}</th>' for head in heads)}</tr>"]
    for row in rows.tolist():
        cells = [f"{row:,}", *judged.told(row), *(number(value) for value in data.X[row, : len(shown)])]
        lines.append(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>")
    more = data.n_features - len(shown)
    rest = f"<p>{more:,} more columns are left out.</p>" if more else ""
    return f'<div class="wide"><table>{"".join(lines)}</table></div>{rest}'
