"""Pooling: one number for each window that slides over an input, its largest or its mean."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import per_dimension, require_floats, where
from backlit.nn.functional.pool_windows import Over, first_largest, max_of_windows, sum_of_windows
from backlit.ops import arange, arrangement
from backlit.ops import where as choose
from backlit.ops.tensor import Tensor

Numbers = int | Sequence[int]


class _Axis(NamedTuple):
    """Windows along one dimension.

    Attributes:
        length: The input's size.
        size: Elements of a window.
        step: How far apart windows begin.
        padding: Width of the border on both sides.
        gap: How far apart elements of a window are.
        windows: How many windows there are.
    """

    length: int
    size: int
    step: int
    padding: int
    gap: int
    windows: int

    @property
    def after(self) -> int:
        """How wide the border behind the input must be for the last window."""
        end = (self.windows - 1) * self.step + self.gap * (self.size - 1) + 1
        return max(end - self.length - self.padding, 0)

    def has_whole_windows(self, with_border: bool) -> bool:
        """Whether all elements of all windows count; `with_border`, those of the border do."""
        end = (self.windows - 1) * self.step + self.size
        return end <= self.length + 2 * self.padding if with_border else not self.padding and end <= self.length


def _axes(
    operation: str,
    input: Tensor,
    dims: int,
    kernel_size: Numbers,
    stride: Numbers | None,
    padding: Numbers,
    dilation: Numbers,
    ceil_mode: bool,
) -> list[_Axis]:
    """The windows along each of the last `dims` dimensions, after a look at all settings."""
    lengths = sizes_pooled(operation, input, dims)
    sizes = per_dimension(operation, "kernel_size", kernel_size, dims, 1)
    # An empty list is how programs of TorchScript write that no stride is given.
    steps = sizes if stride is None or stride == [] else per_dimension(operation, "stride", stride, dims, 1)
    pads = per_dimension(operation, "padding", padding, dims, 0)
    gaps = per_dimension(operation, "dilation", dilation, dims, 1)
    axes = []
    for length, size, step, pad, gap in zip(lengths, sizes, steps, pads, gaps, strict=True):
        reach = gap * (size - 1) + 1
        if pad > reach // 2:
            raise ArgumentError(
                f"{where(operation)}: padding {pad} is more than half of a window, which reaches over {reach} "
                f"elements (kernel_size {size}, dilation {gap})"
            )
        room = length + 2 * pad - reach
        count = (-(-room // step) if ceil_mode else room // step) + 1
        # A window that begins in the border behind the input sees nothing of it.
        if ceil_mode and (count - 1) * step >= length + pad:
            count -= 1
        if count < 1:
            raise ShapeError(
                f"{where(operation)}: windows of {tuple(sizes)} do not fit into an input of shape "
                f"{tuple(input._array.shape)}; make kernel_size smaller or padding wider"
            )
        axes.append(_Axis(length, size, step, pad, gap, count))
    return axes


def sizes_pooled(operation: str, input: Tensor, dims: int) -> tuple[int, ...]:
    """The sizes of the last `dims` dimensions of an input with channels, and rows or not."""
    require_floats(operation, input=input)
    shape = tuple(input._array.shape)
    if len(shape) not in (dims + 1, dims + 2):
        sizes = ", ".join(("depth", "height", "width")[-dims:]) if dims > 1 else "length"
        raise ShapeError(
            f"{where(operation)}: got an input of shape {shape}, expected (channels, {sizes}) or (n, channels, {sizes})"
        )
    return shape[-dims:]


def _bordered(input: Tensor, axes: list[_Axis], value: float) -> Tensor:
    widths = [width for axis in reversed(axes) for width in (axis.padding, axis.after)]
    return arrangement.pad(input, widths, value) if any(widths) else input


def _over(axes: list[_Axis]) -> Over:
    return tuple((axis.size, axis.step, axis.gap) for axis in axes)


def _max_pool_of(operation: str, input: Tensor, dims: int, settings: Any, return_indices: bool) -> Any:
    axes = _axes(operation, input, dims, *settings)
    padded, over = _bordered(input, axes, -math.inf), _over(axes)
    if not return_indices:
        return max_of_windows.bind(padded, over=over)
    places: Any = 0
    for axis in axes:
        # An element of the border counts as the nearest one inside.
        own = arange(-axis.padding, axis.length + axis.after).clamp(0, axis.length - 1)
        places = (places * axis.length).unsqueeze(-1) + own if isinstance(places, Tensor) else own
    values, indices = first_largest((padded, places), over)
    return values, indices.expand_as(values)


def max_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (n, channels, length) or (channels, length); see `max_pool2d`."""
    return _max_pool_of("max_pool1d", input, 1, (kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window (Riesenhuber and Poggio, 1999). Its gradient goes to the first largest.

    Args:
        input: (n, channels, height, width) or (channels, height, width).
        kernel_size: How many elements a window has along each dimension, or along all.
        stride: How far apart windows begin; by default as far as they are long.
        padding: Width of a border that no element is smaller than, at most half of a window.
        dilation: How far apart the elements of a window are.
        ceil_mode: Whether a window that begins inside but reaches out counts.
        return_indices: Whether to return also where each largest is, counted over height and width.

    Returns:
        (n, channels, windows down, windows across), or a pair of such tensors.

    Raises:
        ShapeError: The input has other dimensions, or no window fits.
        ArgumentError: A setting is out of range.
    """
    return _max_pool_of("max_pool2d", input, 2, (kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (n, channels, depth, height, width); see `max_pool2d`."""
    return _max_pool_of("max_pool3d", input, 3, (kernel_size, stride, padding, dilation, ceil_mode), return_indices)


def _avg_pool_of(
    operation: str,
    input: Tensor,
    dims: int,
    settings: Any,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    kernel_size, stride, padding, ceil_mode = settings
    axes = _axes(operation, input, dims, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ArgumentError(f"{where(operation)}: divisor_override must not be 0; None divides by the window's size")
    total: Tensor = sum_of_windows.bind(_bordered(input, axes, 0.0), over=_over(axes))
    if divisor_override is not None:
        return total / divisor_override
    whole = [axis for axis in axes if axis.has_whole_windows(count_include_pad)]
    for place, axis in enumerate(reversed(axes)):
        if axis not in whole:
            total = total / _counts(axis, count_include_pad, total.dtype).reshape(-1, *[1] * place)
    return total * (1 / math.prod(axis.size for axis in whole))


def _counts(axis: _Axis, with_border: bool, dtype: Any) -> Tensor:
    """How many elements each window has, with those in the border or without."""
    begin = arange(axis.windows) * axis.step - axis.padding
    end = (begin + axis.size).clamp(max=axis.length + axis.padding)
    return (end - begin if with_border else end.clamp(max=axis.length) - begin.clamp(min=0)).to(dtype)


def avg_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window: (n, channels, length) or (channels, length); see `avg_pool2d`."""
    return _avg_pool_of("avg_pool1d", input, 1, (kernel_size, stride, padding, ceil_mode), count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        input: (n, channels, height, width) or (channels, height, width).
        kernel_size: How many elements a window has along each dimension, or along all.
        stride: How far apart windows begin; by default as far as they are long.
        padding: Width of a border of zeros, at most half of a window.
        ceil_mode: Whether a window that begins inside but reaches out counts.
        count_include_pad: Whether the border counts as elements of a window.
        divisor_override: What to divide a window's sum by in place of its number of elements.

    Returns:
        (n, channels, windows down, windows across).

    Raises:
        ShapeError: The input has other dimensions, or no window fits.
        ArgumentError: A setting is out of range.
    """
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool_of("avg_pool2d", input, 2, settings, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window: (n, channels, depth, height, width); see `avg_pool2d`."""
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool_of("avg_pool3d", input, 3, settings, count_include_pad, divisor_override)


def _lp_pool_of(
    operation: str, input: Tensor, dims: int, norm_type: float, kernel_size: Numbers, stride: Any, ceil_mode: bool
) -> Tensor:
    if math.isinf(norm_type):
        sign = math.copysign(1, norm_type)
        settings = (kernel_size, stride, 0, 1, ceil_mode)
        largest: Tensor = sign * _max_pool_of(operation, sign * input.abs(), dims, settings, False)
        return largest
    size = math.prod(per_dimension(operation, "kernel_size", kernel_size, dims))
    mean = _avg_pool_of(operation, input.pow(norm_type), dims, (kernel_size, stride, 0, ceil_mode), True, None)
    # The root has no slope at 0; there the gradient is 0, as in PyTorch.
    empty = mean == 0
    return choose(empty, mean, (choose(empty, 1.0, mean.abs()) * size).pow(1 / norm_type) * mean.sign())


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Tensor:
    """The norm of each window: (n, channels, length) or (channels, length); see `lp_pool2d`."""
    return _lp_pool_of("lp_pool1d", input, 1, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Tensor:
    """The `norm_type`-th root of the sum of each window's `norm_type`-th powers (Sermanet et al., 2012).

    Args:
        input: (n, channels, height, width) or (channels, height, width).
        norm_type: The power; with infinity, the largest magnitude.
        kernel_size: How many elements a window has along each dimension, or along all.
        stride: How far apart windows begin; by default as far as they are long.
        ceil_mode: Whether a window that begins inside but reaches out counts.
    """
    return _lp_pool_of("lp_pool2d", input, 2, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Tensor:
    """The norm of each window: (n, channels, depth, height, width); see `lp_pool2d`."""
    return _lp_pool_of("lp_pool3d", input, 3, norm_type, kernel_size, stride, ceil_mode)
