"""Lowering: an operation's own forward rule, run on symbolic arrays, writes the loop-level program.

NumPy's protocols (`__array_ufunc__`, `__array_function__`) let the same rule that computes eagerly add steps here, so
no operation has a second definition. A step's operation is the NumPy ufunc's name, its type is what NumPy's own
resolution says, and a change of shape is whatever view NumPy makes of an array of that shape. A rule that does something
for which there is no step is called back at run time, and the compiler's report names it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from backlit.compiler.values import can_emit
from backlit.compiler.program import Program, row_major
from backlit.core.namespace import NumpyNamespace
from backlit.graph.graph import Graph, Node, Ref


class NotLowered(Exception):  # noqa: N818 (it is no error: it says "call back instead")
    """A forward rule does something for which there are no steps."""


def kind_of(dtype: Any) -> str:
    """A type's short name in programs: "f4", "i8", "b1"."""
    return str(np.dtype(dtype).str[1:])


class LoweredArray(NDArrayOperatorsMixin):
    """A symbolic array in a forward rule: adds steps where NumPy would compute."""

    def __init__(self, program: Program, number: int) -> None:
        self.program = program
        self.number = number
        step = program.steps[number]
        self.shape = step.shape
        self.dtype = np.dtype(step.dtype)
        self.ndim = len(step.shape)
        self.size = math.prod(step.shape)

    def _add(
        self, kind: str, op: str, args: tuple[int, ...], attrs: Any, shape: tuple[int, ...], dtype: Any
    ) -> "LoweredArray":
        return LoweredArray(self.program, self.program.add(kind, op, args, attrs, shape, kind_of(dtype)))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotLowered("its values")

    def __bool__(self) -> bool:
        raise NotLowered("a branch on values")

    def __iter__(self) -> Any:
        return (self[i] for i in range(self.shape[0]))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotLowered(f"numpy.{ufunc.__name__}.{method} with {sorted(options)}")
        if ufunc is np.matmul:
            return _matmul(*inputs)
        return self.pointwise(ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        known = _FUNCTIONS.get(function)
        if known is not None:
            return known(*args, **options)
        if args and args[0] is self and not any(isinstance(a, LoweredArray) for a in (*args[1:], *options.values())):
            return self.seen(lambda array: function(array, *args[1:], **options))
        raise NotLowered(f"numpy.{function.__name__}")

    # -- elementwise -------------------------------------------------------------------------------------------------

    def pointwise(self, ufunc: np.ufunc, *inputs: Any) -> "LoweredArray":
        """A step of `ufunc` on inputs brought to one shape and to the types that NumPy resolves."""
        plain = [i.item() if isinstance(i, np.generic | np.ndarray) and not i.ndim else i for i in inputs]
        asked = [i.dtype if isinstance(i, LoweredArray) else type(i) for i in plain]
        try:
            *kinds, result = ufunc.resolve_dtypes((*asked, None))
        except TypeError as error:
            raise NotLowered(f"numpy.{ufunc.__name__} of {asked}") from error
        if not can_emit(ufunc.__name__, kind_of(kinds[0])):
            raise NotLowered(f"numpy.{ufunc.__name__}")
        arrays = [self.constant(i, k) if not isinstance(i, LoweredArray) else i.astype(k)
                  for i, k in zip(plain, kinds, strict=True)]  # fmt: skip
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        numbers = tuple(a.expanded(shape).number for a in arrays)
        return self._add("pointwise", ufunc.__name__, numbers, (), shape, result)

    def constant(self, value: Any, dtype: Any, shape: tuple[int, ...] = ()) -> "LoweredArray":
        """One number, everywhere in `shape`."""
        if not isinstance(value, bool | int | float):
            raise NotLowered(f"a constant {type(value).__name__}")
        # Kept as it was given: rounding to the type is the emitter's, so that 1 / rows is still recognised.
        return self._add("constant", "", (), value, shape, dtype)

    def astype(self, dtype: Any, copy: bool = True) -> "LoweredArray":
        """The array in another element type."""
        if self.dtype == dtype:
            return self
        step = self.program.steps[self.number]
        if step.kind == "constant":
            return self.constant(step.attrs, dtype, self.shape)
        return self._add("pointwise", "cast", (self.number,), (), self.shape, dtype)

    def expanded(self, shape: tuple[int, ...]) -> "LoweredArray":
        """The array broadcast to `shape`."""
        step = self.program.steps[self.number]
        if step.kind == "constant":
            return self.constant(step.attrs, self.dtype, shape)
        return self.seen(lambda array: np.broadcast_to(array, shape))

    # -- shape -------------------------------------------------------------------------------------------------------

    def seen(self, look: Callable[[Any], Any]) -> Any:
        """What `look` makes of a NumPy array of this shape: a view, whose strides say all, or several of them."""
        origin = np.empty(self.shape, np.uint8)
        found = look(origin)
        if isinstance(found, list | tuple):
            return [self._view(origin, f) for f in found]
        return self._view(origin, found)

    def _view(self, origin: Any, found: Any) -> "LoweredArray":
        if isinstance(found, np.uint8):
            raise NotLowered("a copying change of shape")
        if found.size and found.base is not origin and found is not origin:
            raise NotLowered("a copying change of shape")
        # The stride of a dimension of size 1 says nothing.
        strides = tuple(0 if n == 1 else s for s, n in zip(found.strides, found.shape, strict=True))
        own = tuple(0 if n == 1 else s for s, n in zip(row_major(self.shape), self.shape, strict=True))
        offset = found.__array_interface__["data"][0] - origin.__array_interface__["data"][0] if found.size else 0
        if found.shape == self.shape and strides == own and not offset:
            return self
        return self._look(offset, strides, found.shape)

    def _look(self, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> "LoweredArray":
        """A view; one of a view that only orders, adds or drops dimensions is one of its source."""
        step = self.program.steps[self.number]
        if step.kind == "view" and not offset:
            places = {(s, n): d for d, (s, n) in enumerate(zip(row_major(self.shape), self.shape, strict=True)) if n > 1}
            through = [places.get((s, n)) if s else None for s, n in zip(strides, shape, strict=True)]
            if all(d is not None or s == 0 for d, s in zip(through, strides, strict=True)):
                below = LoweredArray(self.program, step.args[0])
                offset, own = step.attrs
                turned = tuple(0 if d is None else own[d] for d in through)
                plain = tuple(0 if n == 1 else s for s, n in zip(row_major(below.shape), below.shape, strict=True))
                if shape == below.shape and turned == plain and not offset:
                    return below
                return below._look(offset, turned, shape) if not offset else self._add(
                    "view", "", step.args, (offset, turned), shape, self.dtype
                )
        return self._add("view", "", (self.number,), (offset, strides), shape, self.dtype)

    def reshape(self, *shape: Any, **_: Any) -> Any:
        """The elements in row-major order in another shape."""
        return self.seen(lambda array: array.reshape(*shape))

    def transpose(self, *dims: Any) -> Any:
        """The dimensions in another order."""
        return self.seen(lambda array: array.transpose(*dims))

    @property
    def T(self) -> Any:  # noqa: N802 (NumPy's name)
        """The dimensions in reverse order."""
        return self.transpose()

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(e, LoweredArray) for e in entries):
            return self.seen(lambda array: array[key if Ellipsis in entries else (*entries, Ellipsis)])
        dims, indices, shape = self.picked(entries)
        kept = (*self.shape[: dims[0]], *shape, *self.shape[dims[-1] + 1 :])
        return self._add("take", "", (self.number, *indices), dims, kept, self.dtype)

    def picked(self, entries: tuple[Any, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Dimensions that index arrays stand in for, those arrays brought to one shape, and that shape."""
        picks = [(d, e) for d, e in enumerate(entries) if isinstance(e, LoweredArray)]
        whole = all(isinstance(e, LoweredArray) or (isinstance(e, slice) and e == slice(None)) for e in entries)
        dims = tuple(d for d, _ in picks)
        if not whole or dims != tuple(range(dims[0], dims[-1] + 1)) or any(e.dtype.kind == "b" for _, e in picks):
            raise NotLowered("indexing by a mask, or by arrays that are not neighbours")
        shape = np.broadcast_shapes(*(e.shape for _, e in picks))
        return dims, tuple(e.astype(np.int64).expanded(shape).number for _, e in picks), shape

    def copy(self) -> "LoweredArray":
        """The array itself: a step's value never changes."""
        return self

    # -- reductions --------------------------------------------------------------------------------------------------

    def reduced(self, op: str, axis: Any, keepdims: bool, dtype: Any = None) -> "LoweredArray":
        """A reduction over `axis` (None: all dimensions)."""
        dims = tuple(range(self.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        dims = tuple(sorted(d % self.ndim for d in dims))
        if op != "sum" and not all(self.shape[d] for d in dims):
            raise NotLowered("a reduction of nothing")
        kept = tuple(n for d, n in enumerate(self.shape) if d not in dims)
        result = self._add("reduce", op, (self.number,), dims, kept, dtype or self.dtype) if dims else self
        return result.reshape(tuple(1 if d in dims else n for d, n in enumerate(self.shape))) if keepdims else result

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None, **_: Any) -> "LoweredArray":
        """Sum over `axis`; integers and bools in int64."""
        wide = dtype or (self.dtype if self.dtype.kind == "f" else np.int64)
        return self.astype(wide).reduced("sum", axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False, dtype: Any = None, **_: Any) -> "LoweredArray":
        """Product over `axis`; integers and bools in int64."""
        wide = dtype or (self.dtype if self.dtype.kind == "f" else np.int64)
        return self.astype(wide).reduced("prod", axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False, initial: Any = None) -> "LoweredArray":
        """Largest element over `axis`; NaN if there is one."""
        return self.reduced("max", axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False, initial: Any = None) -> "LoweredArray":
        """Smallest element over `axis`; NaN if there is one."""
        return self.reduced("min", axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "LoweredArray":
        """Whether all elements are true."""
        return self.astype(bool).reduced("min", axis, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "LoweredArray":
        """Whether any element is true."""
        return self.astype(bool).reduced("max", axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        """Mean over `axis`."""
        total = self.sum(axis, keepdims)
        return total / (self.size / max(total.size, 1))

    def argmax(self, axis: Any = None, keepdims: bool = False) -> "LoweredArray":
        """Index of the first largest element."""
        source = self.reshape(-1) if axis is None else self
        return source.reduced("argmax", 0 if axis is None else axis, keepdims and axis is not None, np.int64)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> "LoweredArray":
        """Index of the first smallest element."""
        source = self.reshape(-1) if axis is None else self
        return source.reduced("argmin", 0 if axis is None else axis, keepdims and axis is not None, np.int64)


def _method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **options: getattr(x, name)(*args, **options)


def _where(condition: Any, x: Any, y: Any) -> LoweredArray:
    some = next(v for v in (condition, x, y) if isinstance(v, LoweredArray))
    kinds = [v.dtype if isinstance(v, LoweredArray | np.ndarray) else type(v) for v in (x, y)]
    dtype = np.maximum.resolve_dtypes((*kinds, None))[-1]
    values = [some.constant(v.item() if isinstance(v, np.ndarray | np.generic) else v, dtype)
              if not isinstance(v, LoweredArray) else v.astype(dtype) for v in (x, y)]  # fmt: skip
    if not isinstance(condition, LoweredArray):
        return values[0] if condition else values[1]
    arrays = [condition.astype(bool), *values]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return some._add("pointwise", "select", tuple(a.expanded(shape).number for a in arrays), (), shape, dtype)


def _take(x: Any, index: Any, axis: int | None = None, **_: Any) -> Any:
    if axis is None or not isinstance(x, LoweredArray) or not isinstance(index, LoweredArray):
        raise NotLowered("take without an axis, or of constants")
    return x[(*[slice(None)] * (axis % x.ndim), index)]


def _matmul(x: Any, y: Any) -> Any:
    if not isinstance(x, LoweredArray) or not isinstance(y, LoweredArray):
        raise NotLowered("a product with a constant array")
    left = x.reshape(1, *x.shape) if x.ndim == 1 else x
    right = y.reshape(*y.shape, 1) if y.ndim == 1 else y
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = left.expanded(batch + left.shape[-2:]), right.expanded(batch + right.shape[-2:])
    shape = (*batch, left.shape[-2], right.shape[-1])
    result = x._add("product", "", (left.number, right.number), (), shape, x.dtype)
    shape = shape[:-1] if y.ndim == 1 else shape
    return result.reshape((*batch, *shape[len(batch) + 1 :]) if x.ndim == 1 else shape)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.take: _take,
    np.copy: lambda x: x,
} | {getattr(np, name): _method(name) for name in ("sum", "prod", "max", "min", "all", "any", "mean", "argmax", "argmin")}


class LoweringNamespace(NumpyNamespace):
    """`xp` for lowering: NumPy, whose functions add steps when they meet a symbolic array, and the named kernels."""

    def __init__(self, program: Program) -> None:
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

    def full(self, shape: Any, value: Any, dtype: Any = None) -> LoweredArray:
        """One number everywhere."""
        return self._filled(shape, value, np.asarray(value).dtype if dtype is None else dtype)

    def array(self, x: Any, *args: Any, **options: Any) -> Any:
        """A copy, which is the array itself: a step's value never changes."""
        return x if isinstance(x, LoweredArray) else np.array(x, *args, **options)

    def erf(self, x: Any) -> Any:
        """The error function."""
        return x._add("pointwise", "erf", (x.number,), (), x.shape, x.dtype)

    def scatter_add(self, x: Any, index: Any, values: Any) -> Any:
        """`x` with values added at places."""
        return self._scatter("add", x, index, values)

    def scatter_set(self, x: Any, index: Any, values: Any) -> Any:
        """`x` with values put at places."""
        return self._scatter("set", x, index, values)

    def _scatter(self, op: str, x: Any, index: Any, values: Any) -> Any:
        dims, indices, shape = x.picked(index if isinstance(index, tuple) else (index,))
        if not isinstance(values, LoweredArray):
            values = x.constant(values, x.dtype)
        values = values.astype(x.dtype).expanded((*x.shape[: dims[0]], *shape, *x.shape[dims[-1] + 1 :]))
        return x._add("scatter", op, (x.number, values.number, *indices), dims, x.shape, x.dtype)

    def arange(self, *bounds: int, **options: Any) -> Any:
        """0, 1, 2, ... up to a bound."""
        if len(bounds) != 1 or options:
            raise NotLowered("arange with a start or a type")
        return LoweredArray(self.program, self.program.add("iota", "", (), (), (int(bounds[0]),), "i8"))

    def random_bits(self, state: Any, count: int) -> Any:
        """Random words."""
        return state._add("random", "", (state.number,), (), (count,), np.uint64)


def lower(graph: Graph, further: Sequence[Ref] = ()) -> Program:
    """The loop-level program of a graph: each node's forward rule run on symbolic arrays.

    Args:
        graph: The graph.
        further: Results to return after the graph's own, such as gradients.
    """
    program = Program()
    namespace = LoweringNamespace(program)
    values: dict[Ref, LoweredArray] = {}
    for position, number in enumerate((*graph.arguments, *graph.states)):
        kind = graph.nodes[number].results[0]
        values[Ref(number)] = LoweredArray(
            program, program.add("input", "", (), position, kind.shape, kind_of(kind.dtype))
        )
    for number, node in enumerate(graph.nodes):
        if node.operation is None:
            continue
        operands = [values[i] if isinstance(i, Ref) else i for i in node.inputs]
        before = len(program.steps)
        for index, array in enumerate(_lower_node(namespace, node, operands)):
            values[Ref(number, index)] = array
        where = f"{node.operation.name} {node.path}".rstrip()
        program.notes.update(dict.fromkeys(range(before, len(program.steps)), where))
    places = {number: position for position, number in enumerate((*graph.arguments, *graph.states))}
    program.outputs = [values[ref].number for ref in (*graph.outputs, *further)]
    program.writes = [(places[number], values[ref].number) for number, ref in graph.writes]
    return program


def _lower_node(namespace: LoweringNamespace, node: Node, operands: list[Any]) -> list[LoweredArray]:
    operation, program = node.operation, namespace.program
    if operation is None:
        return []
    try:
        with np.errstate(all="ignore"):
            found = operation.forward(namespace, *operands, **node.settings)
        results = list(found) if isinstance(found, tuple) else [found]
        if all(isinstance(r, LoweredArray) for r in results):
            return [r.astype(t.dtype) for r, t in zip(results, node.results, strict=True)]
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
