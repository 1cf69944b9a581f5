"""Data types and how they combine: PyTorch's names and promotion rules over NumPy's types."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from backlit.errors import ArgumentTypeError, DtypeError


class dtype:
    """The type of a tensor's elements.

    Attributes:
        name: PyTorch's name, such as `"float32"`.
        numpy: The NumPy type that holds such elements.
        itemsize: Bytes of one element.
        is_floating_point: Whether it is a real floating-point type; only these carry gradients.
    """

    __slots__ = ("is_floating_point", "itemsize", "name", "numpy")

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"

    @property
    def is_complex(self) -> bool:
        """Always False: backlit has no complex types."""
        return False

    @property
    def is_signed(self) -> bool:
        """Whether negative numbers exist in this type."""
        return self.numpy.kind in "fi"

    def __repr__(self) -> str:
        return f"backlit.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name


float16 = half = dtype("float16")
float32 = dtype("float32")
float64 = dtype("float64")
int8 = dtype("int8")
int16 = dtype("int16")
int32 = dtype("int32")
int64 = dtype("int64")
uint8 = dtype("uint8")
bool_ = dtype("bool")

_BY_NUMPY = {d.numpy: d for d in (float16, float32, float64, int8, int16, int32, int64, uint8, bool_)}
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}
_default = float32


def from_numpy_dtype(numpy_dtype: np.dtype[Any]) -> dtype:
    """The backlit type of a NumPy type.

    Raises:
        DtypeError: The type holds no numbers that a tensor can hold (text, objects, dates, complex numbers).
    """
    found = _BY_NUMPY.get(numpy_dtype)
    if found is None:
        raise DtypeError(
            f"a tensor cannot hold elements of NumPy type {numpy_dtype}; convert them first to one of "
            + ", ".join(d.name for d in _BY_NUMPY.values())
        )
    return found


def as_numpy_dtype(kind: object) -> np.dtype[Any]:
    """The NumPy type meant by a backlit type, a NumPy type or Python's `float`, `int`, `bool`.

    Raises:
        DtypeError: The type is not one that a tensor can hold.
        ArgumentTypeError: `kind` does not name a type at all.
    """
    if isinstance(kind, dtype):
        return kind.numpy
    if kind is float:
        return float64.numpy
    try:
        return from_numpy_dtype(np.dtype(kind)).numpy  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        if isinstance(error, DtypeError):
            raise
        raise ArgumentTypeError(f"{kind!r} is not a data type; pass for example backlit.float32") from None


def get_default_dtype() -> dtype:
    """The type that new tensors of Python floats get; `float32` unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d`, a floating-point type, the type of new tensors of Python floats.

    Raises:
        ArgumentTypeError: `d` is not a floating-point type.
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise ArgumentTypeError(f"set_default_dtype: expected a floating-point type such as float32, got {d!r}")
    _default = d


def promote(first: np.dtype[Any], second: np.dtype[Any]) -> np.dtype[Any]:
    """The common type of two element types, by PyTorch's table: an integer never widens a float."""
    a, b = _CATEGORY[first.kind], _CATEGORY[second.kind]
    if a != b:
        return first if a > b else second
    return np.promote_types(first, second)


def keeps_kind(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Whether a conversion makes no integer of a float and no bool of a number."""
    return _CATEGORY[source.kind] <= _CATEGORY[target.kind]


def result_dtype(operands: Iterable[Any]) -> np.dtype[Any]:
    """The type in which an operation on `operands` runs.

    PyTorch's rule (its documentation, "Tensor Attributes", type promotion): tensors with dimensions decide; 0-d
    tensors, then Python numbers, count only where they are of a higher category (bool, integer, float).

    Args:
        operands: Arrays (anything with `dtype` and `ndim`), Python numbers, and None, which is skipped.
    """
    levels: list[np.dtype[Any] | None] = [None, None, None]
    for operand in operands:
        if operand is None:
            continue
        if not isinstance(operand, (int, float)):
            level, kind = (0 if operand.ndim else 1), operand.dtype
        elif isinstance(operand, bool):
            level, kind = 2, bool_.numpy
        else:
            level, kind = 2, int64.numpy if isinstance(operand, int) else _default.numpy
        before = levels[level]
        levels[level] = kind if before is None else promote(before, kind)
    result: np.dtype[Any] | None = None
    for candidate in levels:
        if candidate is None:
            continue
        if result is None or _CATEGORY[candidate.kind] > _CATEGORY[result.kind]:
            result = candidate
    return _default.numpy if result is None else result
