"""The functions that decide how far a neuron activates.

The primitives named `..._gradient` exist for speed: one pass over memory instead of several, on paths that every
training step takes.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.primitive import primitive
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.choice import as_row, where
from backlit.ops.exponential import exp
from backlit.ops.special import erfc

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
]

_SLOPE = "scales by its slope"


def _at_zero(x: Any, **_: Any) -> Any:
    return abs(x)


@primitive(
    role="gates",
    notation="{arrived} if {x} > 0 else {slope} {arrived}",
    elementwise=True,
    kinks=lambda arrived, x, slope: abs(x),
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"slope": s}) for s in (0, 0.1)],
)
def relu_gradient(xp: Any, arrived: Any, x: Any, *, slope: float) -> Any:
    """What arrives at a ReLU of input or value `x`, let through where that is positive, else times `slope`."""
    passed = xp.multiply(arrived, x > 0)
    return passed if slope == 0 else passed + xp.multiply(arrived, ~(x > 0)) * slope


relu_gradient.gradient(arrived=lambda g, x, slope: relu_gradient.bind(g, x, slope=slope))


@primitive(role="gates", notation="max(0, {x})", elementwise=True, promote="number", kinks=_at_zero)
def _relu(xp: Any, x: Any) -> Any:
    return xp.maximum(x, as_row(xp, 0, x))


_relu.gradient(x=lambda g, ans: relu_gradient.bind(g, ans, slope=0))


def relu(input: "Tensor") -> "Tensor":
    """max(0, x), element by element; its slope at 0 is 0 (Nair and Hinton, 2010)."""
    return _relu.bind(input)


@primitive(
    role="gates",
    notation="max({slope} {x}, {x})",
    elementwise=True,
    promote="number",
    kinks=_at_zero,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"slope": slope}) for slope in (0.1, 2.0, -0.5)],
)
def _leaky_relu(xp: Any, x: Any, *, slope: float) -> Any:
    return (xp.maximum if slope <= 1 else xp.minimum)(x, x * slope)


_leaky_relu.gradient(x=lambda g, x, slope: relu_gradient.bind(g, x, slope=slope))


def leaky_relu(input: "Tensor", negative_slope: float = 0.01) -> "Tensor":
    """X where it is positive, else `negative_slope` * x; the slope at 0 is `negative_slope` (Maas et al., 2013)."""
    return _leaky_relu.bind(input, slope=negative_slope)


@primitive(
    role="gates", notation="{x} if {x} > 0 else {a} {x}", elementwise=True, promote="number", kinks=lambda x, a: abs(x)
)
def _prelu(xp: Any, x: Any, a: Any) -> Any:
    return xp.where(x > 0, x, a * x)


_prelu.gradient(x=lambda g, x, a: where(x > 0, g, g * a), a=lambda g, x: where(x > 0, 0, g * x))


def prelu(input: "Tensor", weight: "Tensor") -> "Tensor":
    """X where it is positive, else `weight` * x (He et al., 2015).

    Args:
        input: (N, C, *) or any shape.
        weight: (C,), one slope a channel, or (1,), one for all.

    Raises:
        ShapeError: `weight` is neither of size 1 nor of the number of channels.
    """
    shape, size = input._array.shape, weight._array.size
    channels = shape[1] if len(shape) > 1 else shape[0] if shape else 1
    if weight._array.ndim > 1 or size not in (1, channels):
        raise ShapeError(
            f"prelu: weight has shape {weight._array.shape}; expected (1,) or one slope for each of the {channels} "
            f"channels of the input of shape {shape}"
        )
    return _prelu.bind(input, weight if len(shape) < 2 else weight.reshape(size, *(1,) * (len(shape) - 2)))


@primitive(
    role=_SLOPE,
    notation="{scale} {x} if {x} > 0 else {scale} {alpha} (exp({rate} {x}) - 1)",
    elementwise=True,
    promote="float",
    kinks=_at_zero,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"alpha": 1.3, "scale": 1.1, "rate": 1.0}),
        ((rng.normal(size=4),), {"alpha": 2.0, "scale": 1.0, "rate": 0.5}),
    ],
)
def _elu(xp: Any, x: Any, *, alpha: float, scale: float, rate: float) -> Any:
    return xp.where(x > 0, x * scale, xp.expm1(xp.minimum(x, 0) * rate) * (alpha * scale))


_elu.gradient(
    x=lambda g, ans, x, alpha, scale, rate: where(x > 0, g * scale, g * ((ans + alpha * scale) * rate)),
)


def elu(input: "Tensor", alpha: float = 1.0) -> "Tensor":
    """X where it is positive, else alpha (exp(x) - 1) (Clevert et al., 2016)."""
    return _elu.bind(input, alpha=alpha, scale=1.0, rate=1.0)


def selu(input: "Tensor") -> "Tensor":
    """`elu` with the alpha and scale that keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017)."""
    return _elu.bind(input, alpha=1.6732632423543772848170429916717, scale=1.0507009873554804934193349852946, rate=1.0)


def celu(input: "Tensor", alpha: float = 1.0) -> "Tensor":
    """X where it is positive, else alpha (exp(x / alpha) - 1), smooth for every alpha (Barron, 2017).

    Raises:
        ArgumentError: `alpha` is 0.
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha is 0, by which x would be divided; pass another number")
    return _elu.bind(input, alpha=alpha, scale=1.0, rate=1 / alpha)


