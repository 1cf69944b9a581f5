"""Other shapes for the same elements: reshaping, exchanging, adding, removing and expanding dimensions.

Most results are views: they share the memory of their input, as in PyTorch.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.casting import clone
from backlit.ops.dims import one_dim, sizes_of, some_dims

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "broadcast_tensors",
    "broadcast_to",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


@primitive(
    role="passes on, in another shape",
    notation="reshape({x})",
    promote=None,
    view=True,
    samples=lambda rng: [
        ((rng.normal(size=(2, 6)),), {"shape": (3, -1)}),
        ((rng.normal(size=(4, 3)).T,), {"shape": (2, 6)}),
        ((rng.normal(size=()),), {"shape": (1, 1)}),
    ],
)
def _reshape(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    return xp.reshape(x, shape)


_reshape.gradient(x=lambda g, x_shape: _reshape.bind(g, shape=x_shape))


def reshape(input: "Tensor", shape: Sequence[int]) -> "Tensor":
    """The elements of `input` in row-major order, in another shape; one size may be -1.

    The result is a view where the memory allows it, else a copy.

    Raises:
        ShapeError: The number of elements differs.
    """
    return _reshape.bind(input, shape=sizes_of((shape,), "reshape"))


def view(input: "Tensor", shape: Sequence[int]) -> "Tensor":
    """As `reshape`, but never copies.

    Raises:
        ShapeError: The memory's layout would need a copy.
    """
    result = reshape(input, shape)
    if STATE.trace is None and result._storage is not input._storage:
        raise ShapeError(
            f"view: a tensor of shape {input._array.shape} and strides {input._array.strides} (bytes) cannot be seen "
            f"in shape {result._array.shape} without a copy; use .reshape(...) instead"
        )
    return result


def flatten(input: "Tensor", start_dim: int = 0, end_dim: int = -1) -> "Tensor":
    """Dimensions `start_dim` to `end_dim`, both included, made one.

    Raises:
        ArgumentError: `start_dim` comes after `end_dim`.
    """
    shape = input._array.shape
    first, last = (one_dim(d, len(shape), "flatten") for d in (start_dim, end_dim))
    if first > last:
        raise ArgumentError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if first == last and shape:
        return input
    return _reshape.bind(input, shape=(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: "Tensor", dim: int, sizes: Sequence[int]) -> "Tensor":
    """Dimension `dim` split into several of `sizes`, of which one may be -1."""
    shape = input._array.shape
    found = one_dim(dim, len(shape), "unflatten")
    parts = sizes_of((sizes,), "unflatten")
    known = -math.prod(parts)
    if -1 in parts and known > 0 and shape[found] % known == 0:
        parts = tuple(shape[found] // known if size == -1 else size for size in parts)
    if math.prod(parts) != shape[found] or min(parts, default=-1) < 0:
        raise ShapeError(f"unflatten: sizes {tuple(sizes)} do not multiply to {shape[found]}, the size of dim {dim}")
    return _reshape.bind(input, shape=(*shape[:found], *parts, *shape[found + 1 :]))


def ravel(input: "Tensor") -> "Tensor":
    """All elements in one dimension."""
    return _reshape.bind(input, shape=(-1,))


@primitive(
    role="passes on, dimensions exchanged",
    notation="{x}'",
    promote=None,
    view=True,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)),), {"dims": (2, 0, 1)}),
        ((rng.normal(size=(2, 3)),), {"dims": (1, 0)}),
    ],
)
def _permute(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    return xp.transpose(x, dims)


def _permute_gradient(g: Any, dims: tuple[int, ...]) -> Any:
    return _permute.bind(g, dims=tuple(dims.index(d) for d in range(len(dims))))


_permute.gradient(x=_permute_gradient)


def permute(input: "Tensor", dims: Sequence[int]) -> "Tensor":
    """The dimensions of `input` in another order: dimension i of the result is dimension `dims[i]`.

    Raises:
        ArgumentError: `dims` does not name each dimension once.
    """
    ndim = input._array.ndim
    found = some_dims(dims, ndim, "permute")
    if len(found) != ndim:
        raise ArgumentError(f"permute: dims {tuple(dims)} must name each of the {ndim} dimensions once")
    return _permute.bind(input, dims=found)


def transpose(input: "Tensor", dim0: int, dim1: int) -> "Tensor":
    """Dimensions `dim0` and `dim1` exchanged."""
    ndim = input._array.ndim
    first, second = one_dim(dim0, ndim, "transpose"), one_dim(dim1, ndim, "transpose")
    order = list(range(ndim))
    if ndim:
        order[first], order[second] = second, first
    return _permute.bind(input, dims=tuple(order))


swapaxes = swapdims = transpose


def t(input: "Tensor") -> "Tensor":
    """The transpose of a matrix; tensors of fewer dimensions as they are.

    Raises:
        ShapeError: There are more than two dimensions.
    """
    ndim = input._array.ndim
    if ndim > 2:
        raise ShapeError(f"t: expected at most 2 dimensions, got shape {input._array.shape}; use .mT or .permute(...)")
    return _permute.bind(input, dims=(1, 0) if ndim == 2 else tuple(range(ndim)))


def movedim(input: "Tensor", source: int | Sequence[int], destination: int | Sequence[int]) -> "Tensor":
    """The dimensions `source` moved to the places `destination`; the others keep their order.

    Raises:
        ArgumentError: `source` and `destination` differ in number.
    """
    ndim = input._array.ndim
    origin, goal = some_dims(source, ndim, "movedim"), some_dims(destination, ndim, "movedim")
    if len(origin) != len(goal):
        raise ArgumentError(f"movedim: {len(origin)} dimensions cannot be moved to {len(goal)} places")
    order = [d for d in range(ndim) if d not in origin]
    for place, d in sorted(zip(goal, origin, strict=True)):
        order.insert(place, d)
    return _permute.bind(input, dims=tuple(order))


moveaxis = movedim


@primitive(
    role="passes on",
    notation="squeeze({x})",
    promote=None,
    view=True,
    samples=lambda rng: [((rng.normal(size=(1, 3, 1)),), {"dims": (0, 2)}), ((rng.normal(size=(1, 3)),), {"dims": ()})],
)
def _squeeze(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    return xp.squeeze(x, axis=dims)


@primitive(
    role="passes on",
    notation="unsqueeze({x})",
    promote=None,
    view=True,
    samples=lambda rng: [((rng.normal(size=(3, 2)),), {"dims": (0, 2)}), ((rng.normal(size=()),), {"dims": (0,)})],
)
def _unsqueeze(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    return xp.expand_dims(x, dims)


_squeeze.gradient(x=lambda g, dims: _unsqueeze.bind(g, dims=dims))
_unsqueeze.gradient(x=lambda g, dims: _squeeze.bind(g, dims=dims))


def squeeze(input: "Tensor", dim: int | Sequence[int] | None = None) -> "Tensor":
    """`input` without its dimensions of size 1: all of them, or those of `dim` that are of size 1."""
    shape = input._array.shape
    asked = range(len(shape)) if dim is None else some_dims(dim, len(shape), "squeeze")
    return _squeeze.bind(input, dims=tuple(sorted(d for d in asked if shape and shape[d] == 1)))


def unsqueeze(input: "Tensor", dim: int) -> "Tensor":
    """`input` with a dimension of size 1 put in at place `dim`."""
    return _unsqueeze.bind(input, dims=(one_dim(dim, input._array.ndim + 1, "unsqueeze"),))


@primitive(
    role="copies to many; their gradients add up",
    notation="expand({x})",
    promote=None,
    view=True,
    samples=lambda rng: [
        ((rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)}),
        ((rng.normal(size=()),), {"shape": (2,)}),
    ],
)
def _expand(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    return xp.broadcast_to(x, shape)


_expand.gradient(x=lambda g, x_shape: Helpers.sum_to_shape(g, x_shape))


def broadcast_to(input: "Tensor", shape: Sequence[int]) -> "Tensor":
    """`input` repeated along new dimensions and those of size 1, without a copy; -1 keeps a size.

    Raises:
        ShapeError: A size other than 1 differs from the one asked for.
    """
    own, asked = input._array.shape, sizes_of((shape,), "expand")
    new = len(asked) - len(own)
    full = tuple(own[i - new] if size == -1 and i >= new else size for i, size in enumerate(asked))
    if min(new, *full, 0) < 0 or any(have not in (1, want) for have, want in zip(own, full[new:], strict=True)):
        raise ShapeError(
            f"expand: shape {own} cannot become {asked}: counted from the right, sizes must be equal or 1 before, and "
            "new dimensions stand on the left"
        )
    return _expand.bind(input, shape=full)


def expand_as(input: "Tensor", other: "Tensor") -> "Tensor":
    """`input` expanded to the shape of `other`."""
    return _expand.bind(input, shape=other._array.shape)


def broadcast_tensors(*tensors: "Tensor") -> tuple["Tensor", ...]:
    """The tensors expanded to the one shape to which all broadcast.

    Raises:
        ShapeError: There is no such shape.
    """
    shapes = [x._array.shape for x in tensors]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"broadcast_tensors: the shapes {', '.join(map(str, shapes))} do not broadcast") from None
    return tuple(_expand.bind(x, shape=shape) for x in tensors)


def contiguous(input: "Tensor") -> "Tensor":
    """`input` itself if its elements lie in row-major order in memory, else a copy that does."""
    return input if STATE.trace is not None or input._array.flags.c_contiguous else clone.bind(input)
