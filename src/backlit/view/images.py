"""`view.pixels` and `view.weights`: an image with its numbers, and what the first layer of a network looks for."""

import math
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import Linear, Module
from backlit.train.feed import as_tensor
from backlit.view.calling import check_model, no_linear
from backlit.view.plot import Plot, new_figure, styled
from backlit.view.theme import number, theme_of
from backlit.view.tiles import check_most, draw_tiles, tile_height

# The size of a cell with a number in it, in inches.
_CELL = 0.34
_LARGEST = 40


def pixels(image: Any, *, theme: str = "light") -> Plot:
    """Draw an image as the matrix of numbers that it is.

    Args:
        image: (height, width), at most 40 × 40, of any numbers; or (1, height, width).
        theme: "light" or "dark".

    Returns:
        A picture; `.data` is the matrix.

    Raises:
        DataError: No numbers.
        ShapeError: Not one matrix, empty, or too large to be read.
    """
    colors = theme_of(theme)
    matrix = np.asarray(as_tensor(image, "view.pixels").numpy())
    if matrix.ndim == 3 and matrix.shape[0] == 1:
        matrix = matrix[0]
    if matrix.ndim != 2 or not matrix.size or max(matrix.shape) > _LARGEST:
        raise ShapeError(
            f"view.pixels: expected one image of 1 × 1 to {_LARGEST} × {_LARGEST} pixels, got shape {matrix.shape}"
        )
    shown = matrix.astype(np.float64)
    finite = shown[np.isfinite(shown)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    rows, columns = matrix.shape
    with styled(colors):
        figure = new_figure(max(columns * _CELL, 2.2) + 0.5, rows * _CELL + 0.75)
        axes = figure.subplots()
        axes.imshow(np.ma.masked_invalid(shown), cmap=_gray(colors.wrong), vmin=low, vmax=high)
        axes.grid(False)
        for (row, column), value in np.ndenumerate(shown):
            ink = "#000000" if (value - low) / ((high - low) or 1.0) > 0.5 else "#ffffff"
            axes.text(
                column, row, number(_short(value)), ha="center", va="center", fontsize=6.5,
                color=ink if np.isfinite(value) else colors.ground,
            )  # fmt: skip
        axes.set(xticks=_ticks(columns), yticks=_ticks(rows), xlabel="column", ylabel="row")
        axes.set_title(f"{rows} × {columns} pixels, {number(low)} to {number(high)}", fontsize=9)
        return Plot(figure, matrix, colors, "an image with its numbers")


def weights(model: Any, image_shape: tuple[int, int] | None = None, *, most: int = 40, theme: str = "light") -> Plot:
    """Draw the weights of a network's first fully connected layer as images: what each neuron looks for.

    Args:
        model: A network whose first `Linear` takes the pixels of an image, row by row.
        image_shape: (height, width); None: a square.
        most: The largest number of neurons drawn.
        theme: "light" or "dark".

    Returns:
        A picture, one scale for all, blue positive, orange negative; `.data` is (neurons, height, width).

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: It has no `Linear`, another layer with weights stands before it, or `most` is below 1.
        ShapeError: The weights of a neuron make no image of this shape.
    """
    colors = theme_of(theme)
    check_model(model, "view.weights")
    check_most(most, "view.weights", "neurons")
    layer = _first_layer(model)
    side = math.isqrt(layer.in_features)
    height, width = image_shape or (side, side)
    if height * width != layer.in_features or not height:
        given = "a square" if image_shape is None else f"{height} × {width}"
        raise ShapeError(f"view.weights: {layer.in_features} weights of a neuron do not fill {given}; pass image_shape")
    images: Array = layer.weight.detach().numpy().reshape(-1, height, width)
    shown = images[:most]
    columns = min(len(shown), 10)
    rows = -(-len(shown) // columns)
    with styled(colors):
        figure = new_figure(
            max(columns * 0.85, 3.0) + 1.2, max(rows * tile_height(shown, numbered=True) * 0.85 + 0.6, 1.8)
        )
        axes = figure.subplots()
        drawn = draw_tiles(axes, shown, columns, colors)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.9, label="weight")
        bar.outline.set_edgecolor(colors.line)
        some = f"the first {len(shown)} of " if len(shown) < len(images) else ""
        figure.suptitle(f"Weights of the first layer: {some}{len(images):,} neurons", fontsize=9.5)
        return Plot(figure, images, colors, "weights of the first layer")


def _first_layer(model: Module) -> Linear:
    """The first fully connected layer, which must take what the network is given."""
    for path, module in model.named_modules():
        if isinstance(module, Linear):
            return module
        if other := no_linear(path, module):
            raise ArgumentError(f"view.weights: the first layer, {other}")
    raise ArgumentError("view.weights: the model has no fully connected layer; nn.Linear makes one")


def _gray(wrong: str) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    gray = LinearSegmentedColormap.from_list("gray", ["#000000", "#ffffff"])
    return gray.with_extremes(bad=wrong)


def _short(value: float) -> float | int:
    """A value with as many digits as a cell has room for."""
    if not math.isfinite(value) or abs(value) >= 10_000:
        return float(f"{value:.1g}")
    return int(value) if value == int(value) else float(f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}")


def _ticks(count: int) -> list[int]:
    return list(range(0, count, max(1, -(-count // 10))))
