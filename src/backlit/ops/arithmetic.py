"""Addition, subtraction, multiplication, division: the arithmetic of Python's operators."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.dtypes import result_dtype
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive, primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, NonFiniteError
from backlit.ops.casting import cast
from backlit.ops.output import put_out

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "divide",
    "fill",
    "floor_divide",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]

Number = bool | int | float


@primitive(role="distributes", notation="{x} + {y}", elementwise=True)
def _add(xp: Any, x: Any, y: Any) -> Any:
    return xp.add(x, y)


_add.gradient(x=lambda g: g, y=lambda g: g)
Helpers.add = _add.bind


def add(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1, out: "Tensor | None" = None) -> "Tensor":
    """`input + alpha * other`, element by element, shapes broadcast."""
    return put_out(_add.bind(input, other if alpha == 1 else other * alpha), out, "add")


@primitive(
    role="distributes, the second with its sign turned", notation="{x} - {y}", elementwise=True, promote="number"
)
def _sub(xp: Any, x: Any, y: Any) -> Any:
    return xp.subtract(x, y)


_sub.gradient(x=lambda g: g, y=lambda g: -g)


def sub(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1, out: "Tensor | None" = None) -> "Tensor":
    """`input - alpha * other`, element by element, shapes broadcast."""
    return put_out(_sub.bind(input, other if alpha == 1 else other * alpha), out, "sub")


def rsub(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
    """`other - alpha * input`, element by element, shapes broadcast."""
    return _sub.bind(other, input if alpha == 1 else input * alpha)


@primitive(role="turns the sign", notation="-{x}", elementwise=True, promote="number")
def _neg(xp: Any, x: Any) -> Any:
    return xp.negative(x)


_neg.gradient(x=lambda g: -g)


def neg(input: "Tensor") -> "Tensor":
    """`-input`, element by element."""
    return _neg.bind(input)


def positive(input: "Tensor") -> "Tensor":
    """`input` itself."""
    return input


@primitive(role="swaps and scales", notation="{x} * {y}", elementwise=True)
def _mul(xp: Any, x: Any, y: Any) -> Any:
    return xp.multiply(x, y)


_mul.gradient(x=lambda g, y: g * y, y=lambda g, x: g * x)


def mul(input: "Tensor", other: "Tensor | Number", *, out: "Tensor | None" = None) -> "Tensor":
    """`input * other`, element by element, shapes broadcast."""
    return put_out(_mul.bind(input, other), out, "mul")


@primitive(
    role="scales",
    notation="{x} / {y}",
    elementwise=True,
    promote="float",
    domain=(0.3, 3.0),
)
def _div(xp: Any, x: Any, y: Any) -> Any:
    return xp.true_divide(x, y)


_div.gradient(x=lambda g, y: g / y, y=lambda g, ans, y: -g * ans / y)


def divide_whole(operation: Primitive, input: "Tensor | Number", other: "Tensor | Number") -> "Tensor":
    """Apply a division that rounds, and look for zeros where no result exists.

    Raises:
        NonFiniteError: An integer would be divided by the integer zero.
    """
    result = operation.bind(input, other)
    divisor = other._array if isinstance(other, TensorBase) else other
    if STATE.trace is None and result._array.dtype.kind in "iu" and not np.all(divisor):
        raise NonFiniteError(f"{operation.name}: integers cannot be divided by zero; convert them with .float() first")
    return result


def _whole(x: Any, y: Any) -> Any:
    return abs(x / y - np.round(x / y))


@primitive(
    role="stops", notation="floor({x} / {y})", elementwise=True, promote="number", domain=(0.3, 3.0), kinks=_whole
)
def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    return xp.floor_divide(x, y)


_floor_divide.gradient(x=lambda g: g * 0, y=lambda g: g * 0)


@primitive(
    role="stops", notation="trunc({x} / {y})", elementwise=True, promote="number", domain=(0.3, 3.0), kinks=_whole
)
def _div_trunc(xp: Any, x: Any, y: Any) -> Any:
    if xp.result_type(x, y).kind == "f":
        return xp.trunc(xp.true_divide(x, y))
    # Exact where a float quotient would round large integers.
    down = xp.floor_divide(x, y)
    return down + ((down < 0) & (down * y != x))


_div_trunc.gradient(x=lambda g: g * 0, y=lambda g: g * 0)


@primitive(
    role="takes the first as it is, and a new value for every element",
    notation="{value} for each {x}",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=())), {})],
)
def _fill(xp: Any, x: Any, value: Any) -> Any:
    return xp.full(x.shape, value, x.dtype)


_fill.gradient(x=lambda g: g * 0, value=lambda g: g.sum())


def fill(input: "Tensor", value: "Tensor | Number") -> "Tensor":
    """A tensor of `input`'s shape and type with `value`, a number or 0-d tensor, in every place."""
    return _fill.bind(input, value)


def lift(value: "Tensor | Number", like: Any) -> "Tensor":
    """A number as a tensor of `like`'s shape, in the type that both have in common; a tensor as it is."""
    if isinstance(value, bool | int | float):
        return _fill.bind(cast.bind(like, kind=result_dtype((like._array, value))), value)
    return value


def div(
    input: "Tensor", other: "Tensor | Number", *, rounding_mode: str | None = None, out: "Tensor | None" = None
) -> "Tensor":
    """`input / other`, element by element, shapes broadcast.

    Args:
        input: A tensor.
        other: A tensor or number.
        rounding_mode: None divides truly (integers give floats), "trunc" rounds towards zero, "floor" downwards.
        out: Where to put the result.

    Raises:
        ArgumentError: `rounding_mode` is none of these.
        NonFiniteError: With rounding, an integer is divided by the integer zero.
    """
    if rounding_mode is None:
        return put_out(_div.bind(input, other), out, "div")
    if rounding_mode == "floor":
        return put_out(divide_whole(_floor_divide, input, other), out, "div")
    if rounding_mode == "trunc":
        return put_out(divide_whole(_div_trunc, input, other), out, "div")
    raise ArgumentError(f"div: rounding_mode is {rounding_mode!r}; expected None, 'trunc' or 'floor'")


def floor_divide(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """`input / other` rounded downwards, in the type of the inputs.

    Raises:
        NonFiniteError: An integer is divided by the integer zero.
    """
    return divide_whole(_floor_divide, input, other)


def lerp(input: "Tensor", end: "Tensor", weight: "Tensor | Number") -> "Tensor":
    """The point between `input` (weight 0) and `end` (weight 1)."""
    return input + (end - input) * weight


def addcmul(input: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: Number = 1) -> "Tensor":
    """`input + value * tensor1 * tensor2`."""
    return add(input, tensor1 * tensor2, alpha=value)


def addcdiv(input: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: Number = 1) -> "Tensor":
    """`input + value * tensor1 / tensor2`."""
    return add(input, tensor1 / tensor2, alpha=value)


negative = neg
subtract = sub
multiply = mul
divide = true_divide = div
