"""Addition, subtraction, multiplication, division, powers: the arithmetic of Python's operators."""

from typing import TYPE_CHECKING, Any

from backlit.core.backward import Helpers
from backlit.core.primitive import primitive

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


@primitive(role="distributes", notation="{x} + {y}", elementwise=True)
def _add(xp: Any, x: Any, y: Any) -> Any:
    return xp.add(x, y)


_add.gradient(x=lambda g: g, y=lambda g: g)
Helpers.add = _add.bind


def add(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
    """`input + alpha * other`, element by element, shapes broadcast."""
    return _add.bind(input, other if alpha == 1 else other * alpha)


@primitive(role="distributes, the second with its sign turned", notation="{x} - {y}", elementwise=True)
def _sub(xp: Any, x: Any, y: Any) -> Any:
    return xp.subtract(x, y)


_sub.gradient(x=lambda g: g, y=lambda g: -g)


def sub(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
    """`input - alpha * other`, element by element, shapes broadcast."""
    return _sub.bind(input, other if alpha == 1 else other * alpha)


@primitive(role="turns the sign", notation="-{x}", elementwise=True)
def _neg(xp: Any, x: Any) -> Any:
    return xp.negative(x)


_neg.gradient(x=lambda g: -g)


def neg(input: "Tensor") -> "Tensor":
    """`-input`, element by element."""
    return _neg.bind(input)


@primitive(role="swaps and scales", notation="{x} * {y}", elementwise=True)
def _mul(xp: Any, x: Any, y: Any) -> Any:
    return xp.multiply(x, y)


_mul.gradient(x=lambda g, y: g * y, y=lambda g, x: g * x)


def mul(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """`input * other`, element by element, shapes broadcast."""
    return _mul.bind(input, other)


@primitive(role="scales", notation="{x} / {y}", elementwise=True, promote="float")
def _div(xp: Any, x: Any, y: Any) -> Any:
    return xp.true_divide(x, y)


_div.gradient(x=lambda g, y: g / y, y=lambda g, ans, y: -g * ans / y)
