"""Reading and writing parts of a tensor with `x[...]`.

Integers, slices (negative steps too), None and Ellipsis give views. Integer tensors, arrays and lists, and boolean
masks, pick elements and copy. As in PyTorch, the former apply first and the latter to what they leave; NumPy differs
in one case, an integer apart from an index array: `x[0, :, [1, 2]]` has the picked dimension last here, first there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import from_numpy_dtype
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive, primitive
from backlit.core.tensor_base import TensorBase
from backlit.core.writing import about_to_write, check_writable, write, wrote
from backlit.errors import ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from backlit.ops.casting import cast
from backlit.ops.choice import where
from backlit.ops.creation import array_of, tensor
from backlit.ops.index_keys import Key, Picks, as_index, check_mask, split_key
from backlit.ops.joining import stack
from backlit.ops.shape import broadcast_tensors

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["index_put"]


def _indices(key: Key) -> tuple[Any, ...]:
    return tuple([slice(*entry) if type(entry) is tuple else entry for entry in key])


@primitive(
    role="passes on, zero elsewhere",
    notation="{x}[...]",
    promote=None,
    view=True,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)),), {"key": ((1, 3, None),)}),
        ((rng.normal(size=(4, 3)),), {"key": (Ellipsis, 1)}),
        ((rng.normal(size=(4, 3)),), {"key": (2, None, (None, None, -2))}),
    ],
)
def _getitem(xp: Any, x: Any, *, key: Key) -> Any:
    return x[_indices(key)]


@primitive(
    role="passes on its part",
    notation="0 with a part := {g}",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"key": ((1, 3, None),), "shape": (4, 3)})],
)
def getitem_adjoint(xp: Any, g: Any, *, key: Key, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` in which the part that `key` picks is `g`."""
    return xp.scatter_set(xp.zeros(shape, g.dtype), _indices(key), g)


_getitem.gradient(x=lambda g, x_shape, key: getitem_adjoint.bind(g, key=key, shape=x_shape))
getitem_adjoint.gradient(g=lambda g, key: _getitem.bind(g, key=key))


@primitive(
    name="index_select",
    role="passes on to the places picked, adding up",
    notation="{x}[{index}]",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([3, 0, 0])), {"dim": 0}),
        ((rng.normal(size=(2, 3)), np.array([[0, 2], [-1, 1]])), {"dim": 1}),
    ],
)
def pick(xp: Any, x: Any, index: Any, *, dim: int) -> Any:
    """The slices of `x` at the places `index`, which replace dimension `dim`."""
    return xp.take(x, index, axis=dim)


@primitive(
    role="picks",
    notation="0 with {g} added at {index}",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(3, 2)), np.array([3, 0, 0])), {"dim": 0, "shape": (4, 2)})],
)
def pick_adjoint(xp: Any, g: Any, index: Any, *, dim: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `g` is added at the places `index` of dimension `dim`."""
    return xp.scatter_add(xp.zeros(shape, g.dtype), (*[slice(None)] * dim, index), g)


pick.gradient(x=lambda g, index, x_shape, dim: pick_adjoint.bind(g, index, dim=dim, shape=x_shape))
pick_adjoint.gradient(g=lambda g, index, dim: pick.bind(g, index, dim=dim))


def _at(ndim: int, places: Any, dims: Sequence[int]) -> tuple[Any, ...]:
    key: list[Any] = [slice(None)] * ndim
    for row, dim in enumerate(dims):
        key[dim] = places[row]
    return tuple(key)


@primitive(
    role="passes on to the places picked, adding up",
    notation="{x}[{places}]",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([[3, 0, 0], [1, 2, 2]])), {"dims": (0, 1)}),
        ((rng.normal(size=(4, 2, 3)), np.array([[3, 0], [1, -1]])), {"dims": (0, 2)}),
    ],
)
def _index(xp: Any, x: Any, places: Any, *, dims: tuple[int, ...]) -> Any:
    return x[_at(x.ndim, places, dims)]


@primitive(
    role="picks",
    notation="0 with {g} added at {places}",
    promote=None,
    samples=lambda rng: [((rng.normal(size=3), np.array([[3, 0, 0], [1, 2, 2]])), {"dims": (0, 1), "shape": (4, 3)})],
)
def index_adjoint(xp: Any, g: Any, places: Any, *, dims: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `g` is added at `places`, one row of indices for each of `dims`."""
    return xp.scatter_add(xp.zeros(shape, g.dtype), _at(len(shape), places, dims), g)


_index.gradient(x=lambda g, places, x_shape, dims: index_adjoint.bind(g, places, dims=dims, shape=x_shape))
index_adjoint.gradient(g=lambda g, places, dims: _index.bind(g, places, dims=dims))


@primitive(
    name="index_put",
    role="splits by place",
    notation="{x} with {places} := {values}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([[3, 0], [1, 2]]), rng.normal(size=2)), {"dims": (0, 1)}),
        ((rng.normal(size=(4, 3)), np.array([[0, -1]]), rng.normal(size=(4, 2))), {"dims": (1,)}),
    ],
)
def put_at(xp: Any, x: Any, places: Any, values: Any, *, dims: tuple[int, ...]) -> Any:
    """`x` with `values` put at `places`, one row of indices for each of `dims`."""
    return xp.scatter_set(x, _at(x.ndim, places, dims), values)


