"""Several tensors made one, one made several, and tensors repeated or padded."""

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError
from backlit.ops.dims import one_dim, sizes_of

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "cat",
    "chunk",
    "column_stack",
    "concat",
    "concatenate",
    "hstack",
    "meshgrid",
    "narrow",
    "select",
    "split",
    "stack",
    "tensor_split",
    "unbind",
    "vstack",
]


@primitive(
    role="splits by place",
    notation="cat({tensors})",
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=(1, 3))), {"dim": 0}),
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))), {"dim": 1}),
    ],
)
def _cat(xp: Any, *tensors: Any, dim: int) -> Any:
    return xp.concatenate(tensors, axis=dim)


@primitive(
    role="splits by place",
    notation="stack({tensors})",
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"dim": 1})],
)
def _stack(xp: Any, *tensors: Any, dim: int) -> Any:
    return xp.stack(tensors, axis=dim)


@_cat.joint_gradient
def _cat_gradient(g: Any, tensors_shape: Any, needs: Any, dim: int) -> Any:
    grads: list[Any] = []
    start = 0
    for shape, needed in zip(tensors_shape, needs, strict=True):
        stop = start + shape[dim]
        grads.append(g[(*[slice(None)] * dim, slice(start, stop))] if needed else None)
        start = stop
    return grads


@_stack.joint_gradient
def _stack_gradient(g: Any, needs: Any, dim: int) -> Any:
    return [g[(*[slice(None)] * dim, position)] if needed else None for position, needed in enumerate(needs)]


def _listed(tensors: Any, operation: str) -> list[Any]:
    if not isinstance(tensors, Iterable):
        raise ArgumentTypeError(f"{operation}: expected a sequence of tensors, got {type(tensors).__name__}")
    found = list(tensors)
    if not found:
        raise ArgumentError(f"{operation}: expected at least one tensor, got an empty {type(tensors).__name__}")
    for position, x in enumerate(found):
        if not isinstance(x, TensorBase):
            raise ArgumentTypeError(f"{operation}: item {position} is a {type(x).__name__}, expected a tensor")
    return found


