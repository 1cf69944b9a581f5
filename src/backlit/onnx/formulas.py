"""What NumPy's functions write when they meet symbolic arrays: one ONNX operator, or a formula of several."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backlit.core.namespace import NumpyNamespace
from backlit.onnx.symbolic import FORMULAS, FUNCTIONS, UFUNCS, NoOperator, OnnxArray, as_type, plain_number, some


class OnnxNamespace(NumpyNamespace):
    """`xp` for writing ONNX: NumPy, whose functions write nodes when they meet a symbolic array."""

    def erf(self, x: Any) -> Any:
        """The error function."""
        # ONNX Runtime knows it for float32 alone, whose last digit is far below what a prediction shows.
        single = x.astype(np.float32)
        return single.write("Erf", (single,), x.shape, single.dtype).astype(x.dtype)

    def erfc(self, x: Any) -> Any:
        """1 - erf(x)."""
        return 1 - self.erf(x)

    def array(self, x: Any, dtype: Any = None) -> Any:
        """A copy, which is the array itself: a node's value never changes."""
        if isinstance(x, OnnxArray):
            return x if dtype is None else x.astype(dtype)
        return np.array(x, dtype)

    asarray = array

    def windows(self, x: Any, dims: Any, sizes: Any, steps: Any, gaps: Any) -> Any:
        """All windows: the elements at the places that they have along each dimension."""
        for dim, size, step, gap in reversed(list(zip(dims, sizes, steps, gaps, strict=True))):
            begins = np.arange(0, x.shape[dim] - gap * (size - 1), step)
            x = take(x, begins[:, None] + gap * np.arange(size), dim)
        inside = [dim + place + 1 for place, dim in enumerate(dims)]
        return x.transpose([*(d for d in range(x.ndim) if d not in inside), *inside])

    def add_windows(self, g: Any, shape: Any, dims: Any, steps: Any, gaps: Any) -> Any:
        """Sums of windows: the product with a matrix that says of each element in which windows it is."""
        for dim, step, gap in zip(dims, steps, gaps, strict=True):
            count, size = g.shape[dim], g.shape[len(shape)]
            at = step * np.arange(count)[:, None] + gap * np.arange(size)
            places = (at.reshape(-1, 1) == np.arange(shape[dim])).astype(g.dtype)
            others = [d for d in range(g.ndim) if d not in (dim, len(shape))]
            lined_up = g.transpose([*others, dim, len(shape)])
            added = np.matmul(lined_up.reshape((*lined_up.shape[:-2], count * size)), places)
            order = list(range(added.ndim - 1))
            order.insert(dim, added.ndim - 1)
            g = added.transpose(order)
        return g


# -- ufuncs ----------------------------------------------------------------------------------------------------

UFUNCS |= {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "divide": "Div",
    "equal": "Equal", "exp": "Exp", "floor": "Floor", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "isinf": "IsInf", "isnan": "IsNaN", "less": "Less", "less_equal": "LessOrEqual", "log": "Log",
    "logical_and": "And", "logical_not": "Not", "logical_or": "Or", "logical_xor": "Xor", "maximum": "Max",
    "minimum": "Min", "multiply": "Mul", "negative": "Neg", "power": "Pow", "reciprocal": "Reciprocal",
    "rint": "Round", "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan",
    "tanh": "Tanh",
}  # fmt: skip


def _logical(op: np.ufunc) -> Callable[..., Any]:
    def apply(*inputs: Any) -> Any:
        if any(i.dtype.kind != "b" for i in inputs if isinstance(i, OnnxArray)):
            raise NoOperator("operations on the bits of integers")
        return op(*inputs)

    return apply


def _matmul(x: Any, y: Any) -> OnnxArray:
    one = some(x, y)
    shape = np.matmul(*(np.broadcast_to(np.empty(()), v.shape) for v in (x, y))).shape if 0 in x.shape else None
    if shape is None:
        left = x.shape if x.ndim > 1 else (1, *x.shape)
        right = y.shape if y.ndim > 1 else (*y.shape, 1)
        outer = np.broadcast_shapes(left[:-2], right[:-2])
        shape = (*outer, *left[-2:-1][: x.ndim > 1], *right[-1:][: y.ndim > 1])
    return one.write("MatMul", (x, y), shape, one.dtype)


def _fmod(x: Any, y: Any) -> OnnxArray:
    one = some(x, y)
    operands = [as_type(plain_number(v), one.dtype) for v in (x, y)]
    return one.write("Mod", operands, np.broadcast_shapes(*(o.shape for o in operands)), one.dtype, fmod=1)


