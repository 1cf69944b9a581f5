"""From a Python function to machine code: it is traced at several numbers of rows, and looked up or compiled.

Functions whose traces are the same share machine code, as new networks of a known structure do.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.compiler.program import Program
from backlit.compiler.rows import SAMPLES, NotUniform, agree, stays_inside, uniform
from backlit.compiler.surroundings import Surroundings
from backlit.core.tensor_base import Symbol, TensorBase, make
from backlit.errors import BacklitError, GraphError
from backlit.graph.graph import Graph, Ref
from backlit.graph.trace import Traced

if TYPE_CHECKING:
    from backlit.compiler.executable import Code


class Family:
    """What all functions share whose traces are the same.

    Args:
        program: The program.
        compile: Makes machine code of it.

    Attributes:
        graphs: The traces at both sample numbers of rows; None if the code serves one number of rows alone.
        rows: Numbers of rows that the code is known to be right for, unless a function looks at sizes.
    """

    def __init__(
        self, program: Program, graphs: tuple[Graph, Graph] | None, compile: Callable[[Program], "Code"]
    ) -> None:
        self.program = program
        self.graphs = graphs
        self.rows: set[int] = set()
        self._compile = compile

    @functools.cached_property
    def code(self) -> "Code":
        """The machine code, made when it is first asked for."""
        return self._compile(self.program)


# What a function may raise for a number of rows that it is not made for.
_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, BacklitError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
_families: dict[Any, Family] = {}
_MOST_FAMILIES = 256


def forget() -> None:
    """Forget all machine code that functions could share in this process."""
    _families.clear()


class Tracing:
    """A function with arguments of certain types, to be traced; see `specialised.Specialised` for the arguments.

    Attributes:
        likes: Symbols of the arguments' types.
        by_row: For each argument, whether its first size is the number of rows.
        rows: The number of rows of the arguments.
        reads_sizes: Whether the function may look at sizes, and so do something else for other numbers of rows.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[TensorBase],
        keep_grads: bool,
        guards: int,
        facts: Callable[[], Any],
        surroundings: Surroundings | None,
    ) -> None:
        self._function, self._keep_grads, self._guards, self._facts = function, keep_grads, guards, facts
        self._surroundings = surroundings
        self.reads_sizes = surroundings is None or surroundings.reads_sizes
        self.rows = rows_of(args)
        self._same: Any = None
        self._first: Any = None
        self._sure: set[int] = set()
        self._leaves = [t.is_leaf for t in args]
        self.likes = [_stand_in(t, t._array.shape) for t in args]
        self.by_row = [bool(t._array.shape) and t._array.shape[0] == self.rows for t in args]

    def compiled(self, exact: bool) -> tuple[Traced, Family]:
        """A trace, and its family: known, or compiled now.

        Args:
            exact: Whether to compile for the arguments' own number of rows without trying others.
        """
        traced, rows = None, self.rows
        if rows is not None and not exact:
            # What fails for other numbers of rows may be right for these.
            with suppress(*_FAILURES):
                traced = self.trace(SAMPLES[0])
        if traced is None or rows is None:
            return self._exact()
        self._first, same = traced, self._facts_of(traced)
        self._same, graph = same, traced.graph
        key = rows, same, *_signature(graph)
        found = _families.get(key)
        if found is None:
            try:
                graphs = traced.graph, self._alike(SAMPLES[1]).graph
                further = self.kept(traced)[1]
                program = uniform(*(_lowered(graph, further) for graph in graphs))
            except NotUniform:
                return self._exact()
            found = Family(_improved(program), graphs, self._code)
            if len(_families) >= _MOST_FAMILIES:
                _families.pop(next(iter(_families)), None)
            _families[key] = found
        return (traced, found) if self.serves(found, rows) else self._exact()

    def serves(self, family: Family, rows: int) -> bool:
        """Whether code for any number of rows is right for so many, of which a trace tells.

        A function may branch on a size, take a part of fixed size that is longer or not there, refuse a single row, or
        broadcast it. A function that cannot do the first of these is traced for a single row, and for more than the
        samples only if it names a place beyond those: what it takes up to there was the whole of them.
        """
        if rows in self._sure or (rows in family.rows and not self.reads_sizes):
            return True
        if family.graphs is None or not stays_inside(family.program, rows):
            return False
        first, second = family.graphs
        beyond = rows > SAMPLES[0] and _names_places(first)
        if rows == 1 or beyond or self.reads_sizes or _cuts(first, second):
            try:
                agree(first, second, self._alike(rows).graph, rows)
            except (NotUniform, *_FAILURES):
                return False
            self._sure.add(rows)
        if not self.reads_sizes:
            family.rows.add(rows)
        return True

    def kept(self, traced: Traced) -> tuple[list[tuple[Any, bool]], list[Ref]]:
        """(owner, whether a gradient is left on it) for each gradient, and those that are left."""
        graph = traced.graph
        written = {number for number, _ in graph.writes}
        found = {id(tensor) for tensor, _ in traced.found}
        owners: list[tuple[Any, bool]] = []
        refs: list[Ref] = []
        for owner, (number, ref) in zip(traced.grad_owners, graph.grads, strict=True):
            # What the next call would add to is no mere step on the way to an update.
            kept = ref is not None and (self._keep_grads or number not in written or id(owner) in found)
            owners.append((owner, kept))
            if kept and ref is not None:
                refs.append(ref)
        return owners, refs

    def trace(self, rows: int | None) -> Traced:
        """A trace with so many rows; None: as the arguments are.

        Raises:
            GraphError: The function cannot be traced, or would send a gradient beyond itself.
        """
        shapes = [t._array.shape for t in self.likes]
        if rows is not None:
            shapes = [(rows, *s[1:]) if by_row else s for s, by_row in zip(shapes, self.by_row, strict=True)]
        left: list[str] = []
        try:
            traced = Traced(self._function, tuple(map(_stand_in, self.likes, shapes)), {})
        finally:
            if self._surroundings is not None:
                left = self._surroundings.put_back()
        if left:
            raise GraphError(
                f"{left[0]} is given a tensor by the function that is compiled, which would happen only while that is "
                "traced; return the tensor, or write it into one that is there, with copy_()"
            )
        for owner in traced.grad_owners:
            if isinstance(owner, int) and not self._leaves[owner]:
                raise GraphError(
                    f"the backward pass of a compiled function reaches argument {owner}, which operations outside of "
                    "it made; compute it inside, or pass it as .detach().requires_grad_()"
                )
        for owner, _, _ in traced.changes:
            if isinstance(owner, int) and not self._leaves[owner]:
                raise GraphError(
                    f"requires_grad of argument {owner}, which operations outside of the compiled function made, is "
                    "set there; use .detach() for a tensor without history"
                )
        return traced

    def _alike(self, rows: int) -> Traced:
        """A trace with so many rows, which must have all but those in common with the first."""
        traced = self.trace(rows)
        if self._facts_of(traced) != self._same or list(_made(self._first, traced)):
            raise NotUniform
        return traced

    def _exact(self) -> tuple[Traced, Family]:
        traced = self.trace(None)
        again = self.trace(None)
        made = list(_made(traced, again))
        if any(number in dict(traced.graph.writes) for number in made):
            raise GraphError(
                "the function changes a tensor around an array that it makes each time, which a program would keep "
                "from call to call; make it of backlit's own, as by backlit.zeros() or backlit.tensor()"
            )
        if made or _numbers(traced.graph) != _numbers(again.graph):
            raise GraphError(
                "the function is another one each time that it is traced, as if it used a counter, the time, or random "
                "numbers that are not backlit's; pass such numbers as arguments, or draw them with backlit.rand()"
            )
        program = _improved(_lowered(traced.graph, self.kept(traced)[1]))
        return traced, Family(program, None, self._code)

    def _code(self, program: Program) -> "Code":
        from backlit.compiler.executable import code_for

        return code_for(program, rows=self.rows or 1, guards=self._guards, arguments=len(self.likes))

    def _facts_of(self, traced: Traced) -> tuple[Any, ...]:
        """What machine code is made from besides the graph; asked before the function is traced again."""
        owners = tuple((o if isinstance(o, int) else None, kept) for o, kept in self.kept(traced)[0])
        schedule = traced.schedule.facts(traced.states)
        changes = tuple((o if isinstance(o, int) else None, *change) for o, *change in traced.changes)
        return self._facts(), owners, changes, self._guards, len(self.likes), traced.several, schedule


