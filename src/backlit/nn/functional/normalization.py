"""Normalisation: values brought to mean 0 and variance 1, over a batch or within a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit.core.composite import composite, update
from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import require_floats, where
from backlit.nn.functional.pool_windows import sum_of_windows
from backlit.ops import arrangement
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
    rate = (centred.square().mean(dims, keepdim=True) + eps).rsqrt()
    if weight is None:
        out = centred * rate
    else:
        own = [dim - input.dim() for dim in dims if dim >= input.dim() - weight.dim()]
        # A weight that is the same along `dims` makes a small product with the rate, and spares one of the large.
        out = centred * (rate * weight) if all(weight.shape[dim] == 1 for dim in own) else centred * rate * weight
    return out if bias is None else out + bias


def _a_feature(moments: Any) -> Any:
    """Moments a feature: as they are, or the mean over the rows if each row has its own."""
    return moments.mean(0) if moments.ndim > 1 else moments


def _track_kernel(mean: Any, var: Any, input: Any, *, dims: tuple[int, ...], momentum: float) -> None:
    mean += momentum * (_a_feature(input.mean(axis=dims)) - mean)
    var += momentum * (_a_feature(input.var(axis=dims, ddof=1)) - var)


@update(kernel=_track_kernel, writes=2)
def _track(mean: Tensor, var: Tensor, input: Tensor, *, dims: tuple[int, ...], momentum: Any) -> Any:
    """Running mean and variance, moved towards those of a batch over `dims`."""
    new_mean, new_var = _a_feature(input.mean(dims)), _a_feature(input.var(dims))
    return mean + (new_mean - mean) * momentum, var + (new_var - var) * momentum


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
    return _feature_norm(
        "batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps, rows=True
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each feature of each row to mean 0 and variance 1, then scale and shift (Ulyanov et al., 2016).

    Args:
        input: (n, features, *sizes).
        running_mean: (features): moves towards the mean of the rows' means; used in place of them without
            `use_input_stats`.
        running_var: (features): likewise the variance.
        weight: Scales, (features), or None.
        bias: Shifts, (features), or None.
        use_input_stats: Whether to use each row's own mean and variance.
        momentum: How far the running values move: the part of the batch in the new value.
        eps: Added to the variance.

    Raises:
        ShapeError: The sizes do not fit, or a feature of a row has one value.
        ArgumentError: No running values without `use_input_stats`.
    """
    return _feature_norm(
        "instance_norm", input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, rows=False
    )


def _feature_norm(
    operation: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    own: bool,
    momentum: Any,
    eps: float,
    *,
    rows: bool,
) -> Tensor:
    """`batch_norm`, over all `rows`, or `instance_norm`, each for itself."""
    require_floats(operation, input=input)
    shape = tuple(input._array.shape)
    if len(shape) < (2 if rows else 3):
        raise ShapeError(
            f"{where(operation)}: got an input of shape {shape}, expected (n, features, {'...' if rows else '*sizes'})"
        )
    _check_features(operation, shape, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    per_feature = (-1,) + (1,) * (len(shape) - 2)
    if len(shape) > 2:
        weight = None if weight is None else weight.reshape(per_feature)
        bias = None if bias is None else bias.reshape(per_feature)
    if not own:
        if running_mean is None or running_var is None:
            raise ArgumentError(f"{operation}: outside of training, running_mean and running_var must be given")
        scale = (running_var + eps).rsqrt().reshape(per_feature)
        out = (input - running_mean.reshape(per_feature)) * (scale if weight is None else scale * weight)
        return out if bias is None else out + bias
    dims = (*((0,) if rows else ()), *range(2, len(shape)))
    if math.prod(shape[dim] for dim in dims) <= 1:
        what = "value per channel" if rows else "spatial element"
        raise ShapeError(f"{where(operation)}: expected more than 1 {what} when training, got input size {shape}")
    if running_mean is not None and running_var is not None:
        with no_grad():
            _track(running_mean, running_var, input, dims=dims, momentum=momentum)
    return _standardize.bind(input, weight, bias, dims=dims, eps=eps)


def _check_features(operation: str, shape: tuple[int, ...], **values: Tensor | None) -> None:
    """Raise unless all values have one number for each feature, the second dimension of `shape`."""
    for name, tensor in values.items():
        if tensor is not None and tuple(tensor._array.shape) != shape[1:2]:
            raise ShapeError(
                f"{where(operation)}: {name} has shape {tuple(tensor._array.shape)}; the input of shape {shape} has "
                f"{shape[1]} features"
            )


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Bring each group of each row's features to mean 0 and variance 1, then scale and shift (Wu and He, 2018).

    Args:
        input: (n, features, ...).
        num_groups: How many groups the features are shared out to.
        weight: Scales, (features), or None.
        bias: Shifts, (features), or None.
        eps: Added to the variance.

    Raises:
        ShapeError: The sizes do not fit, or the features do not share out evenly.
    """
    require_floats("group_norm", input=input)
    shape = tuple(input._array.shape)
    if len(shape) < 2:
        raise ShapeError(f"{where('group_norm')}: got an input of shape {shape}, expected (n, features, ...)")
    _check_features("group_norm", shape, weight=weight, bias=bias)
    check_groups("group_norm", shape[1], num_groups)
    parted = (num_groups, shape[1] // num_groups)
    out = _standardize.bind(
        input.reshape(input.shape[0], *parted, *shape[2:]),
        *[None if v is None else v.reshape(*parted, *[1] * (len(shape) - 2)) for v in (weight, bias)],
        dims=tuple(range(2, len(shape) + 1)),
        eps=eps,
    )
    return out.reshape(input.shape[0], *shape[1:])


def check_groups(operation: str, features: int, groups: int) -> None:
    """Raise unless `features` share out evenly to `groups`.

    Raises:
        ShapeError: They do not.
    """
    if groups < 1 or features % groups:
        raise ShapeError(f"{where(operation)}: {features} features do not share out evenly to {groups} groups")


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by a power of the mean square of `size` neighbouring features (Krizhevsky, Sutskever and Hinton, 2012).

    x / (k + alpha m)^beta, where m is the sum of squares over the neighbours that there are, divided by `size`.

    Args:
        input: (n, features, *sizes).
        size: How many features, around each, count.
        alpha: Factor of the mean.
        beta: The power.
        k: Added to it.

    Raises:
        ShapeError: The input has no sizes behind its features.
    """
    require_floats("local_response_norm", input=input)
    behind = input.dim() - 2
    if behind < 1:
        raise ShapeError(
            f"{where('local_response_norm')}: got an input of shape {tuple(input._array.shape)}, expected "
            "(n, features, *sizes)"
        )
    around = arrangement.pad(input.square(), (*[0, 0] * behind, size // 2, (size - 1) // 2))
    total = sum_of_windows.bind(around, over=((size, 1, 1), *[(1, 1, 1)] * behind))
    return input / (total * (alpha / size) + k).pow(beta)


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
