"""`view.landscape`: the loss over two directions of the weights, with the paths that descent takes on it.

The plane is that of two chosen weights, or of the two directions in which the paths vary most (H. Li et al.,
"Visualizing the Loss Landscape of Neural Nets", 2018, section 7).
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, IndexRangeError, ShapeError, suggest
from backlit.nn import Module
from backlit.nn.utils import parameters_to_vector, vector_to_parameters
from backlit.ops import Tensor, from_numpy
from backlit.optim import SGD
from backlit.train.feed import as_tensor, check_batch_size, check_finite
from backlit.train.modes import in_mode
from backlit.train.prediction import BatchSize, float_dtype
from backlit.view.calling import check_inputs, check_model
from backlit.view.plot import STYLES, Plot, new_figure, note_broken, series, styled
from backlit.view.theme import Theme, blend, number, seconds_text, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
# A path whose loss has grown so much has left the picture for good.
_DIVERGED = 100.0


@dataclass(frozen=True)
class Path:
    """A descent.

    Attributes:
        name: "full batch", "stochastic" or "mini-batch of 32".
        points: Where it went on the plane, (steps + 1, 2).
        losses: The loss over all rows after each epoch, the first before training.
        seconds_per_step: The median.
        steps_per_epoch: How many steps see all rows once.
        diverged: Whether it was given up because its loss grew without bound.
    """

    name: str
    points: Floats
    losses: list[float]
    seconds_per_step: float
    steps_per_epoch: int
    diverged: bool

    @property
    def seconds_per_epoch(self) -> float:
        """What an epoch costs."""
        return self.seconds_per_step * self.steps_per_epoch


@dataclass(frozen=True)
class Surface:
    """What a landscape shows.

    Attributes:
        across: Positions along the first direction.
        up: Positions along the second.
        loss: The loss over all rows, (up, across).
        paths: The descents.
    """

    across: Floats
    up: Floats
    loss: Floats
    paths: list[Path]


def landscape(
    model: Module,
    loss: Callable[[Any, Any], Any],
    data: tuple[Any, Any],
    *,
    over: tuple[tuple[str, int], tuple[str, int]] | None = None,
    batch_sizes: Sequence[BatchSize] = ("full", 1, 32),
    lr: float = 0.05,
    epochs: int = 10,
    resolution: int = 41,
    seed: int = 0,
    theme: str = "light",
) -> Plot:
    """Draw the loss and the paths of gradient descent with batches of several sizes from the model's weights.

    Beside it stand the loss by epoch, and what a step and an epoch cost, measured now. The model stays as it is.

    Args:
        model: The network.
        loss: `loss(prediction, target)`, a scalar.
        data: Inputs and targets; each point of the picture is the loss over all of them.
        over: Two weights, each a parameter's name and the place of the element, `("weight", 0)`; others stay as they
            are. None: the two directions in which the paths vary most; of a model with two weights, those.
        batch_sizes: Rows of a step, of each path: "full", 1 for stochastic, between for mini-batches.
        lr: The learning rate.
        epochs: Passes over the data.
        resolution: Points along each side.
        seed: Of the order of the rows.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` is a `Surface`.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: An argument is out of range, or there is no such parameter.
        IndexRangeError: A parameter has no such element.
        DataError, ShapeError: The data cannot be used.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if not 0 < lr < math.inf:
        raise ArgumentError(f"view.landscape: lr must be positive and finite, got {lr!r}")
    for name, value, least in (("epochs", epochs, 1), ("resolution", resolution, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ArgumentError(f"view.landscape: {name} must be a whole number from {least} on, got {value!r}")
    if not batch_sizes:
        raise ArgumentError("view.landscape: batch_sizes is empty; each of them gives a path")
    for size in batch_sizes:
        check_batch_size(size)
    problem = _Problem(model, loss, data, "view.landscape")
    chosen = None if over is None else [problem.place(*weight) for weight in over]
    if chosen is None and len(problem.start) == 2:
        chosen = [0, 1]
    if chosen is not None and len(set(chosen)) != 2:
        raise ArgumentError(f"view.landscape: over must be two different weights, got {over!r}")
    mask = None if chosen is None else np.isin(np.arange(len(problem.start)), chosen)
    descents = [problem.descend(size, lr, epochs, np.random.default_rng(seed), mask) for size in batch_sizes]
    if chosen is not None and mask is not None:
        axes_of = np.eye(len(problem.start))[chosen]
        origin = np.where(mask, 0.0, problem.start)
        names = [problem.names[place] for place in chosen]
    else:
        axes_of = _principal(np.concatenate([path.points - problem.start for path in descents]))
        origin = problem.start
        names = ["first direction of the paths", "second direction"]
    paths = [replace(path, points=(path.points - origin) @ axes_of.T) for path in descents]
    spots = np.concatenate([path.points for path in paths])
    low, high = spots.min(0), spots.max(0)
    margin = 0.25 * np.where(high > low, high - low, max(float((high - low).max()), 1.0))
    across, up = (np.linspace(low[i] - margin[i], high[i] + margin[i], resolution) for i in range(2))
    grid = np.array([[problem.loss_at(origin + a * axes_of[0] + b * axes_of[1]) for a in across] for b in up])
    surface = Surface(across, up, grid, paths)
    with styled(colors):
        return Plot(_draw(surface, names, len(problem.inputs), colors), surface, colors, "a loss landscape")


def interpolation(
    model: Module,
    other: Module,
    loss: Callable[[Any, Any], Any],
    data: tuple[Any, Any],
    *,
    points: int = 61,
    theme: str = "light",
) -> Plot:
    """Draw the loss on the straight line through two models of the same kind (Goodfellow et al., 2015).

    Args:
        model: At 0.
        other: At 1.
        loss: `loss(prediction, target)`, a scalar.
        data: Inputs and targets.
        points: How many points are drawn, from −0.5 to 1.5.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` is (points, 2): position and loss.

    Raises:
        ArgumentTypeError: A model is no module.
        ShapeError: The models have different parameters; or the data cannot be used.
        ArgumentError: Fewer than 2 points, or an unknown theme.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ArgumentError(f"view.interpolation: points: a number of points, at least 2, got {points!r}")
    first, second = (_Problem(m, loss, data, "view.interpolation") for m in (model, other))
    if first.names != second.names:
        raise ShapeError("view.interpolation: the models have different parameters, so no line connects them")
    along = np.linspace(-0.5, 1.5, points)
    losses = [first.loss_at((1 - t) * first.start + t * second.start) for t in along]
    with styled(colors):
        figure = new_figure(5.6, 3.6)
        axes = figure.subplots()
        axes.plot(along, losses)
        ends = [first.loss_at(first.start), first.loss_at(second.start)]
        for place, (height, name, marker) in enumerate(zip(ends, ("model", "other"), "os", strict=True)):
            axes.plot(place, height, marker, color=series(colors)[place + 1], label=f"{name}: {number(height)}")
        axes.legend()
        note_broken(axes, losses, colors)
        axes.set(xlabel="share of the other model's weights", ylabel="loss")
        return Plot(figure, np.column_stack([along, losses]), colors, "the loss between two models")


