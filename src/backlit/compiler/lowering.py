"""Lowering: an operation's own forward rule, run on symbolic arrays, writes the loop-level program.

The same rule that computes eagerly adds steps here, so no operation has a second definition; see `compiler.symbolic`. A
rule that does something for which there is no step is called back at run time, and the compiler's report names it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit.compiler.formulas import placed, where
from backlit.compiler.program import Program, ProgramBuilder
from backlit.compiler.symbolic import LoweredArray, NotLowered, kind_of
from backlit.core.namespace import MOMENTS, NumpyNamespace, window_places
from backlit.core.primitive import Primitive
from backlit.graph.graph import Graph, Node, Ref


class LoweringNamespace(NumpyNamespace):
    """`xp` for lowering: NumPy, whose functions add steps when they meet a symbolic array, and the named kernels."""

    def __init__(self, program: ProgramBuilder) -> None:
        self.program = program

    def _filled(self, shape: Any, value: Any, dtype: Any) -> LoweredArray:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        return LoweredArray(self.program, self.program.add("constant", "", (), value, shape, kind_of(dtype)))

    def zeros(self, shape: Any, dtype: Any = np.float64) -> LoweredArray:
        """Zeros."""
        return self._filled(shape, 0, dtype)

    def ones(self, shape: Any, dtype: Any = np.float64) -> LoweredArray:
        """Ones."""
        return self._filled(shape, 1, dtype)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        """One number everywhere."""
        if isinstance(value, LoweredArray):
            return value.astype(value.dtype if dtype is None else dtype).expanded(tuple(shape))
        return self._filled(shape, value, np.asarray(value).dtype if dtype is None else dtype)

    def array(self, x: Any, dtype: Any = None) -> Any:
        """A copy, which is the array itself: a step's value never changes."""
        if isinstance(x, LoweredArray):
            return x if dtype is None else x.astype(dtype)
        return np.array(x, dtype)

    asarray = array

    def erf(self, x: Any) -> Any:
        """The error function."""
        return x._add("pointwise", "erf", (x.number,), (), x.shape, x.dtype)

    def scatter_add(self, x: Any, index: Any, values: Any) -> Any:
        """`x` with values added at places."""
        return self._placed("add", x, index, values)

    def scatter_set(self, x: Any, index: Any, values: Any) -> Any:
        """`x` with values put at places."""
        return self._placed("set", x, index, values)

    def _placed(self, op: str, x: Any, index: Any, values: Any) -> Any:
        return placed(op, x, index if isinstance(index, tuple) else (index,), values)

    def arange(self, start: int, stop: int | None = None, step: int = 1, dtype: Any = None) -> Any:
        """Whole numbers in equal steps."""
        places = range(start) if stop is None else range(start, stop, step)
        found = LoweredArray(self.program, self.program.add("iota", "", (), (), (len(places),), "i8"))
        if step != 1:
            found = found * step
        if stop is not None and start:
            found = found + start
        return found if dtype is None else found.astype(dtype)

    def linspace(self, start: float, stop: float, steps: int) -> Any:
        """Equally spaced numbers, both ends included."""
        places = self.arange(steps)
        if steps < 2:
            return self._filled(steps, start, np.float64)
        return where(places == steps - 1, stop, places * ((stop - start) / (steps - 1)) + start)

    def windows(
        self, x: Any, dims: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
    ) -> Any:
        """Windows: a view."""
        return x.windows(dims, sizes, steps, gaps)

    def add_windows(
        self, g: Any, shape: tuple[int, ...], dims: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
    ) -> Any:
        """Sums of windows: of what each place inside of windows brings."""
        found = self.zeros(shape, g.dtype)
        strides = tuple(steps[dims.index(d)] if d in dims else 1 for d in range(len(shape)))
        for place, within in window_places(g.shape, shape, dims, steps, gaps):
            found = found + g[within].padded(tuple(p.start or 0 for p in place), strides, shape)
        return found

    def eye(self, n: int, m: int, dtype: Any) -> Any:
        """Ones on the diagonal."""
        return (self.arange(n).reshape(n, 1) == self.arange(m)).astype(dtype)

    def moments(self, *arrays: Any) -> Any:
        """Mean, standard deviation, minimum, maximum and share of zeros."""
        numbers = tuple(a.number for a in arrays)
        return arrays[0]._add("measure", "moments", numbers, (), (len(arrays), len(MOMENTS)), arrays[0].dtype)

    def at_least(self, marks: Any, *arrays: Any) -> Any:
        """Shares that reach marks."""
        numbers = tuple(a.number for a in arrays)
        return marks._add("measure", "at_least", (marks.number, *numbers), (), marks.shape, marks.dtype)

    def random_bits(self, state: Any, count: int) -> Any:
        """Random words."""
        return state._add("random", "", (state.number,), (), (count,), np.uint64)


def lower(graph: Graph, further: Sequence[Ref] = ()) -> Program:
    """The loop-level program of a graph: each node's forward rule run on symbolic arrays.

    Args:
        graph: The graph.
        further: Results to return after the graph's own, such as gradients.
    """
    program = ProgramBuilder()
    namespace = LoweringNamespace(program)
    # For each node, its results.
    values: dict[int, list[LoweredArray]] = {}
    for position, number in enumerate((*graph.arguments, *graph.states)):
        kind = graph.nodes[number].results[0]
        place = program.add("input", "", (), position, kind.shape, kind_of(kind.dtype))
        values[number] = [LoweredArray(program, place)]
    with np.errstate(all="ignore"):
        for number, node in enumerate(graph.nodes):
            if node.operation is None:
                continue
            operands = [values[i.node][i.result] if isinstance(i, Ref) else i for i in node.inputs]
            before = len(program.steps)
            values[number] = _lower_node(namespace, node.operation, node, operands)
            where = f"{node.operation.name} {node.path}".rstrip()
            program.notes.update(dict.fromkeys(range(before, len(program.steps)), where))
    places = {number: position for position, number in enumerate((*graph.arguments, *graph.states))}
    return program.finished(
        (values[ref.node][ref.result].number for ref in (*graph.outputs, *further)),
        ((places[number], values[ref.node][ref.result].number) for number, ref in graph.writes),
    )


def _lower_node(
    namespace: LoweringNamespace, operation: Primitive, node: Node, operands: list[Any]
) -> list[LoweredArray]:
    program = namespace.program
    try:
        found = operation.forward(namespace, *operands, **node.settings)
        results = found if isinstance(found, tuple) else (found,)
        return [
            (r if isinstance(r, LoweredArray) else namespace.zeros(()).lifted(r)).astype(t.dtype)
            for r, t in zip(results, node.results, strict=True)
        ]
    except (NotLowered, TypeError, ValueError, IndexError, AttributeError):
        # What symbolic arrays cannot do, real ones can: the rule is called back.
        pass
    tensors = tuple(o.number for o in operands if isinstance(o, LoweredArray))
    places = tuple(None if isinstance(o, LoweredArray) else (o,) for o in operands)
    settings = tuple(node.settings.items())
    return [
        LoweredArray(
            program,
            program.add("call", operation.name, tensors, (places, settings, index), kind.shape, kind_of(kind.dtype)),
        )
        for index, kind in enumerate(node.results)
    ]
