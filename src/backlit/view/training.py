"""`view.training`: how a network learnt: loss and metrics, and how each layer's numbers were distributed meanwhile."""

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.train import Run, Watched, diagnose
from backlit.train.watching import Kind
from backlit.view.plot import Plot, bare, new_figure, series, styled
from backlit.view.theme import Theme, figure_name, power_of_ten, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Watched steps that are told apart in a picture of this width.
_COLUMNS = 200
# In inches: the figure, its curves, a layer, a line of words; and letters in such a line.
_WIDTH, _CURVES, _ROW, _LINE, _LETTERS = 11.0, 2.7, 2.0, 0.18, 150
# A healthy update changes a weight by about this share of it (A. Karpathy's rule of thumb).
_HEALTHY = 1e-3
# Spreads that differ by more than this over time are drawn over powers of ten.
_WIDE = 30.0


def training(run: Run, *, most: int = 12, theme: str = "light") -> Plot:
    """Draw loss and metrics by epoch, and, of a watched training, each layer's distributions over the steps.

    Between them stands in words what kept the network from learning, if anything did (`backlit.train.diagnose`). A row
    a layer: its values, weights, gradients, and the ratios of its updates to the weights, each with the mean as a
    line (of the ratios the root mean square) and in a stronger colour where more of the elements are. Layers that only
    compute show the share of zeros, which for a ReLU is that of silent neurons.

    Args:
        run: What a fit returned; `Trainer(…, watch=True)` takes the measures.
        most: The largest number of layers drawn.
        theme: "light" or "dark".

    Returns:
        A picture, one page as `.html`; its numbers are the run's `history`, `watched` and `findings`.

    Raises:
        ArgumentTypeError: `run` is no run.
        ArgumentError: `most` is below 1, or an unknown theme.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if not isinstance(run, Run):
        raise ArgumentTypeError(f"view.training: run must be what Trainer.fit returns, got {type(run).__name__}")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"view.training: most: a number of layers, at least 1, got {most!r}")
    measures = [name for name in run.history if not name.startswith("val_")] or ["loss"]
    watched = None if run.watched is None else run.watched.thinned(_COLUMNS)
    layers = [] if watched is None else _layers(watched)
    shown = layers[:most]
    findings = diagnose(run)
    told = [line for finding in findings for line in textwrap.wrap(f"• {finding}", _LETTERS, subsequent_indent="   ")]
    if watched is not None and not findings:
        told = ["Nothing was found that keeps the network from learning."]
    heights = [_CURVES, _LINE * (len(told) + 1) if told else 0.0, _ROW * len(shown) + 0.5 if shown else 0.0]
    with styled(colors):
        figure = new_figure(_WIDTH, sum(heights))
        rows = [height for height in heights if height]
        areas: Any = figure.subfigures(len(rows), 1, height_ratios=rows, squeeze=False)
        parts = iter(areas.ravel())
        for axes, name in zip(np.ravel(next(parts).subplots(1, len(measures))), measures, strict=True):
            _curve(axes, run, name)
        if told:
            area = next(parts).subplots()
            bare(area)
            area.set_title("\n".join(told), fontsize=9, x=0, y=0, ha="left", va="bottom", linespacing=1.35)
        if watched is not None and shown:
            some = f"the first {len(shown)} of {len(layers)}" if len(shown) < len(layers) else str(len(layers))
            every = f"one step in {watched.every}" if watched.every > 1 else "every step"
            part = next(parts)
            part.suptitle(
                f"Layers ({some}), {every}. The stronger the colour, the more of the elements; line: mean, of ratios "
                "root mean square",
                fontsize=9,
                color=colors.faint,
            )
            grid = part.subplots(len(shown), 4, squeeze=False)
            kinds = {path: type(module).__name__ for path, module in run.model.named_modules()}
            for row, path in zip(grid, shown, strict=True):
                _Layer(row, watched, path, kinds.get(path, ""), colors).draw()
            for axes in grid[-1]:
                if axes.axison:
                    axes.set_xlabel("step")
        return Plot(
            figure, {"history": run.history, "watched": run.watched, "findings": findings}, colors, "a training"
        )


def _curve(axes: "Axes", run: Run, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = 0
    for key, label, style in ((name, "training", "-"), (f"val_{name}", "held out", "--")):
        values = run.history.get(key, [])
        if values:
            epochs = len(values)
            marker = "o" if epochs < 40 else ""
            axes.plot(range(1, epochs + 1), values, style, marker=marker, markersize=3, label=label)
    if not epochs:
        bare(axes)
        axes.text(0.5, 0.5, f"{name}: no epoch was finished", ha="center", va="center", transform=axes.transAxes)
        return
    axes.set(xlabel="epoch", title=figure_name(name))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _layers(watched: Watched) -> list[str]:
    """Paths of all modules of which anything was watched, in the order of the network."""
    paths = [*watched.names("values"), *(name.rpartition(".")[0] for name in watched.names("weights"))]
    return list(dict.fromkeys(paths))


class _Layer:
    """A row of the figure.

    Args:
        row: Four areas.
        watched: The measures.
        path: The layer's path.
        kind: Its class, or nothing.
        theme: Colours.
    """

    def __init__(self, row: "NDArray[Any]", watched: Watched, path: str, kind: str, theme: Theme) -> None:
        self.row, self.watched, self.path, self.theme = row, watched, path, theme
        self.title = f"{path}: {kind}" if path and kind else path or kind
        self.own = [name for name in watched.names("weights") if name.rpartition(".")[0] == path]

    def draw(self) -> None:
        """Fill the areas."""
        row, watched = self.row, self.watched
        last = max((part.steps[-1] for part in watched.parts), default=0)
        for axes in row:
            axes.tick_params(labelsize=7.5)
            axes.locator_params(nbins=5)
            axes.set_xlim(0, last + watched.every)
        has_values = self.path in watched.names("values")
        if has_values:
            self._spread(row[0], "values", self.path, f"{self.title}, values")
        else:
            bare(row[0])
        if not self.own:
            for axes in row[1 + has_values :]:
                bare(axes)
            if has_values:
                self._zeros(row[1])
            return
        first = self.own[0]
        self._spread(row[1], "weights", first, first)
        if first in watched.names("gradients"):
            self._spread(row[2], "gradients", first, f"gradient of {first}", 1)
            self._ratios(row[3])
            return
        for axes in row[2:]:
            bare(axes)
        row[2].text(0.5, 0.5, "frozen: no gradient", ha="center", va="center", transform=row[2].transAxes)

    def _zeros(self, axes: "Axes") -> None:
        found = self.watched.series("values", self.path)
        axes.plot(found[:, 0], 100 * found[:, -1], color=series(self.theme)[2], marker=_marker(found), markersize=3)
        axes.set_ylim(-4, 104)
        axes.set_title(f"{self.title}, zeros (%)", fontsize=8.5)

    def _spread(self, axes: "Axes", kind: Kind, name: str, title: str, color: int = 0) -> None:
        """A distribution over time, and its mean."""
        found = self.watched.series(kind, name)
        edges, shares = self.watched.histogram(kind, name)
        steps, mean, std = found[:, :3].T
        self._ribbon(axes, steps, edges, shares, color)
        axes.plot(steps, mean, color=self.theme.ink, linewidth=1, marker=_marker(found), markersize=3)
        axes.set_title(title, fontsize=8.5)
        spread = std[np.isfinite(std) & (std > 0)]
        # Where the spread is small for most of the time, that time is to be seen too.
        small = float(np.quantile(spread, 0.2)) if len(spread) else np.inf
        if len(spread) and spread.max() > _WIDE * small:
            _scale_by_powers(axes, math.floor(math.log10(small)))
        else:
            axes.ticklabel_format(axis="y", scilimits=(-3, 4))
            axes.yaxis.get_offset_text().set_fontsize(7.5)

    def _ribbon(self, axes: "Axes", steps: Any, edges: Any, shares: Any, color: int, log: bool = False) -> None:
        """Each step's histogram as a column, shaded by how densely the elements lie."""
        from matplotlib.colors import LinearSegmentedColormap

        fine = np.isfinite(edges).all(1)
        if not fine.any():
            return
        theme = self.theme
        steps, edges, shares = steps[fine], edges[fine], shares[fine]
        widths = np.diff(np.log10(edges) if log else edges)
        # A bin that the minimum or the maximum cuts off is no denser for it.
        density = shares / np.maximum(widths, np.maximum(widths[:, 1:-1].max(1, keepdims=True), 1e-300))
        # The square root lets the ends be seen too.
        density = np.sqrt(density / np.maximum(density.max(1, keepdims=True), 1e-300))
        # Columns reach from each step to the next, and those between are empty.
        places = np.column_stack([steps, np.append(steps[1:], steps[-1] + self.watched.every)]).ravel()
        shown = np.full((density.shape[1], 2 * len(steps) - 1), np.nan)
        shown[:, ::2] = density.T
        shades = LinearSegmentedColormap.from_list("shades", [theme.ground, series(theme)[color]])
        axes.grid(False)
        axes.pcolormesh(
            np.tile(places, (edges.shape[1], 1)), np.repeat(edges.T, 2, axis=1), np.ma.masked_invalid(shown),
            cmap=shades, vmin=0, vmax=1, rasterized=True, linewidth=0,
        )  # fmt: skip

    def _ratios(self, axes: "Axes") -> None:
        from matplotlib.ticker import NullLocator

        names = [name for name in self.own if name in self.watched.names("updates")]
        edges, shares = self.watched.histogram("updates", names[0])
        # The outermost bins are as wide as the others; what is 0 or unbounded is in them.
        step = edges[:, 2:3] / edges[:, 1:2]
        edges = np.hstack([edges[:, 1:2] / step, edges[:, 1:-1], edges[:, -2:-1] * step])
        self._ribbon(axes, self.watched.series("updates", names[0])[:, 0], edges, shares, 2, log=True)
        for name, style in zip(names, ("-", "--", ":", "-."), strict=False):
            found = self.watched.ratios(name)
            found = found[np.isfinite(found[:, 1]) & (found[:, 1] > 0)]
            label, marker = name.rpartition(".")[2], _marker(found)
            axes.plot(*found.T, style, label=label, color=self.theme.ink, linewidth=1, marker=marker, markersize=3)
        axes.axhline(_HEALTHY, color=self.theme.faint, linewidth=1, linestyle=":")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: power_of_ten(round(math.log10(value))))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(edges[0, 0], edges[0, -1])
        axes.set_title("update / weight (dotted: 0.001)", fontsize=8.5)
        axes.legend(fontsize=7, loc="upper right")


def _scale_by_powers(axes: "Axes", least: int) -> None:
    """Scale the values by powers of ten on both sides of 0, evenly below the least power, with three at most named."""
    from matplotlib.ticker import NullLocator

    axes.set_yscale("symlog", linthresh=10.0**least)
    ends = axes.get_ylim()
    largest = math.floor(math.log10(max(map(abs, ends))))
    powers = range(largest, least - 1, -max(1, math.ceil((largest - least + 1) / 3)))
    ticks = {-(10.0**power): f"−{power_of_ten(power)}" for power in powers} | {0.0: "0"}
    ticks |= {10.0**power: power_of_ten(power) for power in reversed(powers)}
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(ends)


def _marker(found: "NDArray[np.float64]") -> str:
    """A single point is seen by its marker alone."""
    return "o" if len(found) == 1 else ""
