"""Elements in another order or number: flipped, rolled, cut to triangles, diagonals, repeated, padded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase, make, values_of
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.casting import clone
from backlit.ops.dims import one_dim, sizes_of, some_dims
from backlit.ops.indexing import pick
from backlit.ops.sequences import arange

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "diag",
    "diag_embed",
    "diagonal",
    "flip",
    "repeat_interleave",
    "roll",
    "rot90",
    "tile",
    "trace",
    "tril",
    "triu",
]

Number = bool | int | float


@primitive(
    role="passes on, flipped back",
    notation="flip({x})",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"dims": (1,)})],
)
def _flip(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    return xp.flip(x, dims).copy()


_flip.gradient(x=lambda g, dims: _flip.bind(g, dims=dims))


def flip(input: "Tensor", dims: int | Sequence[int]) -> "Tensor":
    """A copy of `input` with the order of elements reversed along `dims`."""
    return _flip.bind(input, dims=some_dims(dims, input._array.ndim, "flip"))


def rot90(input: "Tensor", k: int = 1, dims: Sequence[int] = (0, 1)) -> "Tensor":
    """A copy of `input` turned by k times 90 degrees, from the first of the two `dims` towards the second.

    Raises:
        ArgumentError: `dims` are not two different dimensions.
    """
    found = some_dims(dims, input._array.ndim, "rot90")
    if len(found) != 2:
        raise ArgumentError(f"rot90: expected two dimensions, got {tuple(dims)}")
    first, second = found
    if k % 4 == 0:
        return clone.bind(input)
    if k % 4 == 2:
        return flip(input, found)
    turned = input.transpose(first, second)
    return flip(turned, first) if k % 4 == 1 else flip(turned, second)


@primitive(
    role="passes on, rolled back",
    notation="roll({x})",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"shifts": (1, -2), "dims": (0, 1)}),
        ((rng.normal(size=(2, 3)),), {"shifts": (4,), "dims": None}),
    ],
)
def _roll(xp: Any, x: Any, *, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Any:
    return xp.roll(x, shifts[0] if dims is None else shifts, dims)


_roll.gradient(x=lambda g, shifts, dims: _roll.bind(g, shifts=tuple(-n for n in shifts), dims=dims))


def roll(input: "Tensor", shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> "Tensor":
    """`input` with the elements moved on by `shifts` places along `dims`, those at the end coming in at the start.

    Without `dims` the tensor is rolled as if it had one dimension.

    Raises:
        ArgumentError: `shifts` and `dims` differ in number.
    """
    moves = sizes_of((shifts,), "roll")
    found = None if dims is None else tuple(one_dim(d, input._array.ndim, "roll") for d in sizes_of((dims,), "roll"))
    if len(moves) != (1 if found is None else len(found)):
        raise ArgumentError(f"roll: shifts {moves} and dims {found} differ in number")
    return _roll.bind(input, shifts=moves, dims=found)


@primitive(
    role="passes on the part kept",
    notation="tril({x})",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3, 4)),), {"diagonal": 1})],
)
def _tril(xp: Any, x: Any, *, diagonal: int) -> Any:
    return xp.tril(x, diagonal)


@primitive(
    role="passes on the part kept",
    notation="triu({x})",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3, 4)),), {"diagonal": -1})],
)
def _triu(xp: Any, x: Any, *, diagonal: int) -> Any:
    return xp.triu(x, diagonal)


_tril.gradient(x=lambda g, diagonal: _tril.bind(g, diagonal=diagonal))
_triu.gradient(x=lambda g, diagonal: _triu.bind(g, diagonal=diagonal))


def _matrix(input: "Tensor", operation: str) -> "Tensor":
    if input._array.ndim < 2:
        raise ShapeError(f"{operation}: expected at least two dimensions, got shape {input._array.shape}")
    return input


def tril(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """The lower triangle of matrices (*, n, m), zero above the diagonal `diagonal` places right of the main one."""
    return _tril.bind(_matrix(input, "tril"), diagonal=diagonal)


def triu(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """The upper triangle of matrices (*, n, m), zero below the diagonal `diagonal` places right of the main one."""
    return _triu.bind(_matrix(input, "triu"), diagonal=diagonal)


@primitive(
    role="passes on, zero elsewhere",
    notation="diagonal({x})",
    promote=None,
    view=True,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"offset": 1, "dim1": 0, "dim2": 1}),
        ((rng.normal(size=(3, 2, 4)),), {"offset": -1, "dim1": 2, "dim2": 0}),
    ],
)
def _diagonal(xp: Any, x: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    x = xp.moveaxis(x, (dim1, dim2), (-2, -1))
    x = x[..., max(-offset, 0) :, max(offset, 0) :]
    size = min(x.shape[-2:])
    # NumPy's own `diagonal` cannot be written through.
    return xp.einsum("...ii->...i", x[..., :size, :size])


@primitive(
    role="passes on the diagonal",
    notation="0 with the diagonal := {g}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"offset": 1, "dim1": 0, "dim2": 2, "shape": (3, 2, 4)}),
    ],
)
def diagonal_adjoint(xp: Any, g: Any, *, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` of which a diagonal is `g`."""
    zeros = xp.zeros(int(np.prod(shape)), g.dtype)
    numbers = xp.arange(zeros.size).reshape(shape)
    places = _diagonal.forward(xp, numbers, offset=offset, dim1=dim1, dim2=dim2)
    return xp.scatter_set(zeros, places, g).reshape(shape)


