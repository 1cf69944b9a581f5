"""Windows of images as columns, and back."""

import math
from typing import Any

from backlit.errors import ShapeError
from backlit.nn.checks import per_dimension, require_floats, where
from backlit.nn.functional.columns import Sizes, places, reach
from backlit.nn.functional.convolution import Numbers
from backlit.ops import arrangement
from backlit.ops.tensor import Tensor
from backlit.ops.windows import add_windows, windows


def unfold(
    input: Tensor, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1
) -> Tensor:
    """All windows of images, each a column.

    Args:
        input: (n, channels, height, width), or the same without n.
        kernel_size: Size of a window: a number, or one a dimension.
        dilation: How far apart the elements of a window are.
        padding: Width of a border of zeros.
        stride: How far apart windows begin.

    Returns:
        (n, channels x elements of a window, windows).

    Raises:
        ShapeError: The input has other dimensions, or is smaller than a window.
        ArgumentError: A setting is out of range.
    """
    require_floats("unfold", input=input)
    kernel, gaps, borders, steps = _settings("unfold", kernel_size, dilation, padding, stride)
    shape = tuple(input._array.shape)
    if len(shape) not in (3, 4):
        raise ShapeError(
            f"{where('unfold')}: got an input of shape {shape}, expected (n, channels, height, width), or the same "
            "without n"
        )
    found = _places("unfold", shape[-2:], kernel, gaps, borders, steps)
    batch = input if len(shape) == 4 else input.unsqueeze(0)
    if any(borders):
        batch = arrangement.pad(batch, (borders[1], borders[1], borders[0], borders[0]))
    seen = windows.bind(batch, dims=(2, 3), sizes=kernel, steps=steps, gaps=gaps)
    out = seen.permute(0, 1, 4, 5, 2, 3).reshape(batch.shape[0], shape[-3] * math.prod(kernel), math.prod(found))
    return out if len(shape) == 4 else out.squeeze(0)


def fold(
    input: Tensor,
    output_size: Numbers,
    kernel_size: Numbers,
    dilation: Numbers = 1,
    padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """Images in whose elements the columns of `unfold` add up.

    Args:
        input: (n, channels x elements of a window, windows), or the same without n.
        output_size: Height and width of the images.
        kernel_size: Size of a window: a number, or one a dimension.
        dilation: How far apart the elements of a window are.
        padding: Width of a border that windows reach into and that is cut off.
        stride: How far apart windows begin.

    Returns:
        (n, channels, *output_size).

    Raises:
        ShapeError: The input has other dimensions, or not as many columns or elements as there are windows.
        ArgumentError: A setting is out of range.
    """
    require_floats("fold", input=input)
    kernel, gaps, borders, steps = _settings("fold", kernel_size, dilation, padding, stride)
    sizes = per_dimension("fold", "output_size", output_size, 2)
    found = _places("fold", sizes, kernel, gaps, borders, steps)
    shape, inside = tuple(input._array.shape), math.prod(kernel)
    if len(shape) not in (2, 3) or shape[-1] != math.prod(found) or shape[-2] % inside:
        raise ShapeError(
            f"{where('fold')}: got an input of shape {shape}, expected (n, channels x {inside}, {math.prod(found)}), "
            f"or the same without n: an image of {sizes} has {found[0]} x {found[1]} windows of {kernel}"
        )
    columns = input if len(shape) == 3 else input.unsqueeze(0)
    rows, channels = columns.shape[0], shape[-2] // inside
    brought = columns.reshape(rows, channels, *kernel, *found).permute(0, 1, 4, 5, 2, 3)
    whole = reach(found, kernel, steps, gaps)
    out = add_windows.bind(brought, shape=(rows, channels, *whole), dims=(2, 3), steps=steps, gaps=gaps)
    cut = [(-border, size + border - n) for border, size, n in zip(borders, sizes, whole, strict=True)]
    if any(map(any, cut)):
        out = arrangement.pad(out, (*cut[1], *cut[0]))
    return out if len(shape) == 3 else out.squeeze(0)


def _settings(function: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Sizes, ...]:
    return (
        per_dimension(function, "kernel_size", kernel_size, 2),
        per_dimension(function, "dilation", dilation, 2),
        per_dimension(function, "padding", padding, 2, 0),
        per_dimension(function, "stride", stride, 2),
    )


def _places(function: str, sizes: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Sizes:
    found = places(sizes, kernel, stride, tuple((border, border) for border in padding), dilation)
    if min(found) < 1:
        raise ShapeError(
            f"{where(function)}: windows of {kernel}, dilation {dilation}, do not fit into an image of sizes {sizes} "
            f"with a border of {padding}; use a larger image or border, or smaller windows"
        )
    return found
