"""How often numbers occur, and whether they do."""

from typing import TYPE_CHECKING

from backlit.core.dtypes import float32, float64, int64
from backlit.core.tensor_base import values_of
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.casting import to_dtype
from backlit.ops.comparison import eq, logical_not
from backlit.ops.creation import as_tensor, ones, zeros
from backlit.ops.gathering import index_add
from backlit.ops.reduction import any as any_of

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["bincount", "isin"]

Number = bool | int | float


def bincount(input: "Tensor", weights: "Tensor | None" = None, minlength: int = 0) -> "Tensor":
    """How often each of the numbers 0, 1, 2, … occurs, or the sum of the weights that stand beside it.

    Args:
        input: Integers that are not negative, (n,).
        weights: A weight for each of them, (n,).
        minlength: The least length of the result, which else ends with the largest number.

    Raises:
        ArgumentError: A number is negative.
        ShapeError: `input` is no vector of integers, or the weights are not as many.
    """
    array = input._array
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ShapeError(f"bincount: expected a vector of integers, got {array.dtype} of shape {array.shape}")
    if weights is not None and weights._array.shape != array.shape:
        raise ShapeError(f"bincount: got {weights._array.shape} weights for numbers of shape {array.shape}")
    # What it reads makes the shape, so that no trace can hold it.
    values = values_of(input)
    least, largest = (int(values.min()), int(values.max())) if values.size else (0, -1)
    if least < 0:
        raise ArgumentError(f"bincount: the numbers must not be negative, got {least}")
    if weights is None:
        weights = ones(values.size, dtype=int64)
    elif weights._array.dtype != float32:
        weights = to_dtype(weights, float64)
    return index_add(zeros(max(largest + 1, minlength), dtype=weights.dtype), 0, input, weights)


def isin(elements: "Tensor", test_elements: "Tensor | Number", *, invert: bool = False) -> "Tensor":
    """Whether each element is one of `test_elements`, or with `invert` none of them.

    Args:
        elements: Any shape.
        test_elements: Any shape, or a number.
        invert: Whether to ask for the others.
    """
    wanted = as_tensor(test_elements).reshape(-1)
    found = any_of(eq(elements.unsqueeze(-1), wanted), -1)
    return logical_not(found) if invert else found
