"""`view.network`: a fully connected network as circles and weighted edges."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn import Linear, Module
from backlit.ops import zeros
from backlit.view.neurons import Formula, Neurons, check_neuron, formula, read_layers
from backlit.view.plot import Plot, bare, new_figure, signed_colors, styled
from backlit.view.theme import Theme, blend, number, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In inches.
_COLUMN, _ROW, _RADIUS = 2.3, 0.82, 0.28
_MARGIN, _HEAD, _FOOT = 0.75, 0.75, 0.55
_THIN, _THICK = 0.3, 4.5
_NARROW = 4.6
_CROWD = 40
_SYMBOL = re.compile(r"\b([abwxz]|sum)_([\d,]+|j)(?:\^(\(\d+\)))?")


class Network(Plot):
    """A network drawn as circles. Saved as `Picture`.

    Attributes:
        data: The layers, see `Neurons`.
    """

    data: list[Neurons]

    def formula(self, layer: int, neuron: int) -> Formula:
        """How a neuron comes by its value, in symbols and numbers; both count from 1, layer 1 is the input.

        Raises:
            IndexRangeError: There is no such neuron.
        """
        return formula(self.data, layer, neuron)


def network(
    model: Module,
    x: Any = None,
    *,
    neuron: tuple[int, int] | None = None,
    most: int = 10,
    theme: str = "light",
) -> Network:
    """Draw a fully connected network with what it computes for one example.

    Each circle holds a neuron's value, below it stands its bias. Edges are blue for positive and orange and dashed for
    negative weights, the thicker the larger. Of large layers the first and last neurons are drawn, and how many are
    left out is said.

    Args:
        model: Linear layers one after the other, with anything between that keeps the number of neurons.
        x: One example, without a batch dimension or with one of size 1; a tuple of them where the model takes several
            inputs, which are one layer if it joins them before its first `Linear`. None: circles without values.
        neuron: (layer, neuron), both from 1, layer 1 being the input: a neuron whose formula is written below, in
            symbols and numbers, and whose edges alone are strong.
        most: The largest number of neurons drawn in a layer, at least 2.
        theme: "light" or "dark".

    Returns:
        A picture; `.formula(layer, neuron)` gives any neuron's formula.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: Several examples, a network that is no chain of fully connected layers, an unknown theme, or
            `neuron` without `x`.
        IndexRangeError: There is no such neuron.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if isinstance(most, bool) or not isinstance(most, int) or most < 2:
        raise ArgumentError(f"view.network: most: a number of neurons, at least 2, got {most!r}")
    try:
        layers = read_layers(model, _nothing(model) if x is None else x)
    except (ShapeError, DtypeError):
        if x is not None:
            raise
        raise ArgumentError(
            "view.network: the first nn.Linear does not take what the model takes; give an example, x"
        ) from None
    if neuron is not None:
        if x is None:
            raise ArgumentError("view.network: neuron: a formula has numbers; give an example, x")
        if not isinstance(neuron, tuple | list) or [type(n) for n in neuron] != [int, int]:
            raise ArgumentError(f"view.network: neuron: expected (layer, neuron), such as (2, 1), got {neuron!r}")
        check_neuron(layers, *neuron)
    with styled(colors):
        return Network(_Drawing(layers, neuron, most, colors, blank=x is None).figure, layers, colors, "a network")


def _nothing(model: Any) -> Any:
    """An example of zeros, as wide as the first fully connected layer."""
    if not isinstance(model, Module):
        # Who reads the layers says what is wrong with it.
        return None
    for module in model.modules():
        if isinstance(module, Linear):
            return zeros(1, module.in_features, dtype=module.weight.dtype)
    raise ArgumentError("view.network: no nn.Linear says how many inputs the model has; give an example, x")


@dataclass(frozen=True)
class _Column:
    """Which neurons of a layer are drawn, and where: index to height, in inches from the middle."""

    places: dict[int, float]
    left_out: int
    gap: float

    @classmethod
    def of(cls, size: int, most: int) -> "_Column":
        if size <= most:
            return cls({i: ((size - 1) / 2 - i) * _ROW for i in range(size)}, 0, 0.0)
        top = (most + 1) // 2
        chosen = [*range(top), *range(size - (most - top), size)]
        rows = [*range(top), *range(top + 1, most + 1)]
        places = {i: (most / 2 - row) * _ROW for i, row in zip(chosen, rows, strict=True)}
        return cls(places, size - most, (most / 2 - top) * _ROW)