_diagonal.gradient(
    x=lambda g, x_shape, offset, dim1, dim2: diagonal_adjoint.bind(
        g, offset=offset, dim1=dim1, dim2=dim2, shape=x_shape
    )
)
diagonal_adjoint.gradient(g=lambda g, offset, dim1, dim2: _diagonal.bind(g, offset=offset, dim1=dim1, dim2=dim2))


def diagonal(input: "Tensor", offset: int = 0, dim1: int = 0, dim2: int = 1) -> "Tensor":
    """A view of the diagonal of `input` in the plane of two dimensions, as the last dimension of the result.

    Raises:
        ArgumentError: The two dimensions are one.
    """
    first, second = some_dims((dim1, dim2), _matrix(input, "diagonal")._array.ndim, "diagonal")
    return _diagonal.bind(input, offset=offset, dim1=first, dim2=second)


def diag(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """A matrix with the vector `input` on a diagonal, or a copy of a diagonal of the matrix `input`.

    Raises:
        ShapeError: `input` is neither a vector nor a matrix.
    """
    shape = input._array.shape
    if len(shape) == 2:
        return clone.bind(_diagonal.bind(input, offset=diagonal, dim1=0, dim2=1))
    if len(shape) != 1:
        raise ShapeError(f"diag: expected a vector or a matrix, got shape {shape}")
    return diag_embed(input, diagonal)


def trace(input: "Tensor") -> "Tensor":
    """The sum of the diagonal of a matrix.

    Raises:
        ShapeError: `input` is no matrix.
    """
    shape = input._array.shape
    if len(shape) != 2:
        raise ShapeError(f"trace: expected a matrix, got shape {shape}")
    return diagonal(input).sum()


def diag_embed(input: "Tensor", offset: int = 0, dim1: int = -2, dim2: int = -1) -> "Tensor":
    """Matrices of which the last dimension of `input` is a diagonal; their dimensions come to `dim1` and `dim2`."""
    own = input._array.shape
    if not own:
        raise ShapeError("diag_embed: a tensor without dimensions has no diagonal")
    first, second = some_dims((dim1, dim2), len(own) + 1, "diag_embed")
    shape = list(own[:-1])
    for dim in sorted((first, second)):
        shape.insert(dim, own[-1] + abs(offset))
    return diagonal_adjoint.bind(input, offset=offset, dim1=first, dim2=second, shape=tuple(shape))


@primitive(
    role="copies to many; their gradients add up",
    notation="repeat({x})",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"times": (2, 1, 3)})],
)
def _repeat(xp: Any, x: Any, *, times: tuple[int, ...]) -> Any:
    return xp.tile(x, times)


def _repeat_gradient(g: Any, x_shape: tuple[int, ...], times: tuple[int, ...]) -> Any:
    shape = (1,) * (len(times) - len(x_shape)) + tuple(x_shape)
    parts = g.reshape(tuple(n for pair in zip(times, shape, strict=True) for n in pair))
    return (parts.sum(tuple(range(0, 2 * len(times), 2))) if times else parts).reshape(x_shape)


