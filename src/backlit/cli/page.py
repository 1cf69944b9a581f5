"""The page on a trained network: what it is, how it learnt, how good it is, and where it fails."""

import base64
import html
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn, view
from backlit.cli.columns import HEADS, ColumnsFound
from backlit.cli.judging import NETWORK, Judged, shown_score
from backlit.errors import ArgumentError
from backlit.serialization import write_whole
from backlit.train import Run
from backlit.train.evaluation import found_classes
from backlit.view.picture import Picture, page
from backlit.view.theme import THEMES, amount, figure_name, theme_of

PAGE_FILE = "inspect.html"
_WORST, _NEURONS = 12, 20
# Of the values of a row, which are shown as they were read.
_DIGITS = 6
_STYLE = """
main { max-width: 1120px; margin: auto; }
h1 { line-height: 1.25; }
h2 { margin-top: 2.2rem; }
img { max-width: 100%; height: auto; }
pre { font: 13px/1.35 "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.4rem; white-space: nowrap; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #80868b55; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { white-space: normal; vertical-align: bottom; }
tbody th { font-weight: normal; }
td { max-width: 26rem; overflow: hidden; text-overflow: ellipsis; }
.words td:nth-child(2), .words th:nth-child(2), .words td:last-child, .words th:last-child { text-align: left; }
.words td:last-child { max-width: none; }
.wide { overflow-x: auto; margin: 0.9rem 0; }
.wide:focus-visible { outline: 2px solid #80868b; }
.beside { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start; }
@media (max-width: 700px) { body { margin: 0.8rem; } img { max-width: none; } caption { white-space: normal; } }
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
        sections = [self.scores()]
        if len(self.problem.inputs):
            sections.append(self.agreement())
            if not self.problem.image_shape:
                sections.append(self.importances())
            sections.append(self.worst())
        if self.problem.about is not None:
            sections.append(self.columns(self.problem.about))
        sections += [self.training(), self.network()]
        if len(self.problem.image_shape) == 2:
            sections.append(self.first_layer())
        sections.append(self.summary())
        body = "\n".join(f"<section>\n<h2>{title}</h2>\n{content}\n</section>" for title, content in sections)
        heading = f"<h1>{name}: a network of {self.run.config.get('parameters', 0):,} parameters</h1>"
        style = _STYLE + (_DARK.format(THEMES["dark"]) if len(self.themes) > 1 else "")
        ground = theme_of(self.themes[0])
        return page(f"{self.problem.name}: a trained network", f"<main>\n{heading}\n{body}\n</main>", ground, style)

    def scores(self) -> tuple[str, str]:
        """Scores beside those of the baselines, in words and in figures, and how they differ from those in training."""
        title, judged = "How good it is", self.judged
        words = [*judged.notes(), *judged.verdicts()]
        if not self.run.config.get("results"):
            words.insert(0, "The training was not finished.")
        parts = [f"<ul>{''.join(f'<li>{html.escape(sentence)}</li>' for sentence in words)}</ul>"]
        for target, scores in judged.scores.items():
            rows = [
                [figure, *(shown_score(figure, own[figure]) for own in scores.values())] for figure in scores[NETWORK]
            ]
            parts.append(_table(f"{target}, on {judged.said_rows}", ["", *scores], rows))
        return title, "\n".join([*parts, self._overfitting()])

    def _overfitting(self) -> str:
        """The figures that training itself measured: a large difference is what was learnt by heart."""
        results = self.run.config.get("results", {})
        if not results:
            return ""
        heads = ["", *(f"{part} rows" for part in results)]
        figures = next(iter(results.values()))
        rows = [
            [figure_name(figure), *(shown_score(figure, part[figure]) for part in results.values())]
            for figure in figures
        ]
        return _table("The network on the rows that it learnt from and on those held out for the test", heads, rows)

    def columns(self, about: ColumnsFound) -> tuple[str, str]:
        """What each column of a table is and what is done with it."""
        lines = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in about.told)
        table = _table(about.title, HEADS, about.rows)
        return "The table", f'<ul>{lines}</ul>\n<div class="words">{table}</div>'

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
        model, example, note = self.run.model, self._first(), ""
        layers = list(model.children())
        if isinstance(model, nn.Sequential) and isinstance(layers[0], nn.TableInput):
            example = Run({}, layers[0]).predict(example).numpy()
            model, note = nn.Sequential(*layers[1:]), " Its inputs are shown as the first layer gives them."
        try:
            drawn = self._picture("neurons as circles, weights as edges", view.network, model, example)
        except ArgumentError:
            return title, "<p>It is not a chain of fully connected layers, which alone can be drawn as circles.</p>"
        told = zip(self.problem.target_names, self._told(0), strict=True) if held_out else ()
        truth = "; ".join(f"{name} is {actual}, the network says {predicted}" for name, (actual, predicted, *_) in told)
        return title, f"<p>{html.escape(truth)}.{note}</p>{drawn}" if truth else drawn

    def first_layer(self) -> tuple[str, str]:
        """The first layer's weights as images."""
        words = "weights of the first layer as images"
        drawn = self._picture(words, view.weights, self.run.model, self.problem.image_shape, most=_NEURONS)
        return "What the first layer looks for", drawn

    def agreement(self) -> tuple[str, str]:
        """Confusion matrix and calibration curve; or predicted and actual values and residuals; for each target."""
        problem, judged = self.problem, self.judged
        is_class = bool(problem.target_classes[0])
        title = "Confusion matrix and calibration" if is_class else "Predicted and actual values, and residuals"
        title += " of the held-out rows"
        if not judged.finite.any():
            return title, "<p>No prediction is finite.</p>"
        parts = []
        for at, (name, names) in enumerate(zip(problem.target_names, problem.target_classes, strict=True)):
            actual, found = judged.actual[at][judged.finite], judged.own[at][judged.finite]
            if names:
                said = f"{name} {names[1]}" if len(names) == 2 else f"the predicted {name}"
                said = f"predicted probability of {said}"
                pair = [
                    self._picture(f"confusion matrix of {name}", view.confusion, actual, found_classes(found), names),
                    self._picture(f"calibration curve of {name}", view.calibration, actual, found, said),
                ]
            else:
                pair = [
                    self._picture(f"predicted against actual {name}", view.agreement, actual, found, name),
                    self._picture(f"residuals of {name}", view.residuals, actual, found, name),
                ]
            head = f"<h3>{html.escape(name)}</h3>" if len(problem.target_names) > 1 else ""
            parts.append(f'{head}<div class="beside">{"".join(pair)}</div>')
        return title, "\n".join(parts)

    def importances(self) -> tuple[str, str]:
        """How much each column matters."""
        title, falls = "Which columns matter", self.falls
        if not falls:
            return title, "<p>At least two held-out rows with finite predictions are needed to shuffle a column.</p>"
        rises = bool(self.problem.target_classes[0])
        score, change = ("log loss", "rise") if rises else ("R²", "fall")
        what = score + (", the mean over the targets," if len(self.problem.target_names) > 1 else "")
        if not all(np.isfinite(fall).all() for fall in falls.values()):
            return (
                title,
                f"<p>All held-out rows are alike, so {what} cannot {change} when a column is shuffled.</p>",
            )
        words = (
            f"<p>The values of a column are shuffled over the held-out rows, and {what} {change}s by so much. Bar: "
            "mean of five shuffles; line: one standard deviation to each side. Where two columns say the same, "
            "shuffling one of them costs little."
        )
        if len(falls) < len(self.problem.groups):
            words += f" Of {len(self.problem.groups):,} columns those {len(falls)} count whose first shuffle cost most."
        drawn = self._picture("permutation importances of the columns", view.importances, falls, score, rises=rises)
        return title, f"{words}</p>{drawn}"

    @cached_property
    def falls(self) -> dict[str, NDArray[np.float64]]:
        """The importances; empty where there are none."""
        if self.problem.image_shape or len(self.problem.inputs) < 2 or not self.judged.finite.all():
            return {}
        return self.judged.importances()

    def worst(self) -> tuple[str, str]:
        """The rows of the worst mistakes with their inputs, as images or as a table."""
        judged, problem, title = self.judged, self.problem, "The worst mistakes"
        rows = judged.worst(_WORST)
        if not len(rows):
            return title, "<p>There are none: each held-out row is predicted right.</p>"
        if len(problem.image_shape) == 2:
            images = problem.inputs[rows].reshape(len(rows), *problem.image_shape)
            titles = ["is {}\nseen as {}".format(*self._told(row)[0]) for row in rows.tolist()]
            return title, self._picture("the images of the worst mistakes", view.gallery, images, titles)
        ranks = sorted(problem.columns, key=lambda name: -float(np.mean(self.falls.get(name, 0.0))))
        columns = {name: problem.columns[name][rows] for name in ranks[:_WORST]}
        several = len(problem.target_names) > 1
        sides = ("actual", "predicted") if problem.target_classes[0] else ("actual", "predicted", "error")
        heads = [f"{side} {name}" if several else side for name in problem.target_names for side in sides]
        lines = []
        for place, (row, name) in enumerate(zip(rows.tolist(), judged.row_names(rows), strict=True)):
            cells = [cell(values[place]) for values in columns.values()]
            lines.append([name, *itertools.chain(*self._told(row)), *cells])
        more = len(problem.columns) - len(columns)
        words = "Rows are counted from 0 in the held-out part" if problem.row_numbers is None else "Rows of the file"
        words += "; the columns that matter most come first" if self.falls else ""
        words += f", and {more:,} more columns are left out." if more else "."
        return title, _table(words, ["row", *heads, *columns], lines)

    def _told(self, row: int) -> list[list[str]]:
        """For each target its actual and its predicted value in a row, with probabilities; of values the error too."""
        found = []
        for names, actual, own in zip(self.problem.target_classes, self.judged.actual, self.judged.own, strict=True):
            if not names:
                found.append([amount(value) for value in (actual[row], own[row], own[row] - actual[row])])
            elif np.isfinite(own[row]).all():
                sides = (int(actual[row]), int(own[row].argmax()))
                found.append([f"{names[side]} ({own[row, side]:.1%})" for side in sides])
            else:
                found.append([names[int(actual[row])], "not finite"])
        return found

    def _first(self) -> NDArray[Any]:
        problem = self.problem
        return (problem.inputs if len(problem.inputs) else problem.train_inputs)[:1]

    def _picture(self, words: str, draw: Callable[..., Picture], *given: Any, **more: Any) -> str:
        """A picture in each theme of the page, of which the reader's is shown."""
        found = [base64.b64encode(draw(*given, theme=theme, **more).svg.encode()).decode() for theme in self.themes]
        places = [f"data:image/svg+xml;base64,{code}" for code in found]
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{places[-1]}">' if len(places) > 1 else ""
        label = html.escape(words, quote=True)
        return _scrolled(words, f'<picture>{dark}<img src="{places[0]}" alt="{label}"></picture>')


def cell(value: Any) -> str:
    """A cell of a table, whatever it holds."""
    if value is None or (isinstance(value, float | np.floating | np.datetime64) and value != value):
        return "missing"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number):
        return amount(value, _DIGITS)
    return str(value).removesuffix("T00:00:00")


def _scrolled(words: str, content: str) -> str:
    """Content that may be wider than the page: the keyboard scrolls it once it has the focus."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(words, quote=True)}">{content}</div>'


def _table(words: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in heads)
    lines = "".join(
        f'<tr><th scope="row">{html.escape(first)}</th>{"".join(f"<td>{html.escape(text)}</td>" for text in rest)}</tr>'
        for first, *rest in rows
    )
    caption = f"<caption>{html.escape(words)}</caption>"
    return _scrolled(words, f"<table>{caption}<thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>")
