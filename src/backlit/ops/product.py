"""Products of vectors and matrices."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.composite import composite
from backlit.core.primitive import primitive
from backlit.errors import DtypeError, ShapeError
from backlit.ops.output import put_out
from backlit.ops.reduction import sum_to_shape

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["addmm", "addmv", "baddbmm", "bmm", "dot", "linear", "matmul", "mm", "mv", "outer"]

Number = int | float


def _check(x: Any, y: Any) -> None:
    """Say why two operands of a matrix product do not fit, if they do not; the engine adds shapes and place."""
    if not x.shape or not y.shape:
        raise ValueError("both need at least one dimension; use * for the product with a single number")
    if x.dtype != y.dtype:
        raise DtypeError(
            f"matmul: the operands have different types, {x.dtype} and {y.dtype}; bring them to one type first, for "
            "example with .to(other.dtype)"
        )
    inner = y.shape[-2] if len(y.shape) > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise ValueError(
            f"these shapes do not multiply: the first has {x.shape[-1]} columns, the second {inner} rows, and the two "
            "must be equal"
        )
    try:
        np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ValueError(
            "these shapes do not multiply: the dimensions before the last two do not broadcast (counted from the "
            "right, sizes must be equal, or one of them 1)"
        ) from None


@primitive(
    role="mixes",
    notation="{x} {y}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=left), rng.normal(size=right)), {})
        for left, right in [
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((3,), (2, 3, 2)),
            ((2, 2, 3), (3,)),
            ((2, 2, 3), (3, 4)),
            ((2, 3), (2, 3, 4)),
            ((2, 1, 2, 3), (3, 3, 2)),
        ]
    ],
)
def _matmul(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype != y.dtype or not x.ndim or not y.ndim or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        _check(x, y)
    if x.ndim > 2 and y.ndim <= 2:
        # One large product in place of a stack of small ones.
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return xp.matmul(rows, y).reshape(x.shape[:-1] + y.shape[1:])
    if x.ndim > 2 and x.shape[:-2] != y.shape[:-2]:
        _check(x, y)
    return xp.matmul(x, y)


@_matmul.shape
def _matmul_shape(x: Any, y: Any) -> Any:
    _check(x, y)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return batch + x.shape[-2:-1] + (y.shape[-1:] if len(y.shape) > 1 else ()), x.dtype


def _fit(g: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    return g if g._array.shape == shape else sum_to_shape.bind(g, shape=shape)


def _gradient_of_first(g: "Tensor", y: "Tensor", x_shape: tuple[int, ...]) -> "Tensor":
    if y._array.ndim == 1:
        return (g.unsqueeze(-1) if len(x_shape) > 1 else g) * y
    if len(x_shape) == 1:
        return _fit(_matmul.bind(y, g.unsqueeze(-1)).squeeze(-1), x_shape)
    return _fit(_matmul.bind(g, y.transpose(-2, -1)), x_shape)


def _gradient_of_second(g: "Tensor", x: "Tensor", y_shape: tuple[int, ...]) -> "Tensor":
    dims = x._array.ndim
    if dims == 1:
        return g * x if len(y_shape) == 1 else x.unsqueeze(-1) * g.unsqueeze(-2)
    if dims > 2 and len(y_shape) <= 2:
        shape = x._array.shape
        rows = math.prod(shape[:-1])
        x, g = x.reshape((rows, shape[-1])), g.reshape((rows, *y_shape[1:]))
    return _fit(_matmul.bind(x.transpose(-2, -1), g), y_shape)


_matmul.gradient(x=_gradient_of_first, y=_gradient_of_second)


def matmul(input: "Tensor", other: "Tensor", *, out: "Tensor | None" = None) -> "Tensor":
    """The matrix product; dimensions before the last two broadcast.

    Args:
        input: (n) or (*, m, n).
        other: (n) or (*, n, k).
        out: Where to put the result.

    Returns:
        (*, m, k), without m or k where an operand is a vector.

    Raises:
        ShapeError: The shapes do not multiply.
        DtypeError: The types differ.
    """
    return put_out(_matmul.bind(input, other), out, "matmul")


def _linear_kernel(xp: Any, input: Any, weight: Any, bias: Any) -> Any:
    if weight.ndim != 2 or input.dtype != weight.dtype or not input.ndim or input.shape[-1] != weight.shape[1]:
        _check_linear(input, weight)
    if input.ndim > 2:
        rows = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])
        out = np.matmul(rows, weight.T).reshape(*input.shape[:-1], weight.shape[0])
    else:
        out = np.matmul(input, weight.T)
    if bias is None:
        return out
    if bias.shape not in (weight.shape[:1], ()):
        raise ValueError("the bias must have the weight's out_features, its first size")
    return np.add(out, bias, out=out)


def _check_linear(input: Any, weight: Any) -> None:
    if weight.ndim != 2 or not input.ndim or input.shape[-1] != weight.shape[1]:
        raise ValueError("the last size of the input must be the weight's in_features, its second size")
    raise DtypeError(
        f"linear: input is {input.dtype} and weight {weight.dtype}; bring them to one type first, for example "
        "with input.to(weight.dtype)"
    )


def _linear_gradient(g: Any, input: Any, weight: Any, bias: Any, needs: Any) -> Any:
    rows = g if g.ndim == 2 else g.reshape(g.size // (weight.shape[0] or 1), weight.shape[0])
    for_input = for_weight = for_bias = None
    if needs[0]:
        for_input = np.matmul(rows, weight)
        if input.ndim != 2:
            for_input = for_input.reshape(input.shape)
    if needs[1]:
        for_weight = np.matmul(rows.T, input if input.ndim == 2 else input.reshape(rows.shape[0], input.shape[-1]))
    if needs[2]:
        for_bias = rows.sum(axis=0 if bias.ndim else None)
    return for_input, for_weight, for_bias


@composite(
    kernel=_linear_kernel,
    gradient=_linear_gradient,
    role="mixes",
    notation="{input} {weight}' + {bias}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
        ((rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 3)), None), {}),
        ((rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
    ],
)
def _linear(input: "Tensor", weight: "Tensor", bias: "Tensor | None") -> "Tensor":
    product = _matmul.bind(input, weight.transpose(0, 1))
    return product if bias is None else product + bias


def linear(input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """The affine map y = x W' + b.

    Args:
        input: (*, in_features).
        weight: (out_features, in_features).
        bias: (out_features) or None.

    Returns:
        (*, out_features).

    Raises:
        ShapeError: The shapes do not fit.
        DtypeError: The types differ.
    """
    return _linear.bind(input, weight, bias)


def _require_dims(operation: str, *tensors: "tuple[Tensor, int]") -> None:
    """Raise unless each tensor has its number of dimensions."""
    if any(tensor._array.ndim != ndim for tensor, ndim in tensors):
        expected = " and ".join(str(ndim) for _, ndim in tensors)
        shapes = " and ".join(str(tuple(tensor._array.shape)) for tensor, _ in tensors)
        raise ShapeError(
            f"{operation}: expected {expected} dimensions, got shapes {shapes}; use matmul for other combinations"
        )


def mm(input: "Tensor", mat2: "Tensor", *, out: "Tensor | None" = None) -> "Tensor":
    """The product of two matrices, (m, n) and (n, k).

    Raises:
        ShapeError: An operand is not a matrix, or the shapes do not multiply.
    """
    _require_dims("mm", (input, 2), (mat2, 2))
    return put_out(_matmul.bind(input, mat2), out, "mm")


def mv(input: "Tensor", vec: "Tensor") -> "Tensor":
    """The product of a matrix (m, n) and a vector (n).

    Raises:
        ShapeError: The operands have other numbers of dimensions, or do not multiply.
    """
    _require_dims("mv", (input, 2), (vec, 1))
    return _matmul.bind(input, vec)


def dot(input: "Tensor", tensor: "Tensor") -> "Tensor":
    """The inner product of two vectors of the same length.

    Raises:
        ShapeError: An operand is not a vector, or the lengths differ.
    """
    _require_dims("dot", (input, 1), (tensor, 1))
    return _matmul.bind(input, tensor)


def bmm(input: "Tensor", mat2: "Tensor") -> "Tensor":
    """The products of two stacks of matrices, (b, m, n) and (b, n, k).

    Raises:
        ShapeError: An operand has not three dimensions, the stacks differ in height, or the matrices do not multiply.
    """
    _require_dims("bmm", (input, 3), (mat2, 3))
    if input._array.shape[0] != mat2._array.shape[0]:
        raise ShapeError(
            f"bmm: shapes {tuple(input._array.shape)} and {tuple(mat2._array.shape)} must have the same first size"
        )
    return _matmul.bind(input, mat2)


def outer(input: "Tensor", vec2: "Tensor") -> "Tensor":
    """All products of an element of `input` (m) and one of `vec2` (n), as (m, n).

    Raises:
        ShapeError: An operand is not a vector.
    """
    _require_dims("outer", (input, 1), (vec2, 1))
    return input.unsqueeze(1) * vec2


def _weighted(input: "Tensor", product: "Tensor", beta: Number, alpha: Number) -> "Tensor":
    product = product if alpha == 1 else product * alpha
    # PyTorch's rule: with beta = 0 the input does not count, not even its NaN.
    return product if beta == 0 else (input if beta == 1 else input * beta) + product


def addmm(input: "Tensor", mat1: "Tensor", mat2: "Tensor", *, beta: Number = 1, alpha: Number = 1) -> "Tensor":
    """`beta * input + alpha * (mat1 @ mat2)` for two matrices; `input` broadcasts."""
    return _weighted(input, mm(mat1, mat2), beta, alpha)


def addmv(input: "Tensor", mat: "Tensor", vec: "Tensor", *, beta: Number = 1, alpha: Number = 1) -> "Tensor":
    """`beta * input + alpha * (mat @ vec)` for a matrix and a vector; `input` broadcasts."""
    return _weighted(input, mv(mat, vec), beta, alpha)


def baddbmm(input: "Tensor", batch1: "Tensor", batch2: "Tensor", *, beta: Number = 1, alpha: Number = 1) -> "Tensor":
    """`beta * input + alpha * (batch1 @ batch2)` for two stacks of matrices; `input` broadcasts."""
    return _weighted(input, bmm(batch1, batch2), beta, alpha)
