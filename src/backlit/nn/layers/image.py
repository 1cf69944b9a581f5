"""Layers that make images larger, and put their channels and pixels in another order."""

from collections.abc import Sequence

from backlit.errors import ShapeError
from backlit.nn import functional as F
from backlit.nn.checks import check_sizes, number_or_tuple, require_floats, require_tensors, where
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor


class Upsample(Module):
    """Makes (n, channels, *sizes) larger or smaller; see `functional.interpolate`.

    Args:
        size: The new sizes, or one for all.
        scale_factor: What to multiply the sizes by, in place of `size`.
        mode: How results come from elements: "nearest", "linear", "bilinear", "bicubic", "trilinear", …
        align_corners: Whether the middles of the elements in the corners stay where they are.
        recompute_scale_factor: Whether places follow from the rounded sizes and not from `scale_factor` itself.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = number_or_tuple(size)
        self.scale_factor: float | tuple[float, ...] | None = None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(float(s) for s in scale_factor)
        elif scale_factor is not None:
            self.scale_factor = float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to (n, channels, *new sizes)."""
        require_floats(self, input=input)
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """The settings."""
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` for images, with the nearest element."""

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` for images, with weighted neighbours and corners aligned."""

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """(*, channels r^2, height, width) to (*, channels, height r, width r); see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        check_sizes("PixelShuffle", upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """(*, channels r^2, height, width) to (*, channels, height r, width r)."""
        require_tensors(self, input=input)
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(*, channels, height r, width r) to (*, channels r^2, height, width); see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        check_sizes("PixelUnshuffle", downscale_factor=downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """(*, channels, height r, width r) to (*, channels r^2, height, width)."""
        require_tensors(self, input=input)
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Mixes the channels of `groups` groups; see `functional.channel_shuffle`."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        check_sizes("ChannelShuffle", groups=groups)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, *sizes) to the same shape."""
        require_tensors(self, input=input)
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """How many groups."""
        return f"groups={self.groups}"


class Softmax2d(Module):
    """Softmax over the channels of each pixel of (n, channels, height, width) or (channels, height, width).

    Raises:
        ShapeError: The input has other dimensions.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, height, width) to the same shape."""
        require_floats(self, input=input)
        if input.dim() not in (3, 4):
            raise ShapeError(
                f"{where(self)}: got an input of shape {tuple(input._array.shape)}, expected (n, channels, height, "
                "width) or (channels, height, width)"
            )
        return F.softmax(input, -3)
