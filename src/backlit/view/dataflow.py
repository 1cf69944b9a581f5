"""A tape as plain data: nodes, edges, values, gradients, local derivatives. Every picture and text reads this."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backlit.core.recording import Recording, Value
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, TensorBase, tape_of
from backlit.errors import ArgumentTypeError, GradientError
from backlit.nn import Parameter
from backlit.view.local import at_kink, local_derivatives
from backlit.view.names import Names
from backlit.view.theme import number

NOT_RECORDED = "not recorded; run the program inside `with backlit.record():` to see its values"
NOT_RUN = "backward not run"
NONE_CAME = "none came"


@dataclass(eq=False)
class Edge:
    """A value on its way from the node that made it into an operation, and the gradient on its way back.

    Attributes:
        source: Where the value was made.
        target: The operation that it goes into; None for the way out of the graph.
        position: Which input of the operation it is.
        shape: Its shape.
        value: The value, or None where nothing was recorded.
        gradient: The gradient that came back along this edge, or None.
        wanted: Whether a gradient goes along here.
    """

    source: "Node"
    target: "Node | None"
    position: int
    shape: tuple[int, ...]
    value: Array | None
    gradient: Array | None
    wanted: bool

    @property
    def recorded(self) -> bool:
        """Whether the operation at its end was recorded, so that gradients that went along here are known."""
        node = self.target or self.source
        return node.binding is None or node.binding.record is not None

    @property
    def local(self) -> Array | None:
        """The local derivative of the operation by this input, where it is one number an element; else None.

        That is so for elementwise operations, whose derivative has the result's shape, and for those with one number
        as a result, whose derivative has the input's shape.
        """
        return None if self.target is None or not self.wanted else self.target.locals[self.position]


@dataclass(eq=False)
class Node:
    """An operation, or a tensor that no operation of the graph made.

    Attributes:
        kind: "operation", "parameter" (of a module), "input" (any other tensor) or "constant" (a number).
        name: What the reader calls it; may be empty.
        path: The module it belongs to.
        shape: Shape of its (first) result.
        value: Its (first) result, or None where nothing was recorded.
        gradient: What arrived in all, or None.
        nbytes: Memory of its results.
        wanted: Whether gradients come here.
        binding: The operation on the tape; None for others.
        tensor: The leaf; None for others.
        inputs: Edges into it, in the operation's order.
        outputs: Edges out of it.
    """

    kind: str
    name: str
    path: str
    shape: tuple[int, ...]
    value: Array | None
    gradient: Array | None
    nbytes: int
    wanted: bool
    binding: Binding | None = None
    tensor: TensorBase | None = None
    inputs: list[Edge] = field(default_factory=list)
    outputs: list[Edge] = field(default_factory=list)
    _locals: list[Array | None] | None = None

    @property
    def operation(self) -> str:
        """The operation's name; empty for other nodes."""
        return "" if self.binding is None else self.binding.primitive.name

    @property
    def role(self) -> str:
        """The part it plays in the backward pass, in words."""
        own = "" if self.binding is None else self.binding.primitive.role
        adds = "adds up what arrives" if sum(e.wanted for e in self.outputs) > 1 else ""
        return "; ".join(filter(None, (own, adds)))

    @property
    def locals(self) -> list[Array | None]:
        """The local derivative by each input; see `Edge.local`."""
        if self._locals is None:
            self._locals = [] if self.binding is None else local_derivatives(self.binding)
        return self._locals

    @property
    def kinks(self) -> int | None:
        """How many elements lie exactly where the operation has no derivative; None where that is unknown."""
        return None if self.binding is None else at_kink(self.binding)

    @property
    def kink(self) -> str:
        """What a point without derivative is called here: what routes has no others than ties."""
        return "tie" if self.role.startswith("routes") else "kink"


@dataclass(eq=False)
class Dataflow:
    """The graph of one result.

    Attributes:
        nodes: All nodes, each after those it depends on.
        out: The edge on which the result leaves.
        recorded: Whether values are there.
        backward: Whether a backward pass has reached the result.
    """

    nodes: list[Node]
    out: Edge
    recorded: bool
    backward: bool

    @property
    def edges(self) -> list[Edge]:
        """All edges between nodes."""
        return [edge for node in self.nodes for edge in node.inputs]

    @property
    def absent(self) -> str:
        """Why a gradient that is wanted is not there, in words."""
        return NONE_CAME if self.backward else NOT_RUN if self.recorded else "not recorded"

    def find(self, tensor: TensorBase) -> Node | None:
        """The node that made `tensor`, or that it is; None if it is not in the graph."""
        binding, _ = tape_of(tensor)
        for node in self.nodes:
            if (binding is not None and node.binding is binding) or (binding is None and node.tensor is tensor):
                return node
        return None