class _Problem:
    """A copy of a model with its data, as a function of the vector of its weights."""

    def __init__(self, model: Any, loss: Callable[[Any, Any], Any], data: Any, caller: str) -> None:
        check_model(model, caller)
        check_inputs(model, 1, caller)
        self.caller, self.loss = caller, loss
        self.model = copy.deepcopy(model)
        self.trained = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in self.trained]
        if not self.parameters:
            raise ArgumentError(f"{caller}: the model has no parameters that need a gradient")
        self.names = [f"{name}[{i}]" if p.numel() > 1 else name for name, p in self.trained for i in range(p.numel())]
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise ArgumentTypeError(f"{caller}: data must be a pair (inputs, targets), got {type(data).__name__}")
        dtype = float_dtype(self.model)
        self.inputs, self.targets = (as_tensor(part, caller, dtype) for part in data)
        if len(self.inputs) != len(self.targets):
            raise ShapeError(f"{caller}: {len(self.inputs)} inputs have {len(self.targets)} targets")
        if not len(self.inputs):
            raise DataError(f"{caller}: no rows")
        for part in (self.inputs, self.targets):
            check_finite(caller, part.numpy())
        self.start = self.vector()
        if len(self.start) < 2:
            raise ArgumentError(f"{caller}: a plane needs two weights, the model has {len(self.start)}")

    def place(self, name: Any, element: Any) -> int:
        """The place of an element of a parameter in the vector of all weights."""
        before = 0
        for own, parameter in self.trained:
            if own == name:
                if isinstance(element, bool) or not isinstance(element, int) or not 0 <= element < parameter.numel():
                    raise IndexRangeError(
                        f"{self.caller}: {name} has elements 0 to {parameter.numel() - 1}, got {element!r}"
                    )
                return before + element
            before += parameter.numel()
        near = suggest(str(name), [own for own, _ in self.trained])
        raise ArgumentError(f"{self.caller}: there is no parameter {name!r}{near}")

    def vector(self) -> Floats:
        """All weights, in float64."""
        return np.array(parameters_to_vector(self.parameters).detach().numpy(), np.float64)

    def set(self, weights: Floats) -> None:
        """Give the copy these weights."""
        dtype = self.parameters[0].detach().numpy().dtype
        with no_grad():
            vector_to_parameters(from_numpy(weights.astype(dtype)), self.parameters)

    def loss_at(self, weights: Floats) -> float:
        """The loss over all rows, in evaluation mode."""
        self.set(weights)
        with in_mode(self.model, training=False), no_grad():
            return float(self.loss(self.model(self.inputs), self.targets).item())

    def descend(
        self, size: BatchSize, lr: float, epochs: int, rng: np.random.Generator, mask: NDArray[np.bool_] | None
    ) -> Path:
        """A descent from the start, its points being vectors of all weights; `mask`: those that may change."""
        rows = len(self.inputs)
        batch = rows if size == "full" else min(int(size), rows)
        name = "full batch" if size == "full" else "stochastic" if size == 1 else f"mini-batch of {size}"
        points, losses, times = [self.start], [self.loss_at(self.start)], []
        optimizer, diverged = SGD(self.parameters, lr=lr), False
        for _ in range(epochs):
            order = rng.permutation(rows)
            self.set(points[-1])
            for begin in range(0, rows, batch):
                place = from_numpy(order[begin : begin + batch])
                inputs, targets = self.inputs[place], self.targets[place]
                times.append(self._step(optimizer, inputs, targets))
                weights = self.vector()
                if mask is not None:
                    weights = np.where(mask, weights, self.start)
                    self.set(weights)
                points.append(weights)
            found = self.loss_at(points[-1])
            if not found <= _DIVERGED * max(losses[0], 1e-12):
                diverged = True
                break
            losses.append(found)
        if diverged:
            # Of a path that leaves, the part that is still in reach is worth seeing.
            kept = [point for point in points if self.loss_at(point) <= _DIVERGED * max(losses[0], 1e-12)]
            points = kept or points[:1]
        return Path(name, np.array(points), losses, float(np.median(times)), -(-rows // batch), diverged)

    def _step(self, optimizer: SGD, inputs: Tensor, targets: Tensor) -> float:
        begin = time.perf_counter()
        optimizer.zero_grad()
        self.loss(self.model(inputs), targets).backward()
        optimizer.step()
        return time.perf_counter() - begin


def _principal(moves: Floats) -> Floats:
    """The two orthogonal directions along which points lie farthest from the start, (2, weights)."""
    if len(moves) > 2000:
        moves = moves[:: -(-len(moves) // 2000)]
    _, _, directions = np.linalg.svd(np.nan_to_num(moves), full_matrices=False)
    if len(directions) < 2:
        directions = np.vstack([directions, np.eye(moves.shape[1])[np.argmin(np.abs(directions[0]))]])
    return directions[:2]


# -- the picture -----------------------------------------------------------------------------------------------------


def _draw(surface: Surface, names: list[str], rows: int, theme: Theme) -> Any:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    figure = new_figure(11.0, 5.0)
    grid = figure.add_gridspec(2, 2, width_ratios=[1.5, 1], height_ratios=[1.6, 1])
    shades = [theme.ink, *series(theme)[1:4], *series(theme)[4:]]
    _contours(figure, figure.add_subplot(grid[:, 0]), surface, names, shades, theme)
    curves = figure.add_subplot(grid[0, 1])
    for place, path in enumerate(surface.paths):
        style = STYLES[place % len(STYLES)]
        curves.plot(range(len(path.losses)), path.losses, style, color=shades[place % len(shades)], label=path.name)
    curves.set(xlabel="epoch", title="Loss over all rows")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    losses = [loss for path in surface.paths for loss in path.losses]
    if 0 < 10 * min(losses) < max(losses):
        curves.set_yscale("log")
        # Within few powers of ten, numbers are read more easily than powers.
        plain = FuncFormatter(lambda loss, _: number(float(loss), 3))
        curves.yaxis.set_major_formatter(plain)
        if max(losses) < 100 * min(losses):
            curves.yaxis.set_minor_formatter(plain)
            curves.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    _costs(figure.add_subplot(grid[1, 1]), surface.paths, rows)
    return figure


def _contours(
    figure: Any, axes: "Axes", surface: Surface, names: list[str], shades: Sequence[str], theme: Theme
) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    loss = np.ma.masked_invalid(surface.loss)
    # Levels that share out the area evenly show the shape of valleys and of slopes.
    levels = np.unique(np.quantile(loss.compressed(), np.linspace(0, 1, 16))) if loss.count() else np.zeros(1)
    if len(levels) > 1:
        colors = LinearSegmentedColormap.from_list(
            "height", [theme.ground, blend(theme.positive, theme.ground, 0.75)], len(levels)
        )
        filled = axes.contourf(
            surface.across,
            surface.up,
            loss,
            levels=levels,
            cmap=colors,
            norm=BoundaryNorm(levels.tolist(), len(levels)),
        )
        axes.contour(surface.across, surface.up, loss, levels=levels, colors=[theme.line], linewidths=0.4)
        marked = levels[:: max(1, len(levels) // 7)]
        bar = figure.colorbar(filled, ax=axes, label="loss", ticks=marked, shrink=0.9)
        bar.ax.set_yticklabels([number(level, 3) if level < 1000 else f"{level:,.0f}" for level in marked])
    for place, path in enumerate(surface.paths):
        left = ", left the picture" if path.diverged else ""
        axes.plot(
            *path.points.T, STYLES[place % len(STYLES)], color=shades[place % len(shades)], label=path.name + left,
            linewidth=1.6 if len(path.points) < 500 else 0.8, zorder=3 if place == 0 else 2,
        )  # fmt: skip
        axes.plot(*path.points[-1], "osD^v"[place % 5], color=shades[place % len(shades)], markersize=6, zorder=4)
    axes.plot(*surface.paths[0].points[0], "X", color=theme.wrong, markersize=9, label="start", zorder=5)
    note_broken(axes, surface.loss, theme)
    axes.grid(False)
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.legend(loc="best")


def _costs(axes: "Axes", paths: list[Path], rows: int) -> None:
    axes.set_axis_off()
    axes.set_title(f"Cost, measured, {rows:,} rows")
    cells = [
        [
            path.name,
            seconds_text(path.seconds_per_step),
            f"{path.steps_per_epoch:,}",
            seconds_text(path.seconds_per_epoch),
            "diverged" if path.diverged else number(path.losses[-1], 3),
        ]
        for path in paths
    ]
    heads = ("", "a step", "steps", "an epoch", "last loss")
    for column, (place, head) in enumerate(zip((0.0, 0.47, 0.6, 0.8, 1.0), heads, strict=True)):
        align = "left" if column == 0 else "right"
        axes.text(place, 0.88, head, transform=axes.transAxes, ha=align, va="center", fontsize=8.5, weight="bold")
        for row, line in enumerate(cells):
            height = 0.72 - 0.16 * row
            axes.text(place, height, line[column], transform=axes.transAxes, ha=align, va="center", fontsize=8.5)
