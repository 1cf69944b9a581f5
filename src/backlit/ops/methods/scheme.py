"""How a function serves as an in-place method or a Python operator."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np

from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import write

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

P = ParamSpec("P")

_PLAIN = (float, int, bool)


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


def operate(function: Callable[[Any, Any], Any], tensor: "Tensor", other: Any) -> Any:
    """`function(tensor, other)`, or NotImplemented where `other` is neither a tensor nor made of numbers."""
    if isinstance(other, TensorBase) or type(other) in _PLAIN:
        return function(tensor, other)
    other = _operand(other)
    return other if other is NotImplemented else function(tensor, other)


def reflect(function: Callable[[Any, Any], Any], tensor: "Tensor", other: Any) -> Any:
    """`function(other, tensor)`, or NotImplemented."""
    other = _operand(other)
    return other if other is NotImplemented else function(other, tensor)


def assign(function: Callable[[Any, Any], Any], tensor: "Tensor", other: Any) -> Any:
    """`tensor` with `function(tensor, other)` put into it, or NotImplemented."""
    result = operate(function, tensor, other)
    if result is not NotImplemented:
        write(tensor, result, f"{function.__name__}_")
        return tensor
    return result


def _operand(value: Any) -> Any:
    """A NumPy array as a tensor that shares its memory, a NumPy number as Python's, else NotImplemented."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return make(value)
    return value if isinstance(value, int | float | TensorBase) else NotImplemented
