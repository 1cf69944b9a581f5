"""Layers that pool: each window that slides over an input becomes one number."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from backlit.nn import functional as F
from backlit.nn.checks import number_or_tuple, per_dimension, require_tensors
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor

Numbers = int | Sequence[int]


class _MaxPool(Module):
    _function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        dilation: Numbers = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = number_or_tuple(kernel_size)
        self.stride = self.kernel_size if stride is None else number_or_tuple(stride)
        self.padding = number_or_tuple(padding)
        self.dilation = number_or_tuple(dilation)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """(n, channels, *sizes) to (n, channels, *windows), with the places of the largest if `return_indices`."""
        require_tensors(self, input=input)
        settings = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)
        return type(self)._function(input, *settings)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of (n, channels, length); see `functional.max_pool2d` for the settings."""

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest element of each window of (n, channels, height, width); see `functional.max_pool2d`."""

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest element of each window of (n, channels, depth, height, width); see `functional.max_pool2d`."""

    _function = staticmethod(F.max_pool3d)


class _AvgPool(Module):
    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window of (n, channels, length); see `functional.avg_pool2d` for the settings."""

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = per_dimension(self, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else per_dimension(self, "stride", stride, 1)
        self.padding = per_dimension(self, "padding", padding, 1, 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, length) to (n, channels, windows)."""
        require_tensors(self, input=input)
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolNd(_AvgPool):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = number_or_tuple(kernel_size)
        self.stride = self.kernel_size if stride is None else number_or_tuple(stride)
        self.padding = number_or_tuple(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to (n, channels, *windows)."""
        require_tensors(self, input=input)
        windows = (self.kernel_size, self.stride, self.padding)
        return type(self)._function(input, *windows, self.ceil_mode, self.count_include_pad, self.divisor_override)


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of (n, channels, height, width); see `functional.avg_pool2d`."""

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of (n, channels, depth, height, width); see `functional.avg_pool2d`."""

    _function = staticmethod(F.avg_pool3d)


class _AdaptivePool(Module):
    def extra_repr(self) -> str:
        """How many windows there are."""
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_AdaptivePool):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = number_or_tuple(output_size)

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to (n, channels, *output_size)."""
        require_tensors(self, input=input)
        return type(self)._function(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of `output_size` windows of (n, channels, length); see `functional.adaptive_avg_pool2d`."""

    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of `output_size` windows of (n, channels, height, width); see `functional.adaptive_avg_pool2d`."""

    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of `output_size` windows of (n, channels, depth, height, width); see `adaptive_avg_pool2d`."""

    _function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_AdaptivePool):
    _function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: int | Sequence[int | None] | None, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = number_or_tuple(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """(n, channels, *sizes) to (n, channels, *output_size), with the places of the largest if `return_indices`."""
        require_tensors(self, input=input)
        return type(self)._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows of (n, channels, length); see `functional.adaptive_max_pool2d`."""

    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows of (n, channels, height, width); see `adaptive_max_pool2d`."""

    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows of (n, channels, depth, height, width)."""

    _function = staticmethod(F.adaptive_max_pool3d)


class _LPPool(Module):
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = number_or_tuple(kernel_size)
        self.stride = number_or_tuple(stride)
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to (n, channels, *windows)."""
        require_tensors(self, input=input)
        return type(self)._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The norm of each window of (n, channels, length); see `functional.lp_pool2d`."""

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The norm of each window of (n, channels, height, width); see `functional.lp_pool2d`."""

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The norm of each window of (n, channels, depth, height, width); see `functional.lp_pool2d`."""

    _function = staticmethod(F.lp_pool3d)