_repeat.gradient(x=_repeat_gradient)


def tile(input: "Tensor", dims: Sequence[int]) -> "Tensor":
    """`input` repeated along each dimension; where `dims` has fewer entries, the first dimensions stay."""
    times = sizes_of((dims,), "tile")
    return _repeated(input, (1,) * (input._array.ndim - len(times)) + times, "tile")


def repeat(input: "Tensor", *sizes: Any) -> "Tensor":
    """`input` repeated `sizes` times along each dimension, new ones in front included.

    Raises:
        ArgumentError: There are fewer `sizes` than dimensions, or a negative one.
    """
    times = sizes_of(sizes, "repeat")
    if len(times) < input._array.ndim:
        raise ArgumentError(f"repeat: {len(times)} numbers for a tensor of {input._array.ndim} dimensions")
    return _repeated(input, times, "repeat")


def _repeated(input: "Tensor", times: tuple[int, ...], operation: str) -> "Tensor":
    if min(times, default=0) < 0:
        raise ArgumentError(f"{operation}: a tensor cannot be repeated {min(times)} times")
    return _repeat.bind(input, times=times)


def repeat_interleave(input: "Tensor", repeats: "Tensor | int", dim: int | None = None) -> "Tensor":
    """`input` with each of its slices along `dim` repeated on the spot.

    Args:
        input: Any tensor; without `dim` it is seen in one dimension.
        repeats: How often: one number for all, or a tensor of one number for each slice.
        dim: The dimension.

    Raises:
        ArgumentError: A number is negative.
        ShapeError: There is not one number for each slice.
    """
    if dim is None:
        return repeat_interleave(input.reshape(-1), repeats, 0)
    found = one_dim(dim, input._array.ndim, "repeat_interleave")
    size = input._array.shape[found]
    if isinstance(repeats, TensorBase):
        if repeats._array.shape not in ((), (1,), (size,)):
            raise ShapeError(f"repeat_interleave: expected {size} numbers, got shape {repeats._array.shape}")
        times = np.asarray(values_of(repeats))
        if (times < 0).any():
            raise ArgumentError("repeat_interleave: a slice cannot be repeated a negative number of times")
        index = make(np.repeat(np.arange(size), times))
    elif repeats < 0:
        raise ArgumentError(f"repeat_interleave: a slice cannot be repeated {repeats} times")
    else:
        index = arange(size).reshape(size, 1).expand(size, repeats).reshape(-1)
    return pick.bind(input, index, dim=found)


@primitive(
    role="passes on the part inside",
    notation="pad({x})",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"widths": ((0, 1), (2, 0)), "value": 1.5})],
)
def _pad(xp: Any, x: Any, *, widths: tuple[tuple[int, int], ...], value: Number) -> Any:
    return xp.pad(x, widths, constant_values=value)


@_pad.shape
def _pad_shape(x: Any, widths: tuple[tuple[int, int], ...], **_: Any) -> Any:
    return tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)), x.dtype


_pad.gradient(x=lambda g, x_shape, widths: g[tuple(slice(a, a + n) for (a, _), n in zip(widths, x_shape, strict=True))])


def pad(input: "Tensor", pad: Sequence[int], value: Number = 0) -> "Tensor":
    """`input` with a border of `value`.

    Args:
        input: Any tensor.
        pad: How wide: before and after the last dimension, then before and after the one before it, and so on;
            negative numbers cut off.
        value: What the border is filled with.

    Raises:
        ArgumentError: The number of widths is odd, or too large.
        ShapeError: More is cut off than is there.
    """
    shape = input._array.shape
    sides = sizes_of((pad,), "pad")
    if len(sides) % 2 or len(sides) > 2 * len(shape):
        raise ArgumentError(f"pad: expected an even number of widths, at most {2 * len(shape)}, got {sides}")
    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    widths = tuple([(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1])
    if any(n + a + b < 0 for n, (a, b) in zip(shape, widths, strict=True)):
        raise ShapeError(f"pad: widths {sides} cut off more than a tensor of shape {shape} has")
    if min(sides, default=0) < 0:
        input = input[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, widths, strict=True))]
        widths = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    return _pad.bind(input, widths=widths, value=value)
