"""The page on a trained network: what it is, how it learnt, how good it is, and where it fails."""

import base64
import html
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import view
from backlit.cli.judging import NETWORK, Judged
from backlit.errors import ArgumentError
from backlit.serialization import write_whole
from backlit.train.evaluation import found_classes
from backlit.view.picture import Picture, page
from backlit.view.theme import THEMES, number, theme_of

PAGE_FILE = "inspect.html"
_WORST = 12
_STYLE = """
main { max-width: 1120px; margin: auto; }
h1 { line-height: 1.25; }
h2 { margin-top: 2.2rem; }
img { max-width: 100%; height: auto; }
pre { font: 13px/1.35 "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.4rem; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #80868b55; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid #80868b; }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem; }
@media (max-width: 700px) { body { margin: 0.8rem; } img { max-width: none; } }
"""
_DARK = """
:root {{ color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {0.ground}; color: {0.ink}; }} }}
"""


def write_page(judged: Judged, place: Path, theme: str = "auto") -> None:
    """Write the page.

    Args:
        judged: The run and the rows that it is judged by.
        place: The file.
        theme: "light", "dark", or "auto": the reader's own.

    Raises:
        FileError: It cannot be written.
        MissingPackageError: Matplotlib is not installed.
    """
    write_whole(place, _Page(judged, theme).text().encode())


