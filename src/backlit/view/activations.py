"""`view.activations`: activations with their derivatives, which come from the operations' own gradients."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit import nn
from backlit.errors import ArgumentError, suggest
from backlit.nn import Module
from backlit.ops import from_numpy
from backlit.view.plot import Plot, bare, new_figure, series, styled
from backlit.view.theme import theme_of

# Those that the field starts with; ReLU is the default choice.
_FIRST = ("Sigmoid", "Tanh", "ReLU", "LeakyReLU", "Maxout", "ELU")


def activations(
    which: str | Module | Sequence[str | Module] | None = None, *, reach: float = 7.0, theme: str = "light"
) -> Plot:
    """Draw activations and, dashed, their derivatives.

    Args:
        which: A name of a class of `backlit.nn`, a module such as `nn.LeakyReLU(0.1)`, or several of them; None: all
            that there are, with the slopes in which they are taught.
        reach: Drawn from −reach to reach.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` maps each name to (x, value, derivative), each (n,).

    Raises:
        ArgumentError: No such activation, one that is not a function of one number, or no range.
        MissingPackageError: Matplotlib is not installed.
    """
    colors = theme_of(theme)
    if not 0 < reach < np.inf:
        raise ArgumentError(f"view.activations: reach must be positive and finite, got {reach!r}")
    wanted = [which] if isinstance(which, str | Module) else which
    chosen = _all() if wanted is None else [_one(one) for one in wanted]
    if not chosen:
        raise ArgumentError("view.activations: which: no activation is named")
    # An even number of points keeps clear of kinks at whole numbers.
    x = np.linspace(-reach, reach, 600)
    data = {name: (x, *_values(module, x, name)) for name, module in chosen}
    columns = min(len(data), 5)
    rows = -(-len(data) // columns)
    with styled(colors):
        figure = new_figure(2.3 * columns + 0.3, 1.9 * rows + 0.4)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(data) :]:
            bare(axes)
        for axes, (name, (_, value, slope)) in zip(grid.flat, data.items(), strict=False):
            axes.axhline(0, color=colors.faint, linewidth=0.6)
            axes.axvline(0, color=colors.faint, linewidth=0.6)
            (one,) = axes.plot(*_broken(x, value), color=series(colors)[0], label="g(x)")
            (other,) = axes.plot(*_broken(x, slope), color=series(colors)[1], linestyle="--", label="derivative g′(x)")
            axes.set_title(name, fontsize=8.5)
            axes.tick_params(labelsize=7.5)
            axes.locator_params(nbins=4)
            low, high = min(value.min(), slope.min()), max(value.max(), slope.max())
            margin = 0.08 * (high - low) or 1.0
            axes.set_ylim(max(low, -reach) - margin, min(high, reach) + margin)
        figure.legend(handles=[one, other], loc="outside lower center", ncols=2)
        return Plot(figure, data, colors, "activations")


def _all() -> list[tuple[str, Module]]:
    """All activations of one number that can be made without arguments, the first ones first."""
    found = []
    for name in dict.fromkeys([*_FIRST, *sorted(_classes())]):
        try:
            found.append(_one(name))
        except ArgumentError:
            continue
    return found


def _classes() -> dict[str, type[Module]]:
    """The classes of activations, by name."""
    found = {name: getattr(nn, name) for name in nn.__all__}
    return {name: kind for name, kind in found.items() if getattr(kind, "__module__", "") == nn.ReLU.__module__}


def _one(which: Any) -> tuple[str, Module]:
    if isinstance(which, Module):
        settings = which.extra_repr()
        return f"{type(which).__name__}({settings})" if settings else type(which).__name__, which
    if which == "LeakyReLU":
        return "LeakyReLU, slope 0.1", nn.LeakyReLU(0.1)
    if which == "Maxout":
        return "Maxout: max(−x/2, x)", _Maxout()
    kind = _classes().get(which) if isinstance(which, str) else None
    if kind is None:
        likely = {name.lower(): name for name in _classes()}.get(str(which).lower(), str(which))
        raise ArgumentError(f"view.activations: there is no activation {which!r}{suggest(likely, _classes())}")
    try:
        module = kind()
    except TypeError:
        raise ArgumentError(f"view.activations: {which} needs arguments; pass nn.{which}(…)") from None
    if hasattr(module, "dim"):
        raise ArgumentError(f"view.activations: {which} is no function of one number")
    return which, module


class _Maxout(Module):
    def __init__(self) -> None:
        super().__init__()
        self.maxout = nn.Maxout(1, 1, dtype="float64")
        weight = np.array([[-0.5], [1.0]])
        self.maxout.linear.load_state_dict({"weight": from_numpy(weight), "bias": from_numpy(np.zeros(2))})

    def forward(self, input: Any) -> Any:
        return self.maxout(input.unsqueeze(-1)).squeeze(-1)


def _values(module: Module, x: Any, name: str) -> tuple[Any, Any]:
    given = from_numpy(x.copy())
    given.requires_grad_()
    value = copy.deepcopy(module).to(given.dtype)(given)
    if tuple(value.shape) != x.shape:
        raise ArgumentError(f"view.activations: {name} is no function of one number: {x.shape} became {value.shape}")
    if value.requires_grad:
        value.sum().backward()
    slope = np.zeros_like(x) if given.grad is None else given.grad.numpy()
    return value.detach().numpy(), slope


def _broken(x: Any, y: Any) -> tuple[Any, Any]:
    """A line that stops at jumps instead of climbing them."""
    jumps = np.flatnonzero(np.abs(np.diff(y)) > 3 * (x[1] - x[0])) + 1
    return np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)