def _signature(graph: Graph) -> tuple[Any, ...]:
    """All that makes a graph, in words that can be compared and hashed."""
    nodes = tuple((n.operation, *map(_word, n.inputs), repr(n.settings), n.results, n.path) for n in graph.nodes)
    return nodes, graph.arguments, graph.states, graph.outputs, graph.writes, graph.grads


def _numbers(graph: Graph) -> list[Any]:
    """The operations of a graph, and the numbers that are fixed in it."""
    plain = bool, int, float, bytes, tuple
    return [
        (n.operation, *map(_word, n.inputs), *(repr(v) for v in n.settings.values() if isinstance(v, plain)))
        for n in graph.nodes
    ]


def _made(one: Traced, other: Traced) -> Iterator[int]:
    """The inputs around arrays that a function makes each time that it is traced, but for equal ones that are read."""
    written = dict(one.graph.writes)
    for number, first, second in zip(one.graph.states, one.states, other.states, strict=False):
        a, b = first._array, second._array
        if first is not second and not (a.shape == b.shape and np.may_share_memory(a, b)):
            same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            if number in written or not same:
                yield number


def _cuts(first: Graph, second: Graph) -> bool:
    """Whether an operation's settings, other than a shape, depend on the number of rows: a part is taken of them."""
    if [node.operation for node in first.nodes] != [node.operation for node in second.nodes]:
        return True
    return any(
        value != two.settings[name]
        for one, two in zip(first.nodes, second.nodes, strict=True)
        for name, value in one.settings.items()
        if name != "shape"
    )


