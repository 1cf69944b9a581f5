"""Sums, means, products and counts over dimensions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.dtypes import as_numpy_dtype, dtype
from backlit.core.primitive import Primitive, primitive
from backlit.errors import DtypeError
from backlit.ops.casting import cast
from backlit.ops.choice import where
from backlit.ops.dims import reduced_dims

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["all", "any", "count_nonzero", "mean", "nanmean", "nansum", "sum"]

Dims = int | Sequence[int] | None


def samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Arguments on which the common tests try a reduction."""
    return [
        ((rng.normal(size=(3, 4)),), {"dim": None, "keepdim": False}),
        ((rng.normal(size=(3, 4)),), {"dim": None, "keepdim": True}),
        ((rng.normal(size=(3, 4)),), {"dim": (1,), "keepdim": False}),
        ((rng.normal(size=(2, 3, 4)),), {"dim": (0, 2), "keepdim": False}),
        ((rng.normal(size=(2, 3, 4)),), {"dim": (0, 2), "keepdim": True}),
        ((rng.normal(size=()),), {"dim": None, "keepdim": False}),
    ]


def reduced_shape(shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool) -> tuple[int, ...]:
    """The shape of a reduction over `dim` (None: all dimensions)."""
    if dim is None:
        return (1,) * len(shape) if keepdim else ()
    if keepdim:
        return tuple([1 if i in dim else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in dim])


def same_dtype_shape(x: Any, dim: tuple[int, ...] | None, keepdim: bool) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape rule of reductions that keep their input's type."""
    return reduced_shape(x.shape, dim, keepdim), x.dtype


def restore(g: "Tensor", shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool) -> "Tensor":
    """What a reduction of `shape` gave, with the reduced dimensions back, so that it broadcasts to `shape`."""
    return g if keepdim or dim is None else g.reshape(reduced_shape(shape, dim, True))


def reduced_count(shape: tuple[int, ...], dim: tuple[int, ...] | None) -> int:
    """How many elements each result of a reduction over `dim` is made of."""
    return math.prod(shape if dim is None else [shape[d] for d in dim])


def to_type(input: "Tensor", kind: dtype | None) -> "Tensor":
    """`input` in the type that a caller asked for, if any."""
    if kind is None:
        return input
    target = as_numpy_dtype(kind)
    return input if input._array.dtype == target else cast.bind(input, kind=target)


def require_float(input: "Tensor", operation: str) -> None:
    """Raise unless `input` holds floating-point numbers.

    Raises:
        DtypeError: It does not.
    """
    if input._array.dtype.kind != "f":
        raise DtypeError(
            f"{operation}: expected a floating-point tensor, got {input._array.dtype}; "
            "convert it first, for example with .float()"
        )


def widen_integers(input: "Tensor") -> "Tensor":
    """Integers and bools as int64, in which PyTorch adds and multiplies them up; floats as they are."""
    kind = input._array.dtype
    return input if kind.kind == "f" or kind == np.int64 else cast.bind(input, kind=np.dtype(np.int64))


