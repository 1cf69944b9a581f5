"""Layers that make columns of windows, and images of columns."""

from collections.abc import Sequence

from backlit.nn import functional as F
from backlit.nn.checks import number_or_tuple
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor

Numbers = int | Sequence[int]


class Unfold(Module):
    """All windows of images, each a column; see `functional.unfold`.

    Args:
        kernel_size: Size of a window: a number, or one a dimension.
        dilation: How far apart the elements of a window are.
        padding: Width of a border of zeros.
        stride: How far apart windows begin.
    """

    def __init__(self, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1) -> None:
        super().__init__()
        self.kernel_size = number_or_tuple(kernel_size)
        self.dilation = number_or_tuple(dilation)
        self.padding = number_or_tuple(padding)
        self.stride = number_or_tuple(stride)

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, channels x elements of a window, windows)."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Unfold):
    """Images in whose elements the columns of `Unfold` add up; see `functional.fold`.

    Args:
        output_size: Height and width of the images.
        kernel_size: Size of a window: a number, or one a dimension.
        dilation: How far apart the elements of a window are.
        padding: Width of a border that windows reach into and that is cut off.
        stride: How far apart windows begin.
    """

    def __init__(
        self,
        output_size: Numbers,
        kernel_size: Numbers,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = number_or_tuple(output_size)

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels x elements of a window, windows) to (n, channels, *output_size)."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
