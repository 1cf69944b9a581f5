"""What layers and losses check, and how they are named in messages."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError


def where(layer: Any) -> str:
    """The name in a message: a function's name, or a layer's class, with its path within a running module."""
    name = layer if isinstance(layer, str) else type(layer).__name__
    return f"{name} ({STATE.path})" if STATE.path else name


def check_sizes(layer: str, **sizes: Any) -> None:
    """Raise unless all sizes are integers and not negative.

    Raises:
        ArgumentError: One is not.
    """
    for name, size in sizes.items():
        if not _is_whole(size) or size < 0:
            raise ArgumentError(f"{layer}: {name} must be an integer and not negative, got {size!r}")


def _is_whole(value: Any) -> bool:
    """Whether a value stands for a whole number; an array of one does not, as PyTorch has it."""
    return hasattr(value, "__index__") and not isinstance(value, bool | np.ndarray | TensorBase)


def per_dimension(layer: Any, name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """A setting as one integer a dimension: one number stands for all.

    Raises:
        ArgumentError: It is no integer or sequence of `rank` integers, or one is below `least`.
    """
    numbers = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if len(numbers) not in (1, rank) or not all(map(_is_whole, numbers)) or min(numbers) < least:
        one = f"an integer or {rank} integers" if rank > 1 else "an integer"
        raise ArgumentError(f"{where(layer)}: {name} must be {one}, at least {least}, got {value!r}")
    found = tuple(n.__index__() for n in numbers)
    return found * rank if len(found) == 1 else found


def number_or_tuple(value: Any) -> Any:
    """A setting a dimension as a layer keeps and shows it: None, one number for all, or a tuple."""
    return tuple(value) if isinstance(value, Sequence) else value


def not_a_tensor(layer: Any, value: object, name: str = "input") -> ArgumentTypeError:
    """The error for an argument that is no tensor."""
    return ArgumentTypeError(
        f"{where(layer)}: {name} must be a tensor, got {type(value).__name__}; use backlit.tensor(...), or "
        "backlit.from_numpy(...) to share an array's memory"
    )


def other_type(layer: Any, input: TensorBase, expected: np.dtype[Any], held: str) -> DtypeError:
    """The error for an input of another type than what the layer holds, such as "its weight is"."""
    return DtypeError(
        f"{where(layer)}: got an input of type {input._array.dtype}, {held} {expected}; convert the input with "
        f".to(backlit.{expected}), or the module with module.to(...)"
    )


def require_tensors(layer: Any, **values: object) -> None:
    """Raise unless all values are tensors.

    Raises:
        ArgumentTypeError: One is not.
    """
    for name, value in values.items():
        if not isinstance(value, TensorBase):
            raise not_a_tensor(layer, value, name)


def require_floats(layer: Any, **values: object) -> None:
    """Raise unless all values are tensors of a floating-point type.

    Raises:
        ArgumentTypeError: One is no tensor.
        DtypeError: One holds other numbers.
    """
    for name, value in values.items():
        if not isinstance(value, TensorBase):
            raise not_a_tensor(layer, value, name)
        if value._array.dtype.kind != "f":
            raise DtypeError(
                f"{where(layer)}: {name} must be a floating-point tensor, got {value._array.dtype}; use .float()"
            )


def require_integers(layer: Any, input: object) -> None:
    """Raise unless `input` is a tensor of an integer type.

    Raises:
        ArgumentTypeError: It is no tensor.
        DtypeError: It holds other numbers.
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor(layer, input)
    if input._array.dtype.kind not in "iu":
        raise DtypeError(f"{where(layer)}: got an input of type {input._array.dtype}, expected integers; use .long()")
