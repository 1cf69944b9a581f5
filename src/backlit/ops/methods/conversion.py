"""Methods that ask a tensor for its shape, its type and its values, and that convert it."""

import copy
from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import bool_, float16, float32, float64, from_numpy_dtype, int8, int16, int32, int64, uint8
from backlit.core.dtypes import dtype as DType
from backlit.core.tensor_base import Array, Storage, TensorBase, values_of
from backlit.errors import ArgumentTypeError, DeviceError, GradientError, ShapeError
from backlit.ops import casting, printing
from backlit.ops.devices import CPU, Device, check_device
from backlit.ops.devices import device as Place
from backlit.ops.size import Size

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


# What `Tensor.type()` calls the types: names from before there were dtypes, which programs still compare.
_OLD_NAMES = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint8": "Byte",
    "bool": "Bool",
}


class ConversionMethods(TensorBase):
    """Shape, type and values of a tensor, and conversions."""

    # Arithmetic of a NumPy array with a tensor is the tensor's affair.
    __array_priority__ = 1000

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self: "Tensor") -> Size:
        """The size of each dimension."""
        return Size(self._array.shape)

    def size(self: "Tensor", dim: _int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self: "Tensor") -> _int:
        """Number of dimensions."""
        return self._array.ndim

    def dim(self: "Tensor") -> _int:
        """Number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self: "Tensor") -> _int:
        """Number of elements."""
        return self._array.size

    nelement = numel

    @property
    def dtype(self: "Tensor") -> DType:
        """The type of the elements."""
        return from_numpy_dtype(self._array.dtype)

    @property
    def device(self: "Tensor") -> Place:
        """Where the tensor lives: always the processor's memory."""
        return CPU

    def get_device(self: "Tensor") -> _int:
        """Number of the device: -1, which means the processor."""
        return -1

    @property
    def is_cpu(self: "Tensor") -> _bool:
        """Always True."""
        return True

    @property
    def is_cuda(self: "Tensor") -> _bool:
        """Always False."""
        return False

    @property
    def itemsize(self: "Tensor") -> _int:
        """Bytes of one element."""
        return self._array.dtype.itemsize

    def element_size(self: "Tensor") -> _int:
        """Bytes of one element."""
        return self._array.dtype.itemsize

    @property
    def nbytes(self: "Tensor") -> _int:
        """Bytes of all elements."""
        return self._array.size * self._array.dtype.itemsize

    def is_floating_point(self: "Tensor") -> _bool:
        """Whether the elements are floating-point numbers."""
        return self._array.dtype.kind == "f"

    def is_complex(self: "Tensor") -> _bool:
        """Always False: backlit has no complex types."""
        return False

    def is_signed(self: "Tensor") -> _bool:
        """Whether the element type has negative numbers."""
        return self._array.dtype.kind in "fi"

    def stride(self: "Tensor", dim: _int | None = None) -> Any:
        """Elements of memory between neighbours, for each dimension or for one."""
        steps = tuple(step // self._array.dtype.itemsize for step in self._array.strides)
        return steps if dim is None else steps[dim]

    def is_contiguous(self: "Tensor") -> _bool:
        """Whether the elements lie in memory row after row without gaps."""
        return self._array.flags.c_contiguous

    def storage_offset(self: "Tensor") -> _int:
        """Elements of memory before the first one, counted from where the memory begins."""
        root = self._array if self._base is None else self._base._array
        return (self._array.ctypes.data - root.ctypes.data) // self._array.dtype.itemsize

    def is_inference(self: "Tensor") -> _bool:
        """Whether it was made in inference mode."""
        return self._storage.version is None

    def is_nonzero(self: "Tensor") -> _bool:
        """Whether the one element is not 0; see `backlit.is_nonzero`."""
        return self.__bool__()

    def data_ptr(self: "Tensor") -> _int:
        """Address of the first element."""
        return self._array.ctypes.data

    # -- its values --------------------------------------------------------------------------------------------------

    def numpy(self: "Tensor", *, force: _bool = False) -> Array:
        """The values as a NumPy array that shares the memory.

        Args:
            force: Do so even if the tensor needs a gradient.

        Raises:
            GradientError: The tensor needs a gradient, which changes made through NumPy would escape.
        """
        if self.requires_grad and not force:
            raise GradientError("numpy: this tensor needs a gradient, use tensor.detach().numpy() instead")
        return np.asarray(values_of(self))

    def __array__(self: "Tensor", dtype: Any = None, copy: _bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self: "Tensor") -> Any:
        """The value of a tensor of one element, as a Python number.

        Raises:
            ShapeError: It has more or fewer elements.
        """
        if self._array.size != 1:
            raise ShapeError(f"item: a tensor of shape {self._array.shape} is not a single number; use tolist()")
        return values_of(self, "the number").item()

    def tolist(self: "Tensor") -> Any:
        """The values as nested lists of Python numbers, or one number for a tensor without dimensions."""
        return values_of(self).tolist()

    def __float__(self: "Tensor") -> _float:
        return _float(self.item())

    def __int__(self: "Tensor") -> _int:
        return _int(self.item())

    def __index__(self: "Tensor") -> _int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise ArgumentTypeError(
                f"only an integer tensor of one element can be an index, got {self.dtype} of shape {self._array.shape}"
            )
        return _int(self.item())

    def __bool__(self: "Tensor") -> _bool:
        if self._array.size != 1:
            raise ShapeError(
                f"bool: a tensor of shape {self._array.shape} is neither true nor false as a whole; "
                "use .any() or .all()"
            )
        return _bool(values_of(self, "the truth").item())

    def __len__(self: "Tensor") -> _int:
        if not self._array.ndim:
            raise ArgumentTypeError("len: a tensor without dimensions has no length")
        return self._array.shape[0]

    def __iter__(self: "Tensor") -> "Iterator[Tensor]":
        if not self._array.ndim:
            raise ArgumentTypeError("iteration: a tensor without dimensions has no rows")
        return (self[row] for row in range(self._array.shape[0]))

    def __contains__(self: "Tensor", element: Any) -> _bool:
        return _bool((self == element).any())

    def __hash__(self: "Tensor") -> _int:
        return id(self)

    def __repr__(self: "Tensor") -> str:
        return printing.tensor_text(self)

    def __format__(self: "Tensor", spec: str) -> str:
        return format(repr(self) if self._array.ndim else self.item(), spec)

    # -- conversions -------------------------------------------------------------------------------------------------

    def to(
        self: "Tensor",
        *target: Any,
        device: Device = None,
        dtype: DType | None = None,
        non_blocking: _bool = False,
        copy: _bool = False,
    ) -> "Tensor":
        """This tensor in the type and on the device named; the tensor itself if nothing changes and not `copy`.

        Args:
            *target: A type, a device, a device and a type, or a tensor whose type is taken.
            device: The device, by name.
            dtype: The type, by name.
            non_blocking: Accepted for PyTorch's programs; there is nothing to wait for.
            copy: Copy in any case.

        Raises:
            DeviceError: A device other than the processor is named.
            ArgumentTypeError: `target` is none of these.
        """
        kind = dtype
        check_device(device)
        for part in target:
            if isinstance(part, TensorBase):
                kind = part.dtype  # type: ignore[attr-defined]
            elif isinstance(part, (str, Place)):
                check_device(part)
            elif isinstance(part, _bool):
                copy = copy or (part and part is target[-1] and len(target) > 2)
            elif part is not None:
                kind = part
        changed = self if kind is None else casting.to_dtype(self, kind)
        return casting.clone.bind(changed) if copy and changed is self else changed

    def type(self: "Tensor", dtype: Any = None) -> Any:
        """This tensor in another type; without one, the name of its type, such as `"backlit.FloatTensor"`."""
        return f"backlit.{_OLD_NAMES[self.dtype.name]}Tensor" if dtype is None else casting.to_dtype(self, dtype)

    def type_as(self: "Tensor", other: "Tensor") -> "Tensor":
        """This tensor in the type of `other`."""
        return casting.to_dtype(self, other.dtype)

    def float(self: "Tensor") -> "Tensor":
        """This tensor as float32."""
        return casting.to_dtype(self, float32)

    def double(self: "Tensor") -> "Tensor":
        """This tensor as float64."""
        return casting.to_dtype(self, float64)

    def half(self: "Tensor") -> "Tensor":
        """This tensor as float16."""
        return casting.to_dtype(self, float16)

    def long(self: "Tensor") -> "Tensor":
        """This tensor as int64."""
        return casting.to_dtype(self, int64)

    def int(self: "Tensor") -> "Tensor":
        """This tensor as int32."""
        return casting.to_dtype(self, int32)

    def short(self: "Tensor") -> "Tensor":
        """This tensor as int16."""
        return casting.to_dtype(self, int16)

    def char(self: "Tensor") -> "Tensor":
        """This tensor as int8."""
        return casting.to_dtype(self, int8)

    def byte(self: "Tensor") -> "Tensor":
        """This tensor as uint8."""
        return casting.to_dtype(self, uint8)

    def bool(self: "Tensor") -> "Tensor":
        """This tensor as bool: True where it is not zero."""
        return casting.to_dtype(self, bool_)

    def cpu(self: "Tensor") -> "Tensor":
        """The tensor itself: it is in the processor's memory already."""
        return self

    def cuda(self: "Tensor", device: Any = None, non_blocking: Any = False) -> "Tensor":
        """Not possible: there is no such device.

        Raises:
            DeviceError: Always.
        """
        raise DeviceError("cuda: backlit keeps tensors in the processor's memory; leave the call out")

    def clone(self: "Tensor") -> "Tensor":
        """A copy in memory of its own, through which gradients flow."""
        return casting.clone.bind(self)

    def __deepcopy__(self: "Tensor", memo: dict[Any, Any]) -> "Tensor":
        if not self.is_leaf:
            raise GradientError(
                "deepcopy: this tensor was made by a taped operation, and its history cannot be copied; "
                "use .detach() or .clone()"
            )
        if id(self) in memo:
            return memo[id(self)]
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin._array = values_of(self).copy()
        twin._storage = Storage()
        twin._requires_grad = self._requires_grad
        twin._grad = copy.deepcopy(self._grad, memo)
        vars(twin).update(copy.deepcopy(_extras(self), memo))
        return twin

    def __reduce__(self: "Tensor") -> tuple[Any, ...]:
        return (_rebuild, (type(self), np.asarray(values_of(self)), self.requires_grad), _extras(self) or None)


def _extras(tensor: TensorBase) -> dict[str, Any]:
    """What users or subclasses have set on a tensor."""
    return {name: value for name, value in vars(tensor).items() if name not in TensorBase.__annotations__}


def _rebuild(kind: Any, array: Array, requires_grad: _bool) -> Any:
    tensor = kind.__new__(kind)
    tensor._array = array
    tensor._storage = Storage()
    tensor._requires_grad = requires_grad
    return tensor