@primitive(role="distributes", notation="sum {x}", promote=None, samples=samples)
def _sum(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return x.sum(axis=dim, keepdims=keepdim)


_sum.gradient(x=lambda g, x_shape, dim, keepdim: restore(g, x_shape, dim, keepdim).expand(x_shape))
_sum.shape(same_dtype_shape)


def sum(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
    """Sum over `dim`, or over everything; integers and bools are added up in int64.

    Args:
        input: Any shape.
        dim: Dimension or dimensions to reduce; None or () for all.
        keepdim: Leave the reduced dimensions in place, with size 1.
        dtype: The type to convert to before adding up.
    """
    if dtype is not None:
        input = to_type(input, dtype)
    elif input._array.dtype.kind != "f":
        input = widen_integers(input)
    return _sum.bind(input, dim=reduced_dims(dim, input._array.ndim, "sum"), keepdim=keepdim)


@primitive(role="distributes, divided", notation="mean {x}", promote=None, samples=samples)
def _mean(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    if x.dtype.itemsize == 2:
        return xp.mean(x, axis=dim, keepdims=keepdim)  # adds up in float32, so that halves do not overflow
    return xp.true_divide(x.sum(axis=dim, keepdims=keepdim), reduced_count(x.shape, dim))


_mean.gradient(
    x=lambda g, x_shape, dim, keepdim: (
        restore(g, x_shape, dim, keepdim) * (1 / max(reduced_count(x_shape, dim), 1))
    ).expand(x_shape)
)
_mean.shape(same_dtype_shape)


def mean(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
    """Arithmetic mean over `dim`, or over everything; arguments as in `sum`.

    Raises:
        DtypeError: `input` is not floating-point and no `dtype` is given.
    """
    if dtype is not None:
        input = to_type(input, dtype)
    if input._array.dtype.kind != "f":
        require_float(input, "mean")
    return _mean.bind(input, dim=reduced_dims(dim, input._array.ndim, "mean"), keepdim=keepdim)


@primitive(
    role="distributes",
    notation="sum {x}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"shape": (4,)}),
        ((rng.normal(size=(2, 3, 4)),), {"shape": (3, 1)}),
        ((rng.normal(size=(3, 4)),), {"shape": ()}),
    ],
)
def sum_to_shape(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """`x` added up over the dimensions along which `shape` broadcasts to its shape."""
    lead = x.ndim - len(shape)
    spread = tuple([lead + i for i, n in enumerate(shape) if n != x.shape[lead + i]])
    return x.sum(axis=(*range(lead), *spread)).reshape(shape)


sum_to_shape.gradient(x=lambda g, x_shape: g.expand(x_shape))
sum_to_shape.shape(lambda x, shape: (shape, x.dtype))


@primitive(role="stops", notation="1", promote=None, samples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
def _ones_of(xp: Any, x: Any) -> Any:
    return xp.ones(x.shape, x.dtype)


_ones_of.shape(lambda x: (x.shape, x.dtype))

Helpers.sum_to_shape = lambda x, shape: sum_to_shape.bind(x, shape=shape)
Helpers.ones_like = _ones_of.bind


@primitive(role="stops", notation="all {x}", promote=None, samples=samples)
def _all(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return xp.all(x, axis=dim, keepdims=keepdim)


@primitive(role="stops", notation="any {x}", promote=None, samples=samples)
def _any(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return xp.any(x, axis=dim, keepdims=keepdim)


for _operation in (_all, _any):
    _operation.shape(lambda x, dim, keepdim: (reduced_shape(x.shape, dim, keepdim), np.dtype(np.bool_)))


def _truth(operation: Primitive, input: "Tensor", dim: Dims, keepdim: bool) -> "Tensor":
    found = reduced_dims(dim, input._array.ndim, operation.name)
    result = operation.bind(input, dim=found, keepdim=keepdim)
    # PyTorch's exception: uint8 was its bool once.
    return cast.bind(result, kind=input._array.dtype) if input._array.dtype == np.uint8 else result


def all(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Whether all elements over `dim` are true or not 0, as bool (as uint8 for uint8)."""
    return _truth(_all, input, dim, keepdim)


def any(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Whether any element over `dim` is true or not 0, as bool (as uint8 for uint8)."""
    return _truth(_any, input, dim, keepdim)


def count_nonzero(input: "Tensor", dim: Dims = None) -> "Tensor":
    """How many elements over `dim` are not 0, as int64."""
    return sum(input != 0, dim)


def nansum(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
    """`sum` with every NaN counted as 0."""
    return sum(where(input != input, 0, input), dim, keepdim, dtype=dtype)


def nanmean(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
    """The mean of the elements that are not NaN; NaN where there is none.

    Raises:
        DtypeError: `input` is not floating-point and no `dtype` is given.
    """
    input = to_type(input, dtype)
    require_float(input, "nanmean")
    return nansum(input, dim, keepdim) / sum(input == input, dim, keepdim)
