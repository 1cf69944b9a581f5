"""Addition, subtraction, multiplication, division: the arithmetic of Python's operators."""

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


def rsub(input: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
    """`other - alpha * input`, element by element, shapes broadcast."""
    return _sub.bind(other, input if alpha == 1 else input * alpha)


@primitive(role="turns the sign", notation="-{x}", elementwise=True)
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


def mul(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """`input * other`, element by element, shapes broadcast."""
    return _mul.bind(input, other)


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


@primitive(
    role="takes the first as it is, and a new value for every element",
    notation="{value} for each {x}",
    elementwise=True,
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=())), {})],
)
def _fill(xp: Any, x: Any, value: Any) -> Any:
    return xp.full(x.shape, value, x.dtype)


_fill.gradient(value=lambda g: g)


def fill(input: "Tensor", value: "Tensor | Number") -> "Tensor":
    """A tensor of `input`'s shape and type with `value`, a number or 0-d tensor, in every place."""
    return _fill.bind(input, value)


def div(input: "Tensor", other: "Tensor | Number") -> "Tensor":
    """`input / other`, element by element, shapes broadcast; integers give floats."""
    return _div.bind(input, other)
