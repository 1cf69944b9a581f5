"""`view.steps`: forward one node at a time, then backward one node at a time, then the update."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar, overload

import numpy as np

from backlit.core.recording import Recording
from backlit.core.tensor_base import Array, TensorBase
from backlit.errors import ArgumentError
from backlit.view import heat
from backlit.view.dataflow import NOT_RUN, Dataflow, Edge, Node, dataflow, formula_text, require_values, short_names
from backlit.view.draw import Drawing
from backlit.view.names import Names, callers_variables
from backlit.view.picture import Picture, page
from backlit.view.saving import Savable
from backlit.view.theme import Theme, number, theme_of

# More nodes than this make an animation that nobody watches to its end.
_MOST_NODES = 300


@dataclass(frozen=True)
class Step:
    """One step of the three walks over a graph.

    Attributes:
        phase: "forward", "backward" or "update".
        node: Where it happens.
        text: What happens, in a sentence.
        edges: The edges whose value (forward) or gradient (backward) is known from this step on.
    """

    phase: str
    node: Node
    text: str
    edges: tuple[Edge, ...]


class Steps(Savable, Sequence[Step]):
    """All steps, in order: to go through in a loop, to print, or to watch as an animation; `save` writes .html or .txt.

    Attributes:
        data: The graph.
    """

    _called = "steps"
    _forms: ClassVar[Mapping[str, str]] = {"html": "html", "txt": "text"}

    def __init__(self, flow: Dataflow, steps: list[Step], modules: dict[str, str], theme: Theme) -> None:
        self.data = flow
        self._steps = steps
        self._modules = modules
        self._theme = theme

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        """One step, or several."""
        return self._steps[index]

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{len(self)} steps; .text tells them, .save('steps.html') writes the animation>"

    @property
    def text(self) -> str:
        """The steps in words, numbered."""
        lines: list[str] = []
        phase = ""
        for i, step in enumerate(self._steps, 1):
            if step.phase != phase:
                phase = step.phase
                lines.append(f"{chr(10) * bool(lines)}{phase.capitalize()}")
            lines.append(f"{i:4}. {step.text}")
        return "\n".join(lines)

    @property
    def html(self) -> str:
        """The animation as a page that loads nothing from elsewhere; space plays, the arrow keys go back and forth.

        Raises:
            ArgumentError: There are more nodes than an animation can show.
        """
        return page("Step by step", f"<main>\n<h1>Step by step</h1>\n{self.player()}\n</main>", self._theme)

    def player(self, *, whole: bool = False) -> str:
        """The animation as a part of a page, which can hold one of them.

        Args:
            whole: It stands at its end when the page opens, where the graph is seen whole; else at its start.

        Raises:
            ArgumentError: There are more nodes than an animation can show.
        """
        nodes = len(self.data.nodes)
        if nodes > _MOST_NODES:
            raise ArgumentError(
                f"view.steps: {nodes:,} nodes are too many for an animation (at most {_MOST_NODES}); use .text, or "
                "view.graph for a picture by modules"
            )
        drawing = Drawing(self.data, self._theme, None, self._modules)
        svg = Picture(drawing.draw([], None), self.data, self._theme, "the computation graph, step by step").svg
        shown = [self._shown(step, drawing.marks) for step in self._steps]
        # "</" would end the script early.
        data = json.dumps(shown, ensure_ascii=False).replace("</", "<\\/")
        folder = files("backlit.view")
        body = (folder / "steps.html").read_text("utf-8").format(svg=svg)
        first = len(shown) - 1 if whole else 0
        script = f"const steps = {data};\nlet at = {first};\n{(folder / 'steps.js').read_text('utf-8')}"
        return f"<style>{_STYLE.format(t=self._theme)}</style>\n{body}<script>\n{script}</script>"

    def _shown(self, step: Step, marks: dict[int, str]) -> dict[str, Any]:
        """A step as the page's script wants it: its words, its box, and what is visible from here on."""
        kinds = {"forward": ("value",), "backward": ("gradient", "local"), "update": ()}[step.phase]
        show = [f"{marks[id(e)]}-{kind}" for e in step.edges for kind in kinds if id(e) in marks]
        if step.phase == "backward":
            # A sum is known when the first use has sent its part, which comes last.
            whole = [e.source for e in step.node.inputs if e.source.outputs[0].target is step.node]
            show += [f"{marks[id(source)]}-sum" for source in whole]
        return {"phase": step.phase, "text": step.text, "box": marks[id(step.node)], "show": show}


_STYLE = """
main {{ max-width: 75rem; margin: auto }}
#picture svg {{ max-width: 100%; height: auto }}
#words {{ min-height: 3em; font-size: 1.15rem }}
#phase {{ text-transform: capitalize; font-weight: bold }}
button {{ font: inherit; padding: 0.3em 0.9em; color: {t.ink}; background: {t.operation}; border: 1px solid {t.line};
  border-radius: 0.3em }}
.hidden {{ visibility: hidden }}
.now path, .now polygon {{ stroke: {t.gradient}; stroke-width: 3 }}
.keys {{ color: {t.faint} }}
"""


