"""Running sums, products and extremes along a dimension, and the product over one."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import dtype
from backlit.core.primitive import Primitive, primitive
from backlit.errors import ArgumentError
from backlit.ops import return_types
from backlit.ops.dims import one_dim, reduced_dims
from backlit.ops.gathering import gather_adjoint
from backlit.ops.joining import cat
from backlit.ops.reduction import restore, same_dtype_shape, to_type, widen_integers
from backlit.ops.reduction import samples as reduction_samples
from backlit.ops.return_types import ValuesAndIndices

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "prod"]

# `reverse` runs from the end of the dimension to its start: gradients flow that way.


def _samples(rng: "np.random.Generator", arrays: int = 1) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        (tuple(rng.normal(size=(3, 4)) for _ in range(arrays)), {"dim": dim, "reverse": reverse})
        for dim, reverse in ((0, False), (1, True))
    ]


@primitive(role="adds up what comes after", notation="cumsum {x}", promote=None, samples=_samples)
def _cumsum(xp: Any, x: Any, *, dim: int, reverse: bool) -> Any:
    if reverse:
        return xp.flip(xp.cumsum(xp.flip(x, dim), axis=dim), dim)
    return xp.cumsum(x, axis=dim)


_cumsum.gradient(x=lambda g, dim, reverse: _cumsum.bind(g, dim=dim, reverse=not reverse))
_cumsum.shape(lambda x, **_: (x.shape, x.dtype))


def cumsum(input: "Tensor", dim: int, *, dtype: dtype | None = None) -> "Tensor":
    """Running sum along `dim`; integers and bools are added up in int64."""
    input = to_type(input, dtype) if dtype is not None else widen_integers(input)
    found = one_dim(dim, input._array.ndim, "cumsum")
    return _cumsum.bind(input, dim=found, reverse=False) if input._array.ndim else input.clone()


@primitive(
    role="passes on, one place back",
    notation="{x} one place on",
    promote=None,
    samples=lambda rng: [(arrays, {**settings, "fill": 1.0}) for arrays, settings in _samples(rng)],
)
def shift_along(xp: Any, x: Any, *, dim: int, reverse: bool, fill: float) -> Any:
    """`x` moved by one place along `dim`, with `fill` in the place that falls free."""
    size = x.shape[dim]
    if size == 0:
        return xp.array(x)
    free = xp.full_like(xp.take(x, xp.asarray([0]), axis=dim), fill)
    rest = xp.take(x, xp.arange(1, size) if reverse else xp.arange(size - 1), axis=dim)
    return xp.concatenate((rest, free) if reverse else (free, rest), axis=dim)


shift_along.gradient(
    x=lambda g, dim, reverse: shift_along.bind(g, dim=dim, reverse=not reverse, fill=0.0),
)
shift_along.shape(lambda x, **_: (x.shape, x.dtype))


@primitive(
    role="passes on through the factors",
    notation="s = {x} + {factor} s before",
    promote=None,
    samples=lambda rng: _samples(rng, 2),
)
def linear_recurrence(xp: Any, factor: Any, x: Any, *, dim: int, reverse: bool) -> Any:
    """s_k = x_k + factor_k s_(k-1) along `dim`, from s_0 = x_0."""
    factors, terms = xp.moveaxis(factor, dim, 0), xp.moveaxis(x, dim, 0)
    found: list[Any] = []
    for k in reversed(range(x.shape[dim])) if reverse else range(x.shape[dim]):
        found.append(terms[k] + factors[k] * found[-1] if found else terms[k])
    return xp.stack(found[::-1] if reverse else found, axis=dim) if found else xp.array(x)


@linear_recurrence.joint_gradient
def _linear_recurrence_gradient(g: "Tensor", ans: "Tensor", factor: "Tensor", dim: int, reverse: bool) -> Any:
    back = shift_along.bind(factor, dim=dim, reverse=not reverse, fill=0.0)
    for_x = linear_recurrence.bind(back, g, dim=dim, reverse=not reverse)
    return for_x * shift_along.bind(ans, dim=dim, reverse=reverse, fill=0.0), for_x


linear_recurrence.shape(lambda factor, x, **_: (x.shape, x.dtype))


@primitive(role="swaps and scales", notation="cumprod {x}", promote=None, samples=_samples)
def _cumprod(xp: Any, x: Any, *, dim: int, reverse: bool) -> Any:
    if reverse:
        return xp.flip(xp.cumprod(xp.flip(x, dim), axis=dim), dim)
    return xp.cumprod(x, axis=dim)


def _cumprod_gradient(g: "Tensor", ans: "Tensor", x: "Tensor", dim: int, reverse: bool) -> "Tensor":
    """Without a division, so that it is right where elements are 0: the product before, times what comes after."""
    before = shift_along.bind(ans, dim=dim, reverse=reverse, fill=1.0)
    factors = shift_along.bind(x, dim=dim, reverse=not reverse, fill=0.0)
    return before * linear_recurrence.bind(factors, g, dim=dim, reverse=not reverse)


_cumprod.gradient(x=_cumprod_gradient)
_cumprod.shape(lambda x, **_: (x.shape, x.dtype))


def cumprod(input: "Tensor", dim: int, *, dtype: dtype | None = None) -> "Tensor":
    """Running product along `dim`; integers and bools are multiplied in int64."""
    input = to_type(input, dtype) if dtype is not None else widen_integers(input)
    found = one_dim(dim, input._array.ndim, "cumprod")
    return _cumprod.bind(input, dim=found, reverse=False) if input._array.ndim else input.clone()


def _product_of_others(x: "Tensor", dim: int) -> "Tensor":
    """For each element the product of all others along `dim`, without a division."""
    before, after = (
        shift_along.bind(_cumprod.bind(x, dim=dim, reverse=reverse), dim=dim, reverse=reverse, fill=1.0)
        for reverse in (False, True)
    )
    return before * after


@primitive(
    role="swaps and scales",
    notation="prod {x}",
    promote=None,
    samples=lambda rng: [(x, s) for x, s in reduction_samples(rng) if s["dim"] is None or len(s["dim"]) == 1],
)
def _prod(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return x.prod(axis=dim, keepdims=keepdim)


def _prod_gradient(g: "Tensor", x: "Tensor", dim: tuple[int, ...] | None, keepdim: bool) -> "Tensor":
    shape = x._array.shape
    if dim is None:
        others = _product_of_others(x.reshape((math.prod(shape),)), 0).reshape(shape)
    else:
        others = _product_of_others(x, dim[0])
    return restore(g, shape, dim, keepdim) * others


_prod.gradient(x=_prod_gradient)
_prod.shape(same_dtype_shape)


def prod(input: "Tensor", dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
    """Product over one dimension, or of all elements; integers and bools are multiplied in int64.

    Args:
        input: Any shape.
        dim: The dimension to reduce; None for all.
        keepdim: Leave the reduced dimension in place, with size 1.
        dtype: The type to convert to first.
    """
    input = to_type(input, dtype) if dtype is not None else widen_integers(input)
    found = None if dim is None else reduced_dims(one_dim(dim, input._array.ndim, "prod"), input._array.ndim, "prod")
    return _prod.bind(input, dim=found, keepdim=keepdim)


def _along_samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((rng.normal(size=(3, 4)),), {"dim": dim}) for dim in (0, 1)]


def _running(xp: Any, x: Any, values: Any, dim: int) -> tuple[Any, Any]:
    """Running extremes, and the last place at which each was reached; from the first NaN on, that is a NaN's."""
    reached = (x == values) | (x != x)
    places = xp.arange(x.shape[dim]).reshape((-1,) + (1,) * (x.ndim - 1 - dim))
    return values, xp.maximum.accumulate(xp.where(reached, places, 0), axis=dim)


