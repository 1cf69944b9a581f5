"""`view.training`: how a network learnt: loss and metrics, and what each layer's numbers did meanwhile."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.train import Run, Watched
from backlit.view.plot import Plot, bare, new_figure, series, styled
from backlit.view.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _CURVES, _ROW = 11.0, 2.7, 2.0
# A healthy update changes a weight by about this share of it (A. Karpathy's rule of thumb).
_HEALTHY = 1e-3


def training(run: Run, *, most: int = 12, theme: str = "light") -> Plot:
    """Draw loss and metrics by epoch, and, of a watched training, each layer's distributions over the steps.

    A row a layer: its values, weights and gradients, the mean with a band of one standard deviation and thin lines at
    minimum and maximum, then the ratio of update to weight. Layers that only compute show the share of zeros, which for
    a ReLU is that of silent neurons.

    Args:
        run: What a fit returned; `Trainer(…, watch=True)` takes the statistics.
        most: The largest number of layers drawn.
        theme: "light" or "dark".

    Returns:
        A picture, one page as `.html`; its numbers are the run's `history` and `watched`.

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
    layers = [] if run.watched is None else _layers(run.watched)
    shown = layers[:most]
    with styled(colors):
        height = _CURVES + _ROW * len(shown) + (0.5 if shown else 0.0)
        figure = new_figure(_WIDTH, height)
        ratios = [_CURVES, height - _CURVES]
        parts: Any = figure.subfigures(2, 1, height_ratios=ratios) if shown else [figure]
        for axes, name in zip(np.ravel(parts[0].subplots(1, len(measures))), measures, strict=True):
            _curve(axes, run, name)
        if run.watched is not None and shown:
            some = f"the first {len(shown)} of {len(layers)}" if len(shown) < len(layers) else str(len(layers))
            parts[1].suptitle(
                f"Layers ({some}), one step in {run.watched.every}. Line: mean, band: ± 1 standard deviation, "
                "thin: minimum and maximum.",
                fontsize=9,
                color=colors.faint,
            )
            grid = parts[1].subplots(len(shown), 4, squeeze=False)
            kinds = {path: type(module).__name__ for path, module in run.model.named_modules()}
            for row, path in zip(grid, shown, strict=True):
                _layer(row, run.watched, path, kinds.get(path, ""), colors)
            for axes in grid[-1]:
                if axes.axison:
                    axes.set_xlabel("step")
        return Plot(figure, {"history": run.history, "watched": run.watched}, colors, "a training")


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
    axes.set(xlabel="epoch", title={"r2": "R²"}.get(name, name))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _layers(watched: Watched) -> list[str]:
    """Paths of all modules of which anything was watched, in the order of the network."""
    paths = [*watched.names("values"), *(name.rpartition(".")[0] for name in watched.names("weights"))]
    return list(dict.fromkeys(paths))


def _layer(row: "NDArray[Any]", watched: Watched, path: str, kind: str, theme: Theme) -> None:
    title = f"{path}: {kind}" if path else kind
    own = [n for n in watched.names("weights") if n.rpartition(".")[0] == path]
    if path in watched.names("values"):
        _spread(row[0], watched.series("values", path), f"{title}, values", theme)
    else:
        bare(row[0])
    if not own:
        for axes in row[2:]:
            bare(axes)
        if path in watched.names("values"):
            found = watched.series("values", path)
            row[1].plot(found[:, 0], 100 * found[:, -1], color=series(theme)[2])
            row[1].set_ylim(-4, 104)
            row[1].set_title(f"{title}, zeros (%)", fontsize=8.5)
            row[1].tick_params(labelsize=7.5)
        else:
            bare(row[1])
        return
    first = own[0]
    _spread(row[1], watched.series("weights", first), first, theme)
    if first not in watched.names("gradients"):
        for axes in row[2:]:
            bare(axes)
        row[2].text(0.5, 0.5, "frozen: no gradient", ha="center", va="center", transform=row[2].transAxes)
        return
    _spread(row[2], watched.series("gradients", first), f"gradient of {first}", theme, 1)
    _ratios(row[3], watched, [n for n in own if n in watched.names("updates")], theme)


def _spread(axes: "Axes", found: "NDArray[np.float64]", title: str, theme: Theme, color: int = 0) -> None:
    steps, mean, std, low, high = found[:, :5].T
    shade = series(theme)[color]
    axes.fill_between(steps, mean - std, mean + std, color=shade, alpha=0.25, linewidth=0)
    for edge in (low, high):
        axes.plot(steps, edge, color=shade, linewidth=0.8, alpha=0.7)
    axes.plot(steps, mean, color=shade, marker="o" if len(steps) == 1 else "", markersize=3)
    axes.set_title(title, fontsize=8.5)
    axes.tick_params(labelsize=7.5)
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axes.yaxis.get_offset_text().set_fontsize(7.5)


def _ratios(axes: "Axes", watched: Watched, names: list[str], theme: Theme) -> None:
    for name, style in zip(names, ("-", "--", ":", "-."), strict=False):
        found = watched.ratios(name)
        found = found[np.isfinite(found[:, 1]) & (found[:, 1] > 0)]
        marker = "o" if len(found) == 1 else ""
        axes.plot(*found.T, style, label=name.rpartition(".")[2], color=series(theme)[2], marker=marker, markersize=3)
    axes.axhline(_HEALTHY, color=theme.faint, linewidth=1, linestyle=":")
    axes.set_yscale("log")
    axes.set_title("update / weight (dotted: 0.001)", fontsize=8.5)
    axes.tick_params(labelsize=7.5)
    axes.legend(fontsize=7)
