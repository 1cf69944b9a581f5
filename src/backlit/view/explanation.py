"""`view.explain`: the chain rule on one's own numbers, in words, symbols and numbers."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from backlit.core.recording import Recording
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError
from backlit.view import heat, tex
from backlit.view.dataflow import Dataflow, dataflow, require_values
from backlit.view.derivation import MOST_PATHS, Derivation, Factor
from backlit.view.names import Names, callers_variables
from backlit.view.picture import page
from backlit.view.rules import shape_brackets
from backlit.view.saving import Savable
from backlit.view.symbols import in_text
from backlit.view.theme import Theme, number, theme_of


@dataclass(frozen=True)
class Line:
    """A line of an explanation.

    Attributes:
        kind: "title", "words" or "formula".
        text: As plain text.
        latex: As LaTeX; of a formula without the dollar signs.
    """

    kind: str
    text: str
    latex: str


class Explanation(Savable):
    """An explanation; the last line of a notebook cell shows it, and `save` writes .html, .tex or .txt.

    Attributes:
        lines: Its lines.
        derivations: The numbers and symbols behind it, one for each tensor asked for.
    """

    _called = "explanations"
    _forms: ClassVar[Mapping[str, str]] = {"html": "html", "tex": "latex", "txt": "text"}

    def __init__(self, lines: list[Line], derivations: list[Derivation], theme: Theme) -> None:
        self._theme = theme
        self.lines = lines
        self.derivations = derivations

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """Plain text."""
        marks = {"title": "\n{}", "words": "{}", "formula": "    {}"}
        return "\n".join(marks[line.kind].format(line.text) for line in self.lines).strip()

    @property
    def latex(self) -> str:
        """LaTeX, to be put into a document that loads amsmath."""
        marks = {"title": "\\paragraph{{{}}}", "words": "{}\n", "formula": "\\[ {} \\]"}
        return "\n".join(marks[line.kind].format(line.latex) for line in self.lines)

    @property
    def html(self) -> str:
        """A page; it loads nothing from elsewhere."""
        style = "main { max-width: 60rem; margin: auto }"
        return page("The chain rule", f"<main>{self.body}</main>", self._theme, style)

    def _repr_html_(self) -> str:
        return self.body

    @property
    def body(self) -> str:
        """The lines as a part of a page."""
        marks = {
            "title": '<h3 style="margin-bottom: 0.3em">{}</h3>',
            "words": "<p>{}</p>",
            "formula": f'<div style="{_FORMULA}">{{}}</div>',
        }
        return "".join(
            marks[line.kind].format(
                tex.typeset(line.latex, line.text)
                if line.kind == "formula"
                else html.escape(line.text.replace("'", "⊤"))
            )
            for line in self.lines
        )


# More operations than this are summed up, not told.
MOST_STEPS = 100
# A font for mathematics, where there is one, stretches brackets.
_FORMULA = (
    "margin: 0.2em 0 0.2em 2em; padding: 0.25em 0; overflow: auto hidden; "
    "font-family: 'Latin Modern Math', 'STIX Two Math', 'Cambria Math', 'DejaVu Math TeX Gyre', math"
)


def explain(
    loss: TensorBase | Recording,
    wrt: TensorBase | Sequence[TensorBase] | None = None,
    names: Mapping[str, TensorBase] | None = None,
    *,
    theme: str = "light",
) -> Explanation:
    """Derive the gradient of `loss` by the chain rule, on the values that were recorded.

    Where every value is one number: every path from the tensor to the result, the factors along it in symbols and
    numbers, their sum, and whether it equals the gradient that backward computed. For arrays: the rule that gives each
    gradient, from the result backward, with the shapes of all factors.

    Args:
        loss: A result that was computed inside `with backlit.record():`; or a recording, such as that of a compiled
            step, whose last backward pass counts.
        wrt: The tensor or tensors to differentiate by; None: all leaves that take a gradient.
        names: Names of tensors, `{"x": x}`. Others are called by their parameter's path or the caller's variable.
        theme: "light" or "dark", for the page.

    Raises:
        ArgumentTypeError: `loss` or `wrt` is no tensor.
        ArgumentError: `loss` does not depend on `wrt`.
        GradientError: The graph was not recorded, or `loss` has no history.
        MissingPackageError: SymPy is not installed.
    """
    colors = theme_of(theme)
    flow = dataflow(loss, Names(names, callers_variables()), "explain")
    if flow.out.source.binding is None:
        raise GradientError("view.explain: the tensor has no history: no operation made it from tensors with gradients")
    require_values(flow, "explain")
    if wrt is None:
        starts = [node for node in flow.nodes if node.tensor is not None and node.wanted]
    else:
        starts = [_start(flow, tensor) for tensor in (wrt if isinstance(wrt, list | tuple) else [wrt])]
    lines: list[Line] = []
    derivations = [Derivation(flow, start) for start in starts]
    scalar = all(d.scalar for d in derivations)
    if scalar and derivations and len(flow.nodes) <= MOST_STEPS:
        lines += _forward(flow, derivations[0])
    told = False
    for derivation in derivations:
        lines += _by_paths(derivation) if derivation.scalar else _by_rules(derivation, how_to_read=not told)
        told = told or not derivation.scalar
    return Explanation(lines, derivations, colors)


def _start(flow: Dataflow, tensor: Any) -> Any:
    if not isinstance(tensor, TensorBase):
        raise ArgumentTypeError(f"view.explain: wrt: expected a tensor of the graph, got {type(tensor).__name__}")
    node = flow.find(tensor)
    if node is None or not node.wanted:
        raise ArgumentError(
            f"view.explain: the result does not depend on the tensor of shape {tuple(tensor._array.shape)} given as "
            "wrt, or no gradient goes there: it needs requires_grad=True before the result is computed"
        )
    return node


# -- one number everywhere: paths ------------------------------------------------------------------------------------


def _forward(flow: Dataflow, derivation: Derivation) -> list[Line]:
    """What was computed, from the leaves to the result."""
    lines = [_title("Forward")]
    for node in flow.nodes:
        if node.value is None or node.kind == "constant":
            continue
        name, value = derivation.names[id(node)], heat.described(node.value)
        if node.binding is None or node.value.ndim:
            lines.append(_formula(f"{name} = {value}", f"{tex.name(name)} = {tex.numbers(value)}"))
        else:
            formula = derivation.formula(node)
            lines.append(
                _formula(
                    f"{name} = {in_text(formula)} = {value}",
                    f"{tex.name(name)} = {tex.expression(formula)} = {tex.numbers(value)}",
                )
            )
    return lines


def _by_paths(derivation: Derivation) -> list[Line]:
    result, start = derivation.names[id(derivation.flow.out.source)], derivation.names[id(derivation.start)]
    count = derivation.count()
    said = "1 path leads" if count == 1 else f"{count:,} paths lead"
    lines = [_title(f"How {start} reaches {result}"), _words(f"{said} from {start} to {result}.")]
    if len(derivation.way) > MOST_STEPS:
        lines.append(_words(f"{len(derivation.way):,} operations lie on the way, too many to tell one by one."))
        return lines + _sum(derivation, result, start, 1, [])
    several, paths = count > 1, derivation.paths()
    for i, path in enumerate(paths, 1):
        arrows = " → ".join(path.names)
        lines.append(_words(f"Path {i}: {arrows}" if several else arrows))
        lines += map(_factor, path.factors)
        if len(path.factors) > 1:
            backward = path.factors[::-1]
            product = " · ".join(_signed(number(f.value)) for f in backward)
            chain = " · ".join(f"∂{f.upper}/∂{f.lower}" for f in backward)
            value = number(path.value)
            lines.append(
                _formula(
                    f"{chain} = {product} = {value}",
                    " \\cdot ".join(tex.partial(f.upper, f.lower) for f in backward)
                    + f" = {tex.numbers(product)} = {tex.numbers(value)}",
                )
            )
    return lines + _sum(derivation, result, start, count, [path.value for path in paths])


def _factor(factor: Factor) -> Line:
    """A local derivative in symbols and as a number; at a kink the symbols say nothing, and the number is chosen."""
    left, left_tex = f"∂{factor.upper}/∂{factor.lower}", tex.partial(factor.upper, factor.lower)
    symbols, value = in_text(factor.symbols), number(factor.value)
    if factor.kink:
        words = f"at the {factor.kink}, by convention"
        return _formula(f"{left} = {value}, {words}", f"{left_tex} = {tex.numbers(value)} \\text{{, {words}}}")
    after, after_tex = ("", "") if symbols == value else (f" = {value}", f" = {tex.numbers(value)}")
    return _formula(f"{left} = {symbols}{after}", f"{left_tex} = {tex.expression(factor.symbols)}{after_tex}")


def _sum(derivation: Derivation, result: str, start: str, count: int, values: list[float]) -> list[Line]:
    lines: list[Line] = []
    total = derivation.total()
    left, left_tex = f"d{result}/d{start}", f"\\frac{{d {tex.name(result)}}}{{d {tex.name(start)}}}"
    if count > 1:
        lines.append(_words("The gradient is the sum over the paths:"))
        terms = " + ".join(_signed(number(v)) for v in values)
        if count > len(values):
            terms += f" + {number(total - sum(values))} from {count - len(values):,} more paths"
            lines.append(_words(f"(The first {MOST_PATHS} paths are shown.)"))
        lines.append(
            _formula(
                f"{left} = {terms} = {number(total)}",
                f"{left_tex} = {tex.numbers(terms)} = {tex.numbers(number(total))}",
            )
        )
    whole = derivation.in_leaves()
    if whole is not None:
        kink = derivation.kink
        lines.append(_words("In symbols, with everything put in" + (f", away from the {kink}:" if kink else ":")))
        value = "" if kink or in_text(whole) == number(total) else f" = {number(total)}"
        whole_tex = tex.expression(whole) + tex.numbers(value)
        lines.append(_formula(f"{left} = {in_text(whole)}{value}", f"{left_tex} = {whole_tex}"))
    return [*lines, _words(_compared(derivation, total))]


def _compared(derivation: Derivation, total: float) -> str:
    gradient = derivation.gradient()
    if gradient is None:
        return f"The backward pass: {_why(derivation.flow)}."
    found = gradient.item()
    tolerance = 1e-5 if gradient.dtype.itemsize <= 4 else 1e-12
    if np.isnan(found) and np.isnan(total):
        return "The backward pass found NaN too."
    if np.isclose(found, total, rtol=tolerance, atol=tolerance):
        return f"The backward pass found {number(found)}: the same."
    return (
        f"The backward pass found {number(found)}, which differs: something besides this result sent gradients "
        "here, or a hook changed them."
    )


# -- arrays: rule after rule -----------------------------------------------------------------------------------------


def _by_rules(derivation: Derivation, *, how_to_read: bool) -> list[Line]:
    flow, names = derivation.flow, derivation.names
    result, start = names[id(flow.out.source)], names[id(derivation.start)]
    lines = [_title(f"From {result} back to {start}")]
    if how_to_read:
        lines.append(
            _words(
                "J is the result" + (f", {result}" if result != "J" else "") + ". Each gradient has the shape of what "
                "it belongs to. ⊙ multiplies element by element, A B is the matrix product, A' the transpose; rows are "
                "examples, a vector by itself is a column."
            )
        )
    uses: set[int] = set()
    for edge, left, rule in derivation.steps():
        node = edge.target
        if node is None or node.binding is None:
            continue
        if id(node) not in uses:
            if len(uses) == MOST_STEPS:
                lines.append(_words(f"… and so on through {len(derivation.way) - MOST_STEPS:,} operations more."))
                break
            inputs = ", ".join(
                f"{names[id(e.source)]} {shape_brackets(e.shape)}" for e in node.inputs if e.source.kind != "constant"
            )
            uses.add(id(node))
            role = f" Role: {node.role}." if node.role else ""
            size = shape_brackets(node.shape) if node.shape else "(a number)"
            lines.append(_words(f"{names[id(node)]} {size} is {node.operation} of {inputs}.{role}"))
        lines.append(_formula(f"{left} = {rule.formula}", f"{tex.rule(left)} = {tex.rule(rule.formula)}"))
        lines.append(
            _formula(
                f"{shape_brackets(edge.shape)} = {rule.shapes}",
                f"{tex.rule(shape_brackets(edge.shape))} = {tex.rule(rule.shapes)}",
            )
        )
    parts = sum(e.wanted and e.target is not None for e in derivation.start.outputs)
    if parts > 1:
        lines.append(_words(f"{start} is used {parts} times: what comes back from each use adds up."))
    gradient = derivation.gradient()
    if gradient is None:
        return [*lines, _words(f"dJ/d{start}: {_why(flow)}.")]
    same = gradient.shape == derivation.start.shape
    shapes = f"{shape_brackets(gradient.shape)}, {'the shape' if same else 'NOT the shape'} of {start}"
    return [*lines, _words(f"The backward pass found dJ/d{start}: {heat.described(gradient)}. It is {shapes}.")]


def _why(flow: Dataflow) -> str:
    return f"{flow.absent}; " + (
        "no operation on the way passed a gradient on" if flow.backward else "call .backward() inside the recording"
    )


# -- writing ---------------------------------------------------------------------------------------------------------


def _title(text: str) -> Line:
    return Line("title", text, tex.words(text))


def _words(text: str) -> Line:
    return Line("words", text, tex.words(text))


def _formula(text: str, latex: str) -> Line:
    return Line("formula", text, latex)


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text
