"""Symbolic arrays: what NumPy would compute with them, they add to a program as steps.

Through NumPy's protocols (`__array_ufunc__`, `__array_function__`) a ufunc becomes the step of its name, of the type
that NumPy's own resolution says, and a change of shape whatever view NumPy makes of an array of that shape. The
functions of NumPy that are neither are written in these terms in `FUNCTIONS`, which `compiler.formulas` fills.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from backlit.compiler.program import ProgramBuilder, plain_strides, row_major
from backlit.compiler.values import can_emit
from backlit.core.namespace import window_count

# Ufuncs that a scan can apply.
SCANS = {"add", "multiply", "maximum", "minimum"}
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
# An array of constants as long as this is spelled out, element by element.
_SPELLED = 16


class NotLowered(Exception):
    """A forward rule does something for which there are no steps."""


@functools.cache
def kind_of(dtype: Any) -> str:
    """A type's short name in programs: "f4", "i8", "b1"."""
    return str(np.dtype(dtype).str[1:])


_dtype_of = functools.cache(np.dtype)


@functools.cache
def _resolved(ufunc: np.ufunc, given: tuple[Any, ...]) -> tuple[str, ...]:
    """The short names of the types in which a ufunc takes its inputs, and of that of its result.

    Args:
        ufunc: The ufunc.
        given: For each input, an array's type by its short name, or the type of a Python number.

    Raises:
        NotLowered: NumPy or machine code has no such operation.
    """
    asked = [np.dtype(g) if isinstance(g, str) else g for g in given]
    try:
        kinds = tuple(kind_of(k) for k in ufunc.resolve_dtypes((*asked, None)))
    except TypeError as error:
        raise NotLowered(f"numpy.{ufunc.__name__} of {asked}") from error
    if not can_emit(ufunc.__name__, kinds[0]):
        raise NotLowered(f"numpy.{ufunc.__name__}")
    return kinds


def broadcast(arrays: Iterable[Any]) -> tuple[int, ...]:
    """The shape to which arrays broadcast."""
    shapes = {a.shape for a in arrays if a.shape}
    return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)