def _names_places(graph: Graph) -> bool:
    """Whether an operation's settings, other than a shape, name a place beyond the first sample number of rows."""

    def numbers(value: Any) -> Iterator[int]:
        if isinstance(value, int):
            yield value
        elif isinstance(value, tuple | list | dict):
            for part in value.values() if isinstance(value, dict) else value:
                yield from numbers(part)

    return any(
        abs(number) >= SAMPLES[0]
        for node in graph.nodes
        for name, value in node.settings.items()
        if name != "shape"
        for number in numbers(value)
    )


def _improved(program: Program) -> Program:
    from backlit.compiler.passes import improved

    return improved(program)


def _lowered(graph: Graph, further: list[Ref]) -> Program:
    # Loaded late, with LLVM.
    from backlit.compiler.lowering import lower

    return lower(graph, further)


def rows_of(tensors: Sequence[TensorBase]) -> int | None:
    """The number of rows of the first tensor that has dimensions."""
    for tensor in tensors:
        if tensor._array.shape:
            return int(tensor._array.shape[0])
    return None


def kinds_of(tensors: Sequence[TensorBase], rows: int | None) -> list[tuple[Any, ...]]:
    """What tensors must have in common, one by one, to be arguments of one program; `rows` as by `rows_of`."""
    kinds = []
    for tensor in tensors:
        array = tensor._array
        shape = array.shape
        by_row = bool(shape) and shape[0] == rows
        history = 0 if not tensor.requires_grad else 1 if tensor._node is None else 2
        kinds.append((by_row, shape[1:] if by_row else shape, array.dtype, history))
    return kinds


def _word(value: Any) -> Any:
    """A node's input, so that different ones differ: 1, 1.0 and True are equal to Python."""
    if isinstance(value, Ref):
        return value.node, value.result
    return (value.shape, value.dtype, value.tobytes()) if isinstance(value, np.ndarray) else repr(value)


def _stand_in(tensor: TensorBase, shape: tuple[int, ...]) -> Any:
    result = make(Symbol(shape, tensor._array.dtype))
    result._requires_grad = tensor.requires_grad
    return result
