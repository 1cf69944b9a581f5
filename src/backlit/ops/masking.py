"""Elements chosen by masks and conditions: filled, picked, put, and their places."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentTypeError, DtypeError, ShapeError
from backlit.ops.casting import cast
from backlit.ops.choice import where
from backlit.ops.index_keys import places_of
from backlit.ops.indexing import constant, put_at
from backlit.ops.joining import unbind
from backlit.ops.shape import broadcast_tensors

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero"]

Number = bool | int | float


def _checked_mask(mask: Any, operation: str) -> None:
    if not isinstance(mask, TensorBase):
        raise ArgumentTypeError(f"{operation}: the mask must be a bool tensor, got {type(mask).__name__}")
    if mask._array.dtype.kind != "b":
        raise DtypeError(f"{operation}: the mask must be a bool tensor, got one of {mask._array.dtype}; use .bool()")


def masked_fill(input: "Tensor", mask: "Tensor", value: "Tensor | Number") -> "Tensor":
    """`input` with one number in the places where `mask` holds.

    Args:
        input: Any tensor; the result has its type.
        mask: A bool tensor; the two broadcast.
        value: A number or a tensor without dimensions.

    Raises:
        DtypeError: `mask` is not of type bool.
        ShapeError: `value` has dimensions, or the shapes do not broadcast.
    """
    _checked_mask(mask, "masked_fill")
    kind = input._array.dtype
    if isinstance(value, TensorBase):
        if value._array.ndim:
            raise ShapeError(f"masked_fill: the value must have no dimensions, got shape {value._array.shape}")
        value = value if value._array.dtype == kind else cast.bind(value, kind=kind)
    elif kind.kind != "f" or type(value) not in (bool, int, float):
        value = constant(value, kind)
    return where(mask, value, input)


def masked_select(input: "Tensor", mask: "Tensor") -> "Tensor":
    """The elements of `input` where `mask` holds, in one dimension; the two broadcast.

    Raises:
        DtypeError: `mask` is not of type bool.
    """
    _checked_mask(mask, "masked_select")
    x, m = broadcast_tensors(input, mask)
    return x[m]


def masked_scatter(input: "Tensor", mask: "Tensor", source: "Tensor") -> "Tensor":
    """`input` with the first elements of `source`, in order, in the places where `mask` holds.

    Raises:
        DtypeError: `mask` is not of type bool, or `source` is of another type than `input`.
        ShapeError: `source` has too few elements.
    """
    _checked_mask(mask, "masked_scatter")
    x, m = broadcast_tensors(input, mask)
    places = places_of.bind(m)
    count = places._array.shape[0]
    if source._array.size < count:
        raise ShapeError(f"masked_scatter: the mask holds in {count} places, the source has {source._array.size}")
    if source._array.dtype != input._array.dtype:
        raise DtypeError(
            f"masked_scatter: the source is of type {source._array.dtype}, expected {input._array.dtype}, as the input"
        )
    return put_at.bind(x, places.t(), source.reshape(-1)[:count], dims=tuple(range(x._array.ndim)))


def nonzero(input: "Tensor", *, as_tuple: bool = False) -> "Tensor | tuple[Tensor, ...]":
    """The places of all elements that are not zero, in row-major order.

    Returns:
        (number of such elements, number of dimensions) in int64; with `as_tuple`, one index tensor a dimension.
    """
    places = places_of.bind(input)
    return unbind(places, 1) if as_tuple else places


def argwhere(input: "Tensor") -> "Tensor":
    """The places of all elements that are not zero, one a row."""
    return places_of.bind(input)
