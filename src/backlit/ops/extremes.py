"""The largest, the smallest and the middle elements, and where they stand."""

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from backlit.core.primitive import Primitive, primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from backlit.ops import return_types
from backlit.ops.choice import maximum, minimum
from backlit.ops.dims import one_dim, reduced_dims
from backlit.ops.gathering import gather_adjoint
from backlit.ops.reduction import Dims, reduced_count, reduced_shape, restore, same_dtype_shape
from backlit.ops.reduction import samples as reduction_samples
from backlit.ops.return_types import ValuesAndIndices

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["amax", "amin", "argmax", "argmin", "kthvalue", "max", "median", "min"]


def _share_evenly(
    g: "Tensor", ans: "Tensor", x: "Tensor", x_shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool
) -> "Tensor":
    """PyTorch's choice for `amax`, `amin` and `max()`: elements that tie share the gradient evenly."""
    winners = (x == restore(ans, x_shape, dim, keepdim)).to(g.dtype)
    count = winners.sum(dim, keepdim=True)
    return winners * (restore(g, x_shape, dim, keepdim) / count)


def _require_elements(input: "Tensor", dim: tuple[int, ...] | None, operation: str) -> None:
    if reduced_count(input._array.shape, dim) == 0:
        shape = input._array.shape
        if dim is None:
            raise ShapeError(f"{operation}: the tensor of shape {shape} is empty, there is nothing to choose from")
        raise IndexRangeError(
            f"{operation}: dim {', '.join(map(str, dim))} of shape {shape} is empty, there is nothing to choose from"
        )


def _lead(x: Any, *, dim: int | tuple[int, ...] | None, keepdim: bool) -> Any:
    """How far the largest element is ahead of the next one: 0 at a tie, infinite where it is alone."""
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    rest = np.moveaxis(x, tuple(dims), range(-len(dims), 0))
    rows = rest.reshape(*rest.shape[: x.ndim - len(dims)], -1)
    if rows.shape[-1] < 2:
        return np.full(rows.shape[:-1], np.inf)
    top = np.partition(rows, -2, axis=-1)
    return np.subtract(top[..., -1], top[..., -2], dtype=np.float64)


def _lead_below(x: Any, *, dim: int | tuple[int, ...] | None, keepdim: bool) -> Any:
    """The same for the smallest element."""
    return _lead(np.negative(x, dtype=np.float64), dim=dim, keepdim=keepdim)


