"""`view.graph`: the computation graph of a result."""

from collections.abc import Mapping, Sequence
from typing import Any

from backlit.core.recording import Recording
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, suggest
from backlit.view import heat
from backlit.view.coloring import Coloring
from backlit.view.dataflow import Dataflow, Node, dataflow, formula_text, short_names
from backlit.view.draw import Drawing
from backlit.view.names import Names, callers_variables
from backlit.view.picture import Picture
from backlit.view.theme import theme_of

_DIRECTIONS = ("right", "down")
# Lines of a graph in words.
_MOST_TOLD = 60


def graph(
    loss: TensorBase | Recording,
    names: Mapping[str, TensorBase] | None = None,
    *,
    collapse: int | Sequence[str] | None = None,
    color_by: str | None = None,
    theme: str = "light",
    direction: str | None = None,
) -> Picture:
    """Draw the computation graph of `loss`.

    Values stand above the edges, local derivatives (∂) on them, gradients (∇) below. Each operation says which part it
    plays in the backward pass. Values and gradients are those of a program that ran inside `with backlit.record():`;
    elsewhere the picture shows structure, shapes and the gradients of the leaves.

    Args:
        loss: A result, of any shape; or a recording, such as that of a compiled step, whose last backward pass counts.
        names: Names of tensors, `{"x": x}`. Others are called by their parameter's path or the caller's variable.
        collapse: A depth: modules at that depth and below are drawn closed, 0 closes all; or paths of the modules to
            close. None closes as few as keep the picture readable.
        color_by: Fill operations by "value", "gradient", "time" or "memory".
        theme: "light" or "dark".
        direction: "right" or "down"; None: to the right unless that would be too wide to read.

    Returns:
        A picture: `.svg`, `.png`, `.pdf`, `.html`, `.save(path)`; `.text` is a tree; `.data` has its numbers.

    Raises:
        ArgumentTypeError: `loss` is neither tensor nor recording.
        ArgumentError: An unknown theme, direction, colouring or module.
        MissingPackageError: pygraphviz is not installed.
    """
    if direction is not None and direction not in _DIRECTIONS:
        raise ArgumentError(f"view.graph: direction: there is no {direction!r}{suggest(str(direction), _DIRECTIONS)}")
    return drawn(loss, Names(names, callers_variables()), collapse, color_by, theme, direction)


def drawn(
    loss: Any,
    called: Names,
    collapse: int | Sequence[str] | None = None,
    color_by: str | None = None,
    theme: str = "light",
    direction: str | None = None,
) -> Picture:
    """As `graph`, with the names found already."""
    colors = theme_of(theme)
    flow = dataflow(loss, called, "graph")
    coloring = None if color_by is None else Coloring(color_by, flow)
    drawing = Drawing(flow, colors, coloring, called.modules).draw(collapse, direction)
    name = flow.out.source.name or flow.out.source.operation or "a tensor"
    return Picture(drawing, flow, colors, f"the computation graph of {name}", _tree(flow))


def _tree(flow: Dataflow) -> str:
    """The graph as a tree of what is computed from what, for the terminal and for readers who cannot see it."""
    names = short_names(flow)
    lines: list[str] = []
    told: set[int] = set()
    waiting = [(flow.out.source, "", "")]
    while waiting and len(lines) < _MOST_TOLD:
        node, before, branch = waiting.pop()
        known = id(node) in told
        told.add(id(node))
        lines.append(before + branch + (f"{names[id(node)]}, as above" if known else _told(node, names)))
        if known:
            continue
        inside = before + {"├─ ": "│  ", "└─ ": "   ", "": ""}[branch]
        sources = list({id(e.source): e.source for e in node.inputs if e.source.kind != "constant"}.values())
        branches = ["├─ "] * (len(sources) - 1) + ["└─ "]
        waiting += [(source, inside, own) for source, own in zip(sources, branches, strict=False)][::-1]
    return "\n".join([*lines, "…"] if waiting else lines)


def _told(node: Node, names: dict[int, str]) -> str:
    formula = formula_text(node, names)
    value = "" if node.value is None else f" = {heat.described(node.value)}"
    arrived = "" if node.gradient is None else f", gradient {heat.described(node.gradient)}"
    return names[id(node)] + (f" = {formula}" if formula else "") + value + arrived
