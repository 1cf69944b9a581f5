"""How a function becomes an in-place method or a Python operator."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np

from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import write

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float
Operand = Any
P = ParamSpec("P")


def in_place(function: Callable[Concatenate[Any, P], Any]) -> "Callable[Concatenate[Any, P], Tensor]":
    """The method that puts `function(self, ...)` into `self` and returns `self`."""
    name = f"{function.__name__}_"

    @wraps(function)
    def method(self: "Tensor", /, *args: P.args, **kwargs: P.kwargs) -> "Tensor":
        write(self, function(self, *args, **kwargs), name)
        return self

    method.__name__ = name
    method.__doc__ = f"`{function.__name__}`, in place: see `backlit.{function.__name__}`."
    return method


def operator(function: Callable[[Any, Any], Any]) -> "Callable[[Any, Operand], Tensor]":
    """The method of a Python operator, which leaves objects that are neither tensors nor numbers to Python."""

    def method(self: "Tensor", other: Operand) -> "Tensor":
        if isinstance(other, TensorBase) or type(other) in _PLAIN:
            return function(self, other)
        other = _operand(other)
        return other if other is NotImplemented else function(self, other)

    return method


def reflected(function: Callable[[Any, Any], Any]) -> "Callable[[Any, Operand], Tensor]":
    """The method of a Python operator for a tensor on its right."""
    return operator(lambda self, other: function(other, self))


def assigning(function: Callable[[Any, Any], Any]) -> "Callable[[Any, Operand], Tensor]":
    """The method of an augmented assignment, which changes the tensor in place."""
    return operator(in_place(function))


_PLAIN = (float, int, bool)


def _operand(value: Any) -> Any:
    """A NumPy array as a tensor that shares its memory, a NumPy number as Python's, else NotImplemented."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return make(value)
    return value if isinstance(value, int | float) else NotImplemented
