"""Questions about tensors and element types."""

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from backlit.core.dtypes import (
    as_numpy_dtype,
    dtype,
    from_numpy_dtype,
    get_default_dtype,
    keeps_kind,
    promote,
    result_dtype,
)
from backlit.core.tensor_base import TensorBase
from backlit.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "can_cast",
    "finfo",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_tensor",
    "numel",
    "promote_types",
    "result_type",
]

Number = bool | int | float


def is_tensor(obj: object) -> "TypeGuard[Tensor]":
    """Whether `obj` is a tensor."""
    return isinstance(obj, TensorBase)


def is_floating_point(input: "Tensor") -> bool:
    """Whether a tensor's elements are floating-point numbers."""
    return input.is_floating_point()


def is_complex(input: "Tensor") -> bool:
    """Always False: backlit has no complex types."""
    return input.is_complex()


def is_nonzero(input: "Tensor") -> bool:
    """Whether the one element of `input` is not 0.

    Raises:
        ShapeError: It has not exactly one element.
    """
    if input.numel() != 1:
        raise ShapeError(f"is_nonzero: expected a tensor of one element, got shape {tuple(input.shape)}")
    return bool(input)


def numel(input: "Tensor") -> int:
    """Number of elements."""
    return input.numel()


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds the results of operations on tensors of both types."""
    return from_numpy_dtype(promote(as_numpy_dtype(type1), as_numpy_dtype(type2)))


def result_type(tensor1: "Tensor | Number", tensor2: "Tensor | Number") -> dtype:
    """The type of the result of arithmetic with these tensors or numbers."""
    return from_numpy_dtype(result_dtype(v._array if isinstance(v, TensorBase) else v for v in (tensor1, tensor2)))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether the conversion keeps the kind: no float becomes an integer, no number a bool."""
    return keeps_kind(as_numpy_dtype(from_), as_numpy_dtype(to))


class finfo:
    """Limits of a floating-point type.

    Attributes:
        bits: Bits of one number.
        eps: Distance from 1 to the next number.
        max: Largest number.
        min: Smallest (most negative) number.
        tiny: Smallest positive number of full precision; also `smallest_normal`.
        resolution: 10 to the minus the number of digits that are kept.
        dtype: The type's name.

    Raises:
        DtypeError: The type is not a floating-point type.
    """

    def __init__(self, type: dtype | None = None) -> None:
        kind = as_numpy_dtype(type or get_default_dtype())
        if kind.kind != "f":
            raise DtypeError(f"finfo: expected a floating-point type, got {kind}; use iinfo for integers")
        limits = np.finfo(kind)
        self.bits = limits.bits
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = float(f"{limits.resolution:g}")
        self.dtype = kind.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer type.

    Attributes:
        bits: Bits of one number.
        max: Largest number.
        min: Smallest number.
        dtype: The type's name.

    Raises:
        DtypeError: The type is not an integer type.
    """

    def __init__(self, type: dtype) -> None:
        kind = as_numpy_dtype(type)
        if kind.kind not in "iu":
            raise DtypeError(f"iinfo: expected an integer type, got {kind}; use finfo for floating-point types")
        limits: Any = np.iinfo(kind)
        self.bits, self.max, self.min = limits.bits, int(limits.max), int(limits.min)
        self.dtype = kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
