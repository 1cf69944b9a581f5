"""Elements and rows picked by index tensors, and put back by them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from backlit.ops.creation import full
from backlit.ops.dims import one_dim
from backlit.ops.indexing import add_at, constant, pick, put_at

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "scatter",
    "scatter_add",
    "take",
    "take_along_dim",
]

Number = bool | int | float


def check_index(index: Any, size: int, operation: str, what: str = "index") -> None:
    """Raise unless `index` is an integer tensor of values 0 to size - 1.

    Under a trace the values are not known and only the type is checked.

    Raises:
        ArgumentTypeError: `index` is not a tensor.
        DtypeError: Its elements are not integers.
        IndexRangeError: An element is out of range; the message names the first.
    """
    if not isinstance(index, TensorBase):
        raise ArgumentTypeError(f"{operation}: the {what} must be an integer tensor, got {type(index).__name__}")
    array = index._array
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{operation}: the {what} must be an integer tensor, got one of {array.dtype}; use .long()")
    if STATE.trace is None and array.size and (array.max() >= size or array.min() < 0):
        worst = array[(array < 0) | (array >= size)].flat[0]
        raise IndexRangeError(f"{operation}: {what} {worst} is out of range, expected 0 to {size - 1}")


def _along(xp: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """`index` along `dim`, and along every other dimension its own place."""
    shape = index.shape
    return tuple(
        index if d == dim else xp.arange(n).reshape([-1 if e == d else 1 for e in range(len(shape))])
        for d, n in enumerate(shape)
    )


@primitive(
    role="passes on to the places picked, adding up",
    notation="{x}[{index}]",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), np.array([[3, 0], [1, 1], [2, 0]])), {"dim": 1}),
        ((rng.normal(size=(3, 4)), np.array([[2, 0, 2], [0, 0, 1]])), {"dim": 0}),
    ],
)
def _gather(xp: Any, x: Any, index: Any, *, dim: int) -> Any:
    return x[_along(xp, index, dim)]


@primitive(
    role="picks",
    notation="0 with {g} added at {index}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(2, 2)), np.array([[3, 3], [1, 0]])), {"dim": 1, "shape": (3, 4)}),
    ],
)
def gather_adjoint(xp: Any, g: Any, index: Any, *, dim: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `g` is added at the places `index` along `dim`."""
    return xp.scatter_add(xp.zeros(shape, g.dtype), _along(xp, index, dim), g)


_gather.gradient(x=lambda g, index, x_shape, dim: gather_adjoint.bind(g, index, dim=dim, shape=x_shape))
gather_adjoint.gradient(g=lambda g, index, dim: _gather.bind(g, index, dim=dim))