@primitive(role="routes", notation="cummax {x}", promote=None, samples=_along_samples)
def _cummax(xp: Any, x: Any, *, dim: int) -> Any:
    return _running(xp, x, xp.maximum.accumulate(x, axis=dim), dim)


@primitive(role="routes", notation="cummin {x}", promote=None, samples=_along_samples)
def _cummin(xp: Any, x: Any, *, dim: int) -> Any:
    return _running(xp, x, xp.minimum.accumulate(x, axis=dim), dim)


for _operation in (_cummax, _cummin):
    _operation.gradient(
        x=lambda g, ans, x_shape, dim: gather_adjoint.bind(g[0], ans[1], dim=dim, shape=x_shape),
    )
    _operation.shape(lambda x, dim: ((x.shape, x.dtype), (x.shape, np.dtype(np.int64))))


def _bind_running(operation: Primitive, input: "Tensor", dim: int) -> tuple[Any, ...]:
    found = one_dim(dim, input._array.ndim, operation.name)
    if input._array.ndim:
        return operation.bind(input, dim=found)
    return tuple(part.squeeze(0) for part in operation.bind(input.unsqueeze(0), dim=0))


def cummax(input: "Tensor", dim: int) -> ValuesAndIndices:
    """The largest element so far along `dim`, and where it stands; the last of those that tie."""
    return return_types.cummax(*_bind_running(_cummax, input, dim))


def cummin(input: "Tensor", dim: int) -> ValuesAndIndices:
    """The smallest element so far along `dim`, and where it stands; the last of those that tie."""
    return return_types.cummin(*_bind_running(_cummin, input, dim))


def diff(
    input: "Tensor", n: int = 1, dim: int = -1, prepend: "Tensor | None" = None, append: "Tensor | None" = None
) -> "Tensor":
    """Differences between neighbours along `dim`, `n` times over.

    Args:
        input: At least one dimension.
        n: How many times to take differences.
        dim: The dimension along which neighbours stand.
        prepend: What to put before `input` along `dim` first.
        append: What to put after it.

    Raises:
        ArgumentError: `n` is negative, or `input` has no dimension.
    """
    if n < 0 or input._array.ndim == 0:
        raise ArgumentError(f"diff: expected n >= 0 and at least one dimension, got n={n} and {input._array.ndim}")
    found = one_dim(dim, input._array.ndim, "diff")
    parts = [part for part in (prepend, input, append) if part is not None]
    result = cat(parts, found) if len(parts) > 1 else input
    for _ in range(n):
        length = max(result._array.shape[found] - 1, 0)
        here, there = result.narrow(found, 0, length), result.narrow(found, min(1, result._array.shape[found]), length)
        result = here.logical_xor(there) if result._array.dtype == np.bool_ else there - here
    return result