# Ufuncs for which ONNX has no operator of their own.
FORMULAS |= {
    "bitwise_and": _logical(np.logical_and),
    "bitwise_or": _logical(np.logical_or),
    "bitwise_xor": _logical(np.logical_xor),
    "exp2": lambda x: np.exp(x * math.log(2)),
    "expm1": lambda x: np.exp(x) - 1,
    "fmod": _fmod,
    "floor_divide": lambda x, y: np.floor(x / y),
    "hypot": lambda x, y: np.sqrt(x * x + y * y),
    "invert": _logical(np.logical_not),
    "isfinite": lambda x: np.logical_not(np.logical_or(np.isnan(x), np.isinf(x))),
    "log10": lambda x: np.log(x) * (1 / math.log(10)),
    "log1p": lambda x: np.log(x + 1),
    "log2": lambda x: np.log(x) * (1 / math.log(2)),
    "logaddexp": lambda x, y: np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y))),
    "matmul": _matmul,
    "not_equal": lambda x, y: np.logical_not(np.equal(x, y)),
    "positive": lambda x: x,
    "remainder": lambda x, y: x - np.floor(x / y) * y,
    "square": lambda x: x * x,
    "trunc": lambda x: np.sign(x) * np.floor(np.abs(x)),
}

# -- other functions -------------------------------------------------------------------------------------------


def where(condition: Any, x: Any, y: Any) -> Any:
    """Where the condition holds x, else y."""
    one = some(condition, x, y)
    plain = [plain_number(v) for v in (x, y)]
    kinds = [type(v) if isinstance(v, bool | int | float) else v.dtype for v in plain]
    dtype = np.maximum.resolve_dtypes((*kinds, None))[-1]
    if isinstance(condition, bool | np.bool_):
        return plain[0] if condition else plain[1]
    operands = [condition, *(as_type(v, dtype) for v in plain)]
    return one.write("Where", operands, np.broadcast_shapes(*(o.shape for o in operands)), dtype)


def take(x: Any, index: Any, axis: int | None = None) -> OnnxArray:
    """The slices of x at the places `index` of a dimension."""
    one = some(x, index)
    if axis is None:
        x, axis = x.reshape(-1), 0
    dim = axis % x.ndim
    shape = (*x.shape[:dim], *index.shape, *x.shape[dim + 1 :])
    return one.write("Gather", (x, index), shape, x.dtype, axis=dim)


def take_along_axis(x: Any, index: Any, axis: int) -> OnnxArray:
    """The elements of x at the places `index` along a dimension."""
    return some(x, index).write("GatherElements", (x, index), index.shape, x.dtype, axis=axis % x.ndim)


def concatenate(parts: Sequence[Any], axis: int = 0) -> OnnxArray:
    """Arrays one after the other along a dimension."""
    one = some(*parts)
    dtype, dim = np.result_type(*(p.dtype for p in parts)), axis % one.ndim
    shape = (*one.shape[:dim], sum(p.shape[dim] for p in parts), *one.shape[dim + 1 :])
    return one.write("Concat", [as_type(p, dtype) for p in parts], shape, dtype, axis=dim)


def stack(parts: Sequence[Any], axis: int = 0) -> OnnxArray:
    """Arrays side by side in a new dimension."""
    one = some(*parts)
    dim = axis % (one.ndim + 1)
    return concatenate([p.reshape((*one.shape[:dim], 1, *one.shape[dim:])) for p in parts], dim)


