"""NumPy's functions that are no ufuncs and no views, as formulas over symbolic arrays.

What joins arrays or moves their elements is a choice between slices: along each dimension, an index worked out from the
place says what to take, kept inside where another part is chosen.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backlit.compiler.symbolic import FUNCTIONS, LoweredArray, NotLowered

# So many parts are chosen from where they are joined, element by element; more of them are stored, one after the other.
_FEW = 2


def formula(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that gives symbolic arrays a function of NumPy."""

    def give(rule: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(functions, rule))
        return rule

    return give


for _name in ("sum", "prod", "max", "min", "all", "any", "mean", "argmax", "argmin"):
    FUNCTIONS[getattr(np, _name)] = lambda x, *args, _name=_name, **options: getattr(x, _name)(*args, **options)


FUNCTIONS[np.cumsum] = lambda x, axis: _wide(x).scanned("add", axis)
FUNCTIONS[np.cumprod] = lambda x, axis: _wide(x).scanned("multiply", axis)


def _wide(x: LoweredArray) -> LoweredArray:
    """In the type in which NumPy adds up: int64 for integers and bools."""
    return x if x.dtype.kind == "f" else x.astype(np.int64)


def some(*values: Any) -> LoweredArray:
    """The first symbolic array."""
    return next(v for v in values if isinstance(v, LoweredArray))


# -- choices and indices -----------------------------------------------------------------------------------------------


@formula(np.where)
def where(condition: Any, x: Any, y: Any) -> Any:
    """Where the condition holds x, else y."""
    one = some(condition, x, y)
    plain = [v.item() if isinstance(v, np.generic) or (isinstance(v, np.ndarray) and not v.ndim) else v for v in (x, y)]
    kinds = [v.dtype if isinstance(v, LoweredArray | np.ndarray | np.generic) else type(v) for v in (x, y)]
    dtype = np.maximum.resolve_dtypes((*kinds, None))[-1]
    values = [
        one.constant(v, dtype) if isinstance(v, bool | int | float) else one.lifted(v).astype(dtype) for v in plain
    ]
    if isinstance(condition, bool | np.bool_):
        return values[0] if condition else values[1]
    arrays = [one.lifted(condition).astype(bool), *values]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return one._add("pointwise", "select", tuple(a.expanded(shape).number for a in arrays), (), shape, dtype)


@formula(np.take)
def take(x: Any, index: Any, axis: int | None = None) -> Any:
    """The slices of x at the places `index` of a dimension."""
    one = some(x, index)
    x, index = one.lifted(x), one.lifted(index)
    return x.reshape(-1)[index] if axis is None else x[(*[slice(None)] * (axis % x.ndim), index)]


@formula(np.take_along_axis)
def take_along_axis(x: Any, index: Any, axis: int) -> Any:
    """The elements of x at the places `index` along a dimension."""
    dim = axis % x.ndim
    own = [index if d == dim else _places(x, d) for d in range(x.ndim)]
    return x[tuple(own)]


def _places(x: LoweredArray, dim: int, size: int | None = None) -> Any:
    """The index along a dimension, shaped to broadcast against x."""
    size = x.shape[dim] if size is None else size
    return x.iota(size).reshape((size,) + (1,) * (x.ndim - 1 - dim))


