"""Layers that convolve."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, per_dimension, where
from backlit.nn.functional.columns import reach
from backlit.nn.functional.convolution import convolve, is_batched, widths
from backlit.nn.functional.transposed_convolution import convolve_transposed
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty
from backlit.ops.tensor import Tensor

Numbers = int | Sequence[int]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What layers share that convolve over `_rank` dimensions."""

    _rank: ClassVar[int]

    weight: Parameter
    bias: Parameter | None
    padding: tuple[int, ...] | str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        layer, rank = type(self).__name__, self._rank
        check_sizes(layer, in_channels=in_channels, out_channels=out_channels, groups=groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if groups == 0 or channels % groups:
                raise ArgumentError(f"{layer}: {name}={channels} must be a multiple of groups={groups}")
        if not isinstance(padding_mode, str) or padding_mode not in _PADDING_MODES:
            raise ArgumentError(
                f"{layer}: unknown padding_mode {padding_mode!r}{suggest(padding_mode, _PADDING_MODES)}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_dimension(layer, "kernel_size", kernel_size, rank, 1)
        self.stride = per_dimension(layer, "stride", stride, rank, 1)
        self.dilation = per_dimension(layer, "dilation", dilation, rank, 1)
        sides = widths(layer, padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else tuple(before for before, _ in sides)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(empty(*self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw new initial values: weight and bias evenly spread over ±1 / sqrt(values in a window)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            values = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(values) if values > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(n, in_channels, *sizes) to (n, out_channels, *places), or the same without n."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            is_batched(self, input, self.weight, self.bias, self.in_channels, self.out_channels)
            sides = widths(self, padding, self.kernel_size, self.stride, self.dilation)
            input, padding = F.pad(input, [width for pair in reversed(sides) for width in pair], self.padding_mode), 0
        return convolve(
            self, self._rank, input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """The settings that are not PyTorch's defaults."""
        zeros = (0,) * self._rank
        facts = {
            "padding": (self.padding, zeros),
            "dilation": (self.dilation, (1,) * self._rank),
            "output_padding": (getattr(self, "output_padding", zeros), zeros),
            "groups": (self.groups, 1),
            "bias": (self.bias is not None, True),
        }
        said = [f", {name}={value}" for name, (value, usual) in facts.items() if value != usual]
        mode = "" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}"
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
            f"{''.join(said)}{mode}"
        )


class Conv1d(_Convolution):
    """Convolution over one dimension, such as time: `Conv2d` on (n, in_channels, length)."""

    _rank = 1


class Conv2d(_Convolution):
    """One affine map of every window of an image; see `functional.conv2d`.

    Args:
        in_channels: Channels of the input, its second dimension.
        out_channels: Channels of the output.
        kernel_size: Size of a window: a number, or one a dimension.
        stride: How far apart windows begin.
        padding: Width of the border; "valid" for none, "same" for as many windows as the input has elements.
        dilation: How far apart the elements of a window are.
        groups: Into how many groups channels are parted; each is convolved by itself.
        bias: Whether there is a shift for each channel of the output.
        padding_mode: What the border holds: "zeros", "reflect", "replicate" or "circular"; see `functional.pad`.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size).
        bias: (out_channels), or None.

    Raises:
        ArgumentError: A setting is out of range, or the channels are no multiple of the groups.
        ShapeError: When called: the input has other channels, or is smaller than a window.
        DtypeError: When called: the input's type is not the weight's.
    """

    _rank = 2


class Conv3d(_Convolution):
    """Convolution over three dimensions: `Conv2d` on (n, in_channels, depth, height, width)."""

    _rank = 3


class _TransposedConvolution(_Convolution):
    """What layers share whose elements each add to a window of the output."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Numbers = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        layer = type(self).__name__
        if not isinstance(padding_mode, str) or padding_mode != "zeros":
            raise ArgumentError(f"{layer}: padding_mode can only be 'zeros', got {padding_mode!r}")
        sides = per_dimension(layer, "padding", padding, self._rank, 0)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, sides, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = per_dimension(layer, "output_padding", output_padding, self._rank, 0)

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(n, in_channels, *places) to (n, out_channels, *sizes), or the same without n.

        Args:
            input: The input.
            output_size: The sizes wanted, of those that the stride brings to the input's; None: as `output_padding`
                says.

        Raises:
            ShapeError: `output_size` has other dimensions, or is not among those sizes.
        """
        more = self.output_padding if output_size is None else self._output_padding(input, tuple(output_size))
        padding: Any = self.padding
        return convolve_transposed(
            self,
            self._rank,
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            more,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, output_size: tuple[int, ...]) -> tuple[int, ...]:
        rank = self._rank
        if len(output_size) not in (rank, input.dim()):
            raise ShapeError(
                f"{where(self)}: output_size {output_size} must have the output's last {rank} sizes, or all of them"
            )
        whole = reach(tuple(input.shape[-rank:]), self.kernel_size, self.stride, self.dilation)
        sides: Any = self.padding
        least = [n - 2 * side for n, side in zip(whole, sides, strict=True)]
        more = tuple(size - n for size, n in zip(output_size[-rank:], least, strict=True))
        if any(not 0 <= extra < step for extra, step in zip(more, self.stride, strict=True)):
            most = [n + step - 1 for n, step in zip(least, self.stride, strict=True)]
            raise ShapeError(
                f"{where(self)}: output_size {output_size} is not between {tuple(least)} and {tuple(most)}, the sizes "
                f"that an input of shape {tuple(input.shape)} can come from"
            )
        return more


class ConvTranspose1d(_TransposedConvolution):
    """Transposed convolution over one dimension: `ConvTranspose2d` on (n, in_channels, length)."""

    _rank = 1


class ConvTranspose2d(_TransposedConvolution):
    """The transpose of `Conv2d`: each element adds to a window of the output; see `functional.conv_transpose2d`.

    Args:
        in_channels: Channels of the input, its second dimension.
        out_channels: Channels of the output.
        kernel_size: Size of a window: a number, or one a dimension.
        stride: How far apart windows begin in the output.
        padding: How much is cut off at each end of the output.
        output_padding: How much the output is longer at its end, below stride or dilation.
        groups: Into how many groups channels are parted.
        bias: Whether there is a shift for each channel of the output.
        dilation: How far apart the elements of a window are.
        padding_mode: "zeros".
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size).
        bias: (out_channels), or None.

    Raises:
        ArgumentError: A setting is out of range, or the channels are no multiple of the groups.
        ShapeError: When called: the input has other channels, or nothing is left of the output.
        DtypeError: When called: the input's type is not the weight's.
    """

    _rank = 2


class ConvTranspose3d(_TransposedConvolution):
    """Transposed convolution over three dimensions: `ConvTranspose2d` on (n, in_channels, depth, height, width)."""

    _rank = 3
