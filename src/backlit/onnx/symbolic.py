"""Symbolic arrays: what NumPy would compute with them, they write down as ONNX nodes.

A forward rule that meets them says in ONNX's operators what it says in NumPy's functions, so no operation of backlit
has a second definition here: the tables, which `onnx.formulas` fills, name NumPy's functions, not backlit's operations.
"""

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# By name, the ufuncs that are an ONNX operator, those that are a formula, and NumPy's other functions.
UFUNCS: dict[str, str] = {}
FORMULAS: dict[str, Callable[..., Any]] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}

_OF_BOOLS = ("And", "Not", "Or", "Xor")
_INT64 = np.iinfo(np.int64)
# NumPy's functions are typed for its own arrays.
_numpy: Any = np


class NoOperator(Exception):
    """A forward rule does something for which there is no ONNX operator here."""


@dataclass(frozen=True)
class Step:
    """One ONNX node.

    Attributes:
        op: The operator.
        inputs: Names of values; arrays are constants.
        output: Name of the result.
        attributes: The operator's attributes.
        path: Module in which the step was taken.
    """

    op: str
    inputs: tuple[Any, ...]
    output: str
    attributes: dict[str, Any]
    path: str


class Writer:
    """Collects the nodes of a model.

    Args:
        taken: Names that the nodes' results must not have.

    Attributes:
        steps: The nodes so far.
        scope: Operation and module that the next nodes belong to.
    """

    def __init__(self, taken: Container[str]) -> None:
        self.steps: list[Step] = []
        self._taken = taken
        self.scope = ("", "")

    def write(self, op: str, inputs: Sequence[Any], shape: Sequence[int], dtype: Any, **attributes: Any) -> "OnnxArray":
        """Add a node for the inputs, arrays of constants among them; returns its result."""
        operation, path = self.scope
        named = tuple(i.name if isinstance(i, OnnxArray) else i for i in inputs)
        output = f"{operation}_{len(self.steps)}"
        while output in self._taken:
            output += "_"
        self.steps.append(Step(op, named, output, attributes, path))
        return OnnxArray(self, output, tuple(shape), np.dtype(dtype))

    def constant(self, value: Any) -> "OnnxArray":
        """A symbolic array of constants."""
        return self.write("Identity", (value,), value.shape, value.dtype)

    def renamed(self, array: "OnnxArray", name: str) -> "OnnxArray":
        """The array under another name."""
        self.steps.append(Step("Identity", (array.name,), name, {}, ""))
        return OnnxArray(self, name, array.shape, array.dtype)