def expand_dims(x: OnnxArray, axis: Any) -> OnnxArray:
    """With new dimensions of size 1 at the places `axis`."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    ndim = x.ndim + len(axes)
    places, sizes = {a % ndim for a in axes}, iter(x.shape)
    shape = [1 if d in places else next(sizes) for d in range(ndim)]
    return x.write("Unsqueeze", (x, np.array(sorted(places), np.int64)), shape, x.dtype) if axes else x


def squeeze(x: OnnxArray, axis: Any = None) -> OnnxArray:
    """Without dimensions of size 1."""
    asked = [d for d, n in enumerate(x.shape) if n == 1] if axis is None else [axis] if isinstance(axis, int) else axis
    dims = sorted(d % x.ndim for d in asked)
    shape = [n for d, n in enumerate(x.shape) if d not in dims]
    return x.write("Squeeze", (x, np.array(dims, np.int64)), shape, x.dtype) if dims else x


def cumsum(x: OnnxArray, axis: int = 0, dtype: Any = None) -> OnnxArray:
    """Sums of all elements so far along a dimension."""
    source = x if dtype is None else x.astype(dtype)
    return x.write("CumSum", (source, np.array(axis % x.ndim, np.int64)), x.shape, source.dtype)


def pad(x: OnnxArray, widths: Any, mode: str = "constant", constant_values: Any = 0) -> OnnxArray:
    """With a border of one number."""
    if mode != "constant":
        raise NoOperator(f"numpy.pad with mode {mode!r}")
    borders = np.array([*(before for before, _ in widths), *(after for _, after in widths)], np.int64)
    shape = [n + sum(border) for n, border in zip(x.shape, widths, strict=True)]
    found = x.write("Pad", (x, borders, np.asarray(constant_values, x.dtype)), shape, x.dtype)
    found.border = x, widths, constant_values
    return found


def full_like(x: OnnxArray, value: Any, dtype: Any = None) -> OnnxArray:
    """One number in the shape of x."""
    kind = x.dtype if dtype is None else np.dtype(dtype)
    size = x.write("Shape", (x,), (x.ndim,), np.int64)
    return x.write("Expand", (np.asarray(value, kind), size), x.shape, kind)


def tile(x: OnnxArray, times: Any) -> OnnxArray:
    """Copies side by side."""
    counts = (times,) if isinstance(times, int) else tuple(times)
    ndim = max(x.ndim, len(counts))
    whole = x.reshape((1,) * (ndim - x.ndim) + x.shape)
    counts = (1,) * (ndim - len(counts)) + counts
    shape = [n * count for n, count in zip(whole.shape, counts, strict=True)]
    return x.write("Tile", (whole, np.array(counts, np.int64)), shape, x.dtype)


def roll(x: OnnxArray, shift: Any, axis: Any = None) -> OnnxArray:
    """The elements moved along dimensions, those that leave at one end coming in at the other."""
    if axis is None:
        return roll(x.reshape(-1), shift, 0).reshape(x.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for by, dim in zip(shifts.reshape(-1).tolist(), (axes.reshape(-1) % x.ndim).tolist(), strict=True):
        places = int(math.fmod(by, x.shape[dim])) if x.shape[dim] else 0
        before = (slice(None),) * dim
        if places:
            x = concatenate([x[(*before, slice(-places, None))], x[(*before, slice(-places))]], dim)
    return x


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """With numbers in place of NaN and infinities."""
    bounds = np.finfo(x.dtype)
    high, low = bounds.max if posinf is None else posinf, bounds.min if neginf is None else neginf
    return where(np.isnan(x), nan, where(x == np.inf, high, where(x == -np.inf, low, x)))


def _triangle(x: OnnxArray, k: int, upper: int) -> OnnxArray:
    return x.write("Trilu", (x, np.array(k, np.int64)), x.shape, x.dtype, upper=upper)


def _moved(dims: Any, x: OnnxArray) -> OnnxArray:
    """The dimensions in the order into which NumPy brings those of an array of that shape."""
    marked = np.broadcast_to(np.empty(()), range(2, x.ndim + 2))
    return x.transpose([n - 2 for n in dims(marked).shape])


def _method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **options: getattr(x, name)(*args, **options)


FUNCTIONS |= {name: _method(name) for name in (
    "sum", "prod", "max", "min", "all", "any", "mean", "var", "argmax", "argmin", "reshape", "transpose", "copy",
)} | {
    "amax": _method("max"),
    "amin": _method("min"),
    "broadcast_to": lambda x, shape, **_: x.expanded(shape),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, -np.inf if low is None else low),
                                            np.inf if high is None else high),
    "concatenate": concatenate,
    "cumsum": cumsum,
    "expand_dims": expand_dims,
    "flip": lambda x, axis=None: x[tuple(
        slice(None, None, -1) if axis is None or d in np.atleast_1d(axis) % x.ndim else slice(None)
        for d in range(x.ndim)
    )],
    "full_like": full_like,
    "moveaxis": lambda x, source, target: _moved(lambda a: np.moveaxis(a, source, target), x),
    "nan_to_num": nan_to_num,
    "ones_like": lambda x, dtype=None, **_: full_like(x, 1, dtype),
    "pad": pad,
    "roll": roll,
    "round": lambda x, decimals=0: np.rint(x * 10.0**decimals) / 10.0**decimals if decimals else np.rint(x),
    "squeeze": squeeze,
    "stack": stack,
    "swapaxes": lambda x, one, two: _moved(lambda a: np.swapaxes(a, one, two), x),
    "take": take,
    "take_along_axis": take_along_axis,
    "tile": tile,
    "tril": lambda x, k=0: _triangle(x, k, 0),
    "triu": lambda x, k=0: _triangle(x, k, 1),
    "where": where,
    "zeros_like": lambda x, dtype=None, **_: full_like(x, 0, dtype),
}  # fmt: skip
