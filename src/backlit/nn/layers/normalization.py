"""Layers that normalise."""

from collections.abc import Sequence
from typing import Any, ClassVar

from backlit.core.modes import no_grad
from backlit.errors import ShapeError
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, where
from backlit.nn.functional.normalization import check_groups
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty, ones, tensor, zeros
from backlit.ops.tensor import Tensor


def _register_scales(layer: Module, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
    for name, there in (("weight", weight), ("bias", bias)):
        layer.register_parameter(name, Parameter(empty(*shape, device=device, dtype=dtype)) if there else None)


def _reset_scales(layer: Any) -> None:
    if layer.weight is not None:
        init.ones_(layer.weight)
    if layer.bias is not None:
        init.zeros_(layer.bias)


class _FeatureNorm(Module):
    """Brings each feature to mean 0 and variance 1, with the settings of `BatchNorm1d`."""

    # The shapes that an input may have; "features" stands for their number.
    _shapes: ClassVar[tuple[str, ...]]

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _register_scales(self, (num_features,), affine, affine and bias, device, dtype)
        track = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if track else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if track else None)
        self.register_buffer("num_batches_tracked", tensor(0) if track else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running values."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, no running values."""
        self.reset_running_stats()
        _reset_scales(self)

    def _check(self, input: Tensor) -> int:
        """The position of the features in the input's shape.

        Raises:
            ShapeError: The input has other dimensions, or another number of features.
        """
        require_floats(self, input=input)
        shape = tuple(input._array.shape)
        for wanted in self._shapes:
            names = wanted.strip("()").split(", ")
            if len(shape) == len(names) and shape[names.index("features")] == self.num_features:
                return names.index("features")
        expected = " or ".join(self._shapes).replace("features", str(self.num_features))
        raise ShapeError(f"{where(self)}: got an input of shape {shape}, expected {expected}")

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_FeatureNorm):
    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features, *sizes) to the same shape."""
        self._check(input)
        momentum: Any = self.momentum
        if momentum is None:
            momentum = 0.0 if self.num_batches_tracked is None else 1.0 / (self.num_batches_tracked + 1).double()
        out = F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
        return out


class BatchNorm1d(_BatchNorm):
    """Brings each feature to mean 0 and variance 1 over the batch; see `functional.batch_norm`.

    Args:
        num_features: Number of features, which an image calls channels.
        eps: Added to the variance.
        momentum: How far the running values move with each batch; None for the average over all batches.
        affine: Whether to scale and shift by `weight` and `bias`, which are learnt.
        track_running_stats: Whether to keep running values for use outside of training; without them, the input's
            own are used there too.
        device: "cpu" or None.
        dtype: Type of parameters and running values, the default type if None.
        bias: Whether there is a shift, if `affine`.

    Attributes:
        weight: (num_features), or None.
        bias: (num_features), or None.
        running_mean: (num_features), or None.
        running_var: (num_features), or None.
        num_batches_tracked: How many batches the running values have seen, or None.
    """

    _shapes = ("(n, features)", "(n, features, length)")


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for channels of (n, num_features, height, width)."""

    _shapes = ("(n, features, height, width)",)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for channels of (n, num_features, depth, height, width)."""

    _shapes = ("(n, features, depth, height, width)",)


class _InstanceNorm(_FeatureNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features, *sizes) or (num_features, *sizes) to the same shape."""
        alone = self._check(input) == 0
        out = F.instance_norm(
            input.unsqueeze(0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum or 0.0,
            self.eps,
        )
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Brings each feature of each row to mean 0 and variance 1; see `functional.instance_norm`.

    The settings are those of `BatchNorm1d`; nothing is learnt or kept by default.
    """

    _shapes = ("(n, features, length)", "(features, length)")


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for channels of (n, num_features, height, width)."""

    _shapes = ("(n, features, height, width)", "(features, height, width)")


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for channels of (n, num_features, depth, height, width)."""

    _shapes = ("(n, features, depth, height, width)", "(features, depth, height, width)")


class GroupNorm(Module):
    """Brings each group of each row's channels to mean 0 and variance 1; see `functional.group_norm`.

    Args:
        num_groups: How many groups the channels are shared out to.
        num_channels: How many channels there are.
        eps: Added to the variance.
        affine: Whether to scale and shift each channel by `weight` and `bias`, which are learnt.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.
        bias: Whether there is a shift, if `affine`.

    Raises:
        ShapeError: The channels do not share out evenly.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        check_groups("GroupNorm", num_channels, num_groups)
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _register_scales(self, (num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        _reset_scales(self)

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_channels, *) to the same shape."""
        require_floats(self, input=input)
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divides by the activity of neighbouring channels; see `functional.local_response_norm`.

    Args:
        size: How many channels, around each, count.
        alpha: Factor of their mean square.
        beta: The power that is divided by.
        k: Added before that power.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        check_sizes("LocalResponseNorm", size=size)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to the same shape."""
        require_floats(self, input=input)
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LayerNorm(Module):
    """Brings the last dimensions of each row to mean 0 and variance 1; see `functional.layer_norm`.

    Args:
        normalized_shape: Sizes of those dimensions, or the size of the last one.
        eps: Added to the variance.
        elementwise_affine: Whether to scale by `weight`, which is learnt.
        bias: Whether to shift by `bias` as well.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _register_scales(self, shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        _reset_scales(self)

    def forward(self, input: Tensor) -> Tensor:
        """(*, *normalized_shape) to the same shape."""
        require_floats(self, input=input)
        if tuple(input._array.shape[-len(self.normalized_shape) :]) != self.normalized_shape:
            raise ShapeError(
                f"{where(self)}: got an input of shape {tuple(input._array.shape)}, expected its last dimensions to be "
                f"{self.normalized_shape}"
            )
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides the last dimensions of each row by the root of their mean square; see `functional.rms_norm`.

    Args:
        normalized_shape: Sizes of those dimensions, or the size of the last one.
        eps: Added to the mean square; None: the smallest step from 1 of the input's type.
        elementwise_affine: Whether to scale by `weight`, which is learnt.
        device: "cpu" or None.
        dtype: Type of the parameter, the default type if None.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", Parameter(empty(*shape, device=device, dtype=dtype)) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """(*, *normalized_shape) to the same shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