@primitive(role=_SLOPE, notation="{arrived} (1 - {s}) {s}", elementwise=True)
def sigmoid_gradient(xp: Any, arrived: Any, s: Any) -> Any:
    """What arrives at a sigmoid of value `s`, scaled by its slope."""
    return arrived * ((1 - s) * s)


sigmoid_gradient.gradient(
    arrived=lambda g, s: sigmoid_gradient.bind(g, s), s=lambda g, arrived, s: g * arrived * (1 - s * 2)
)


@primitive(role=_SLOPE, notation="1 / (1 + exp(-{x}))", elementwise=True, promote="float")
def _sigmoid(xp: Any, x: Any) -> Any:
    # Where exp overflows, 1 / inf is the right result.
    return xp.reciprocal(xp.exp(-x) + 1)


_sigmoid.gradient(x=lambda g, ans: sigmoid_gradient.bind(g, ans))


def sigmoid(input: "Tensor") -> "Tensor":
    """1 / (1 + exp(-x)), element by element."""
    return _sigmoid.bind(input)


@primitive(role=_SLOPE, notation="log(sigmoid({x}))", elementwise=True, promote="float")
def _logsigmoid(xp: Any, x: Any) -> Any:
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


_logsigmoid.gradient(x=lambda g, x: g * sigmoid(-x))


def logsigmoid(input: "Tensor") -> "Tensor":
    """log(sigmoid(x)), without underflow."""
    return _logsigmoid.bind(input)


@primitive(role=_SLOPE, notation="{arrived} (1 - {t}^2)", elementwise=True)
def tanh_gradient(xp: Any, arrived: Any, t: Any) -> Any:
    """What arrives at a tanh of value `t`, scaled by its slope."""
    return arrived * (1 - t * t)


tanh_gradient.gradient(arrived=lambda g, t: tanh_gradient.bind(g, t), t=lambda g, arrived, t: g * arrived * (t * -2))


@primitive(role=_SLOPE, notation="tanh({x})", elementwise=True, promote="float")
def _tanh(xp: Any, x: Any) -> Any:
    return xp.tanh(x)


_tanh.gradient(x=lambda g, ans: tanh_gradient.bind(g, ans))


def tanh(input: "Tensor") -> "Tensor":
    """Hyperbolic tangent, element by element."""
    return _tanh.bind(input)


@primitive(role=_SLOPE, notation="{x} Phi({x})", elementwise=True, promote="float")
def _gelu(xp: Any, x: Any) -> Any:
    return x * (xp.erfc(x * -math.sqrt(0.5)) * 0.5)


def _gelu_gradient(g: "Tensor", x: "Tensor") -> "Tensor":
    density = exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * (erfc(x * -math.sqrt(0.5)) * 0.5 + x * density)


