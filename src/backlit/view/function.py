"""`view.function`: what a network of one or two inputs computes, drawn beside its data, also over training."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError, ShapeError
from backlit.nn import Linear, Module, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from backlit.ops import from_numpy
from backlit.optim import LBFGS
from backlit.train import Trainer
from backlit.train.prediction import predict
from backlit.view.calling import check_inputs, check_model
from backlit.view.plot import STYLES, Plot, new_figure, note_broken, series, styled
from backlit.view.theme import Theme, blend, number, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _GRID = 800, 160
_MARKERS = "os^DvP"


class Snapshots:
    """A callback that keeps the weights after some epochs, for `view.function`.

    Args:
        epochs: Numbers of finished epochs; 0: before training.

    Attributes:
        states: The state dict after each of these epochs that the training has reached.

    Raises:
        ArgumentError: A number is negative.
    """

    def __init__(self, epochs: Sequence[int]) -> None:
        if any(isinstance(e, bool) or not isinstance(e, int) or e < 0 for e in epochs):
            raise ArgumentError(f"Snapshots: epochs must be whole numbers from 0 on, got {list(epochs)!r}")
        self.epochs = sorted(set(epochs))
        self.states: dict[int, dict[str, Any]] = {}

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Keep the weights before training."""
        self.states = {}
        self._keep(trainer, 0)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Keep the weights if this epoch is wanted."""
        self._keep(trainer, trainer.epoch + 1)

    def _keep(self, trainer: Trainer, epoch: int) -> None:
        if epoch in self.epochs:
            self.states[epoch] = {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


def function(
    model: Module,
    X: Any,
    y: Any = None,
    *,
    snapshots: Snapshots | None = None,
    theme: str = "light",
) -> Plot:
    """Draw what a network computes: a curve for one input, its decisions or values for two.

    A classifier of two inputs shows the class of each point of the plane, with the boundary between classes; one output
    counts as the score of class 1.

    Args:
        model: A network of one or two inputs.
        X: The data's inputs, (n, 1) or (n, 2).
        y: Values, or class numbers, (n,) or (n, 1); None: the data are not drawn.
        snapshots: What this callback kept of the training: a picture for each of its epochs.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` maps each title to the values on the drawn grid: (points, outputs).

    Raises:
        ArgumentTypeError: `model` is no module.
        ShapeError: X has not one or two columns, or y another length.
        ArgumentError: Snapshots without anything in them, or a model of several tensors.
        DataError: X or y is empty or not finite.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    check_model(model, "view.function")
    check_inputs(model, 1, "view.function")
    inputs = np.asarray(X, np.float64)
    if inputs.ndim != 2 or inputs.shape[1] not in (1, 2) or not len(inputs):
        raise ShapeError(f"view.function: expected inputs (n, 1) or (n, 2), got shape {inputs.shape}")
    targets = None if y is None else np.asarray(y).reshape(-1)
    if targets is not None and len(targets) != len(inputs):
        raise ShapeError(f"view.function: {len(inputs)} inputs have {len(targets)} targets")
    if snapshots is not None and not snapshots.states:
        raise ArgumentError("view.function: the snapshots hold nothing; give them to a Trainer, callbacks=[…], and fit")
    low, high = inputs.min(0), inputs.max(0)
    margin = np.where(high > low, 0.08 * (high - low), 1.0)
    ends = np.stack([low - margin, high + margin])
    points = _points(ends)
    data = {title: predict_at(model, points, state) for title, state in _states(snapshots)}
    columns = 2 if len(data) == 4 else min(len(data), 3)
    rows = -(-len(data) // columns)
    with styled(colors):
        figure = new_figure(max(3.6 * columns, 4.8), (3.4 if columns > 1 else 4.0) * rows)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(data) :]:
            axes.set_axis_off()
        for axes, (title, values) in zip(grid.flat, data.items(), strict=False):
            if inputs.shape[1] == 1:
                _curve(axes, points[:, 0], values, inputs[:, 0], targets, colors)
            else:
                _plane(axes, ends, values, inputs, targets, colors)
            axes.set_title(title, fontsize=9.5)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        if len(handles) > 1:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5))
        return Plot(figure, data, colors, "a network as a function")


def approximation(
    f: Callable[[NDArray[np.float64]], Any],
    low: float = -3.0,
    high: float = 3.0,
    *,
    units: Sequence[int] = (1, 3, 10, 100),
    activation: str = "tanh",
    seed: int = 0,
    theme: str = "light",
) -> Plot:
    """Fit a function of one number by one hidden layer of each size, and draw how close it comes.

    Any continuous function on an interval can be approximated as closely as one likes by one hidden layer with an
    activation that is no polynomial (Leshno et al., 1993). Each fit minimises the mean squared error at 200 points by
    L-BFGS, from units spread over the interval and the best output layer for them; the best of three starts counts.

    Args:
        f: Takes an array of numbers and gives one of the same shape.
        low: Where the interval begins.
        high: Where it ends.
        units: Sizes of the hidden layer.
        activation: "tanh", "sigmoid" or "relu".
        seed: Of the first weights.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` maps each size to the largest error at the points.

    Raises:
        ArgumentError: No interval, no sizes, or another activation.
        ShapeError: The function gives another shape.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    kinds: dict[str, type[Module]] = {"tanh": Tanh, "sigmoid": Sigmoid, "relu": ReLU}
    if activation not in kinds:
        raise ArgumentError(f"view.approximation: activation must be one of {', '.join(kinds)}, got {activation!r}")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ArgumentError(f"view.approximation: low must be less than high, both finite, got {low!r} and {high!r}")
    if not units or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in units):
        raise ArgumentError(f"view.approximation: units must be positive whole numbers, got {list(units)!r}")
    x = np.linspace(low, high, 200)
    wanted = np.asarray(f(x), np.float64)
    if wanted.shape != x.shape or not np.isfinite(wanted).all():
        raise ShapeError(f"view.approximation: f must give {len(x)} finite numbers, got shape {wanted.shape}")
    rng = np.random.default_rng(seed)
    fits = {}
    for n in units:
        tries = [_fit(x, wanted, n, kinds[activation](), rng) for _ in range(3)]
        fits[n] = min(tries, key=lambda fitted: float(np.square(fitted - wanted).mean()))
    errors = {n: float(np.abs(fitted - wanted).max()) for n, fitted in fits.items()}
    with styled(colors):
        return Plot(_fits_figure(x, wanted, fits, errors, activation, colors), errors, colors, "fits of a function")