def short_names(flow: Dataflow) -> dict[int, str]:
    """What each node is called, by its id: its name, a constant's number, J for the result, else t1, t2 and so on."""
    taken = {node.name for node in flow.nodes}
    fresh = (name for i in itertools.count(1) if (name := f"t{i}") not in taken)
    names: dict[int, str] = {}
    for node in flow.nodes:
        if node.name:
            names[id(node)] = node.name
        elif node.kind == "constant":
            names[id(node)] = "a number" if node.value is None else number(node.value.item())
        else:
            names[id(node)] = "J" if node is flow.out.source and "J" not in taken else next(fresh)
    return names


def formula_text(node: Node, names: dict[int, str]) -> str:
    """An operation by its notation, with the names of its inputs; a call of it where names have no place there."""
    if node.binding is None:
        return ""
    primitive = node.binding.primitive
    places = {primitive.inputs[e.position]: e for e in node.inputs if e.position < len(primitive.inputs)}
    called = {name: names[id(edge.source)] for name, edge in places.items()}
    try:
        return primitive.notation.format(**{**node.binding.settings, **called}).replace(" * ", " · ").replace("-", "−")
    except (KeyError, IndexError, ValueError):
        return f"{node.operation}({', '.join(names[id(e.source)] for e in node.inputs)})"


def dataflow(result: Any, names: Names, caller: str) -> Dataflow:
    """Read the tape of `result`: a tensor, or a recording, whose result is where its last backward pass started.

    Raises:
        ArgumentTypeError: `result` is neither.
        GradientError: A recording holds nothing that takes a gradient.
    """
    if isinstance(result, Recording):
        binding, index = _last(result, caller)
    elif isinstance(result, TensorBase):
        found, index = tape_of(result)
        if found is None:
            return _alone(result, names)
        binding = found
    else:
        raise ArgumentTypeError(f"view.{caller}: expected a tensor, such as a loss, got {type(result).__name__}")
    # A compiled function is recorded on copies of its arguments.
    reader = _Reader(names, copied=isinstance(result, Recording))
    for reached in _bindings(binding):
        reader.add(reached)
    top = reader.made[binding.sequence]
    record = binding.record
    arrived = None if record is None else record.arrived[index]
    shape = tuple(binding.outputs[index][0])
    value = record.outputs[index].array if record is not None else result._array
    edge = Edge(top, None, 0, shape, value, arrived, True)
    top.outputs.append(edge)
    reader.finish(record is not None)
    return Dataflow(reader.nodes, edge, record is not None, arrived is not None)


def _alone(leaf: TensorBase, names: Names) -> Dataflow:
    """The graph of a tensor that no operation made."""
    node = _leaf(leaf, names, leaf._array)
    node.gradient = _array(leaf._grad)
    edge = Edge(node, None, 0, node.shape, node.value, node.gradient, leaf.requires_grad)
    node.outputs.append(edge)
    return Dataflow([node], edge, True, node.gradient is not None)


def _last(recording: Recording, caller: str) -> tuple[Binding, int]:
    """Where the last backward pass of a recording started; without one, its last operation that takes a gradient."""
    started = -1
    for position, binding in enumerate(recording.bindings):
        if binding.record is not None and any(g is not None for g in binding.record.arrived):
            started = position
    taped = [binding for binding in recording.bindings if any(binding.needs)]
    if started < 0 and not taped:
        raise GradientError(f"view.{caller}: the recording holds no operation that takes a gradient")
    binding = recording.bindings[started] if started >= 0 else taped[-1]
    arrived = binding.record.arrived if binding.record is not None else []
    return binding, next((i for i, g in enumerate(arrived) if g is not None), 0)


def require_values(flow: Dataflow, caller: str) -> None:
    """Raise unless the whole graph was recorded.

    Raises:
        GradientError: It was not.
    """
    for node in flow.nodes:
        if node.binding is not None and node.binding.record is None:
            raise GradientError(f"view.{caller}: the operation {node.operation} was {NOT_RECORDED}")


def _bindings(root: Binding) -> list[Binding]:
    """All bindings that `root` depends on, itself included, in the order of creation."""
    found = {root.sequence: root}
    stack = [root]
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, tuple) and edge[0].sequence not in found:
                found[edge[0].sequence] = edge[0]
                stack.append(edge[0])
    return [found[sequence] for sequence in sorted(found)]


