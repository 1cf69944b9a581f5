"""New tensors, from values or filled with one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.dtypes import as_numpy_dtype, dtype, from_numpy_dtype, get_default_dtype
from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.core.tensor_base import Array, Storage, TensorBase, make, values_of
from backlit.errors import ArgumentTypeError, DtypeError, ShapeError
from backlit.ops import casting
from backlit.ops.devices import Device, check_device

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "as_tensor",
    "empty",
    "empty_like",
    "from_numpy",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]

Number = bool | int | float


def shape_of(sizes: Sequence[Any], operation: str, size: Sequence[int] | None = None) -> tuple[int, ...]:
    """The shape that a function's `*sizes` mean: numbers, or one sequence of numbers; `size`, if given by name.

    Raises:
        ArgumentTypeError: A size is not an integer.
        ShapeError: A size is negative.
    """
    if size is not None:
        sizes = (size,)
    parts = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    try:
        shape = tuple(part.__index__() for part in parts)
    except AttributeError:
        raise ArgumentTypeError(f"{operation}: sizes must be integers, got {sizes!r}") from None
    if any(part < 0 for part in shape):
        raise ShapeError(f"{operation}: sizes must not be negative, got {shape}")
    return shape


def finish(result: Any, requires_grad: bool) -> "Tensor":
    """A new tensor with `requires_grad` as its maker asked."""
    if requires_grad:
        result.requires_grad = True
    return result


def plain_number(value: Any) -> Any:
    """The Python number in a tensor or NumPy number of one element; anything else as it is."""
    return value.item() if isinstance(value, (TensorBase, np.generic)) else value  # type: ignore[union-attr]


def chosen_kind(kind: Any) -> np.dtype[Any]:
    """The NumPy type of an optional `dtype` argument, the default type if it is None."""
    return get_default_dtype().numpy if kind is None else as_numpy_dtype(kind)


# -- from values -----------------------------------------------------------------------------------------------------


@primitive(
    role="constant",
    notation="constant",
    promote=None,
    samples=lambda rng: [((), {"data": b"\0" * 8, "shape": (1,), "kind": np.dtype("f8")})],
)
def _constant(xp: Any, *, data: bytes, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    return xp.array(xp.frombuffer(data, dtype=kind).reshape(shape))


def _values(data: Any) -> Any:
    """Nested data with the arrays of tensors in their place."""
    if isinstance(data, TensorBase):
        return np.asarray(values_of(data))
    if isinstance(data, (list, tuple)):
        return [_values(part) for part in data]
    return data


def _has_tensors(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, TensorBase)


def array_of(data: Any, kind: Any, operation: str) -> Array:
    """A new array of `data`: numbers, nested sequences of them, arrays or tensors.

    Python's floats get the default type, integers int64; arrays and NumPy's numbers keep theirs.

    Raises:
        DtypeError: The data holds something that is no number.
        ShapeError: Nested sequences are of unequal lengths.
    """
    if _has_tensors(data):
        data = _values(data)
    try:
        array = np.array(data)
        if array.dtype.kind == "O" and array.size:
            # Tensors further inside, or something that is no number; the second try says which.
            array = np.array(_values(data))
        if kind is None:
            leaf = data
            while isinstance(leaf, (list, tuple)) and leaf:
                leaf = leaf[0]
            plain = array.dtype.kind == "f" and isinstance(leaf, (bool, int, float, list, tuple))
            plain = plain and not isinstance(leaf, np.generic)
            chosen = get_default_dtype().numpy if plain else from_numpy_dtype(array.dtype).numpy
        else:
            chosen = as_numpy_dtype(kind)
        if array.dtype.kind not in "biuf":
            raise DtypeError(f"{operation}: cannot make numbers of {data!r:.80}")
        if array.dtype.kind in "iu" and chosen.kind in "iu":
            return np.array(data, chosen)
        return array.astype(chosen)
    except OverflowError as error:
        raise DtypeError(f"{operation}: {error}") from None
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ShapeError(f"{operation}: the nested sequences are of unequal lengths; {error}") from None
        raise


def tensor(data: Any, *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False) -> "Tensor":
    """A new tensor that copies `data`.

    Args:
        data: A number, nested sequences of numbers, an array, or a tensor.
        dtype: The element type; by default the default type for Python floats, int64 for integers, and an array's own.
        device: None or the processor.
        requires_grad: Whether gradients are collected here.

    Raises:
        DtypeError: The data holds something that is no number, or a number too large for the type.
        ShapeError: Nested sequences are of unequal lengths.
        DeviceError: Another device is named.
    """
    check_device(device)
    if isinstance(data, TensorBase):
        copied = casting.clone.bind(casting.detach.bind(data))
        return finish(copied if dtype is None else casting.to_dtype(copied, dtype), requires_grad)
    array = array_of(data, dtype, "tensor")
    if STATE.trace is None:
        return finish(make(array), requires_grad)
    return finish(_constant.bind(data=array.tobytes(), shape=array.shape, kind=array.dtype), requires_grad)


def as_tensor(data: Any, dtype: dtype | None = None, device: Device = None) -> "Tensor":
    """`data` as a tensor, sharing memory and keeping history where that is possible; see `tensor`."""
    check_device(device)
    if isinstance(data, np.ndarray) and not (dtype and as_numpy_dtype(dtype) != data.dtype):
        return from_numpy(data)
    if isinstance(data, TensorBase):
        return data if dtype is None else casting.to_dtype(data, dtype)  # type: ignore[arg-type,return-value]
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: Array) -> "Tensor":
    """A tensor that shares an array's memory: a change of one is a change of the other.

    Raises:
        ArgumentTypeError: `ndarray` is not an array.
        DtypeError: A tensor cannot hold elements of its type.
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}; use tensor()")
    from_numpy_dtype(ndarray.dtype)
    return make(ndarray, Storage())