def _moved(x: LoweredArray, dim: int, by: Any, size: int) -> Any:
    """An array moved `by` places along a dimension, which gets another size; what comes from outside is arbitrary."""
    if not x.shape[dim]:
        return x._add("constant", "", (), 0, (*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)
    return x.at(dim, np.minimum(np.maximum(x.iota(size) - by, 0), x.shape[dim] - 1))


@formula(np.concatenate)
def concatenate(parts: Sequence[Any], axis: int = 0) -> Any:
    """Arrays one after the other along a dimension."""
    one = some(*parts)
    arrays = [one.lifted(p) for p in parts]
    dtype, dim = np.result_type(*(a.dtype for a in arrays)), axis % one.ndim
    filled = [a.astype(dtype) for a in arrays if a.shape[dim]] or [arrays[0].astype(dtype)]
    total = sum(a.shape[dim] for a in filled)
    if len(filled) > _FEW:
        shape = (*one.shape[:dim], total, *one.shape[dim + 1 :])
        return one._add("join", "", tuple(a.number for a in filled), dim, shape, dtype)
    end, found = total, None
    for array in reversed(filled):
        start = end - array.shape[dim]
        part = array if start == 0 and end == total else _moved(array, dim, start, total)
        found = part if found is None else where(_places(part, dim) < end, part, found)
        end = start
    return some(found)


@formula(np.stack)
def stack(parts: Sequence[Any], axis: int = 0) -> Any:
    """Arrays side by side in a new dimension."""
    one = some(*parts)
    dim = axis % (one.ndim + 1)
    return concatenate([one.lifted(p).reshape((*one.shape[:dim], 1, *one.shape[dim:])) for p in parts], dim)


@formula(np.pad)
def pad(x: LoweredArray, widths: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """An array with a border of one number."""
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, widths, strict=True))
    if not isinstance(constant_values, bool | int | float):
        raise NotLowered("a border of several numbers")
    return x.padded(tuple(before for before, _ in widths), (1,) * x.ndim, shape, constant_values)


@formula(np.tile)
def tile(x: LoweredArray, times: Sequence[int]) -> Any:
    """An array repeated along each dimension."""
    shape = (1,) * (len(times) - x.ndim) + x.shape
    apart = x.reshape(tuple(n for size in shape for n in (1, size)))
    several = apart.expanded(tuple(n for pair in zip(times, shape, strict=True) for n in pair))
    return several.reshape(tuple(t * n for t, n in zip(times, shape, strict=True)))


@formula(np.roll)
def roll(x: LoweredArray, shift: Any, axis: Any = None) -> Any:
    """An array with its elements moved in a circle."""
    if axis is None:
        return roll(x.reshape(-1), (shift,), (0,)).reshape(x.shape)
    for by, dim in zip(*np.atleast_1d(shift, axis), strict=True):
        size = x.shape[dim]
        if size:
            x = x.at(int(dim), np.remainder(x.iota(size) - int(by), size))
    return x


def _triangle(x: LoweredArray) -> Any:
    """How far to the right of the main diagonal each element stands."""
    return _places(x, x.ndim - 1) - _places(x, x.ndim - 2)


@formula(np.tril)
def tril(x: LoweredArray, k: int = 0) -> Any:
    """The lower triangle."""
    return where(_triangle(x) <= k, x, x.constant(0, x.dtype))


@formula(np.triu)
def triu(x: LoweredArray, k: int = 0) -> Any:
    """The upper triangle."""
    return where(_triangle(x) >= k, x, x.constant(0, x.dtype))


@formula(np.einsum)
def einsum(subscripts: str, x: LoweredArray) -> Any:
    """A sum of products of which NumPy makes a view."""
    return x.seen(lambda array: np.einsum(subscripts, array))


def placed(op: str, x: LoweredArray, index: tuple[Any, ...], values: Any) -> Any:
    """An array with `values` put ("set") or added ("add") where `x[index]` is."""
    values = x.lifted(values).astype(x.dtype)
    if any(isinstance(e, LoweredArray) for e in index):
        moved, dims, indices, shape, back = x.picked(index)
        values = values.expanded((*moved.shape[: dims[0]], *shape, *moved.shape[dims[-1] + 1 :]))
        found = x._add("scatter", op, (moved.number, values.number, *indices), dims, moved.shape, x.dtype)
        return found.transpose(back)
    seen = np.broadcast_to(np.empty((), np.uint8), x.shape)[index]
    values, inside = values.expanded(seen.shape), None
    entries = [e for e in index if e is not None]
    if Ellipsis not in entries:
        entries.append(Ellipsis)
    left = entries.index(Ellipsis)
    entries[left : left + 1] = [slice(None)] * (x.ndim - len(entries) + 1)
    ranges = [
        range(n)[e] if isinstance(e, slice) else range(n)[e : e + 1 or None]
        for e, n in zip(entries, x.shape, strict=True)
    ]
    values = values.reshape(tuple(len(r) for r in ranges))
    if not all(map(len, ranges)):
        return x
    background = x.program.steps[x.number]
    if background.kind == "constant" and all(r.step > 0 for r in ranges):
        inside = x.constant(background.attrs, x.dtype) + values if op == "add" else values
        lows, strides = tuple(r[0] for r in ranges), tuple(r.step if len(r) > 1 else 1 for r in ranges)
        return inside.padded(lows, strides, x.shape, background.attrs)
    for dim, chosen in enumerate(ranges):
        count, size = len(chosen), x.shape[dim]
        step = chosen.step if count > 1 else 1
        if (chosen[0], step, count) == (0, 1, size):
            continue
        apart = x.iota(size) - chosen[0] if step > 0 else chosen[0] - x.iota(size)
        place = apart if abs(step) == 1 else np.floor_divide(apart, abs(step))
        here = (place >= 0) & (place < count)
        if abs(step) != 1:
            here = here & (place * abs(step) == apart)
        values = values.at(dim, np.minimum(np.maximum(place, 0), count - 1))
        here = here.reshape((size,) + (1,) * (x.ndim - 1 - dim))
        inside = here if inside is None else inside & here
    changed = x + values if op == "add" else values
    return changed if inside is None else where(inside, changed, x)