class OnnxArray(NDArrayOperatorsMixin):
    """A symbolic array in a forward rule: writes nodes where NumPy would compute."""

    def __init__(self, writer: Writer, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.writer = writer
        self.name = name
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.ndim = len(shape)
        self.size = math.prod(shape)
        # For a sum: how many elements each total has, and what writes their mean.
        self.mean_of: tuple[int, Callable[[], OnnxArray]] | None = None
        # For an array with a border: the array within, its widths before and after each dimension, and what fills it.
        self.border: tuple[OnnxArray, Any, Any] | None = None

    def write(self, op: str, inputs: Sequence[Any], shape: Sequence[int], dtype: Any, **attributes: Any) -> "OnnxArray":
        """Add a node; see `Writer.write`."""
        return self.writer.write(op, inputs, shape, dtype, **attributes)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NoOperator("it needs values")

    def __int__(self) -> int:
        raise NoOperator("it needs values")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise NoOperator("it writes into an array")

    def __bool__(self) -> bool:
        raise NoOperator("it branches on values")

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(self.shape[0]))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.nout != 1:
            raise NoOperator(f"numpy.{ufunc.__name__}.{method} with {sorted(options)}")
        formula = FORMULAS.get(ufunc.__name__)
        return self._pointwise(ufunc, inputs) if formula is None else formula(*inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        known = FUNCTIONS.get(function.__name__)
        if known is None:
            raise NoOperator(f"numpy.{function.__name__}")
        return known(*args, **options)

    # -- elementwise -------------------------------------------------------------------------------------------------

    def _pointwise(self, ufunc: np.ufunc, inputs: Sequence[Any]) -> "OnnxArray":
        name = ufunc.__name__
        if name not in UFUNCS:
            raise NoOperator(f"numpy.{name}")
        plain = [plain_number(i) for i in inputs]
        if name in ("divide", "multiply") and isinstance(plain[0], OnnxArray) and plain[0].mean_of is not None:
            count, mean = plain[0].mean_of
            if not isinstance(plain[1], OnnxArray | np.ndarray) and plain[1] == (
                count if name == "divide" else 1 / count
            ):
                return mean()
        asked = [type(i) if isinstance(i, bool | int | float) else i.dtype for i in plain]
        *kinds, result = ufunc.resolve_dtypes((*asked, None))
        if UFUNCS[name] in _OF_BOOLS:
            kinds = [np.dtype(bool)] * len(kinds)
        operands = [as_type(i, kind) for i, kind in zip(plain, kinds, strict=True)]
        return self.write(UFUNCS[name], operands, np.broadcast_shapes(*(o.shape for o in operands)), result)

    def astype(self, dtype: Any, copy: bool = True) -> "OnnxArray":
        """The array in another element type."""
        if self.dtype == dtype:
            return self
        return self.write("Cast", (self,), self.shape, dtype, to=np.dtype(dtype))

    def copy(self) -> "OnnxArray":
        """The array itself: a node's value never changes."""
        return self

    # -- shape -------------------------------------------------------------------------------------------------------

    def reshape(self, *shape: Any, **_: Any) -> "OnnxArray":
        """The elements in row-major order in another shape."""
        asked = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        found = np.broadcast_to(np.empty(()), self.shape).reshape(asked).shape if -1 in asked else tuple(asked)
        if found == self.shape:
            return self
        return self.write("Reshape", (self, np.array(found, np.int64)), found, self.dtype, allowzero=1)

    def transpose(self, *dims: Any) -> "OnnxArray":
        """The dimensions in another order."""
        order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        order = [d % self.ndim for d in order] if order else list(reversed(range(self.ndim)))
        if order == list(range(self.ndim)):
            return self
        return self.write("Transpose", (self,), [self.shape[d] for d in order], self.dtype, perm=order)

    @property
    def T(self) -> "OnnxArray":
        """The dimensions in reverse order."""
        return self.transpose()

    def expanded(self, shape: Sequence[int]) -> "OnnxArray":
        """The array broadcast to `shape`."""
        shape = tuple(shape)
        if shape == self.shape:
            return self
        own = (1,) * (len(shape) - self.ndim) + self.shape
        # A size of 1 leaves the array's own size as it is.
        wanted = [1 if size == have else size for size, have in zip(shape, own, strict=True)]
        return self.write("Expand", (self, np.array(wanted, np.int64)), shape, self.dtype)

    def __getitem__(self, key: Any) -> "OnnxArray":
        entries = list(key) if isinstance(key, tuple) else [key]
        if any(isinstance(e, OnnxArray | np.ndarray | list) for e in entries):
            return self._picked([np.asarray(e) if isinstance(e, list) else e for e in entries])
        if any(e is Ellipsis for e in entries):
            place = next(p for p, e in enumerate(entries) if e is Ellipsis)
            taken = sum(e is not None and e is not Ellipsis for e in entries)
            entries[place : place + 1] = [slice(None)] * (self.ndim - taken)
        starts, ends, axes, steps = [], [], [], []
        whole = [e for e in entries if e is not None]
        for axis, entry in enumerate(whole):
            size = self.shape[axis]
            # An index is a part of one element, whose dimension is dropped in the end.
            part = slice(entry, entry + 1 or None) if isinstance(entry, int) else entry
            step = part.step or 1
            if range(size)[part] == range(size):
                continue
            starts.append((0 if step > 0 else _INT64.max) if part.start is None else part.start)
            beyond = part.stop is None or (step > 0 and part.stop >= size)
            ends.append((_INT64.max if step > 0 else _INT64.min) if beyond else part.stop)
            axes.append(axis)
            steps.append(step)
        sizes = np.broadcast_to(np.empty(()), self.shape)
        cut: OnnxArray = self
        if axes:
            shape = sizes[tuple(slice(e, e + 1 or None) if isinstance(e, int) else e for e in whole)].shape
            bounds = [np.array(values, np.int64) for values in (starts, ends, axes, steps)]
            cut = self.write("Slice", (self, *bounds), shape, self.dtype)
        return cut.reshape(sizes[tuple(entries)].shape)

    def _picked(self, entries: list[Any]) -> "OnnxArray":
        """Elements at the places that index arrays name."""
        picks = [(axis, e) for axis, e in enumerate(entries) if isinstance(e, OnnxArray | np.ndarray)]
        if len(picks) + sum(isinstance(e, slice) and e == slice(None) for e in entries) < len(entries):
            raise NoOperator("indexing by arrays together with parts")
        if any(e.dtype.kind == "b" for _, e in picks):
            raise NoOperator("indexing by a mask")
        if len(picks) == 1:
            return _numpy.take(self, picks[0][1], axis=picks[0][0])
        along = [axis for axis, e in picks if not _is_own_place(e, axis)]
        if len(along) == 1 and len(picks) == self.ndim and entries[along[0]].ndim == self.ndim:
            return _numpy.take_along_axis(self, entries[along[0]], along[0])
        if [axis for axis, _ in picks] != list(range(len(picks))):
            raise NoOperator("indexing by arrays with whole dimensions before or between them")
        shape = np.broadcast_shapes(*(e.shape for _, e in picks))
        columns = [_as_array(self.writer, e).astype(np.int64).expanded(shape).reshape((*shape, 1)) for _, e in picks]
        places = _numpy.concatenate(columns, axis=-1)
        return self.write("GatherND", (self, places), (*shape, *self.shape[len(picks) :]), self.dtype)

    # -- reductions --------------------------------------------------------------------------------------------------

    def reduced(self, op: str, axis: Any, keepdims: bool) -> "OnnxArray":
        """A reduction over `axis` (None: all dimensions)."""
        axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        dims = sorted(d % self.ndim for d in axes)
        if not dims:
            return self
        kept = [1 if d in dims else n for d, n in enumerate(self.shape) if keepdims or d not in dims]
        return self.write(op, (self, np.array(dims, np.int64)), kept, self.dtype, keepdims=int(keepdims))

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: Any = None, **_: Any) -> "OnnxArray":
        """Sum over `axis`; integers and bools in int64."""
        source = self.astype(dtype or (self.dtype if self.dtype.kind == "f" else np.int64))
        total = source.reduced("ReduceSum", axis, keepdims)
        if total is not source and source.dtype.kind == "f":
            total.mean_of = (self.size // max(total.size, 1), lambda: source.reduced("ReduceMean", axis, keepdims))
        return total

    def prod(self, axis: Any = None, keepdims: bool = False, dtype: Any = None, **_: Any) -> "OnnxArray":
        """Product over `axis`; integers and bools in int64."""
        source = self.astype(dtype or (self.dtype if self.dtype.kind == "f" else np.int64))
        return source.reduced("ReduceProd", axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "OnnxArray":
        """Mean over `axis`."""
        return self.reduced("ReduceMean", axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "OnnxArray":
        """Largest element over `axis`."""
        return self.reduced("ReduceMax", axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "OnnxArray":
        """Smallest element over `axis`."""
        return self.reduced("ReduceMin", axis, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "OnnxArray":
        """Whether all elements are true."""
        return self.astype(bool).astype(np.int32).reduced("ReduceMin", axis, keepdims).astype(bool)

    def any(self, axis: Any = None, keepdims: bool = False, **_: Any) -> "OnnxArray":
        """Whether any element is true."""
        return self.astype(bool).astype(np.int32).reduced("ReduceMax", axis, keepdims).astype(bool)

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False, **_: Any) -> Any:
        """Variance over `axis`."""
        centred = self - self.mean(axis, True)
        return (centred * centred).sum(axis, keepdims) / (self.size / self.mean(axis, keepdims).size - ddof)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> "OnnxArray":
        """Index of the first largest element."""
        return self._arg("ArgMax", axis, keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> "OnnxArray":
        """Index of the first smallest element."""
        return self._arg("ArgMin", axis, keepdims)

    def _arg(self, op: str, axis: int | None, keepdims: bool) -> "OnnxArray":
        source = self.reshape(-1) if axis is None else self
        dim = 0 if axis is None else axis % self.ndim
        keep = keepdims and axis is not None
        kept = [1 if d == dim else n for d, n in enumerate(source.shape) if keep or d != dim]
        return self.write(op, (source,), kept, np.int64, axis=dim, keepdims=int(keep))


def plain_number(value: Any) -> Any:
    """Arrays and symbolic arrays as they are, single numbers as Python's, which adapt to the others' type."""
    return (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim) else value
    )


def as_type(value: Any, dtype: Any) -> Any:
    """A symbolic array or constants in another element type."""
    return value.astype(dtype) if isinstance(value, OnnxArray) else np.asarray(value, dtype)


def _as_array(writer: Writer, value: Any) -> OnnxArray:
    return value if isinstance(value, OnnxArray) else writer.constant(value)


def _is_own_place(index: Any, axis: int) -> bool:
    """Whether an index says of every place the place itself, along its own dimension."""
    if isinstance(index, OnnxArray):
        return False
    sizes = [n for d, n in enumerate(index.shape) if d != axis]
    return all(n == 1 for n in sizes) and bool((index.reshape(-1) == np.arange(index.size)).all())


def some(*values: Any) -> OnnxArray:
    """The first symbolic array."""
    return next(v for v in values if isinstance(v, OnnxArray))
