"""`view.attention`: where each position of a sequence looks, as a matrix of queries by keys for each head."""

import inspect
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import no_grad
from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn import Module, MultiheadAttention
from backlit.train.feed import as_tensor
from backlit.train.modes import in_mode
from backlit.view.calling import tensors_for
from backlit.view.plot import Plot, new_figure, signed_colors, styled
from backlit.view.theme import Theme, shape_text, theme_of
from backlit.view.tiles import check_most, largest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4
# The size of a cell, of the smallest and the largest matrix, in inches.
_CELL, _LEAST, _MOST = 0.26, 1.3, 4.2
# So many labels of a side can be read; matrices of up to so many positions have numbers in their cells.
_MOST_LABELS, _MOST_NUMBERS = 20, 12
# Letters in a line of a title, a path's dots counted twice.
_TITLE = 30

Labels = Sequence[str] | tuple[Sequence[str], Sequence[str]] | None


def attention(
    model: Any, x: Any = None, labels: Labels = None, *, layer: str | None = None, most: int = 16, theme: str = "light"
) -> Plot:
    """Draw where each position of a sequence looks: queries downward, keys to the right, a matrix for each head.

    Each row of a matrix adds up to 1. A model runs in evaluation mode, without gradients, and every
    `MultiheadAttention` in it is drawn, those inside transformer layers too.

    Args:
        model: A network with `MultiheadAttention`; or weights, (heads, L, S) or (L, S), such as an attention returns
            with `average_attn_weights=False`, without `x`.
        x: What the model takes, of one sequence, alone or as a batch of one; a tuple for several inputs.
        labels: What the positions are called; a pair of lists, (queries, keys), where these differ; of a sequence that
            attends to itself the one that fits. None: numbers from 1.
        layer: The path of the attention that is drawn; None: all.
        most: The largest number of heads drawn, over all layers.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` holds (heads, L, S) for each attention by its path, "weights" where weights are given.

    Raises:
        ArgumentError: The model has no such attention or used none, or labels are too few or too many.
        ShapeError: Several sequences, or weights of another shape.
    """
    colors = theme_of(theme)
    check_most(most, "view.attention", "heads")
    if isinstance(model, Module):
        data = _found(model, x, layer)
    else:
        data = {"weights": _heads(np.asarray(as_tensor(model, "view.attention: weights").numpy()), "the weights")}
    panels = [(_title(path, heads, i), heads[i]) for path, heads in data.items() for i in range(len(heads))]
    named = [_labels(labels, weights.shape) for _, weights in panels[:most]]
    columns = min(len(panels), most, _COLUMNS)
    rows = -(-min(len(panels), most) // columns)
    top = largest(np.concatenate([matrix.ravel() for _, matrix in panels[:most]]))
    longest = max(matrix.shape[0] for _, matrix in panels), max(matrix.shape[1] for _, matrix in panels)
    height, width = (min(max(size * _CELL, _LEAST), _MOST) for size in longest)
    with styled(colors):
        figure = new_figure(columns * (width + 0.75) + 0.8, rows * (height + 0.85) + 0.4)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(named) :]:
            axes.set_axis_off()
        for (title, weights), (queries, keys), axes in zip(panels, named, grid.flat, strict=False):
            drawn = axes.imshow(
                np.ma.masked_invalid(weights), cmap=signed_colors(colors), vmin=-top, vmax=top, aspect="auto"
            )
            _numbers(axes, weights, top, colors)
            axes.grid(False)
            axes.set_title(title, fontsize=8.5)
            axes.set(xlabel="key", ylabel="query")
            _ticks(axes, queries, keys)
        bar = figure.colorbar(drawn, ax=grid, shrink=0.9, label="weight")
        bar.ax.set_ylim(0, top)
        bar.outline.set_edgecolor(colors.line)
        percent = ", in percent" if max(longest) <= _MOST_NUMBERS else ""
        some = f", the first {len(named)} of {len(panels)} heads" if len(named) < len(panels) else ""
        figure.suptitle(f"Where each query looks{percent}{some}", fontsize=9.5)
        return Plot(figure, data, colors, "weights of attention")


