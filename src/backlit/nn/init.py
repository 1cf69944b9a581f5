"""Initial values of parameters. Every function fills a tensor in place, outside of any gradient, and returns it."""

import math
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.core.modes import no_grad
from backlit.core.tensor_base import make
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn.checks import require_tensors
from backlit.ops.tensor import Tensor

if TYPE_CHECKING:
    from backlit.ops.generator import Generator

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights grow so that values keep their variance through an activation.

    Args:
        nonlinearity: The activation's name, such as "relu".
        param: The negative slope of "leaky_relu", 0.01 by default.

    Raises:
        ArgumentError: The name is not known.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}{suggest(nonlinearity, [*_GAINS, 'leaky_relu'])}"
        )
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: "Generator | None" = None) -> Tensor:
    """Numbers spread evenly over [a, b)."""
    require_tensors("uniform_", tensor=tensor)
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: "Generator | None" = None) -> Tensor:
    """Numbers of the normal distribution."""
    require_tensors("normal_", tensor=tensor)
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: "Generator | None" = None,
) -> Tensor:
    """Numbers of the normal distribution, none outside of [a, b]: the inverse of its distribution function."""
    low, high = (math.erf((bound - mean) / (std * math.sqrt(2))) for bound in (a, b))
    with no_grad():
        tensor.uniform_(low, high, generator=generator)
        return tensor.erfinv_().mul_(std * math.sqrt(2)).add_(mean).clamp_(a, b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The number `val` everywhere."""
    require_tensors("constant_", tensor=tensor)
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Zero everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """One everywhere."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, for a tensor of two dimensions."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: expected a tensor of 2 dimensions, got shape {tuple(tensor.shape)}")
    with no_grad():
        return tensor.copy_(make(np.eye(*tensor.shape)))


def _fans(tensor: Tensor, name: str) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(
            f"{name}: needs a weight of at least 2 dimensions (out_features, in_features), got {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str, name: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{name}: mode {mode!r} is unknown; choose 'fan_in' or 'fan_out'")
    return _fans(tensor, name)[mode == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: "Generator | None" = None) -> Tensor:
    """Glorot and Bengio, 2010: evenly spread numbers of standard deviation gain sqrt(2 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor, "xavier_uniform_")))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: "Generator | None" = None) -> Tensor:
    """Glorot and Bengio, 2010: normal numbers of standard deviation gain sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor, "xavier_normal_"))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "Generator | None" = None,
) -> Tensor:
    """He et al., 2015: evenly spread numbers of standard deviation gain / sqrt(fan).

    Args:
        tensor: The weight, (out_features, in_features, ...).
        a: The negative slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the variance of values on the way forward, "fan_out" that of gradients on the way back.
        nonlinearity: The activation that follows, see `calculate_gain`.
        generator: Where the random numbers come from.
    """
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / max(1, _fan(tensor, mode, "kaiming_uniform_")))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: "Generator | None" = None,
) -> Tensor:
    """He et al., 2015: normal numbers of standard deviation gain / sqrt(fan); arguments as `kaiming_uniform_`."""
    std = calculate_gain(nonlinearity, a) / math.sqrt(max(1, _fan(tensor, mode, "kaiming_normal_")))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: "Generator | None" = None) -> Tensor:
    """Saxe et al., 2013: a random matrix with orthonormal rows or columns, times `gain`."""
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: needs at least 2 dimensions, got shape {tuple(tensor.shape)}")
    normal_(tensor, generator=generator)
    flat = tensor.numpy(force=True).reshape(tensor.shape[0], -1).astype(np.float64)
    q, r = np.linalg.qr(flat if flat.shape[0] >= flat.shape[1] else flat.T)
    # The signs make the distribution uniform over all orthogonal matrices.
    q = q * np.sign(np.diag(r))
    with no_grad():
        return tensor.copy_(make(gain * (q if flat.shape[0] >= flat.shape[1] else q.T).reshape(tensor.shape)))


answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("nn.init", name, __all__)
