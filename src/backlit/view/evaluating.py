"""Pictures of what stands behind a score: calibration, residuals, the importances of columns."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit.errors import ArgumentError, DataError
from backlit.train import evaluation
from backlit.view.judging import drawn_rows, value_pair
from backlit.view.plot import Plot, new_figure, series, styled
from backlit.view.theme import amount, number, shortened, theme_of

# Of a column's name, in letters, and a letter's width in inches.
_LONGEST, _LETTER = 60, 0.075


def calibration(
    actual: ArrayLike, probabilities: ArrayLike, said: str = "predicted probability", *, theme: str = "light"
) -> Plot:
    """Draw how often what was predicted with some probability came true; good probabilities lie on the line.

    Bars show 95% confidence intervals; below, how many rows each point stands for.

    Args:
        actual: Class numbers, (n,).
        probabilities: (n, K); for two classes the second's is looked at, for more that of the predicted class.
        said: What the probability is of.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` is a `backlit.train.evaluation.Calibration`.

    Raises:
        ShapeError: `probabilities` is not (n, K).
        DataError: No row has finite probabilities.
    """
    colors = theme_of(theme)
    found = evaluation.calibration(np.asarray(actual), np.asarray(probabilities))
    blue = series(colors)[0]
    with styled(colors):
        figure = new_figure(4.6, 5.2)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        top.plot([0, 1], [0, 1], color=colors.faint, linewidth=1, linestyle="--", label="exact")
        low, high = found.intervals()
        bars = np.stack([np.maximum(found.observed - low, 0), np.maximum(high - found.observed, 0)])
        top.errorbar(
            found.predicted, found.observed, bars, fmt="o", color=blue, markersize=5, elinewidth=1, capsize=2,
            label="network, with 95% interval",
        )  # fmt: skip
        top.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), ylabel="share that came true")
        figure.legend(loc="outside lower center", ncols=2)
        top.set_title(f"expected calibration error {number(found.error, 3)}", fontsize=10)
        bottom.bar(found.predicted, found.counts, width=0.05, color=blue)
        bottom.set(xlabel=_wrapped(said), ylabel="rows")
        return Plot(figure, found, colors, "a calibration curve")


def residuals(actual: ArrayLike, predicted: ArrayLike, name: str = "value", *, theme: str = "light") -> Plot:
    """Draw the errors, predicted - actual, over the predictions, and how they are distributed.

    A trend says that the model misses something that the inputs tell; a funnel, that its errors grow with the value. Of
    many rows 2,000 are drawn on the left; all count on the right.

    Args:
        actual: (n,).
        predicted: (n,).
        name: What the values are.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` holds the errors, (n,).

    Raises:
        ShapeError: Not two vectors of one length.
        DataError: No rows.
    """
    colors = theme_of(theme)
    both = value_pair("view.residuals", actual, predicted)
    errors = both[:, 1] - both[:, 0]
    usable = np.isfinite(both).all(1)
    points = drawn_rows(np.column_stack([both[:, 1], errors])[usable])
    blue = series(colors)[0]
    with styled(colors):
        figure = new_figure(6.4, 4.6)
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        for axes in (left, right):
            axes.axhline(0, color=colors.faint, linewidth=1, linestyle="--")
        left.scatter(points[:, 0], points[:, 1], s=12, color=blue, alpha=0.7, linewidths=0)
        left.set(xlabel=_wrapped(f"predicted {name}"), ylabel="error, predicted − actual")
        if usable.any():
            bins = min(max(int(np.sqrt(usable.sum())), 5), 40)
            right.hist(errors[usable], bins=bins, orientation="horizontal", color=blue)
            left.set_title(
                f"mean error {amount(errors[usable].mean(), 3)}, "
                f"standard deviation {amount(errors[usable].std(), 3)}",
                fontsize=10,
            )  # fmt: skip
        left.ticklabel_format(useMathText=True)
        left.locator_params(axis="x", nbins=5)
        right.locator_params(axis="x", integer=True)
        right.set_xlabel("rows")
        return Plot(figure, errors, colors, "residuals")


def importances(
    falls: Mapping[str, NDArray[Any]],
    score: str = "score",
    *,
    rises: bool = False,
    most: int = 20,
    theme: str = "light",
) -> Plot:
    """Draw how much worse a score is when each column is shuffled, the most important on top.

    Args:
        falls: For each column the falls, (repeats,), as `permutation_importances` gives them.
        score: What falls.
        rises: Whether the score is an error such as log loss, which rises, of which `falls` says by how much.
        most: The largest number of columns drawn.
        theme: "light" or "dark".

    Returns:
        A picture: a bar is the mean, a line one standard deviation to each side. `.data` holds the means by column, in
        order.

    Raises:
        DataError: No columns.
        ArgumentError: `most` is below 1.
    """
    colors = theme_of(theme)
    if not falls:
        raise DataError("view.importances: no columns")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"view.importances: most: a number of columns, at least 1, got {most!r}")
    means = {name: float(np.mean(own)) for name, own in falls.items()}
    order = sorted(means, key=lambda name: -means[name] if np.isfinite(means[name]) else np.inf)
    shown = order[:most]
    with styled(colors):
        names = [shortened(name, _LONGEST) for name in shown]
        figure = new_figure(5.0 + _LETTER * max(map(len, names)), 0.27 * len(shown) + 1.1)
        axes = figure.subplots()
        spreads = [float(np.std(falls[name])) for name in shown]
        axes.barh(
            range(len(shown)), [means[name] for name in shown], xerr=spreads, color=series(colors)[0],
            error_kw={"ecolor": colors.ink, "elinewidth": 1}, height=0.65,
        )  # fmt: skip
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.axvline(0, color=colors.line, linewidth=1)
        axes.grid(False, axis="y")
        axes.set_xlabel(f"{'rise' if rises else 'fall'} of {score} when the column is shuffled")
        if len(shown) < len(order):
            axes.set_title(f"the first {len(shown)} of {len(order):,} columns", fontsize=10)
        return Plot(figure, {name: means[name] for name in order}, colors, "importances of columns")


def _wrapped(words: str) -> str:
    """Words that are as wide as a small picture at most; long names are cut."""
    return textwrap.fill(textwrap.shorten(words, 120, placeholder=" …"), 48)