_gelu.gradient(x=_gelu_gradient)

# The approximation is x sigmoid(2 u(x)) with u(x) = sqrt(2/pi) (x + 0.044715 x^3).
_U1 = math.sqrt(2 / math.pi)
_U3 = 0.044715 * _U1


@primitive(role=_SLOPE, notation="gelu({x})", elementwise=True, promote="float")
def _gelu_tanh(xp: Any, x: Any) -> Any:
    return x * ((xp.tanh(x * (x * x * _U3 + _U1)) + 1) * 0.5)


def _gelu_tanh_gradient(g: "Tensor", x: "Tensor") -> "Tensor":
    square = x * x
    t = tanh(x * (square * _U3 + _U1))
    return g * ((t + 1) * 0.5 + x * (1 - t * t) * (square * (1.5 * _U3) + 0.5 * _U1))


_gelu_tanh.gradient(x=_gelu_tanh_gradient)


def gelu(input: "Tensor", approximate: str = "none") -> "Tensor":
    """X Phi(x), with the distribution function Phi of the normal distribution (Hendrycks and Gimpel, 2016).

    Args:
        input: A tensor.
        approximate: "none" for the function itself, "tanh" for the paper's approximation.

    Raises:
        ArgumentError: `approximate` is neither.
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate is {approximate!r}; expected 'none' or 'tanh'")
    return (_gelu if approximate == "none" else _gelu_tanh).bind(input)


@primitive(role=_SLOPE, notation="{x} sigmoid({x})", elementwise=True, promote="float")
def _silu(xp: Any, x: Any) -> Any:
    return x / (xp.exp(-x) + 1)


def _silu_gradient(g: "Tensor", x: "Tensor") -> "Tensor":
    s = sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


_silu.gradient(x=_silu_gradient)


def silu(input: "Tensor") -> "Tensor":
    """X sigmoid(x), also called swish (Elfwing et al., 2018)."""
    return _silu.bind(input)


@primitive(role=_SLOPE, notation="{x} tanh(softplus({x}))", elementwise=True, promote="float")
def _mish(xp: Any, x: Any) -> Any:
    return x * xp.tanh(xp.logaddexp(x, 0))


def _mish_gradient(g: "Tensor", x: "Tensor") -> "Tensor":
    t = tanh(softplus(x))
    return g * (t + x * sigmoid(x) * (1 - t * t))


_mish.gradient(x=_mish_gradient)


def mish(input: "Tensor") -> "Tensor":
    """X tanh(softplus(x)) (Misra, 2019)."""
    return _mish.bind(input)


@primitive(
    role=_SLOPE,
    notation="log(1 + exp({beta} {x})) / {beta}",
    elementwise=True,
    promote="float",
    kinks=lambda x, beta, threshold: np.abs(x * beta - threshold),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"beta": 1.0, "threshold": 20.0}),
        ((rng.normal(size=5),), {"beta": 2.0, "threshold": 1.0}),
    ],
)
def _softplus(xp: Any, x: Any, *, beta: float, threshold: float) -> Any:
    steep = x * beta
    return xp.where(steep > threshold, x, xp.log1p(xp.exp(xp.minimum(steep, threshold))) / beta)


_softplus.gradient(x=lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)))


def softplus(input: "Tensor", beta: float = 1.0, threshold: float = 20.0) -> "Tensor":
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above `threshold`."""
    return _softplus.bind(input, beta=beta, threshold=threshold)


@primitive(role=_SLOPE, notation="{x} / (1 + |{x}|)", elementwise=True, promote="float", kinks=_at_zero)
def _softsign(xp: Any, x: Any) -> Any:
    return x / (xp.abs(x) + 1)


_softsign.gradient(x=lambda g, x: g / (abs(x) + 1) ** 2)


def softsign(input: "Tensor") -> "Tensor":
    """X / (1 + |x|)."""
    return _softsign.bind(input)


def tanhshrink(input: "Tensor") -> "Tensor":
    """X - tanh(x)."""
    return input - tanh(input)