# -- filled ----------------------------------------------------------------------------------------------------------


@primitive(
    role="constant",
    notation="{value}",
    promote=None,
    samples=lambda rng: [((), {"value": 1.5, "shape": (2, 3), "kind": np.dtype("f8")})],
)
def _full(xp: Any, *, value: Number, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    return xp.full(shape, value, dtype=kind)


_full.shape(lambda value, shape, kind: (shape, kind))


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """A tensor of shape `size` in which every element is `fill_value`; the type, if not given, is the value's."""
    check_device(device)
    value = plain_number(fill_value)
    if not isinstance(value, (bool, int, float)):
        raise ArgumentTypeError(f"full: the value must be a number, got {type(fill_value).__name__}")
    if dtype is None and not isinstance(value, float):
        kind = np.dtype("bool" if isinstance(value, bool) else "int64")
    else:
        kind = chosen_kind(dtype)
    return finish(_full.bind(value=value, shape=shape_of((size,), "full"), kind=kind), requires_grad)


def zeros(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """A tensor of zeros; `zeros(2, 3)` and `zeros((2, 3))` are the same."""
    check_device(device)
    return finish(_full.bind(value=0, shape=shape_of(sizes, "zeros", size), kind=chosen_kind(dtype)), requires_grad)


def ones(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """A tensor of ones; `ones(2, 3)` and `ones((2, 3))` are the same."""
    check_device(device)
    return finish(_full.bind(value=1, shape=shape_of(sizes, "ones", size), kind=chosen_kind(dtype)), requires_grad)


def empty(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """A tensor whose values do not matter. They are zeros, so that no run depends on what memory held before."""
    check_device(device)
    return finish(_full.bind(value=0, shape=shape_of(sizes, "empty", size), kind=chosen_kind(dtype)), requires_grad)


def _like(input: "Tensor", value: Number, kind: Any, place: Device, requires_grad: bool) -> "Tensor":
    check_device(place)
    chosen = input._array.dtype if kind is None else as_numpy_dtype(kind)
    return finish(_full.bind(value=value, shape=input._array.shape, kind=chosen), requires_grad)


def zeros_like(
    input: "Tensor", *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
) -> "Tensor":
    """Zeros of the shape and type of `input`."""
    return _like(input, 0, dtype, device, requires_grad)


def ones_like(
    input: "Tensor", *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
) -> "Tensor":
    """Ones of the shape and type of `input`."""
    return _like(input, 1, dtype, device, requires_grad)


def empty_like(
    input: "Tensor", *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
) -> "Tensor":
    """A tensor of the shape and type of `input` whose values do not matter; see `empty`."""
    return _like(input, 0, dtype, device, requires_grad)


def full_like(
    input: "Tensor",
    fill_value: Number,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """A tensor of the shape and type of `input` in which every element is `fill_value`."""
    return _like(input, fill_value, dtype, device, requires_grad)


Helpers.ones_like = ones_like