@primitive(
    role="splits by place",
    notation="{x} with {index} := {src}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), np.array([[3, 0], [1, 2]]), rng.normal(size=(2, 2))), {"dim": 1}),
    ],
)
def _scatter(xp: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    return xp.scatter_set(x, _along(xp, index, dim), src)


@primitive(
    role="distributes",
    notation="{x} with {src} added at {index}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(3, 4)), np.array([[3, 3], [1, 2]]), rng.normal(size=(2, 2))), {"dim": 1}),
    ],
)
def _scatter_add(xp: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    return xp.scatter_add(x, _along(xp, index, dim), src)


_scatter.gradient(
    x=lambda g, index, dim: _scatter.bind(g, index, 0.0, dim=dim),
    src=lambda g, index, dim: _gather.bind(g, index, dim=dim),
)
_scatter_add.gradient(x=lambda g: g, src=lambda g, index, dim: _gather.bind(g, index, dim=dim))


def _checked(input: "Tensor", dim: int, index: Any, operation: str) -> int:
    """The dimension counted from the left, after a look at `index` against `input`."""
    shape = input._array.shape
    found = one_dim(dim, len(shape), operation)
    check_index(index, shape[found] if shape else 1, operation)
    own = index._array.shape
    if len(own) != len(shape) or any(d != found and n > shape[d] for d, n in enumerate(own)):
        raise ShapeError(
            f"{operation}: an index of shape {own} does not fit the input of shape {shape}: both need the same number "
            f"of dimensions, and no size of the index may be larger except that of dim {dim}"
        )
    return found


def gather(input: "Tensor", dim: int, index: "Tensor") -> "Tensor":
    """The elements of `input` at the places `index` along `dim`: `out[i][j] = input[i][index[i][j]]` for `dim=1`.

    Args:
        input: The values.
        dim: The dimension along which `index` chooses.
        index: Integers, of as many dimensions as `input`; no size larger than the input's, except along `dim`.

    Returns:
        A tensor of the shape of `index`.

    Raises:
        IndexRangeError: An index is negative or too large.
        ShapeError: The shapes do not fit.
    """
    return _gather.bind(input, index, dim=_checked(input, dim, index, "gather"))


def _source(input: "Tensor", index: "Tensor", src: "Tensor | Number | None", operation: str) -> Any:
    """The part of `src` that `index` covers, in the type of `input`."""
    if isinstance(src, (bool, int, float)):
        return full(index._array.shape, src, dtype=input.dtype)
    if not isinstance(src, TensorBase):
        raise ArgumentTypeError(f"{operation}: src must be a tensor or a number, got {type(src).__name__}")
    shape, own = index._array.shape, src._array.shape
    if src._array.dtype != input._array.dtype:
        raise DtypeError(f"{operation}: src is of type {src._array.dtype}, expected {input._array.dtype}, as the input")
    if len(own) != len(shape) or any(n > m for n, m in zip(shape, own, strict=True)):
        raise ShapeError(f"{operation}: an index of shape {shape} needs a src at least as large, got {own}")
    return src if own == shape else src[tuple(slice(n) for n in shape)]


def scatter_add(input: "Tensor", dim: int, index: "Tensor", src: "Tensor") -> "Tensor":
    """`input` with `src` added at the places `index` along `dim`; places named more than once add up.

    Raises:
        IndexRangeError: An index is negative or too large.
        ShapeError: The shapes do not fit.
    """
    found = _checked(input, dim, index, "scatter_add")
    return _scatter_add.bind(input, index, _source(input, index, src, "scatter_add"), dim=found)


def scatter(
    input: "Tensor",
    dim: int,
    index: "Tensor",
    src: "Tensor | Number | None" = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
) -> "Tensor":
    """`input` with `src` (or the number `value`) put at the places `index` along `dim`.

    Args:
        input: The values where nothing is put.
        dim: The dimension along which `index` chooses.
        index: Integers, of as many dimensions as `input`.
        src: A tensor at least as large as `index`, or a number.
        value: A number, in place of `src`.
        reduce: None to overwrite (places named more than once get the last), "add" to add up.

    Raises:
        IndexRangeError: An index is negative or too large.
        ShapeError: The shapes do not fit.
        ArgumentError: Neither or both of `src` and `value` are given, or `reduce` is unknown.
    """
    if (src is None) == (value is None):
        raise ArgumentError("scatter: give either src or value")
    if reduce not in (None, "add"):
        raise ArgumentError(f"scatter: reduce must be None or 'add', got {reduce!r}")
    found = _checked(input, dim, index, "scatter")
    operation = _scatter if reduce is None else _scatter_add
    return operation.bind(input, index, _source(input, index, value if src is None else src, "scatter"), dim=found)


def _checked_rows(input: "Tensor", dim: int, index: Any, operation: str) -> int:
    shape = input._array.shape
    found = one_dim(dim, len(shape), operation)
    check_index(index, shape[found] if shape else 1, operation)
    if index._array.ndim > 1:
        raise ShapeError(f"{operation}: expected an index of one dimension, got shape {index._array.shape}")
    return found


def index_select(input: "Tensor", dim: int, index: "Tensor") -> "Tensor":
    """The slices of `input` at the places `index` (one dimension) along `dim`, as a copy.

    Raises:
        IndexRangeError: An index is negative or too large.
    """
    found = _checked_rows(input, dim, index, "index_select")
    if not input._array.ndim:
        return pick.bind(input.reshape(1), index.reshape(-1), dim=0).reshape(())
    return pick.bind(input, index.reshape(-1), dim=found)


def _row_source(input: "Tensor", dim: int, index: "Tensor", source: "Tensor", operation: str) -> Any:
    shape = input._array.shape
    expected = (*shape[:dim], index._array.size, *shape[dim + 1 :]) if shape else index._array.shape
    if source._array.shape != expected:
        raise ShapeError(f"{operation}: the source has shape {source._array.shape}, expected {expected}")
    if source._array.dtype != input._array.dtype:
        raise DtypeError(
            f"{operation}: the source is of type {source._array.dtype}, expected {input._array.dtype}, as the input"
        )
    return source


def index_add(input: "Tensor", dim: int, index: "Tensor", source: "Tensor", *, alpha: Number = 1) -> "Tensor":
    """`input` with the slices of `alpha * source` added at the places `index` along `dim`.

    Raises:
        IndexRangeError: An index is negative or too large.
        ShapeError: The shapes do not fit.
    """
    found = _checked_rows(input, dim, index, "index_add")
    values = _row_source(input, found, index, source, "index_add")
    places = index.reshape(1, -1)
    return add_at.bind(input, places, values if alpha == 1 else values * alpha, dims=(found,))


def index_copy(input: "Tensor", dim: int, index: "Tensor", source: "Tensor") -> "Tensor":
    """`input` with the slices of `source` put at the places `index` along `dim`.

    Raises:
        IndexRangeError: An index is negative or too large.
        ShapeError: The shapes do not fit.
    """
    found = _checked_rows(input, dim, index, "index_copy")
    values = _row_source(input, found, index, source, "index_copy")
    return put_at.bind(input, index.reshape(1, -1), values, dims=(found,))


def index_fill(input: "Tensor", dim: int, index: "Tensor", value: "Tensor | Number") -> "Tensor":
    """`input` with the slices at the places `index` along `dim` filled with one number.

    Raises:
        IndexRangeError: An index is negative or too large.
    """
    found = _checked_rows(input, dim, index, "index_fill")
    shape = input._array.shape
    filler = value if isinstance(value, TensorBase) else constant(value, input._array.dtype)
    values = filler.expand(*shape[:found], index._array.size, *shape[found + 1 :])
    return put_at.bind(input, index.reshape(1, -1), values, dims=(found,))


# -- flat and broadcast indices --------------------------------------------------------------------------------------


def take(input: "Tensor", index: "Tensor") -> "Tensor":
    """The elements of `input`, seen in one dimension, at the places `index`, in the shape of `index`.

    Raises:
        IndexRangeError: An index is out of range; negative ones count from the end.
    """
    return pick.bind(input.reshape(-1), index, dim=0)


def take_along_dim(input: "Tensor", indices: "Tensor", dim: int | None = None) -> "Tensor":
    """The elements of `input` at the places `indices` along `dim`; other dimensions broadcast.

    Without `dim` both are seen in one dimension. With the result of `argsort` this sorts.

    Raises:
        IndexRangeError: An index is out of range.
        ShapeError: The shapes do not fit.
    """
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    found = one_dim(dim, input._array.ndim, "take_along_dim")
    own, asked = input._array.shape, indices._array.shape
    if len(own) != len(asked):
        raise ShapeError(f"take_along_dim: indices of shape {asked} and input of shape {own} differ in dimensions")
    try:
        shape = np.broadcast_shapes(own[:found] + own[found + 1 :], asked[:found] + asked[found + 1 :])
    except ValueError:
        raise ShapeError(f"take_along_dim: shapes {own} and {asked} do not broadcast beside dim {dim}") from None
    x, i = ((*shape[:found], n, *shape[found:]) for n in (own[found], asked[found]))
    return gather(input.expand(x), found, indices.expand(i))
