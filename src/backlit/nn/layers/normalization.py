"""Layers that normalise."""

from collections.abc import Sequence
from typing import Any, ClassVar

from backlit.core.modes import no_grad
from backlit.errors import ShapeError
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, where
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty, ones, tensor, zeros
from backlit.ops.tensor import Tensor


class _BatchNorm(Module):
    """Brings each feature to mean 0 and variance 1 over the batch; see `functional.batch_norm`.

    Args:
        num_features: Number of features, which an image calls channels.
        eps: Added to the variance.
        momentum: How far the running values move with each batch; None for the average over all batches.
        affine: Whether to scale and shift by `weight` and `bias`, which are learnt.
        track_running_stats: Whether to keep running values for use outside of training; without them, the batch's
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

    # What an input may have behind its features.
    _sizes: ClassVar[tuple[str, ...]]

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
        for name, there in (("weight", affine), ("bias", affine and bias)):
            values = Parameter(empty(num_features, device=device, dtype=dtype)) if there else None
            self.register_parameter(name, values)
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
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features) or (n, num_features, *sizes) to the same shape."""
        require_floats(self, input=input)
        shape = tuple(input._array.shape)
        wanted = [f"(n, {self.num_features}{sizes})" for sizes in self._sizes]
        if len(shape) not in [2 + sizes.count(",") for sizes in self._sizes] or shape[1] != self.num_features:
            raise ShapeError(f"{where(self)}: got an input of shape {shape}, expected {' or '.join(wanted)}")
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

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Each feature of (n, num_features) or (n, num_features, length) to mean 0 and variance 1; see `batch_norm`."""

    _sizes = ("", ", length")


class BatchNorm2d(_BatchNorm):
    """Each channel of (n, num_features, height, width) to mean 0 and variance 1 over the batch; see `batch_norm`."""

    _sizes = (", height, width",)


class BatchNorm3d(_BatchNorm):
    """Each channel of (n, num_features, depth, height, width) to mean 0 and variance 1; see `batch_norm`."""

    _sizes = (", depth, height, width",)


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
        for name, there in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(name, Parameter(empty(*shape, device=device, dtype=dtype)) if there else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

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