# -- numbers -----------------------------------------------------------------------------------------------------------


@formula(np.matmul)
def matmul(x: Any, y: Any) -> Any:
    """Products of matrices; a vector is a matrix of one row or column."""
    if not isinstance(x, LoweredArray) or not isinstance(y, LoweredArray):
        raise NotLowered("a product with a constant array")
    left = x.reshape(1, *x.shape) if x.ndim == 1 else x
    right = y.reshape(*y.shape, 1) if y.ndim == 1 else y
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = left.expanded(batch + left.shape[-2:]), right.expanded(batch + right.shape[-2:])
    shape = (*batch, left.shape[-2], right.shape[-1])
    if x.dtype.kind == "f":
        result = x._add("product", "", (left.number, right.number), (), shape, x.dtype)
    else:
        # Register tiles are for floats.
        pairs = left[..., None] * right[..., None, :, :]
        result = (pairs.any(-2) if x.dtype.kind == "b" else pairs.sum(-2)).astype(x.dtype)
    shape = shape[:-1] if y.ndim == 1 else shape
    return result.reshape((*batch, *shape[len(batch) + 1 :]) if x.ndim == 1 else shape)


@formula(np.full_like)
def full_like(x: LoweredArray, value: Any, dtype: Any = None) -> Any:
    """One number in the shape and type of x."""
    return x.constant(value, x.dtype if dtype is None else dtype, x.shape)


FUNCTIONS[np.zeros_like] = lambda x, dtype=None: full_like(x, 0, dtype)
FUNCTIONS[np.ones_like] = lambda x, dtype=None: full_like(x, 1, dtype)
FUNCTIONS[np.copy] = lambda x: x
FUNCTIONS[np.result_type] = lambda *values: np.result_type(*(getattr(v, "dtype", v) for v in values))


@formula(np.round)
def rounded(x: LoweredArray, decimals: int = 0) -> Any:
    """Numbers rounded to so many decimals, ties to even."""
    if x.dtype.kind != "f":
        if decimals < 0:
            raise NotLowered("integers rounded to tens")
        return x
    scale = 10.0 ** abs(decimals)
    if not decimals:
        return np.rint(x)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


@formula(np.sinc)
def sinc(x: LoweredArray) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    angle = where(x == 0, x.constant(1e-20, x.dtype), x) * np.pi
    return np.sin(angle) / angle


@formula(np.nan_to_num)
def nan_to_num(x: LoweredArray, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Numbers with NaN and the infinities replaced."""
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    return where(np.isnan(x), nan, where(x == np.inf, high, where(x == -np.inf, low, x)))


@formula(np.isclose)
def isclose(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    """Whether |x - y| <= atol + rtol |y|, and equal infinities."""
    if not isinstance(x, LoweredArray):
        x = y.lifted(x)
    y = x.lifted(y)
    y = y.astype(np.result_type(y.dtype, 1.0))
    found = (np.isfinite(y) & (np.absolute(x - y) <= atol + rtol * np.absolute(y))) | (x == y)
    return found | (np.isnan(x) & np.isnan(y)) if equal_nan else found