def _found(model: Module, x: Any, layer: str | None) -> dict[str, Array]:
    """The weights of each attention that the model uses, (heads, L, S)."""
    modules = {path: module for path, module in model.named_modules() if isinstance(module, MultiheadAttention)}
    if not modules:
        raise ArgumentError(
            "view.attention: the model has no nn.MultiheadAttention; of an attention of your own, give its weights, "
            "(heads, L, S), in place of the model"
        )
    if layer is not None and layer not in modules:
        raise ArgumentError(
            f"view.attention: layer {layer!r} is no nn.MultiheadAttention{suggest(str(layer), list(modules))}; there "
            f"is {', '.join(map(repr, modules))}"
        )
    if x is None:
        raise ArgumentError("view.attention: weights depend on the sequence; give one, x")
    inputs = tensors_for(model, x, "view.attention")
    kept: dict[str, Array] = {}

    def look(path: str, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        _, weights = module.forward(**{**bound, "need_weights": True, "average_attn_weights": False})
        kept[path] = _heads(weights.numpy().copy(), path or "the attention")

    handles = [
        module.overhear(lambda module, args, kwargs, _, path=path: look(path, module, args, kwargs), with_kwargs=True)
        for path, module in modules.items()
        if layer in (None, path)
    ]
    try:
        with in_mode(model, training=False), no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not kept:
        raise ArgumentError("view.attention: the model did not use its attention for this input")
    return kept


def _heads(weights: Array, what: str) -> Array:
    """Weights of one sequence as (heads, L, S)."""
    if weights.ndim == 4 and len(weights) > 1:
        raise ShapeError(f"view.attention: one sequence at a time is shown, got {len(weights)}; pick one, x[:1]")
    found = weights[0] if weights.ndim == 4 else weights[None] if weights.ndim == 2 else weights
    if found.ndim != 3 or not found.size:
        raise ShapeError(f"view.attention: expected {what} as (heads, L, S) or (L, S), got shape {weights.shape}")
    return found


def _title(path: str, heads: Array, head: int) -> str:
    # Paths are broken at their dots, so that titles side by side have room.
    lines = [line.replace(" ", "") for line in textwrap.wrap(path.replace(".", ". "), _TITLE)]
    name = "" if path == "weights" else "\n".join(lines)
    which = f"head {head + 1}" if len(heads) > 1 else ""
    return "\n".join(filter(None, (name, which))) or shape_text(heads[head].shape)


def _labels(labels: Labels, shape: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """The names of queries and keys."""
    if labels is None:
        return tuple([str(i + 1) for i in range(size)] for size in shape)  # type: ignore[return-value]
    pair = labels if isinstance(labels, tuple) and len(labels) == 2 and _are_lists(labels) else (labels, labels)
    named = []
    for own, other, size, what in zip(pair, reversed(pair), shape, ("queries", "keys"), strict=True):
        # What attends to itself has on both sides the labels of one of the two sequences.
        names = own if len(own) == size else other
        if len(names) != size:
            raise ArgumentError(
                f"view.attention: {len(own)} labels for {size} {what}; give one a position, or a pair of lists, "
                "(queries, keys), where they differ; layer=… picks one attention of several"
            )
        named.append([str(label) for label in names])
    return named[0], named[1]


def _are_lists(pair: tuple[Any, ...]) -> bool:
    return not any(isinstance(side, str) for side in pair)


def _ticks(axes: "Axes", queries: list[str], keys: list[str]) -> None:
    """Names at as many positions as can be read."""
    for axis, names in ((axes.yaxis, queries), (axes.xaxis, keys)):
        places = range(0, len(names), max(1, -(-len(names) // _MOST_LABELS)))
        axis.set_ticks(list(places), [names[place] for place in places], fontsize=7.5)
    if max(map(len, keys)) > 2:
        axes.tick_params(axis="x", rotation=90)


def _numbers(axes: "Axes", weights: Array, top: float, theme: Theme) -> None:
    """Percent in the cells, where there is room."""
    if max(weights.shape) > _MOST_NUMBERS:
        return
    for (row, column), weight in np.ndenumerate(weights):
        ink = theme.ground if weight > 0.6 * top or not np.isfinite(weight) else theme.ink
        words = f"{100 * weight:.0f}" if np.isfinite(weight) else "?"
        axes.text(column, row, words, ha="center", va="center", fontsize=6, color=ink)
