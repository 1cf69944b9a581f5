"""The functions that decide how far a neuron activates.

The primitives for slopes stand beside their function: one pass over memory instead of several, on paths that every
training step takes.
"""

from typing import TYPE_CHECKING, Any

from backlit.core.primitive import primitive

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


@primitive(role="gates", notation="{arrived} if {x} > 0 else 0", elementwise=True)
def relu_gradient(xp: Any, arrived: Any, x: Any) -> Any:
    """What arrives at a ReLU of value `x`, let through where that is positive."""
    return xp.where(x > 0, arrived, xp.zeros((), arrived.dtype))


relu_gradient.gradient(arrived=lambda g, x: relu_gradient.bind(g, x))


@primitive(role="gates", notation="max(0, {x})", elementwise=True, kinks=lambda x: abs(x))
def _relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, 0)


_relu.gradient(x=lambda g, ans: relu_gradient.bind(g, ans))


def relu(input: "Tensor") -> "Tensor":
    """max(0, `input`), element by element; its slope at 0 is 0."""
    return _relu.bind(input)


@primitive(role="scales by its slope", notation="{arrived} (1 - {s}) {s}", elementwise=True)
def sigmoid_gradient(xp: Any, arrived: Any, s: Any) -> Any:
    """What arrives at a sigmoid of value `s`, scaled by its slope."""
    return arrived * ((1 - s) * s)


sigmoid_gradient.gradient(
    arrived=lambda g, s: sigmoid_gradient.bind(g, s), s=lambda g, arrived, s: g * arrived * (1 - s * 2)
)


@primitive(role="scales by its slope", notation="1 / (1 + exp(-{x}))", elementwise=True, promote="float")
def _sigmoid(xp: Any, x: Any) -> Any:
    # Where exp overflows, 1 / inf is the right result.
    return xp.reciprocal(1 + xp.exp(-x))


_sigmoid.gradient(x=lambda g, ans: sigmoid_gradient.bind(g, ans))


def sigmoid(input: "Tensor") -> "Tensor":
    """1 / (1 + exp(-`input`)), element by element."""
    return _sigmoid.bind(input)


@primitive(role="scales by its slope", notation="{arrived} (1 - {t}^2)", elementwise=True)
def tanh_gradient(xp: Any, arrived: Any, t: Any) -> Any:
    """What arrives at a tanh of value `t`, scaled by its slope."""
    return arrived * (1 - t * t)


tanh_gradient.gradient(
    arrived=lambda g, t: tanh_gradient.bind(g, t), t=lambda g, arrived, t: g * arrived * (t * -2)
)


@primitive(role="scales by its slope", notation="tanh({x})", elementwise=True, promote="float")
def _tanh(xp: Any, x: Any) -> Any:
    return xp.tanh(x)


_tanh.gradient(x=lambda g, ans: tanh_gradient.bind(g, ans))


def tanh(input: "Tensor") -> "Tensor":
    """Hyperbolic tangent, element by element."""
    return _tanh.bind(input)