def steps(
    loss: TensorBase | Recording,
    names: Mapping[str, TensorBase] | None = None,
    *,
    lr: float | None = None,
    theme: str = "light",
) -> Steps:
    """Go through a computation as backpropagation does: forward, backward, update.

    Args:
        loss: A result that was computed inside `with backlit.record():`; or a recording, such as that of a compiled
            step, whose last backward pass counts.
        names: Names of tensors, `{"x": x}`. Others are called by their parameter's path or the caller's variable.
        lr: Show the update of plain gradient descent with this rate. Without it, the update steps tell what has
            changed the parameters since, if anything has.
        theme: "light" or "dark".

    Raises:
        ArgumentTypeError: `loss` is neither tensor nor recording.
        GradientError: The graph was not recorded.
    """
    called = Names(names, callers_variables())
    flow = dataflow(loss, called, "steps")
    require_values(flow, "steps")
    tell = _Teller(flow)
    found = [Step("forward", n, tell.forward(n), tuple(n.outputs)) for n in flow.nodes if n.kind != "constant"]
    if flow.backward:
        found += [
            Step("backward", n, tell.backward(n), (*(e for e in n.inputs if e.wanted), *tell.start(n)))
            for n in reversed(flow.nodes)
            if n.binding is not None and n.gradient is not None
        ]
        found += [Step("update", n, text, ()) for n in flow.nodes if (text := tell.update(n, lr))]
    else:
        found.append(Step("backward", flow.out.source, f"{NOT_RUN}: call .backward() inside the recording", ()))
    return Steps(flow, found, called.modules, theme_of(theme))


class _Teller:
    """Puts steps into words."""

    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.names = short_names(flow)

    def start(self, node: Node) -> tuple[Edge, ...]:
        """The way out, whose gradient is known when the backward pass starts at its node."""
        return (self.flow.out,) if node is self.flow.out.source else ()

    def forward(self, node: Node) -> str:
        value = "" if node.value is None else _brief(node.value)
        name = self.names[id(node)]
        if node.binding is None:
            return f"{name} = {value}, {'a parameter' if node.kind == 'parameter' else 'given'}"
        return f"{name} = {formula_text(node, self.names)} = {value}"

    def backward(self, node: Node) -> str:
        name = self.names[id(node)]
        arrived = "" if node.gradient is None else _brief(node.gradient)
        if node is self.flow.out.source:
            one = node.gradient is not None and node.gradient.size == 1 and node.gradient.item() == 1
            words = (
                f"{name}: the derivative of the result by itself is 1"
                if one
                else f"{name}: backward starts with {arrived}"
            )
        elif len([e for e in node.outputs if e.gradient is not None]) > 1:
            parts = " + ".join(_bracketed(_brief(e.gradient)) for e in node.outputs if e.gradient is not None)
            words = f"{name}: {parts} arrive and add up to {arrived}"
        else:
            words = f"{name}: {arrived} arrives"
        role = node.binding.primitive.role if node.binding is not None else ""
        sent = [self._sent(node, e) for e in node.inputs if e.gradient is not None]
        kink = f"; at the {node.kink} there is no derivative, and this is the convention" if node.kinks else ""
        return f"{words}; {role}: {'; '.join(sent)}{kink}" if sent else f"{words}; nothing goes back from here"

    def update(self, node: Node, lr: float | None) -> str:
        """The update of a leaf, or nothing."""
        if node.tensor is None or node.value is None or node.gradient is None:
            return ""
        name, before = self.names[id(node)], node.value
        if lr is not None:
            after = before - lr * node.gradient
            if node.shape == ():
                gradient = _bracketed(_brief(node.gradient))
                return f"{name} := {_brief(before)} − {number(lr)} · {gradient} = {_brief(np.asarray(after))}"
            return f"{name} := {name} − {number(lr)} · ∇{name}, which moves it by {_moved(before, after)}"
        after = node.tensor._array
        if np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
            return ""
        if node.shape == ():
            return f"{name}: {_brief(before)} has become {_brief(after)}"
        return f"{name} has moved by {_moved(before, after)}"

    def _sent(self, node: Node, edge: Edge) -> str:
        gradient = "" if edge.gradient is None else _brief(edge.gradient)
        to = self.names[id(edge.source)]
        local = edge.local
        if node.gradient is not None and node.shape == () and edge.shape == () and local is not None:
            return f"{to} gets {_bracketed(_brief(node.gradient))} · {_bracketed(_brief(local))} = {gradient}"
        return f"{to} gets {gradient}"


def _brief(array: Array) -> str:
    """A number, or all of a few; of more, shape and norm."""
    if array.ndim == 0:
        return number(array.item())
    return heat.few(array) or heat.norm_text(array)


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _moved(before: Array, after: Array) -> str:
    with np.errstate(all="ignore"):
        return f"{number(float(np.linalg.norm((after - before).astype(np.float64).ravel())))} (norm)"