@primitive(role="routes", notation="max {x}", promote=None, samples=reduction_samples, kinks=_lead)
def _amax(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return x.max(axis=dim, keepdims=keepdim)


_amax.gradient(x=_share_evenly)
_amax.shape(same_dtype_shape)


def amax(input: "Tensor", dim: Dims = (), keepdim: bool = False) -> "Tensor":
    """The largest element over `dim`, or of all; elements that tie share the gradient evenly.

    Raises:
        ShapeError: There is no element to choose from.
    """
    dims = reduced_dims(dim, input._array.ndim, "amax")
    _require_elements(input, dims, "amax")
    return _amax.bind(input, dim=dims, keepdim=keepdim)


@primitive(role="routes", notation="min {x}", promote=None, samples=reduction_samples, kinks=_lead_below)
def _amin(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return x.min(axis=dim, keepdims=keepdim)


_amin.gradient(x=_share_evenly)
_amin.shape(same_dtype_shape)


def amin(input: "Tensor", dim: Dims = (), keepdim: bool = False) -> "Tensor":
    """The smallest element over `dim`, or of all; elements that tie share the gradient evenly.

    Raises:
        ShapeError: There is no element to choose from.
    """
    dims = reduced_dims(dim, input._array.ndim, "amin")
    _require_elements(input, dims, "amin")
    return _amin.bind(input, dim=dims, keepdim=keepdim)


# -- values and indices along one dimension --------------------------------------------------------------------------


def _along_samples(rng: "np.random.Generator", **settings: int) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        ((rng.normal(size=(3, 4)),), {"dim": 0, "keepdim": False, **settings}),
        ((rng.normal(size=(3, 4)),), {"dim": 1, "keepdim": True, **settings}),
        ((rng.normal(size=(2, 3, 4)),), {"dim": 1, "keepdim": False, **settings}),
    ]


def _pick(xp: Any, x: Any, index: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    values = xp.take_along_axis(x, index, axis=dim)
    return (values, index) if keepdim else (xp.squeeze(values, dim), xp.squeeze(index, dim))


def _route(g: Any, ans: Any, x_shape: tuple[int, ...], dim: int, keepdim: bool) -> "Tensor":
    values, index = (g[0], ans[1]) if keepdim else (g[0].unsqueeze(dim), ans[1].unsqueeze(dim))
    return gather_adjoint.bind(values, index, dim=dim, shape=x_shape)


def _pick_shape(x: Any, dim: int, keepdim: bool, **_: Any) -> Any:
    shape = reduced_shape(x.shape, (dim,), keepdim)
    return (shape, x.dtype), (shape, np.dtype(np.int64))


def _middle(xp: Any, x: Any, axis: int) -> Any:
    """Where the lower median stands; a NaN, if there is one, stands for the middle."""
    order = xp.argsort(x, axis=axis, stable=True)
    index = xp.take(order, xp.asarray([(x.shape[axis] - 1) // 2]), axis=axis)
    if x.dtype.kind != "f":
        return index
    nan = xp.isnan(x)
    return xp.where(nan.any(axis=axis, keepdims=True), xp.argmax(nan, axis=axis, keepdims=True), index)


@primitive(role="routes", notation="max {x}", promote=None, samples=_along_samples, kinks=_lead)
def max_along(xp: Any, x: Any, *, dim: int, keepdim: bool) -> Any:
    """The largest elements along `dim` and their places."""
    return _pick(xp, x, xp.argmax(x, axis=dim, keepdims=True), dim, keepdim)


@primitive(role="routes", notation="min {x}", promote=None, samples=_along_samples, kinks=_lead_below)
def min_along(xp: Any, x: Any, *, dim: int, keepdim: bool) -> Any:
    """The smallest elements along `dim` and their places."""
    return _pick(xp, x, xp.argmin(x, axis=dim, keepdims=True), dim, keepdim)


@primitive(role="routes", notation="median {x}", promote=None, samples=_along_samples)
def median_along(xp: Any, x: Any, *, dim: int, keepdim: bool) -> Any:
    """The lower medians along `dim` and their places."""
    return _pick(xp, x, _middle(xp, x, dim), dim, keepdim)


@primitive(role="routes", notation="{x} of rank {k}", promote=None, samples=lambda rng: _along_samples(rng, k=2))
def _kthvalue(xp: Any, x: Any, *, k: int, dim: int, keepdim: bool) -> Any:
    order = xp.argsort(x, axis=dim, stable=True)
    return _pick(xp, x, xp.take(order, xp.asarray([k - 1]), axis=dim), dim, keepdim)


for _operation in (max_along, min_along, median_along, _kthvalue):
    _operation.gradient(x=_route)
    _operation.shape(_pick_shape)


def _bind_along(operation: Primitive, name: str, input: "Tensor", dim: int, keepdim: bool, **settings: int) -> Any:
    found = one_dim(dim, input._array.ndim, name)
    if input._array.ndim == 0:
        values, indices = operation.bind(input.unsqueeze(0), dim=0, keepdim=False, **settings)
    else:
        _require_elements(input, (found,), name)
        values, indices = operation.bind(input, dim=found, keepdim=keepdim, **settings)
    return values, indices


@overload
def max(input: "Tensor") -> "Tensor": ...
@overload
def max(input: "Tensor", dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@overload
def max(input: "Tensor", dim: "Tensor") -> "Tensor": ...
def max(input: "Tensor", dim: "int | Tensor | None" = None, keepdim: bool = False) -> "Tensor | ValuesAndIndices":
    """The largest element of all, along one dimension, or of two tensors, element by element.

    Args:
        input: Any shape.
        dim: None; or a dimension; or a second tensor.
        keepdim: Leave the reduced dimension in place, with size 1.

    Returns:
        A tensor, whose gradient elements that tie share evenly; with a dimension the pair `(values, indices)`, whose
        gradient goes to the elements named by `indices`.
    """
    if isinstance(dim, TensorBase):
        return maximum(input, dim)
    if dim is None:
        return amax(input)
    return return_types.max(*_bind_along(max_along, "max", input, dim, keepdim))


@overload
def min(input: "Tensor") -> "Tensor": ...
@overload
def min(input: "Tensor", dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
@overload
def min(input: "Tensor", dim: "Tensor") -> "Tensor": ...
def min(input: "Tensor", dim: "int | Tensor | None" = None, keepdim: bool = False) -> "Tensor | ValuesAndIndices":
    """The smallest element; forms, results and gradients as in `max`."""
    if isinstance(dim, TensorBase):
        return minimum(input, dim)
    if dim is None:
        return amin(input)
    return return_types.min(*_bind_along(min_along, "min", input, dim, keepdim))


@primitive(role="routes", notation="median {x}", promote=None, samples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
def _median(xp: Any, x: Any) -> Any:
    flat = x.reshape(-1)
    return flat[_middle(xp, flat, 0)[0]]


_median.gradient(x=lambda g, ans, x, x_shape: _share_evenly(g, ans, x, x_shape, None, False))
_median.shape(lambda x: ((), x.dtype))


@overload
def median(input: "Tensor") -> "Tensor": ...
@overload
def median(input: "Tensor", dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
def median(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> "Tensor | ValuesAndIndices":
    """The median, of an even number of elements the lower one of the two in the middle; results as in `max`."""
    if dim is None:
        _require_elements(input, None, "median")
        return _median.bind(input)
    return return_types.median(*_bind_along(median_along, "median", input, dim, keepdim))


def kthvalue(input: "Tensor", k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The k-th smallest element along `dim`, counted from 1, and where it stands.

    Raises:
        ArgumentError: There is no k-th element.
    """
    size = input._array.shape[one_dim(dim, input._array.ndim, "kthvalue")] if input._array.ndim else 1
    if not isinstance(k, int):
        raise ArgumentTypeError(f"kthvalue: k must be an integer, got {k!r}")
    if not 1 <= k <= size:
        raise ArgumentError(f"kthvalue: k must be from 1 to {size}, the size of dim {dim}, got {k}")
    return return_types.kthvalue(*_bind_along(_kthvalue, "kthvalue", input, dim, keepdim, k=k))


# -- indices alone ---------------------------------------------------------------------------------------------------


def _index_samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        ((rng.normal(size=(3, 4)),), {"dim": dim, "keepdim": keepdim}) for dim, keepdim in ((None, False), (1, True))
    ]


@primitive(role="stops", notation="argmax {x}", promote=None, samples=_index_samples)
def _argmax(xp: Any, x: Any, *, dim: int | None, keepdim: bool) -> Any:
    return xp.argmax(x, axis=dim, keepdims=keepdim)


@primitive(role="stops", notation="argmin {x}", promote=None, samples=_index_samples)
def _argmin(xp: Any, x: Any, *, dim: int | None, keepdim: bool) -> Any:
    return xp.argmin(x, axis=dim, keepdims=keepdim)


def _index_shape(x: Any, dim: int | None, keepdim: bool) -> Any:
    return reduced_shape(x.shape, None if dim is None else (dim,), keepdim), np.dtype(np.int64)


_argmax.shape(_index_shape)
_argmin.shape(_index_shape)


def _arg(operation: Primitive, input: "Tensor", dim: int | None, keepdim: bool) -> "Tensor":
    found = None if dim is None else one_dim(dim, input._array.ndim, operation.name)
    if input._array.ndim == 0:
        found = None
    _require_elements(input, None if found is None else (found,), operation.name)
    return operation.bind(input, dim=found, keepdim=keepdim)


def argmax(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> "Tensor":
    """Where the largest element stands along `dim`, or in the flattened tensor; the first of those that tie."""
    return _arg(_argmax, input, dim, keepdim)


def argmin(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> "Tensor":
    """Where the smallest element stands; as `argmax`."""
    return _arg(_argmin, input, dim, keepdim)