class LoweredArray(NDArrayOperatorsMixin):
    """A symbolic array in a forward rule: adds steps where NumPy would compute."""

    def __init__(self, program: ProgramBuilder, number: int) -> None:
        self.program = program
        self.number = number
        step = program.steps[number]
        self.shape = step.shape
        self.dtype = _dtype_of(step.dtype)
        self.ndim = len(step.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def _add(
        self, kind: str, op: str, args: tuple[int, ...], attrs: Any, shape: tuple[int, ...], dtype: Any
    ) -> "LoweredArray":
        return LoweredArray(self.program, self.program.add(kind, op, args, attrs, shape, kind_of(dtype)))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotLowered("its values")

    def __bool__(self) -> bool:
        raise NotLowered("a branch on values")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __iter__(self) -> Any:
        return (self[i] for i in range(self.shape[0]))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "accumulate" and set(options) == {"axis"}:
            return inputs[0].scanned(ufunc.__name__, options["axis"])
        if method != "__call__" or options or ufunc.nout != 1:
            raise NotLowered(f"numpy.{ufunc.__name__}.{method} with {sorted(options)}")
        known = FUNCTIONS.get(ufunc)
        return self.pointwise(ufunc, *inputs) if known is None else known(*inputs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        known = FUNCTIONS.get(function)
        if known is not None:
            return known(*args, **options)
        if args and args[0] is self and not any(isinstance(a, LoweredArray) for a in (*args[1:], *options.values())):
            return self.seen(lambda array: function(array, *args[1:], **options))
        raise NotLowered(f"numpy.{function.__name__}")

    # -- elementwise -------------------------------------------------------------------------------------------------

    def __pow__(self, other: Any) -> Any:
        # As NumPy's operator, whose root of -0 and of -inf is not the power of them.
        return np.sqrt(self) if isinstance(other, float) and other == 0.5 else np.power(self, other)

    def pointwise(self, ufunc: np.ufunc, *inputs: Any) -> "LoweredArray":
        """A step of `ufunc` on inputs brought to one shape and to the types that NumPy resolves."""
        plain = [
            i if isinstance(i, LoweredArray) else self.lifted(i) if isinstance(i, np.ndarray) and i.ndim else _plain(i)
            for i in inputs
        ]
        given = tuple([kind_of(i.dtype) if isinstance(i, LoweredArray) else type(i) for i in plain])
        *kinds, result = _resolved(ufunc, given)
        shape = broadcast([i for i in plain if isinstance(i, LoweredArray)])
        numbers = []
        for i, before, kind in zip(plain, given, kinds, strict=True):
            if not isinstance(i, LoweredArray):
                i = self.constant(i, kind, shape)
            elif before != kind or i.shape != shape:
                i = i.astype(kind).expanded(shape)
            numbers.append(i.number)
        return self._add("pointwise", ufunc.__name__, tuple(numbers), (), shape, result)

    def constant(self, value: Any, dtype: Any, shape: tuple[int, ...] = ()) -> "LoweredArray":
        """One number, everywhere in `shape`."""
        if not isinstance(value, (int, float)):
            raise NotLowered(f"a constant {type(value).__name__}")
        # Kept as it was given: rounding to the type is the emitter's, so that 1 / rows is still recognised.
        return self._add("constant", "", (), value, shape, dtype)

    def lifted(self, value: Any) -> "LoweredArray":
        """A symbolic array of what may be one already, a number, or a small array of constants."""
        if isinstance(value, LoweredArray):
            return value
        array = np.asarray(value)
        flat = array.reshape(-1)
        if not array.size or (flat == flat[0]).all():
            return self.constant(flat[0].item() if array.size else 0, array.dtype, array.shape)
        if array.size > _SPELLED:
            raise NotLowered("an array of constants")
        places = self.iota(array.size)
        found: Any = self.constant(flat[-1].item(), array.dtype, flat.shape)
        for place in range(array.size - 1):
            found = np.where(places == place, self.constant(flat[place].item(), array.dtype), found)
        result: LoweredArray = found.reshape(array.shape)
        return result

    def iota(self, size: int) -> "LoweredArray":
        """0, 1, 2, ... up to `size`."""
        return self._add("iota", "", (), (), (size,), np.int64)

    def astype(self, dtype: Any, copy: bool = True) -> "LoweredArray":
        """The array in another element type."""
        if self.dtype == dtype:
            return self
        step = self.program.steps[self.number]
        if step.kind == "constant" and not (self.dtype == np.float32 and dtype == np.float64):
            return self.constant(step.attrs, dtype, self.shape)
        return self._add("pointwise", "cast", (self.number,), (), self.shape, dtype)

    def expanded(self, shape: tuple[int, ...]) -> Any:
        """The array broadcast to `shape`."""
        if shape == self.shape:
            return self
        step = self.program.steps[self.number]
        if step.kind == "constant":
            return self.constant(step.attrs, self.dtype, shape)
        added = len(shape) - self.ndim
        if added < 0 or any(n not in (1, m) for n, m in zip(self.shape, shape[added:], strict=True)):
            raise ValueError(f"{self.shape} does not broadcast to {shape}")
        return self._look(0, (*[0] * added, *plain_strides(self.shape)), shape)

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
        strides = tuple([0 if n == 1 else s for s, n in zip(found.strides, found.shape, strict=True)])
        own = plain_strides(self.shape)
        offset = found.__array_interface__["data"][0] - origin.__array_interface__["data"][0] if found.size else 0
        if found.shape == self.shape and strides == own and not offset:
            return self
        return self._look(offset, strides, found.shape)

    def _look(self, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> "LoweredArray":
        """A view; one of a view that only orders, adds or drops dimensions is one of its source."""
        step = self.program.steps[self.number]
        if step.kind == "view" and not offset:
            places = {
                (s, n): d for d, (s, n) in enumerate(zip(row_major(self.shape), self.shape, strict=True)) if n > 1
            }
            through = [places.get((s, n)) if s else None for s, n in zip(strides, shape, strict=True)]
            if all(d is not None or s == 0 for d, s in zip(through, strides, strict=True)):
                below = LoweredArray(self.program, step.args[0])
                offset, own = step.attrs
                turned = tuple(0 if d is None else own[d] for d in through)
                if shape == below.shape and turned == plain_strides(below.shape) and not offset:
                    return below
                return (
                    below._look(offset, turned, shape)
                    if not offset
                    else self._add("view", "", step.args, (offset, turned), shape, self.dtype)
                )
        return self._add("view", "", (self.number,), (offset, strides), shape, self.dtype)

    def reshape(self, *shape: Any, **_: Any) -> Any:
        """The elements in row-major order in another shape."""
        return self.seen(lambda array: array.reshape(*shape))

    def transpose(self, *dims: Any) -> Any:
        """The dimensions in another order."""
        return self.seen(lambda array: array.transpose(*dims))

    def windows(
        self, dims: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
    ) -> "LoweredArray":
        """The windows of `xp.windows`."""
        shape, strides = list(self.shape), list(plain_strides(self.shape))
        inner = [strides[d] * gap if size > 1 else 0 for d, size, gap in zip(dims, sizes, gaps, strict=True)]
        for d, size, step, gap in zip(dims, sizes, steps, gaps, strict=True):
            shape[d] = window_count(shape[d], size, step, gap)
            strides[d] = strides[d] * step if shape[d] > 1 else 0
        return self._look(0, (*strides, *inner), (*shape, *sizes))

    def padded(
        self, lows: tuple[int, ...], steps: tuple[int, ...], shape: tuple[int, ...], value: Any = 0
    ) -> "LoweredArray":
        """An array of `shape` whose elements at `lows + steps * i` are those of this one; the others are a number."""
        if shape == self.shape:
            return self
        return self._add("pad", "", (self.number,), (lows, steps, value), shape, self.dtype)

    @property
    def T(self) -> Any:
        """The dimensions in reverse order."""
        return self.transpose()

    def __getitem__(self, key: Any) -> Any:
        entries = tuple(self.lifted(e) if isinstance(e, np.ndarray | list) else e for e in _as_tuple(key))
        if not any(isinstance(e, LoweredArray) for e in entries):
            return self.seen(lambda array: array[key if Ellipsis in entries else (*entries, Ellipsis)])
        moved, dims, indices, shape, _ = self.picked(entries)
        kept = (*moved.shape[: dims[0]], *shape, *moved.shape[dims[-1] + 1 :])
        return self._add("take", "", (moved.number, *indices), dims, kept, self.dtype)

    def picked(self, entries: tuple[Any, ...]) -> tuple[Any, tuple[int, ...], tuple[int, ...], tuple[int, ...], Any]:
        """What index arrays pick from.

        Returns:
            The array, its dimensions moved to the front if index arrays stand in for some that are not neighbours; the
            dimensions in question; their index arrays, brought to one shape; that shape; the order of dimensions that
            leads back.
        """
        picks = [(d, e) for d, e in enumerate(entries) if isinstance(e, LoweredArray)]
        whole = all(isinstance(e, LoweredArray) or (isinstance(e, slice) and e == slice(None)) for e in entries)
        if not whole or any(e.dtype.kind == "b" for _, e in picks):
            raise NotLowered("indexing by a mask, or by arrays together with slices")
        dims = tuple(d for d, _ in picks)
        order = list(range(self.ndim))
        moved = self
        if dims != tuple(range(dims[0], dims[-1] + 1)):
            order = [*dims, *(d for d in order if d not in dims)]
            moved, dims = self.transpose(order), tuple(range(len(dims)))
        shape = np.broadcast_shapes(*(e.shape for _, e in picks))
        indices = tuple(e.astype(np.int64).expanded(shape).number for _, e in picks)
        return moved, dims, indices, shape, np.argsort(order).tolist()

    def at(self, dim: int, index: Any) -> Any:
        """The slices of a dimension at `index`, of one dimension and known to be inside or not to matter."""
        shape = (*self.shape[:dim], index.shape[0], *self.shape[dim + 1 :])
        if self.shape[dim] == 1 or self.program.steps[self.number].kind == "constant":
            return self.expanded(shape) if self.shape[dim] == 1 else self._again(shape)
        return self._add("take", "inside", (self.number, index.number), (dim,), shape, self.dtype)

    def _again(self, shape: tuple[int, ...]) -> "LoweredArray":
        return self.constant(self.program.steps[self.number].attrs, self.dtype, shape)

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

    def scanned(self, op: str, axis: int) -> "LoweredArray":
        """Each element combined with those before it along `axis`, by an associative ufunc."""
        if op not in SCANS or self.dtype.kind == "b":
            raise NotLowered(f"numpy.{op}.accumulate")
        return self._add("scan", op, (self.number,), axis % self.ndim, self.shape, self.dtype)

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


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
