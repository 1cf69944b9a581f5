"""Many small images side by side in one area, on one scale."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError
from backlit.view.plot import signed_colors
from backlit.view.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# Parts of a tile's width.
_GAP, _HEADROOM = 0.12, 0.3


def check_most(most: Any, caller: str, things: str) -> None:
    """Raise `ArgumentError` unless this is a positive whole number of things to draw."""
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"{caller}: most: a number of {things}, at least 1, got {most!r}")


def largest(images: Array) -> float:
    """The largest finite size of a value, 1 where all are 0: the end of a scale."""
    finite = np.abs(images[np.isfinite(images)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def tile_height(images: Array, *, numbered: bool) -> float:
    """What a row of tiles takes, in widths of a tile with its gap."""
    height, width = images.shape[-2:]
    step: float = height / width + _GAP + (_HEADROOM if numbered else 0)
    return step / (1 + _GAP)


def draw_tiles(axes: "Axes", images: Array, columns: int, theme: Theme, *, numbered: bool = True) -> "AxesImage":
    """Fill an area with images, row by row; orange is negative, blue positive, pink not finite.

    Args:
        axes: The area.
        images: (n, height, width), n at least 1.
        columns: How many stand in a row.
        theme: The colours.
        numbered: Whether the number of each image, from 1, stands above it.

    Returns:
        The last image drawn, for a scale.
    """
    shown = np.ma.masked_invalid(images.astype(np.float64))
    top, ratio = largest(images), images.shape[1] / images.shape[2]
    step = tile_height(images, numbered=numbered) * (1 + _GAP)
    head = step - ratio
    for place, image in enumerate(shown):
        row, column = divmod(place, columns)
        left, upper = column * (1 + _GAP), row * step + head
        extent = (left, left + 1, upper + ratio, upper)
        drawn = axes.imshow(image, cmap=signed_colors(theme), vmin=-top, vmax=top, extent=extent)
        edge = [left, left + 1, left + 1, left, left], [upper, upper, upper + ratio, upper + ratio, upper]
        axes.plot(*edge, color=theme.line, linewidth=0.6)
        if numbered:
            axes.text(left + 0.5, upper - 0.04, str(place + 1), ha="center", va="bottom", fontsize=7, color=theme.faint)
    rows = -(-len(images) // columns)
    axes.grid(False)
    axes.set(xlim=(-_GAP / 2, columns * (1 + _GAP) - _GAP / 2), ylim=(rows * step + _GAP / 2, 0), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    return drawn


def label_tiles(axes: "Axes", images: Array, rows: int, columns: int) -> None:
    """Number the rows and columns of tiles that carry no numbers, from 1."""
    step = tile_height(images, numbered=False) * (1 + _GAP)
    head = step - images.shape[-2] / images.shape[-1]
    axes.set_xticks([i * (1 + _GAP) + 0.5 for i in range(columns)], [str(i + 1) for i in range(columns)], fontsize=7)
    axes.set_yticks(
        [i * step + head + (step - head) / 2 for i in range(rows)], [str(i + 1) for i in range(rows)], fontsize=7
    )
    axes.tick_params(length=0)
