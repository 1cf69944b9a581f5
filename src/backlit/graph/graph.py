"""The graph: typed nodes in the order of execution, printable one line a node, immutable."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backlit.core.primitive import Primitive
from backlit.core.tensor_base import Symbol


class Type(NamedTuple):
    """Shape and element type of a value."""

    shape: tuple[int, ...]
    dtype: Any

    @staticmethod
    def of(array: Any) -> "Type":
        """The type of an array or a symbol."""
        return Type(tuple(array.shape), array.dtype)

    def symbol(self) -> Symbol:
        """A stand-in for a value of this type."""
        return Symbol(self.shape, self.dtype)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def types_of(operation: Primitive, operands: Sequence[Any], settings: Mapping[str, Any]) -> tuple[Type, ...]:
    """Types of all results of an operation.

    Args:
        operation: The operation.
        operands: The type of each tensor; Python numbers and None as they are.
        settings: The operation's keyword arguments.
    """
    # To a dictionary, 1, 1.0 and True are one key.
    kinds = tuple(map(type, (*operands, *settings.values())))
    given = (operation, tuple(operands), tuple(settings.items()), kinds)
    try:
        hash(given)
    except TypeError:  # A slice or a chain of views.
        return _inferred.__wrapped__(*given)
    return _inferred(*given)


# A network repeats itself, is traced at two numbers of rows, and its graph is verified after that.
@functools.lru_cache(maxsize=4096)
def _inferred(operation: Primitive, operands: Any, settings: Any, kinds: Any) -> tuple[Type, ...]:
    shapes = {o.shape for o in operands if isinstance(o, Type) and o.shape}
    if operation.elementwise and len(shapes) == 1:
        # Whatever the shape is, the element types are those of single numbers.
        shape, numbers = shapes.pop(), [Type((), o.dtype) if isinstance(o, Type) else o for o in operands]
        return tuple(Type(shape, t.dtype) for t in types_of(operation, numbers, dict(settings)))
    symbols = [o.symbol() if isinstance(o, Type) else o for o in operands]
    return tuple(Type.of(s) for s in operation.infer(*symbols, **dict(settings)))


@dataclass(frozen=True)
class Ref:
    """One result of one node."""

    node: int
    result: int = 0

    def __str__(self) -> str:
        return f"%{self.node}" + (f".{self.result}" if self.result else "")


class Node(NamedTuple):
    """One value-producing step.

    Attributes:
        operation: The primitive, or None for an input of the graph.
        inputs: References to earlier results, Python numbers, or None.
        settings: The primitive's keyword arguments.
        results: Types of all results, hidden ones included.
        path: Module in which the step was taken.
        phase: "forward", "backward" or "update".
        name: For an input: what it is, such as "argument 0" or "0.weight".
    """

    operation: Primitive | None
    inputs: tuple[Any, ...]
    settings: Mapping[str, Any]
    results: tuple[Type, ...]
    path: str = ""
    phase: str = "forward"
    name: str = ""

    def refs(self) -> list[Ref]:
        """The results of earlier nodes that this one reads."""
        return [i for i in self.inputs if isinstance(i, Ref)]


@dataclass(frozen=True)
class Graph:
    """A whole program: inputs, steps, what it returns, and what it leaves written.

    Attributes:
        nodes: All nodes in the order of execution; the inputs come where they were first used.
        arguments: Numbers of the input nodes that are passed at each call.
        states: Numbers of the input nodes that are tensors of the outside: parameters, buffers, optimizer state.
        outputs: What the program returns.
        writes: For state inputs that the program changes: (input node, final value).
        grads: Gradients that the program leaves on inputs: (input node, gradient, or None where it clears one).
    """

    nodes: tuple[Node, ...]
    arguments: tuple[int, ...]
    states: tuple[int, ...]
    outputs: tuple[Ref, ...]
    writes: tuple[tuple[int, Ref], ...] = field(default=())
    grads: tuple[tuple[int, Ref | None], ...] = field(default=())

    def type_of(self, ref: Ref) -> Type:
        """The type of a result."""
        return self.nodes[ref.node].results[ref.result]

    def ends(self) -> list[Ref]:
        """Every result that must be computed: returned, written or left as a gradient."""
        return [*self.outputs, *(r for _, r in self.writes), *(r for _, r in self.grads if r is not None)]

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        lines = [self._line(number, node) for number, node in enumerate(self.nodes)]
        name = {number: self.nodes[number].name for number in (*self.arguments, *self.states)}
        lines += [f"write {name[number]} := {ref}" for number, ref in self.writes]
        lines += [f"grad  {name[number]} := {ref}" for number, ref in self.grads]
        return "\n".join([*lines, f"return {', '.join(map(str, self.outputs))}".rstrip()])

    def _line(self, number: int, node: Node) -> str:
        types = ", ".join(map(str, node.results))
        if node.operation is None:
            kind = "argument" if number in self.arguments else "state"
            step = f"%{number} = {kind} {node.name}"
            return f"{step:<60} {types}"
        words = [str(i) for i in node.inputs] + [f"{k}={_short(v)}" for k, v in node.settings.items()]
        where = f"{node.phase} {node.path}".rstrip()
        step = f"%{number} = {node.operation.name}({', '.join(words)})"
        return f"{step:<60} {types:<24} {where}"


def _short(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple) and isinstance(value[0][0], Primitive):
        return "·".join(operation.name for operation, _ in value)
    return str(value)