put_at.gradient(
    x=lambda g, places, dims: put_at.bind(g, places, 0.0, dims=dims),
    values=lambda g, places, dims: _index.bind(g, places, dims=dims),
)


@primitive(
    name="index_accumulate",
    role="distributes",
    notation="{x} with {values} added at {places}",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([[3, 3], [1, 1]]), rng.normal(size=2)), {"dims": (0, 1)}),
        ((rng.normal(size=(4, 3)), np.array([[2, -1]]), rng.normal(size=(4, 2))), {"dims": (1,)}),
    ],
)
def add_at(xp: Any, x: Any, places: Any, values: Any, *, dims: tuple[int, ...]) -> Any:
    """`x` with `values` added at `places`, one row of indices for each of `dims`."""
    return xp.scatter_add(x, _at(x.ndim, places, dims), values)


add_at.gradient(
    x=lambda g: g,
    values=lambda g, places, dims: _index.bind(g, places, dims=dims),
)


# -- reading and writing x[...] --------------------------------------------------------------------------------------


def _is_whole(key: Key) -> bool:
    return all(entry is Ellipsis or entry == (None, None, None) for entry in key)


def getitem(input: "Tensor", key: Any) -> "Tensor":
    """`input[key]`, in all of NumPy's ways of indexing.

    Raises:
        IndexRangeError: An index is out of range or of no kind that can index.
    """
    if type(key) is slice:
        start, stop, step = key.start, key.stop, key.step
        if (start is None or type(start) is int) and (stop is None or type(stop) is int) and step is None:
            return _getitem.bind(input, key=((start, stop, None),))
    elif type(key) is int:
        return _getitem.bind(input, key=(key, Ellipsis))
    elif isinstance(key, TensorBase):
        index = key._array
        if index.dtype.kind == "i" and index.ndim and input._array.ndim:
            return pick.bind(input, key, dim=0)
    basic, picks = split_key(key, input._array.shape)
    part = input if picks and _is_whole(basic) else _getitem.bind(input, key=basic)
    if not picks:
        return part
    if len(picks) == 1:
        return pick.bind(part, picks[0][1], dim=picks[0][0])
    return _index.bind(part, _stacked(picks), dims=tuple(dim for dim, _ in picks))


def _stacked(picks: Picks) -> "Tensor":
    """Index tensors, broadcast to one shape, as rows of one tensor."""
    indices = [index for _, index in picks]
    if len(indices) == 1:
        return indices[0].unsqueeze(0)
    shapes = [index._array.shape for index in indices]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexRangeError(f"the index tensors' shapes {', '.join(map(str, shapes))} do not broadcast") from None
    return stack(broadcast_tensors(*indices))


def setitem(input: "Tensor", key: Any, value: Any) -> None:
    """`input[key] = value`; `value` broadcasts to the part and is converted to the tensor's type.

    Raises:
        IndexRangeError: An index is out of range or of no kind that can index; nothing has changed.
        ShapeError: `value` does not broadcast to the part; nothing has changed.
        GradientError: `input` is a leaf that requires a gradient, while operations are taped.
    """
    if STATE.trace is None and STATE.recording is None and not _is_taped(input, value):
        _assign(input, key, value)
        return
    kind = input._array.dtype
    if not isinstance(value, TensorBase):
        value = constant(value, kind)
    elif value._array.dtype != kind:
        value = cast.bind(value, kind=kind)
    if isinstance(key, TensorBase) and key._array.dtype.kind == "b" and value._array.ndim == 0:
        # Of a shape known beforehand, so that it can be traced.
        shape, own = input._array.shape, key._array.shape
        check_mask(own, shape, 0)
        mask = key.reshape((*own, *(1,) * (len(shape) - len(own))))  # type: ignore[attr-defined]
        write(input, where(mask, value, input), "setitem")
        return
    basic, picks = split_key(key, input._array.shape)
    part = input if picks and _is_whole(basic) else _getitem.bind(input, key=basic)
    if picks:
        check_writable(part, "setitem")
        write(part, _put(put_at, part, picks, value, "setitem"), "setitem")
    else:
        write(part, _fitted(value, part._array.shape, "setitem"), "setitem")