def _fits_figure(
    x: NDArray[np.float64],
    wanted: NDArray[np.float64],
    fits: dict[int, Any],
    errors: dict[int, float],
    activation: str,
    theme: Theme,
) -> Any:
    """A picture for each size, all on one scale, then the errors by size."""
    columns = min(len(fits), 2)
    rows = -(-len(fits) // columns)
    figure = new_figure(3.0 * columns + 3.6, max(2.1 * rows, 3.4) + 0.4)
    parts: Any = figure.subfigures(1, 2, width_ratios=[3.0 * columns, 3.4])
    left, right = parts
    grid = left.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(fits) :]:
        axes.set_axis_off()
    for axes, (n, fitted) in zip(grid.flat, fits.items(), strict=False):
        (curve,) = axes.plot(x, wanted, color=theme.faint, linewidth=4.5, alpha=0.45, label="f")
        (fit,) = axes.plot(x, fitted, color=series(theme)[0], label="fit")
        axes.set_title(f"{n:,} hidden unit{'s' * (n != 1)}, error {number(errors[n], 2)}", fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("x")
    left.legend(handles=[curve, fit], loc="outside lower center", ncols=2)
    last = right.subplots()
    last.loglog(list(errors), list(errors.values()), "o-", color=series(theme)[1])
    last.set(xlabel="hidden units", ylabel="largest error, |f − fit|", title=f"One hidden layer, {activation}")
    last.set_xticks(list(errors), [f"{n:,}" for n in errors])
    last.minorticks_off()
    return figure


def _fit(
    x: NDArray[np.float64], wanted: NDArray[np.float64], units: int, activation: Module, rng: np.random.Generator
) -> Any:
    span = x[-1] - x[0]
    slopes = rng.choice([-1.0, 1.0], units) * (2 + 2 * units**0.5) / span
    # Each unit bends at its own place.
    bends = x[0] + span * (np.arange(units) + rng.random(units)) / units
    model = Sequential(Linear(1, units, dtype="float64"), activation, Linear(units, 1, dtype="float64"))
    hidden = activation(from_numpy(slopes * (x[:, None] - bends))).numpy()
    # With the units where they are, the best output layer is a linear regression.
    output = np.linalg.lstsq(np.column_stack([hidden, np.ones(len(x))]), wanted, rcond=1e-6)[0]
    start = {
        "0.weight": slopes[:, None],
        "0.bias": -slopes * bends,
        "2.weight": output[None, :-1],
        "2.bias": output[-1:],
    }
    model.load_state_dict({name: from_numpy(np.ascontiguousarray(value)) for name, value in start.items()})
    optimizer = LBFGS(model.parameters(), max_iter=400, line_search_fn="strong_wolfe", tolerance_change=1e-12)
    inputs, targets, loss_of = from_numpy(x[:, None].copy()), from_numpy(wanted[:, None].copy()), MSELoss()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(inputs), targets)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model(inputs).detach().numpy()[:, 0]