def cat(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """The tensors one after the other along dimension `dim`; their other sizes are equal.

    One-dimensional tensors of size 0 fit anything, as in PyTorch.

    Raises:
        ShapeError: Sizes differ along another dimension than `dim`.
        ArgumentError: No tensor is given.
    """
    found = _listed(tensors, "cat")
    full = [x for x in found if x._array.shape != (0,)] or found
    return _cat.bind(*full, dim=one_dim(dim, full[0]._array.ndim, "cat"))


concat = concatenate = cat


def stack(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """Tensors of one shape joined along a new dimension `dim`.

    Raises:
        ShapeError: The shapes differ.
        ArgumentError: No tensor is given.
    """
    found = _listed(tensors, "stack")
    return _stack.bind(*found, dim=one_dim(dim, found[0]._array.ndim + 1, "stack"))


def hstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """The tensors side by side: along dimension 1, or 0 for those of one dimension."""
    found = [x if x._array.ndim else x.reshape(1) for x in _listed(tensors, "hstack")]
    return cat(found, dim=0 if found[0]._array.ndim == 1 else 1)


def vstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """The tensors below each other, those of less than two dimensions as rows."""
    return cat([x if x._array.ndim > 1 else x.reshape(1, -1) for x in _listed(tensors, "vstack")])


def column_stack(tensors: Sequence["Tensor"]) -> "Tensor":
    """The tensors side by side along dimension 1, those of less than two dimensions as columns."""
    return cat([x if x._array.ndim > 1 else x.reshape(-1, 1) for x in _listed(tensors, "column_stack")], dim=1)


def select(input: "Tensor", dim: int, index: int) -> "Tensor":
    """A view of `input` at one place of dimension `dim`, which is gone.

    Raises:
        IndexRangeError: The place does not exist.
    """
    found = _some_dim(input, dim, "select")
    return input[(*[slice(None)] * found, index)]


def narrow(input: "Tensor", dim: int, start: int, length: int) -> "Tensor":
    """A view of `input` from place `start` of dimension `dim` on, `length` places long.

    Raises:
        IndexRangeError: The places are not all there.
    """
    found = _some_dim(input, dim, "narrow")
    size = input._array.shape[found]
    first = start + size if start < 0 else start
    if length < 0 or not 0 <= first <= size - length:
        raise IndexRangeError(f"narrow: start {start} and length {length} leave dim {dim} of size {size}")
    return _cut(input, found, first, first + length)


def unbind(input: "Tensor", dim: int = 0) -> tuple["Tensor", ...]:
    """The views of `input` at each place of dimension `dim`."""
    found = _some_dim(input, dim, "unbind")
    return tuple(input[(*[slice(None)] * found, place)] for place in range(input._array.shape[found]))


def split(tensor: "Tensor", split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple["Tensor", ...]:
    """Views of consecutive parts of a tensor.

    Args:
        tensor: The tensor to split.
        split_size_or_sections: The size of each part, of which the last may be smaller, or the sizes of all parts.
        dim: The dimension to split.

    Raises:
        ArgumentError: The size is not positive, or the sizes do not add up to the dimension's.
    """
    found = _some_dim(tensor, dim, "split")
    total = tensor._array.shape[found]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and total):
            raise ArgumentError(f"split: the size of a part must be positive, got {size}")
        starts = range(0, total, size) if total else range(1)
        return tuple(_cut(tensor, found, start, min(start + size, total)) for start in starts)
    sizes = sizes_of((split_size_or_sections,), "split")
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise ArgumentError(f"split: sizes {sizes} do not add up to {total}, the size of dim {dim}")
    return _parts(tensor, found, list(itertools.accumulate(sizes))[:-1])


def chunk(input: "Tensor", chunks: int, dim: int = 0) -> tuple["Tensor", ...]:
    """At most `chunks` views of parts of equal size, of which the last may be smaller.

    Raises:
        ArgumentError: `chunks` is not positive.
    """
    found = _some_dim(input, dim, "chunk")
    if not isinstance(chunks, int) or chunks < 1:
        raise ArgumentError(f"chunk: the number of chunks must be a positive integer, got {chunks!r}")
    size = input._array.shape[found]
    return split(input, -(-size // chunks), found) if size else _parts(input, found, [0] * (chunks - 1))


def tensor_split(input: "Tensor", indices_or_sections: int | Sequence[int], dim: int = 0) -> tuple["Tensor", ...]:
    """Views of consecutive parts: a number of parts of nearly equal size, or parts that end at the places given.

    Raises:
        ArgumentError: The number of parts is not positive.
    """
    found = _some_dim(input, dim, "tensor_split")
    if not isinstance(indices_or_sections, int):
        return _parts(input, found, sizes_of((indices_or_sections,), "tensor_split"))
    count = indices_or_sections
    if count < 1:
        raise ArgumentError(f"tensor_split: the number of parts must be positive, got {count}")
    size, larger = divmod(input._array.shape[found], count)
    return _parts(input, found, [part * size + min(part, larger) for part in range(1, count)])


def _some_dim(input: "Tensor", dim: int, operation: str) -> int:
    if not input._array.ndim:
        raise ShapeError(f"{operation}: a tensor without dimensions cannot be taken apart")
    return one_dim(dim, input._array.ndim, operation)


def _cut(input: "Tensor", dim: int, start: int | None, stop: int | None) -> "Tensor":
    return input[(*[slice(None)] * dim, slice(start, stop))]


def _parts(input: "Tensor", dim: int, ends: Sequence[int]) -> tuple["Tensor", ...]:
    places = [None, *ends, None]
    return tuple(_cut(input, dim, start, stop) for start, stop in itertools.pairwise(places))


def meshgrid(*tensors: "Tensor", indexing: str = "ij") -> tuple["Tensor", ...]:
    """The coordinates of all points of a grid, as views of the coordinates along each axis.

    Args:
        *tensors: The coordinates along each axis, of one dimension or none; also as one sequence.
        indexing: "ij" for matrix order, "xy" with the first two dimensions exchanged.

    Raises:
        ShapeError: A tensor has more than one dimension.
        ArgumentError: `indexing` is unknown.
    """
    axes = _listed(tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], TensorBase) else tensors, "meshgrid")
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    for x in axes:
        if x._array.ndim > 1:
            raise ShapeError(f"meshgrid: expected tensors of at most one dimension, got shape {x._array.shape}")
    shape = [x._array.size for x in axes]
    grids = tuple(
        x.reshape(*(-1 if e == d else 1 for e in range(len(axes)))).expand(*shape) for d, x in enumerate(axes)
    )
    return tuple(x.transpose(0, 1) for x in grids) if indexing == "xy" and len(axes) > 1 else grids