def _is_taped(input: "Tensor", value: Any) -> bool:
    """Whether a gradient may flow through an assignment; memory that cannot be written counts, to be reported."""
    if not input._array.flags.writeable:
        return True
    return STATE.grad_enabled and (
        input.requires_grad
        or (isinstance(value, TensorBase) and value.requires_grad)
        or (input._base is not None and input._base.requires_grad)
    )


def _assign(input: "Tensor", key: Any, value: Any) -> None:
    """`setitem` without gradients: NumPy writes, once everything that can fail has been looked at."""
    array = input._array
    basic, picks = split_key(key, array.shape)
    if isinstance(value, TensorBase):
        value = value._array
    elif type(value) not in (bool, int, float):
        value = array_of(value, array.dtype, "setitem")
    try:
        part = array[_indices(basic)]
        places = _at(part.ndim, [index._array for _, index in picks], [dim for dim, _ in picks]) if picks else ...
        about_to_write(input._storage)
        with np.errstate(all="ignore"):
            part[places] = value
    except (IndexError, ValueError, OverflowError) as error:
        kind = IndexRangeError if isinstance(error, IndexError) else ShapeError
        raise kind(
            f"setitem: a value of shape {np.shape(value)} cannot be put into a tensor of shape {array.shape} at "
            f"{key!r}; {error}"
        ) from error
    wrote(input._storage, "setitem")


def _put(operation: Primitive, part: "Tensor", picks: Picks, value: "Tensor", caller: str) -> "Tensor":
    """`part` with `value`, broadcast, put or added where the index tensors say."""
    places, dims = _stacked(picks), tuple(dim for dim, _ in picks)
    rest = [size for dim, size in enumerate(part._array.shape) if dim not in dims]
    adjacent = dims == tuple(range(dims[0], dims[0] + len(dims)))
    first = dims[0] if adjacent else 0
    shape = (*rest[:first], *places._array.shape[1:], *rest[first:])
    return operation.bind(part, places, _fitted(value, shape, caller).expand(shape), dims=dims)


def index_put(input: "Tensor", indices: "Sequence[Tensor]", values: "Tensor", accumulate: bool = False) -> "Tensor":
    """`input` with `values`, broadcast, put where the index tensors say, or added there.

    Args:
        input: The values elsewhere.
        indices: Integer or bool tensors, one for each of the first dimensions; masks stand for as many as they have.
        values: Of the type of `input`; broadcasts to the shape of `input[indices]`.
        accumulate: Whether to add; places named more than once then add up.

    Raises:
        IndexRangeError: An index is out of range.
        ShapeError: `values` does not broadcast to the part.
        DtypeError: `values` is of another type than `input`.
    """
    if not isinstance(indices, (tuple, list)):
        raise ArgumentTypeError(f"index_put: indices must be a tuple of tensors, got {type(indices).__name__}")
    if values._array.dtype != input._array.dtype:
        raise DtypeError(f"index_put: values are of type {values._array.dtype}, expected {input._array.dtype}")
    _, picks = split_key(tuple(as_index(index) for index in indices), input._array.shape)
    return _put(add_at if accumulate else put_at, input, picks, values, "index_put")


def constant(value: Any, kind: np.dtype[Any]) -> "Tensor":
    """A number, nested sequence or array as a tensor of type `kind`; numbers are cut as a cast does."""
    return tensor(value, dtype=from_numpy_dtype(kind))


def _fitted(value: Any, shape: tuple[int, ...], caller: str) -> Any:
    """`value` without leading dimensions of size 1 that the part does not have, as NumPy allows."""
    own = value._array.shape
    extra = max(len(own) - len(shape), 0)
    fits = own[:extra] == (1,) * extra and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False))
    if not fits:
        raise ShapeError(f"{caller}: a value of shape {own} does not broadcast to the part's shape {shape}")
    return value.reshape(own[extra:]) if extra else value
