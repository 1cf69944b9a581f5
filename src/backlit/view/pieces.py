"""`view.pieces`: the linear pieces of a ReLU network, counted exactly and drawn.

A network of linear layers and ReLUs is piecewise linear. Its pieces are found by cutting: each layer's neurons cut the
pieces of the layers before where their sums are 0 (Montúfar et al., "On the Number of Linear Regions of Deep Neural
Networks", 2014). Neighbours on which the network is the same linear function are one piece: there the bends of several
neurons cancel, or none of them is heard. Exact up to rounding in float64; pieces thinner than 1e-12 of the drawn range
are not told apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError, DataError
from backlit.view.calling import check_inputs, check_model
from backlit.view.neurons import Neurons, read_layers
from backlit.view.plot import Plot, new_figure, series, signed_colors, styled
from backlit.view.theme import Theme, number, theme_of

_THIN = 1e-12
# Slopes and borders that differ by less, relative to the largest, are the same.
_SAME = 1e-9
_MOST = 20_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A part of the input on which the network is one linear function: y = slope x + offset.

    Attributes:
        parts: Of one input, the interval's two ends, (2, 1); of two, convex polygons side by side, the corners of each,
            (m, 2).
        slope: (outputs, inputs).
        offset: (outputs,).
    """

    parts: tuple[Floats, ...]
    slope: Floats
    offset: Floats


@dataclass(frozen=True)
class _Cell:
    """A convex polygon on which the same neurons are active, (m, 2), and the linear function there."""

    corners: Floats
    slope: Floats
    offset: Floats


# Two cells, by number, and the ends of the line where they meet, (2, 2).
_Border = tuple[int, int, Floats]


class Pieces(Plot):
    """A piecewise linear function, drawn. Saved as `Picture`.

    Attributes:
        data: Its pieces.
    """

    data: list[Piece]

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return len(self.data)

    @property
    def breakpoints(self) -> Floats:
        """For one input, where one piece ends and the next begins, in order.

        Raises:
            ArgumentError: There are two inputs.
        """
        if self.data[0].parts[0].shape[1] != 1:
            raise ArgumentError("breakpoints: pieces of two inputs meet along lines; see .data")
        return np.array([piece.parts[0][1, 0] for piece in self.data[:-1]])


