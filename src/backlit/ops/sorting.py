"""Sorting, the largest few, and distinct values."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase, values_of
from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError, suggest
from backlit.ops import return_types
from backlit.ops.choice import where
from backlit.ops.dims import one_dim
from backlit.ops.gathering import gather_adjoint
from backlit.ops.joining import stack
from backlit.ops.return_types import ValuesAndIndices

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["argsort", "quantile", "sort", "topk", "unique"]


def _samples(rng: "np.random.Generator", **settings: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        ((rng.normal(size=(3, 4)),), {"dim": dim, "descending": descending, **settings})
        for dim, descending in ((0, False), (1, True))
    ]


def _order(xp: Any, x: Any, dim: int, descending: bool) -> Any:
    """The stable order: elements that tie keep theirs; NaN counts as the largest."""
    if not descending:
        return xp.argsort(x, axis=dim, stable=True)
    return x.shape[dim] - 1 - xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, stable=True), dim)


def _gradient(g: Any, ans: Any, x_shape: tuple[int, ...], dim: int) -> "Tensor":
    return gather_adjoint.bind(g[0], ans[1], dim=dim, shape=x_shape)


@primitive(role="passes on, put back in order", notation="sort {x}", promote=None, samples=_samples)
def _sort(xp: Any, x: Any, *, dim: int, descending: bool) -> Any:
    order = _order(xp, x, dim, descending)
    return xp.take_along_axis(x, order, axis=dim), order


_sort.gradient(x=_gradient)
_sort.shape(lambda x, **_: ((x.shape, x.dtype), (x.shape, np.dtype(np.int64))))


def sort(input: "Tensor", dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """The elements in order along `dim`, and where they stood.

    Args:
        input: Any shape; NaN counts as the largest.
        dim: The dimension to sort along.
        descending: From the largest to the smallest.
        stable: Whether elements that tie must keep their order; they always do.
    """
    found = one_dim(dim, input._array.ndim, "sort")
    if input._array.ndim == 0:
        values, indices = _sort.bind(input.unsqueeze(0), dim=0, descending=descending)
        return return_types.sort(values.squeeze(0), indices.squeeze(0))
    return return_types.sort(*_sort.bind(input, dim=found, descending=descending))


def argsort(input: "Tensor", dim: int = -1, descending: bool = False, stable: bool = False) -> "Tensor":
    """The indices that `sort` returns."""
    return sort(input, dim, descending, stable).indices


@primitive(
    role="passes on to the places picked",
    notation="top {k} of {x}",
    promote=None,
    samples=lambda rng: _samples(rng, k=2),
)
def _topk(xp: Any, x: Any, *, k: int, dim: int, descending: bool) -> Any:
    order = xp.take(_order(xp, x, dim, descending), xp.arange(k), axis=dim)
    return xp.take_along_axis(x, order, axis=dim), order


_topk.gradient(x=_gradient)


@_topk.shape
def _topk_shape(x: Any, k: int, dim: int, descending: bool) -> Any:
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :])
    return (shape, x.dtype), (shape, np.dtype(np.int64))


def topk(input: "Tensor", k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """The `k` largest (or smallest) elements along `dim`, in order, and where they stood.

    Args:
        input: Any shape; NaN counts as the largest.
        k: How many.
        dim: The dimension to choose along.
        largest: False for the smallest.
        sorted: Whether the results must be in order; they always are.

    Raises:
        ArgumentError: `k` is negative or larger than the dimension.
        ArgumentTypeError: `k` is not an integer.
    """
    ndim = input._array.ndim
    found = one_dim(dim, ndim, "topk")
    if not isinstance(k, (int, np.integer)):
        raise ArgumentTypeError(f"topk: k must be an integer, got {k!r}")
    size = input._array.shape[found] if ndim else 1
    if not 0 <= k <= size:
        raise ArgumentError(f"topk: k must be from 0 to {size}, the size of dim {dim}, got {k}")
    if ndim == 0:
        values, indices = _topk.bind(input.unsqueeze(0), k=int(k), dim=0, descending=largest)
        return return_types.topk(*(part.squeeze(0) if k else part for part in (values, indices)))
    return return_types.topk(*_topk.bind(input, k=int(k), dim=found, descending=largest))


@primitive(
    role="stops",
    notation="distinct {x}",
    promote=None,
    dynamic=True,
    samples=lambda rng: [((rng.integers(0, 3, size=(3, 4)),), {"dim": None})],
)
def _unique(xp: Any, x: Any, *, dim: int | None) -> Any:
    return tuple(xp.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False))


def unique(
    input: "Tensor",
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> "Tensor | tuple[Tensor, ...]":
    """The distinct elements, or slices along `dim`, in order.

    Args:
        input: Any shape; every NaN counts as distinct.
        sorted: Whether the results must be in order; they always are.
        return_inverse: Return also, for each element or slice, where its value stands in the result.
        return_counts: Return also how often each value occurs.
        dim: The dimension whose slices to compare; None for single elements.
    """
    found = None if dim is None else one_dim(dim, input._array.ndim, "unique")
    values, inverse, counts = _unique.bind(input, dim=found)
    extra = [part for part, wanted in ((inverse, return_inverse), (counts, return_counts)) if wanted]
    return (values, *extra) if extra else values


def quantile(
    input: "Tensor",
    q: "float | Tensor",
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> "Tensor":
    """The values below which shares `q` of the elements lie; NaN where there is one.

    Args:
        input: Any shape, floating-point.
        q: A share from 0 to 1, or several, (k,).
        dim: The dimension to reduce; None: all elements.
        keepdim: Leave the reduced dimension in place, with size 1.
        interpolation: Between two elements: "linear", "lower", "higher", "nearest" or "midpoint".

    Returns:
        `input` without `dim`; for several shares with a first dimension of k more.

    Raises:
        ArgumentError: A share is outside of [0, 1], or an unknown interpolation.
        ShapeError: There is no element.
    """
    if interpolation not in _BETWEEN:
        raise ArgumentError(f"quantile: unknown interpolation {interpolation!r}{suggest(str(interpolation), _BETWEEN)}")
    shares = values_of(q).tolist() if isinstance(q, TensorBase) else float(q)
    several = [shares] if isinstance(shares, float) else shares
    if not all(0 <= share <= 1 for share in several):
        raise ArgumentError(f"quantile: q must be from 0 to 1, got {shares}")
    flat = input.reshape(-1) if dim is None else input
    axis = one_dim(-1 if dim is None else dim, flat._array.ndim, "quantile")
    size = flat._array.shape[axis]
    if not size:
        raise ShapeError(f"quantile: there is no element in the tensor of shape {input._array.shape}")
    ordered, _ = sort(flat, axis)
    spoilt = flat.isnan().any(axis, keepdim=True)
    found = []
    for share in several:
        place = share * (size - 1)
        low, high = ordered.narrow(axis, math.floor(place), 1), ordered.narrow(axis, math.ceil(place), 1)
        found.append(where(spoilt, math.nan, low + (high - low) * _BETWEEN[interpolation](place)))
    if dim is None:
        found = [value.reshape((1,) * input._array.ndim if keepdim else ()) for value in found]
    elif not keepdim:
        found = [value.squeeze(axis) for value in found]
    return found[0] if isinstance(shares, float) else stack(found)


# How far from the element below to the one above a place between them lies.
_BETWEEN: dict[str, Callable[[float], float]] = {
    "linear": lambda place: place - math.floor(place),
    "lower": lambda place: 0.0,
    "higher": lambda place: 1.0,
    "nearest": lambda place: round(place) - math.floor(place),
    "midpoint": lambda place: 0.5,
}
