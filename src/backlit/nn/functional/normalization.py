"""Normalisation: values brought to mean 0 and variance 1, over a batch or within a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit.core.composite import composite, update
from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import require_floats
from backlit.ops.tensor import Tensor


def _mean(x: Any, dims: tuple[int, ...]) -> Any:
    # NumPy's own mean takes longer to start than a small batch takes to add up.
    return np.add.reduce(x, axis=dims, keepdims=True) / math.prod([x.shape[dim] for dim in dims])


def _kernel(xp: Any, input: Any, weight: Any, bias: Any, *, dims: tuple[int, ...], eps: float) -> Any:
    normal = input - _mean(input, dims)
    rate = 1 / np.sqrt(_mean(np.square(normal), dims) + eps)
    normal *= rate
    out = normal if weight is None else normal * weight
    return out if bias is None else out + bias, normal, rate


def _sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    lead = array.ndim - len(shape)
    spread = tuple(lead + i for i, n in enumerate(shape) if n == 1 != array.shape[lead + i])
    return array.sum(axis=(*range(lead), *spread)).reshape(shape)


def _kernel_gradient(g: Any, ans: Any, weight: Any, bias: Any, needs: Any, dims: tuple[int, ...]) -> Any:
    _, normal, rate = ans
    scaled = g if weight is None else g * weight
    grad_input = None
    if needs[0]:
        grad_input = scaled - _mean(scaled, dims)
        grad_input -= normal * _mean(scaled * normal, dims)
        grad_input *= rate
    grad_weight = _sum_to(g * normal, weight.shape) if needs[1] else None
    return grad_input, grad_weight, _sum_to(g, bias.shape) if needs[2] else None


@composite(
    kernel=_kernel,
    gradient=_kernel_gradient,
    role="brings to one scale",
    notation="({input} - mean) / sqrt(var + eps) * {weight} + {bias}",
    hidden=2,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)), {"dims": (1,), "eps": 1e-5}),
        ((rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)), {"dims": (0,), "eps": 1e-5}),
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 1)), None), {"dims": (0, 2), "eps": 1e-3}),
        ((rng.normal(size=(2, 3, 4)), None, None), {"dims": (1, 2), "eps": 1e-5}),
    ],
)
def _standardize(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, *, dims: tuple[int, ...], eps: float
) -> Any:
    """Mean 0 and variance 1 over `dims`, then scaled and shifted."""
    centred = input - input.mean(dims, keepdim=True)
    out = centred * (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def _track_kernel(mean: Any, var: Any, input: Any, *, dims: tuple[int, ...], momentum: float) -> None:
    mean += momentum * (input.mean(axis=dims) - mean)
    var += momentum * (input.var(axis=dims, ddof=1) - var)


@update(kernel=_track_kernel, writes=2)
def _track(mean: Tensor, var: Tensor, input: Tensor, *, dims: tuple[int, ...], momentum: Any) -> Any:
    """Running mean and variance, moved towards those of a batch."""
    return mean + (input.mean(dims) - mean) * momentum, var + (input.var(dims) - var) * momentum


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each row's last dimensions to mean 0 and variance 1, then scale and shift (Ba et al., 2016).

    Args:
        input: (*, *normalized_shape).
        normalized_shape: Sizes of the dimensions over which mean and variance are taken.
        weight: Scales of that shape, or None.
        bias: Shifts of that shape, or None.
        eps: Added to the variance.

    Raises:
        ShapeError: The input's last dimensions, or weight or bias, are not of `normalized_shape`.
    """
    dims = _normalized_dims("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _standardize.bind(input, weight, bias, dims=dims, eps=eps)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide each row's last dimensions by the root of their mean square, then scale (Zhang and Sennrich, 2019).

    Args:
        input: (*, *normalized_shape).
        normalized_shape: Sizes of the dimensions over which the mean is taken.
        weight: Scales of that shape, or None.
        eps: Added to the mean square; None: the smallest step from 1 of the input's type.

    Raises:
        ShapeError: The input's last dimensions, or the weight, are not of `normalized_shape`.
    """
    dims = _normalized_dims("rms_norm", input, normalized_shape, weight=weight)
    least = float(np.finfo(input._array.dtype).eps) if eps is None else eps
    out = input * (input.square().mean(dims, keepdim=True) + least).rsqrt()
    return out if weight is None else out * weight


def _normalized_dims(
    operation: str, input: Tensor, normalized_shape: Sequence[int], **parameters: Tensor | None
) -> tuple[int, ...]:
    """The last dimensions, over which is normalised, after a look at all shapes."""
    require_floats(operation, input=input)
    wanted, shape = tuple(normalized_shape), tuple(input._array.shape)
    if not wanted or shape[-len(wanted) :] != wanted:
        raise ShapeError(f"{operation}: got an input of shape {shape}, expected its last dimensions to be {wanted}")
    for name, tensor in parameters.items():
        if tensor is not None and tuple(tensor._array.shape) != wanted:
            raise ShapeError(f"{operation}: {name} has shape {tuple(tensor._array.shape)}, expected {wanted}")
    return tuple(range(len(shape) - len(wanted), len(shape)))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each feature to mean 0 and variance 1 over the batch, then scale and shift (Ioffe and Szegedy, 2015).

    Args:
        input: (n, features, ...).
        running_mean: (features): the mean to use outside of training; in training it moves towards the batch's.
        running_var: (features): likewise the variance, which moves towards the batch's unbiased one.
        weight: Scales, (features), or None.
        bias: Shifts, (features), or None.
        training: Whether to use the batch's own mean and variance.
        momentum: How far the running values move: the part of the batch in the new value.
        eps: Added to the variance.

    Raises:
        ShapeError: The sizes do not fit, or a feature has one value in training.
        ArgumentError: No running values outside of training.
    """
    require_floats("batch_norm", input=input)
    shape = tuple(input._array.shape)
    if len(shape) < 2:
        raise ShapeError(f"batch_norm: got an input of shape {shape}, expected (n, features, ...)")
    for name, tensor in {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }.items():
        if tensor is not None and tuple(tensor._array.shape) != shape[1:2]:
            raise ShapeError(
                f"batch_norm: {name} has shape {tuple(tensor._array.shape)}; the input of shape {shape} has {shape[1]} "
                "features"
            )
    per_feature = (-1,) + (1,) * (len(shape) - 2)
    if len(shape) > 2:
        weight = None if weight is None else weight.reshape(per_feature)
        bias = None if bias is None else bias.reshape(per_feature)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: outside of training, running_mean and running_var must be given")
        scale = (running_var + eps).rsqrt().reshape(per_feature)
        out = (input - running_mean.reshape(per_feature)) * (scale if weight is None else scale * weight)
        return out if bias is None else out + bias
    dims = (0, *range(2, len(shape)))
    count = math.prod(shape) // max(shape[1], 1)
    if count <= 1:
        raise ShapeError(f"batch_norm: expected more than 1 value per channel when training, got input size {shape}")
    if running_mean is not None and running_var is not None:
        with no_grad():
            _track(running_mean, running_var, input, dims=dims, momentum=momentum)
    return _standardize.bind(input, weight, bias, dims=dims, eps=eps)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Tensor:
    """Bring vectors along `dim` to length 1 in the `p`-norm; the divisor is at least `eps`."""
    require_floats("normalize", input=input)
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps).expand_as(input)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each length counts as at least `eps`."""
    require_floats("cosine_similarity", x1=x1, x2=x2)
    lengths = [x.norm(2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The `p`-norm of x1 - x2 + eps along the last dimension."""
    require_floats("pairwise_distance", x1=x1, x2=x2)
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)