def predict_at(model: Module, points: NDArray[np.float64], state: dict[str, Any] | None) -> NDArray[Any]:
    """The network's outputs at points, (points, outputs), with the weights of `state` if one is given."""
    before = None
    if state is not None:
        before = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(state)
    try:
        values = predict(model, points).numpy()
    finally:
        if before is not None:
            model.load_state_dict(before)
    return values.reshape(len(points), -1).astype(np.float64)


def _states(snapshots: Snapshots | None) -> list[tuple[str, dict[str, Any] | None]]:
    if snapshots is None:
        return [("f(x)", None)]
    return [(f"after {e} epoch{'s' * (e != 1)}" if e else "before training", s) for e, s in snapshots.states.items()]


def _points(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    if ends.shape[1] == 1:
        return np.linspace(ends[0, 0], ends[1, 0], _LINE)[:, None]
    return np.stack([axis.reshape(-1) for axis in np.meshgrid(*_axes(ends))], axis=1)


def _axes(ends: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.linspace(ends[0, 0], ends[1, 0], _GRID), np.linspace(ends[0, 1], ends[1, 1], _GRID)


def _curve(
    axes: "Axes",
    x: NDArray[Any],
    values: NDArray[Any],
    inputs: NDArray[Any],
    targets: NDArray[Any] | None,
    theme: Theme,
) -> None:
    if targets is not None:
        axes.plot(inputs, targets, "o", color=theme.faint, markersize=3, alpha=0.6, label="data")
    for output, column in enumerate(values.T):
        label = "network" if values.shape[1] == 1 else f"output {output + 1}"
        axes.plot(x, column, linestyle=STYLES[output % len(STYLES)], label=label)
    axes.set_xlim(x[0], x[-1])
    note_broken(axes, values, theme)
    axes.set(xlabel="x", ylabel="f(x)")


def _plane(
    axes: "Axes",
    ends: NDArray[np.float64],
    values: NDArray[Any],
    inputs: NDArray[Any],
    targets: NDArray[Any] | None,
    theme: Theme,
) -> None:
    from matplotlib.colors import to_rgb

    shades = series(theme)
    classes = (values[:, 0] > 0).astype(int) if values.shape[1] == 1 else values.argmax(1)
    count = max(2, values.shape[1])
    image = np.zeros((len(values), 3))
    for label in range(count):
        image[classes == label] = to_rgb(blend(shades[label % len(shades)], theme.ground, 0.3))
    image[~np.isfinite(values).all(1)] = to_rgb(theme.wrong)
    note_broken(axes, values, theme)
    extent = (ends[0, 0], ends[1, 0], ends[0, 1], ends[1, 1])
    axes.imshow(image.reshape(_GRID, _GRID, 3), extent=extent, origin="lower", aspect="auto", interpolation="none")
    axes.grid(False)
    across, up = _axes(ends)
    for score in [values[:, 0]] if values.shape[1] == 1 else _leads(values):
        if score.min() < 0 < score.max():
            axes.contour(across, up, score.reshape(_GRID, _GRID), levels=[0.0], colors=[theme.ink], linewidths=1.2)
    if targets is not None:
        for place, label in enumerate(np.unique(targets)):
            rows = targets == label
            axes.plot(
                *inputs[rows].T, _MARKERS[place % len(_MARKERS)], color=shades[int(label) % len(shades)], markersize=4,
                markeredgecolor=theme.ground, markeredgewidth=0.4, label=f"class {number(label)}",
            )  # fmt: skip
    axes.set(xlabel="x₁", ylabel="x₂")


def _leads(values: NDArray[Any]) -> list[NDArray[Any]]:
    """How far each class is ahead of the best other one, 0 on its boundary; of two classes, the first suffices."""
    count = values.shape[1]
    return [values[:, k] - np.delete(values, k, axis=1).max(1) for k in range(1 if count == 2 else count)]