class _Reader:
    def __init__(self, names: Names, copied: bool) -> None:
        self.names, self.copied = names, copied
        self.nodes: list[Node] = []
        self.made: dict[int, Node] = {}
        self.leaves: dict[int, Node] = {}
        # Arrays whose `id` is a key above, kept alive as long as the keys are used.
        self.alive: list[Any] = []

    def add(self, binding: Binding) -> None:
        """Add an operation, after the leaves it reads."""
        record = binding.record
        called = (self.names.of_result(binding.sequence, i) for i in range(len(binding.outputs)))
        node = Node(
            kind="operation",
            name=next(filter(None, called), ""),
            path=binding.path,
            shape=tuple(binding.outputs[0][0]),
            value=None if record is None else record.outputs[0].array,
            gradient=None if record is None else record.arrived[0],
            nbytes=sum(int(np.prod(s, dtype=np.int64)) * k.itemsize for s, k in binding.outputs),
            wanted=True,
            binding=binding,
        )
        for position, origin in enumerate(binding.edges):
            given = record.inputs[position] if record is not None else _held(binding, position)
            if isinstance(origin, tuple):
                source = self.made[origin[0].sequence]
            elif isinstance(origin, TensorBase):
                source = self._of_leaf(origin, given, binding.path)
            elif binding.shapes[position] is not None or given is not None:
                source = self._of_constant(given, binding, position)
            else:
                continue
            left = None if record is None else record.left[position]
            value = given.array if isinstance(given, Value) else np.asarray(given) if _plain(given) else None
            edge = Edge(source, node, position, source.shape, value, left, binding.needs[position])
            if binding.shapes[position] is not None:
                edge.shape = tuple(binding.shapes[position])
            source.outputs.append(edge)
            node.inputs.append(edge)
        self.nodes.append(node)
        self.made[binding.sequence] = node

    def _of_leaf(self, tensor: TensorBase, given: Any, path: str) -> Node:
        node = self.leaves.get(id(tensor))
        if node is None:
            node = _leaf(tensor, self.names, given.array if isinstance(given, Value) else None)
            node.path = path
            self.leaves[id(tensor)] = node
            self.nodes.append(node)
        return node

    def _of_constant(self, given: Any, binding: Binding, position: int) -> Node:
        """A tensor without gradient, which is known by its memory, or a number."""
        array = given.array if isinstance(given, Value) else given._array if isinstance(given, TensorBase) else None
        if array is not None and id(array) in self.leaves:
            return self.leaves[id(array)]
        shape = binding.shapes[position]
        kind = binding.dtypes[position]
        node = Node(
            kind="constant" if shape is None else "input",
            name="" if array is None else self._name(array),
            path=binding.path,
            shape=() if shape is None else tuple(shape),
            value=given.array if isinstance(given, Value) else np.asarray(given) if _plain(given) else None,
            gradient=None,
            nbytes=0 if shape is None else int(np.prod(shape, dtype=np.int64)) * kind.itemsize,
            wanted=False,
        )
        if array is not None:
            self.leaves[id(array)] = node
            self.alive.append(array)
        self.nodes.append(node)
        return node

    def _name(self, array: Array) -> str:
        return self.names.of_array(array) or (self.names.of_copy(array) if self.copied else "")

    def finish(self, recorded: bool) -> None:
        """Add up what arrived at each leaf, and put each leaf into the innermost module that all its uses share."""
        for node in self.nodes:
            if node.kind == "operation":
                continue
            if node.tensor is not None:
                parts = [e.gradient for e in node.outputs if e.gradient is not None]
                if parts:
                    node.gradient = np.sum(parts, axis=0, dtype=parts[0].dtype) if len(parts) > 1 else parts[0]
                elif not recorded:
                    node.gradient = _array(node.tensor._grad)
            node.path = _shared_path([e.target.path for e in node.outputs if e.target is not None])


def _leaf(tensor: TensorBase, names: Names, value: Array | None) -> Node:
    return Node(
        kind="parameter" if isinstance(tensor, Parameter) else "input",
        name=names.of_tensor(tensor),
        path="",
        shape=tuple(tensor._array.shape),
        value=value,
        gradient=None,
        nbytes=tensor._array.nbytes,
        wanted=tensor.requires_grad,
        tensor=tensor,
    )


def _shared_path(paths: list[str]) -> str:
    shared: list[str] = []
    for together in zip(*(path.split(".") for path in paths), strict=False):
        if len(set(together)) > 1:
            break
        shared.append(together[0])
    return ".".join(shared)


def _held(binding: Binding, position: int) -> Any:
    held = binding.held()
    return held[position] if position < len(held) else None


def _plain(given: Any) -> bool:
    return isinstance(given, int | float | bool)


def _array(tensor: TensorBase | None) -> Array | None:
    return None if tensor is None else tensor._array