class _Page:
    """The parts of the page, each a heading and its HTML."""

    def __init__(self, judged: Judged, theme: str) -> None:
        self.judged, self.problem, self.run = judged, judged.problem, judged.run
        self.themes = ("light", "dark") if theme == "auto" else (theme,)

    def text(self) -> str:
        """The whole page."""
        name = html.escape(self.problem.name)
        sections = [self.scores(), self.summary(), self.training(), self.network()]
        if len(self.problem.image_shape) == 2:
            sections.append(self.first_layer())
        if len(self.problem.inputs):
            sections.append(self.agreement())
            if not self.problem.image_shape:
                sections.append(self.importances())
            sections.append(self.worst())
        body = "\n".join(f"<section>\n<h2>{title}</h2>\n{content}\n</section>" for title, content in sections)
        heading = f"<h1>{name}: a network of {self.run.config.get('parameters', 0):,} parameters</h1>"
        style = _STYLE + (_DARK.format(THEMES["dark"]) if len(self.themes) > 1 else "")
        ground = theme_of(self.themes[0])
        return page(f"{self.problem.name}: a trained network", f"<main>\n{heading}\n{body}\n</main>", ground, style)

    def scores(self) -> tuple[str, str]:
        """Scores beside those of the baselines, in figures and in words."""
        title, judged, problem = "How good it is", self.judged, self.problem
        results = self.run.config.get("results", {})
        trained = "" if results else "<p>The training was not finished.</p>"
        if results:
            figures = [
                [figure, *(shown(figure, part[figure]) for part in results.values())]
                for figure in next(iter(results.values()))
            ]
            trained = _table("Training and held-out rows", ["", *results], figures)
        if not len(problem.inputs):
            return title, f"{trained}<p>No rows were held out, so nothing says how good it is on rows it never saw.</p>"
        parts = [*(f"<p>{html.escape(note)}</p>" for note in (*judged.notes(), *judged.verdicts()))]
        for target, scores in judged.scores.items():
            rows = [
                [figure, *(shown(figure, score[figure]) for score in scores.values())] for figure in scores[NETWORK]
            ]
            parts.append(_table(f"{target}, on {judged.said_rows}", ["", *scores], rows))
        return title, "\n".join([*parts, trained])

    def summary(self) -> tuple[str, str]:
        """The layers."""
        text = html.escape(str(view.summary(self.run.model, self._first())))
        return "Summary", _scrolled("summary of the layers", f"<pre>{text}</pre>")

    def training(self) -> tuple[str, str]:
        """The curves."""
        return "Training", self._picture("loss and metrics by epoch", view.training, self.run)

    def network(self) -> tuple[str, str]:
        """The circles, for one row, where the network is a chain of fully connected layers."""
        held_out = bool(len(self.problem.inputs))
        title = "The network, for the first " + ("held-out row" if held_out else "training row")
        words = "neurons as circles, weights as edges"
        try:
            drawn = self._picture(words, view.network, self.run.model, self._first())
        except ArgumentError:
            return title, "<p>It is not a chain of fully connected layers, which alone can be drawn as circles.</p>"
        told = zip(self.problem.target_names, *self._told(0), strict=True) if held_out else ()
        truth = "; ".join(f"{name}: {actual} is right, {predicted} is predicted" for name, actual, predicted in told)
        return title, f"<p>{html.escape(truth)}</p>{drawn}"

    def first_layer(self) -> tuple[str, str]:
        """The first layer's weights as images."""
        words = "weights of the first layer as images"
        drawn = self._picture(words, view.weights, self.run.model, self.problem.image_shape)
        return "What the first layer looks for", drawn

    def agreement(self) -> tuple[str, str]:
        """Confusion matrix and calibration curve; or predicted and actual values and residuals of each target."""
        problem, usable = self.problem, self.judged.finite
        actual, found, names = problem.actual[usable], self.judged.own[usable], problem.head.class_names
        if not len(found):
            return "Predictions of the held-out rows", "<p>None of them is finite.</p>"
        if names:
            said = "predicted probability of " + (names[1] if len(names) == 2 else "the prediction")
            pictures = [
                self._picture("confusion matrix", view.confusion, actual, found_classes(found), names),
                self._picture("calibration curve", view.calibration, actual, found, said),
            ]
            return "Confusion matrix and calibration of the held-out rows", _beside(pictures)
        pictures = []
        for name, *pair in zip(problem.target_names, actual.T, found.T, strict=True):
            pictures.append(self._picture(f"predicted against actual {name}", view.agreement, *pair, name))
            pictures.append(self._picture(f"residuals of {name}", view.residuals, *pair, name))
        return "Predicted and actual values, and residuals, of the held-out rows", _beside(pictures)

    def importances(self) -> tuple[str, str]:
        """How much each column matters."""
        title, judged = "Which columns matter", self.judged
        if len(self.problem.inputs) < 2:
            return title, "<p>At least two held-out rows are needed to shuffle a column.</p>"
        if not judged.finite.all():
            return title, "<p>Predictions that are not finite leave nothing to compare.</p>"
        falls, score = judged.importances(), "accuracy" if self.problem.head.class_names else "R²"
        words = (
            f"<p>The values of a column are shuffled over the held-out rows, and {score} falls by so much: bar, mean "
            "of five shuffles; line, one standard deviation. Where two columns say the same, shuffling one of them "
            "costs little.</p>"
        )
        drawn = self._picture("permutation importances", view.importances, falls, score)
        return title, words + drawn

    def worst(self) -> tuple[str, str]:
        """The rows of the worst mistakes with their inputs, as images or as a table."""
        judged, problem, title = self.judged, self.problem, "The worst mistakes"
        rows = judged.worst(_WORST).tolist()
        if not rows:
            return title, "<p>There are none: each held-out row is predicted right.</p>"
        if len(problem.image_shape) == 2:
            images = problem.inputs[rows].reshape(len(rows), *problem.image_shape)
            titles = [f"is {self._told(row)[0][0]}\nseen as {self._told(row)[1][0]}" for row in rows]
            return title, self._picture("the images of the worst mistakes", view.gallery, images, titles)
        columns = list(problem.columns)[:_WORST]
        several = len(problem.target_names) > 1
        heads = ["row"]
        for name in problem.target_names:
            heads += [f"{side} {name}" if several else side for side in ("actual", "predicted")]
        lines = []
        for row in rows:
            pairs = zip(*self._told(row), strict=True)
            lines.append(
                [
                    f"{row:,}",
                    *(side for pair in pairs for side in pair),
                    *(cell(problem.columns[name][row]) for name in columns),
                ]
            )
        more = len(problem.columns) - len(columns)
        rest = f"<p>{more:,} more columns are left out.</p>" if more else ""
        return title, _table("Rows are counted from 0 in the held-out part.", [*heads, *columns], lines) + rest

    def _told(self, row: int) -> tuple[list[str], list[str]]:
        """The actual and the predicted value of each target in a row, with probabilities of classes."""
        own, actual = self.judged.own[row], self.problem.actual[row]
        names = self.problem.head.class_names
        if not names:
            return [number(value) for value in actual], [number(value) for value in own]
        if not self.judged.finite[row]:
            return [names[actual]], ["not finite"]
        sides = [f"{names[side]} ({own[side]:.1%})" for side in (int(actual), int(own.argmax()))]
        return [sides[0]], [sides[1]]

    def _first(self) -> NDArray[Any]:
        problem = self.problem
        return (problem.inputs if len(problem.inputs) else problem.train_inputs)[:1]

    def _picture(self, words: str, draw: Callable[..., Picture], *given: Any) -> str:
        """A picture in each theme of the page, of which the reader's is shown."""
        found = [base64.b64encode(draw(*given, theme=theme).svg.encode()).decode() for theme in self.themes]
        places = [f"data:image/svg+xml;base64,{code}" for code in found]
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{places[-1]}">' if len(places) > 1 else ""
        label = html.escape(words, quote=True)
        return _scrolled(words, f'<picture>{dark}<img src="{places[0]}" alt="{label}"></picture>')


def shown(figure: str, value: float) -> str:
    """A score as it is read."""
    if math.isnan(value):
        return "–"
    return f"{value:.2%}" if figure.endswith("accuracy") else number(value)


def cell(value: Any) -> str:
    """A cell of a table, whatever it holds."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "missing"
    return number(value) if isinstance(value, int | float | np.number | np.bool_) else str(value)


def _beside(parts: Iterable[str]) -> str:
    return f'<div class="beside">{"".join(parts)}</div>'


def _scrolled(words: str, content: str) -> str:
    """Content that may be wider than the page: the keyboard scrolls it once it has the focus."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(words, quote=True)}">{content}</div>'


def _table(words: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in rows)
    caption = f"<caption>{html.escape(words)}</caption>"
    return _scrolled(words, f"<table>{caption}<thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>")