class _Drawing:
    def __init__(
        self, layers: list[Neurons], picked: tuple[int, int] | None, most: int, theme: Theme, *, blank: bool
    ) -> None:
        self.layers, self.theme, self.blank = layers, theme, blank
        self.picked = None if picked is None else (picked[0], picked[1] - 1)
        self.columns = [_Column.of(layer.values.size, most) for layer in layers]
        words = [] if picked is None else _wrapped(formula(layers, *picked), len(layers))
        rows = max(len(column.places) + bool(column.left_out) for column in self.columns)
        below = _FOOT + 0.26 * len(words)
        width = max(2 * _MARGIN + _COLUMN * (len(layers) - 1), _NARROW)
        height = _HEAD + max(rows, 2) * _ROW + below
        self.figure = new_figure(width, height)
        self.figure.set_layout_engine("none")
        axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        bare(axes)
        middle = (len(layers) - 1) * _COLUMN / 2
        self.top = max(rows, 2) * _ROW / 2
        self.bottom = -self.top
        axes.set(xlim=(middle - width / 2, middle + width / 2), ylim=(self.bottom - below, self.top + _HEAD))
        self._edges(axes)
        for place in range(len(layers)):
            self._circles(axes, place)
            self._title(axes, place)
        self._legend(axes, middle)
        for line, text in enumerate(words):
            axes.text(middle - width / 2 + 0.25, self.bottom - _FOOT - 0.26 * line, text, fontsize=9.5, va="center")

    def _edges(self, axes: "Axes") -> None:
        from matplotlib.collections import LineCollection

        self.largest = max((_largest(layer.weights) for layer in self.layers[1:]), default=0.0)
        for place, layer in enumerate(self.layers[1:], start=1):
            weights = np.asarray(layer.weights, np.float64)
            lines, widths, shades, dashes = [], [], [], []
            crowd = len(self.columns[place].places) * len(self.columns[place - 1].places)
            for j, height in self.columns[place].places.items():
                strong = self.picked is None or self.picked == (layer.number, j)
                for i, from_height in self.columns[place - 1].places.items():
                    weight = float(weights[j, i])
                    lines.append([((place - 1) * _COLUMN + _RADIUS, from_height), (place * _COLUMN - _RADIUS, height)])
                    share = abs(weight) / self.largest if self.largest and np.isfinite(weight) else 0.0
                    widths.append(_THIN + (_THICK - _THIN) * share)
                    # Where many edges cross, the weak ones step back.
                    full = 1.0 if crowd <= _CROWD or self.picked else 0.2 + 0.8 * share
                    shades.append(blend(self._color(weight), self.theme.ground, full if strong else 0.18))
                    dashes.append((0, (4, 1.5)) if weight < 0 else "-")
                    if self.picked == (layer.number, j):
                        self._weight(axes, place, from_height, height, weight)
            axes.add_collection(LineCollection(lines, linewidths=widths, colors=shades, linestyles=dashes, zorder=1))

    def _color(self, value: float) -> str:
        if not np.isfinite(value):
            return self.theme.wrong
        return self.theme.positive if value >= 0 else self.theme.negative

    def _weight(self, axes: "Axes", place: int, start: float, end: float, weight: float) -> None:
        """A weight on its edge, near where the edge begins: there no two edges of one neuron meet."""
        along = 0.3
        x = (place - 1) * _COLUMN + _RADIUS + along * (_COLUMN - 2 * _RADIUS)
        axes.text(
            x, start + along * (end - start), number(weight, 3), fontsize=8, ha="center", va="center", zorder=4,
            color=self._color(weight),
            bbox={"facecolor": self.theme.ground, "edgecolor": "none", "pad": 0.8, "alpha": 0.9},
        )  # fmt: skip

    def _circles(self, axes: "Axes", place: int) -> None:
        from matplotlib.patches import Circle

        layer, column = self.layers[place], self.columns[place]
        colors, top = signed_colors(self.theme), _largest(layer.values) or 1.0
        for i, height in column.places.items():
            value = 0.0 if self.blank else float(layer.values[i])
            strength = np.sign(value) * 0.55 * (abs(value) / top) ** 0.5 if np.isfinite(value) else np.nan
            picked = self.picked == (layer.number, i)
            axes.add_patch(
                Circle(
                    (place * _COLUMN, height), _RADIUS, facecolor=colors(0.5 + strength / 2), zorder=2,
                    edgecolor=self.theme.ink if picked else self.theme.line, linewidth=2.4 if picked else 1.0,
                )
            )  # fmt: skip
            ink = self.theme.ink if np.isfinite(value) else self.theme.ground
            words = "" if self.blank else number(value, 3)
            axes.text(place * _COLUMN, height, words, fontsize=8, ha="center", va="center", zorder=3, color=ink)
            if layer.biases is not None:
                axes.text(
                    place * _COLUMN, height - _RADIUS - 0.1, f"b = {number(layer.biases[i], 3)}", fontsize=7.5,
                    ha="center", va="center", zorder=3, color=self.theme.faint,
                    bbox={"facecolor": self.theme.ground, "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
                )  # fmt: skip
        if column.left_out:
            axes.text(
                place * _COLUMN, column.gap, f"⋮\n{column.left_out:,} more", fontsize=8, ha="center", va="center",
                color=self.theme.faint, linespacing=1.3, zorder=3,
                bbox={"facecolor": self.theme.ground, "edgecolor": "none", "pad": 1.5, "alpha": 0.9},
            )  # fmt: skip

    def _title(self, axes: "Axes", place: int) -> None:
        layer = self.layers[place]
        count = f"{layer.values.size:,} neuron{'s' * (layer.values.size != 1)}"
        kind = layer.activation
        if place == 0:
            kind = f"x, {kind}" if kind else "x"
            what = "value" if layer.activation else "input"
            count = f"{layer.values.size:,} {what}{'s' * (layer.values.size != 1)}"
        name = f"layer {layer.number}" if place < len(self.layers) - 1 else f"layer {layer.number}, output"
        text = f"{name}\n{kind}\n{count}"
        axes.text(place * _COLUMN, self.top + 0.1, text, fontsize=8.5, ha="center", va="bottom", linespacing=1.25)

    def _legend(self, axes: "Axes", middle: float) -> None:
        height = self.bottom - 0.22
        for offset, sign, style, word in ((-1.9, 1.0, "-", "weight > 0"), (-0.55, -1.0, (0, (4, 1.5)), "weight < 0")):
            start = middle + offset
            axes.plot([start, start + 0.32], [height, height], color=self._color(sign), linewidth=2.4, linestyle=style)
            axes.text(start + 0.4, height, word, fontsize=8, va="center", color=self.theme.faint)
        axes.text(
            middle + 0.8, height, f"thickest: |w| = {number(self.largest, 3)}", fontsize=8, va="center",
            color=self.theme.faint,
        )  # fmt: skip


def _largest(array: Any) -> float:
    values = np.abs(np.asarray(array, np.float64))
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else 0.0


def _wrapped(found: Formula, columns: int) -> list[str]:
    """The formula in lines that fit the picture's width, broken at plus signs."""
    width = int(max(_NARROW, 2 * _MARGIN + _COLUMN * (columns - 1)) / 0.075) - 6
    lines: list[str] = []
    # A sum that stands apart has lines of its own.
    for text in [part for whole in (found.symbols, found.numbers) for part in whole.split(", ")]:
        line = ""
        for term in text.replace(" = ", " §= ").replace(" + ", " §+ ").split("§"):
            if line and len(line) + len(term) > width:
                lines.append(line.rstrip())
                line = "    "
            line += term
        lines.append(line.rstrip())
    return [_SYMBOL.sub(_mathematics, line) for line in lines]


def _mathematics(found: re.Match[str]) -> str:
    """A symbol such as `w_12^(1)` in Matplotlib's way to write mathematics."""
    letter, below, above = found.groups()
    letter = letter.replace("sum", r"\Sigma")
    return f"${letter}_{{{below}}}" + (f"^{{{above}}}$" if above else "$")
