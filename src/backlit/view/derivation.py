"""The chain rule on a dataflow: every path and its factors for numbers, rule after rule for arrays."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.view.dataflow import Dataflow, Edge, Node, short_names
from backlit.view.rules import Rule, shape_brackets, symbolic_rule, written_rule
from backlit.view.symbols import constant, in_text, simplified, symbol, symbolic, sympy_or_error

# More paths than this are counted and summed, not shown.
MOST_PATHS = 8


@dataclass(frozen=True)
class Factor:
    """One local derivative on a path.

    Attributes:
        upper: Name of what is differentiated.
        lower: Name of what by.
        symbols: As a SymPy expression in the names around it.
        value: As a number.
        kink: "tie" or "kink" where there is no derivative, and the number is a convention; else empty.
    """

    upper: str
    lower: str
    symbols: Any
    value: float
    kink: str


@dataclass(frozen=True)
class Path:
    """One way from a tensor to the result; the product of its factors is what it brings to the gradient."""

    names: tuple[str, ...]
    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        """The product of the factors' numbers."""
        return float(np.prod([f.value for f in self.factors])) if self.factors else 1.0


class Derivation:
    """The gradient of a result by one tensor, derived.

    Attributes:
        flow: The graph.
        start: The node of the tensor.
        names: What each node is called, by its id.
        symbols: Each node as a SymPy symbol or constant, by its id.
    """

    def __init__(self, flow: Dataflow, start: Node) -> None:
        self.flow = flow
        self.start = start
        self.names = short_names(flow)
        self.symbols = {
            id(node): constant(node.value.item())
            if node.kind == "constant" and node.value is not None
            else symbol(self.names[id(node)])
            for node in flow.nodes
        }
        self._reaching = self._ahead()

    # -- numbers -----------------------------------------------------------------------------------------------------

    @property
    def scalar(self) -> bool:
        """Whether every value on the way is one number, so that the paths can be told one by one."""
        return all(node.shape == () and e.local is not None for node in self.way for e in self._into(node)) and (
            self.start.shape == ()
        )

    @property
    def way(self) -> list[Node]:
        """The nodes from the tensor (left out) to the result, in order."""
        return [node for node in self.flow.nodes if id(node) in self._reaching and node is not self.start]

    @property
    def kink(self) -> str:
        """What stands on the way where there is no derivative, a "tie" or a "kink"; empty where there is none."""
        return next((node.kink for node in self.way if node.kinks), "")

    def count(self) -> int:
        """How many paths there are."""
        ways = {id(self.start): 1}
        for node in self.way:
            ways[id(node)] = sum(ways.get(id(e.source), 0) for e in self._into(node))
        return ways[id(self.flow.out.source)]

    def paths(self) -> list[Path]:
        """The first `MOST_PATHS` paths."""
        return list(itertools.islice(self._walk(), MOST_PATHS))

    def total(self) -> float:
        """The sum over all paths of the products of their factors, those not listed included."""
        sums = {id(self.start): 1.0}
        for node in self.way:
            sums[id(node)] = sum(
                sums.get(id(e.source), 0.0) * e.local.item() for e in self._into(node) if e.local is not None
            )
        return sums[id(self.flow.out.source)]

    def in_leaves(self) -> Any:
        """The whole derivative as one simplified SymPy expression in the leaves; None where a graph is too long."""
        if self.count() > 64 or len(self.flow.nodes) > 40:
            return None
        inner: dict[int, Any] = {}
        for node in self.flow.nodes:
            known = node.binding is None or id(node) == id(self.start)
            inner[id(node)] = (
                self.symbols[id(node)] if known else symbolic(node.binding, [inner[id(e.source)] for e in node.inputs])  # type: ignore[arg-type]
            )
        sympy = sympy_or_error()
        return simplified(sympy.diff(inner[id(self.flow.out.source)], self.symbols[id(self.start)]))

    def _walk(self) -> Iterator[Path]:
        end = self.flow.out.source
        stack: list[tuple[Node, tuple[Edge, ...]]] = [(self.start, ())]
        while stack:
            node, edges = stack.pop()
            if node is end:
                names = tuple(self.names[id(n)] for n in (self.start, *(e.target for e in edges if e.target)))
                yield Path(names, tuple(self._factor(e) for e in edges))
                continue
            ahead = [e for e in node.outputs if e.target is not None and e.wanted and id(e.target) in self._reaching]
            stack += [(e.target, (*edges, e)) for e in reversed(ahead) if e.target is not None]

    def _factor(self, edge: Edge) -> Factor:
        target = edge.target or edge.source
        value = float("nan") if edge.local is None else float(edge.local.item())
        kink = target.kink if target.kinks else ""
        return Factor(self.names[id(target)], self.names[id(edge.source)], self._slope(edge), value, kink)

    def formula(self, node: Node) -> Any:
        """An operation of the graph in the symbols of its inputs."""
        inputs = [self.symbols[id(e.source)] for e in node.inputs]
        return symbolic(node.binding, inputs, to_derive=False)  # type: ignore[arg-type]

    def _slope(self, edge: Edge) -> Any:
        """The local derivative in symbols: in terms of the result where the operation's rule is, else by SymPy."""
        node = edge.target
        if node is None or node.binding is None:
            return constant(1)
        inputs = [self.symbols[id(e.source)] for e in node.inputs]
        _, needs_result = node.binding.primitive.kept(node.binding.needs)
        if needs_result and len(inputs) == 1 and node.binding.primitive.elementwise:
            found = symbolic_rule(node.binding, edge.position, inputs, self.symbols[id(node)])
            if found is not None:
                return found
        # Fresh symbols, because an operation may take one value twice.
        sympy = sympy_or_error()
        places = [sympy.Dummy(real=True) for _ in inputs]
        here = node.inputs.index(edge)
        slope = sympy.diff(symbolic(node.binding, places), places[here])
        return slope.subs(dict(zip(places, inputs, strict=True)))

    # -- arrays ------------------------------------------------------------------------------------------------------

    def steps(self) -> Iterator[tuple[Edge, str, Rule]]:
        """Backward from the result: each edge on the way, the name of its gradient, and the rule that gives it."""
        for node in reversed(self.way):
            arriving = f"dJ/d{self.names[id(node)]}"
            if node is self.flow.out.source:
                arriving = "1"
            for edge in self._into(node):
                yield edge, f"dJ/d{self.names[id(edge.source)]}", self._rule(edge, node, arriving)

    def _rule(self, edge: Edge, node: Node, arriving: str) -> Rule:
        names = [""] * len(node.binding.edges) if node.binding else []
        for e in node.inputs:
            names[e.position] = self.names[id(e.source)]
        result = self.names[id(node)]
        if node.binding is not None and node.binding.primitive.elementwise and edge.shape == node.shape:
            slope = self._slope(edge)
            if not slope.atoms(sympy_or_error().Derivative):
                return self._of_elements(node, slope, arriving)
        rule = written_rule(node.binding, edge.position, names, arriving, result) if node.binding is not None else None
        if rule is not None:
            return rule
        slope_name = f"∂{result}/∂{self.names[id(edge.source)]}"
        # What a book would call the Jacobian.
        whole = shape_brackets((*node.shape, *edge.shape))
        return Rule(f"{arriving} · {slope_name}", f"{shape_brackets(node.shape)} · {whole}")

    def _of_elements(self, node: Node, slope: Any, arriving: str) -> Rule:
        """The rule of an elementwise operation; a slope that is the same for all elements is one number."""
        shape, factor = shape_brackets(node.shape), _grouped(in_text(slope))
        if slope == 1:
            return Rule(arriving, shape)
        if arriving == "1":
            return Rule(in_text(slope), shape)
        arrays = {self.symbols[id(n)] for n in (node, *(e.source for e in node.inputs)) if n.shape}
        if slope.free_symbols & arrays:
            return Rule(f"{arriving} ⊙ {factor}", f"{shape} ⊙ {shape}")
        return Rule(f"{arriving} · {factor}", f"{shape} · {'1' if slope.free_symbols else factor}")

    # -- the graph ---------------------------------------------------------------------------------------------------

    def gradient(self) -> Array | None:
        """What backward computed for the tensor."""
        return self.start.gradient

    def _ahead(self) -> set[int]:
        """Ids of all nodes that the tensor's value reaches through edges that carry a gradient."""
        found = {id(self.start)}
        for node in self.flow.nodes:
            if any(e.wanted and id(e.source) in found for e in node.inputs):
                found.add(id(node))
        return found

    def _into(self, node: Node) -> list[Edge]:
        return [e for e in node.inputs if e.wanted and id(e.source) in self._reaching]


def _grouped(text: str) -> str:
    return f"({text})" if " " in text and not text.startswith("(") else text