def pieces(model: Any, low: float = -1.0, high: float = 1.0, *, theme: str = "light") -> Pieces:
    """Count and draw the linear pieces of a ReLU network of one or two inputs.

    Args:
        model: Linear layers in a chain, with ReLU between them.
        low: Each input's least value.
        high: Each input's greatest value.
        theme: "light" or "dark".

    Returns:
        A picture; `.count` is the number of pieces.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: Another kind of network, no range, or more than 20,000 pieces.
        DataError: The network has weights that are not finite.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ArgumentError(f"view.pieces: low must be less than high, both finite, got {low!r} and {high!r}")
    low, high = float(low), float(high)
    check_model(model, "view.pieces")
    check_inputs(model, 1, "view.pieces")
    layers = _layers(model)
    with styled(colors):
        if layers[0].values.size == 1:
            found = _intervals(layers, low, high)
            figure = _draw_line(found, low, high, colors)
        else:
            cells = _cells(layers, low, high)
            borders = _borders(cells, high - low)
            home = _homes(cells, borders, high - low)
            found = _joined(cells, home)
            seams = [ends for a, b, ends in borders if home[a] != home[b]]
            figure = _draw_plane(found, seams, low, high, colors)
        return Pieces(figure, found, colors, "linear pieces")


def _layers(model: Any) -> list[Neurons]:
    for inputs in (1, 2):
        try:
            layers = read_layers(model, np.zeros(inputs))
            break
        except (ArgumentError, ArgumentTypeError):
            raise
        except BacklitError as error:
            if inputs == 2:
                raise ArgumentError(f"view.pieces: the network must take one or two inputs: {error}") from error
    for layer in layers[1:]:
        if layer.activation not in ("relu", "identity"):
            raise ArgumentError(
                f"view.pieces: layer {layer.number} has {layer.activation}; only ReLU networks have linear pieces"
            )
        if not all(np.isfinite(part).all() for part in _affine(layer)):
            raise DataError(f"view.pieces: layer {layer.number} has weights that are not finite")
    return layers


def _affine(layer: Neurons) -> tuple[Floats, Floats]:
    weight = np.asarray(layer.weights, np.float64)
    return weight, np.zeros(len(weight)) if layer.biases is None else layer.biases.astype(np.float64)


def _intervals(layers: list[Neurons], low: float, high: float) -> list[Piece]:
    edges = np.array([low, high])
    slopes, offsets = np.ones((1, 1)), np.zeros((1, 1))
    for layer in layers[1:]:
        weight, bias = _affine(layer)
        slopes, offsets = slopes @ weight.T, offsets @ weight.T + bias
        if layer.activation == "identity":
            continue
        with np.errstate(all="ignore"):
            zeros = -offsets / slopes
        inside = (zeros > edges[:-1, None]) & (zeros < edges[1:, None])
        cut = np.unique(np.concatenate([edges, zeros[inside]]))
        # Two neurons that break at one point do so to rounding only.
        cut = cut[np.append(True, np.diff(cut) > _THIN * (high - low))]
        cut[-1] = high
        middles = (cut[:-1] + cut[1:]) / 2
        owner = np.searchsorted(edges, middles) - 1
        slopes, offsets, edges = slopes[owner], offsets[owner], cut
        active = slopes * middles[:, None] + offsets > 0
        slopes, offsets = slopes * active, offsets * active
    size = np.abs(slopes).max(initial=0.0)
    new = np.append(True, (np.abs(np.diff(slopes, axis=0)) > _SAME * size).any(1))
    starts = np.flatnonzero(new)
    ends = np.append(edges[starts[1:]], high)
    return [
        Piece((np.array([[edges[i]], [end]]),), slopes[i][:, None], offsets[i])
        for i, end in zip(starts, ends, strict=True)
    ]


def _cells(layers: list[Neurons], low: float, high: float) -> list[_Cell]:
    square = np.array([[low, low], [high, low], [high, high], [low, high]])
    found = [_Cell(square, np.eye(2), np.zeros(2))]
    for layer in layers[1:]:
        weight, bias = _affine(layer)
        following: list[_Cell] = []
        for cell in found:
            slope, offset = weight @ cell.slope, weight @ cell.offset + bias
            if layer.activation == "identity":
                following.append(_Cell(cell.corners, slope, offset))
                continue
            parts = [cell.corners]
            for a, b in zip(slope, offset, strict=True):
                parts = [half for part in parts for half in _halves(part, a, b, high - low)]
            for part in parts:
                active = slope @ part.mean(0) + offset > 0
                following.append(_Cell(part, slope * active[:, None], offset * active))
            if len(following) > _MOST:
                raise ArgumentError(f"view.pieces: more than {_MOST:,} pieces; draw a smaller range or network")
        found = following
    return found


def _halves(corners: Floats, slope: Floats, offset: float, span: float) -> list[Floats]:
    """A convex polygon cut along the line where slope x + offset = 0."""
    heights = corners @ slope + offset
    size = _THIN * span * float(np.abs(slope).sum())
    if heights.max() <= size or heights.min() >= -size:
        return [corners]
    halves: tuple[list[Floats], list[Floats]] = ([], [])
    for place, height in enumerate(heights):
        corner, before, last = corners[place], corners[place - 1], heights[place - 1]
        if last * height < 0:
            meeting = before + (corner - before) * (last / (last - height))
            halves[0].append(meeting)
            halves[1].append(meeting)
        if height >= 0:
            halves[0].append(corner)
        if height <= 0:
            halves[1].append(corner)
    return [np.array(half) for half in halves if len(half) > 2]


def _borders(cells: list[_Cell], span: float) -> list[_Border]:
    """All pairs of cells that meet along a line: their corners go round counterclockwise, so edges run opposite."""
    owner = np.concatenate([np.full(len(cell.corners), i) for i, cell in enumerate(cells)])
    begin = np.concatenate([cell.corners for cell in cells])
    end = np.concatenate([np.roll(cell.corners, -1, axis=0) for cell in cells])
    length = np.linalg.norm(end - begin, axis=1)
    kept = length > _SAME * span
    owner, begin, end, length = owner[kept], begin[kept], end[kept], length[kept]
    along = (end - begin) / length[:, None]
    # How far the edge's line is from the origin, positive towards the cell; for a neighbour's edge the same, negative.
    side = along[:, 0] * begin[:, 1] - along[:, 1] * begin[:, 0]
    order = np.argsort(side)
    ordered, near = side[order], _SAME * span
    first, last = np.searchsorted(ordered, -side - near), np.searchsorted(ordered, -side + near)
    found = []
    for i in range(len(owner)):
        others = order[first[i] : last[i]]
        others = others[(owner[others] > owner[i]) & (np.abs(along[others] + along[i]).max(1) < 1e-6)]
        if not len(others):
            continue
        # Both edges as stretches on the line of edge i.
        low = np.maximum((end[others] - begin[i]) @ along[i], 0.0)
        high = np.minimum((begin[others] - begin[i]) @ along[i], length[i])
        for j, a, b in zip(others, low, high, strict=True):
            if b - a > near:
                found.append((int(owner[i]), int(owner[j]), begin[i] + np.outer([a, b], along[i])))
    return found


def _homes(cells: list[_Cell], borders: list[_Border], span: float) -> list[int]:
    """For each cell the first cell of its piece: neighbours with one linear function are one piece."""
    size = max(float(np.abs(cell.slope).max(initial=0.0)) for cell in cells)
    home = list(range(len(cells)))

    def first(cell: int) -> int:
        while home[cell] != cell:
            home[cell] = cell = home[home[cell]]
        return cell

    for a, b, _ in borders:
        slopes = np.abs(cells[a].slope - cells[b].slope).max(initial=0.0)
        offsets = np.abs(cells[a].offset - cells[b].offset).max(initial=0.0)
        if slopes <= _SAME * size and offsets <= _SAME * size * span:
            one, other = sorted((first(a), first(b)))
            home[other] = one
    return [first(cell) for cell in range(len(cells))]


def _joined(cells: list[_Cell], home: list[int]) -> list[Piece]:
    parts: dict[int, list[Floats]] = {}
    for cell, place in zip(cells, home, strict=True):
        parts.setdefault(place, []).append(cell.corners)
    return [Piece(tuple(own), cells[place].slope, cells[place].offset) for place, own in parts.items()]


# -- pictures --------------------------------------------------------------------------------------------------------


def _draw_line(found: list[Piece], low: float, high: float, theme: Theme) -> Any:
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    colors = series(theme)
    for place, piece in enumerate(found):
        ends = piece.parts[0][:, 0]
        for output, (slope, offset) in enumerate(zip(piece.slope[:, 0], piece.offset, strict=True)):
            axes.plot(
                ends, slope * ends + offset, color=colors[place % 2], linestyle=("-", "--", ":", "-.")[output % 4]
            )
    joints = np.array([piece.parts[0][1, 0] for piece in found[:-1]])
    for output in range(len(found[0].offset)):
        heights = [piece.slope[output, 0] * x + piece.offset[output] for piece, x in zip(found, joints, strict=False)]
        axes.plot(joints, heights, "o", color=theme.ink, markersize=3.5 if len(joints) < 60 else 1.5)
    axes.set(xlabel="x", ylabel="f(x)", xlim=(low, high))
    axes.set_title(f"{_pieces_text(len(found))}, {len(joints):,} breakpoint{'s' * (len(joints) != 1)}")
    return figure


def _draw_plane(found: list[Piece], seams: list[Floats], low: float, high: float, theme: Theme) -> Any:
    from matplotlib.collections import LineCollection, PolyCollection

    figure = new_figure(5.6, 4.8)
    axes = figure.subplots()
    values = [np.mean([(piece.slope @ part.mean(0) + piece.offset)[0] for part in piece.parts]) for piece in found]
    top = float(np.abs(values).max()) or 1.0
    drawn = PolyCollection(
        [part for piece in found for part in piece.parts],
        array=np.repeat(values, [len(piece.parts) for piece in found]),
        cmap=signed_colors(theme),
        edgecolors="face",
        linewidths=0.3,
    )
    thickness = 0.7 if len(found) < 300 else 0.25
    axes.add_collection(LineCollection(seams, colors=theme.ink, linewidths=thickness, zorder=2))
    drawn.set_clim(-top, top)
    axes.add_collection(drawn)
    bar = figure.colorbar(drawn, ax=axes, label="f(x) in the middle of the piece")
    bar.outline.set_edgecolor(theme.line)
    axes.grid(False)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.set_title(f"{_pieces_text(len(found))} on [{number(low)}, {number(high)}]²")
    return figure


def _pieces_text(count: int) -> str:
    return f"{count:,} linear piece{'s' * (count != 1)}"
