"""Transposed convolutions: each element of an input adds to a window of the output."""

import math
from typing import Any

from backlit.core.composite import composite
from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import per_dimension, where
from backlit.nn.functional.columns import Pairs, Sizes, correlate, reach, spread, weigh
from backlit.nn.functional.convolution import Numbers, check_weight, is_batched, sample
from backlit.ops import arrangement
from backlit.ops.tensor import Tensor
from backlit.ops.windows import add_windows


def _kernel(xp: Any, input: Any, weight: Any, bias: Any, *, padding: Pairs, **geometry: Any) -> Any:
    whole = reach(input.shape[2:], weight.shape[2:], geometry["stride"], geometry["dilation"])
    sizes = tuple(n - before - after for n, (before, after) in zip(whole, padding, strict=True))
    return spread(input, weight, bias, sizes=sizes, padding=padding, **geometry)


def _kernel_gradient(
    g: Any, input: Any, weight: Any, needs: Any, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Any:
    geometry: Any = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    grad_input = correlate(g, weight, **geometry) if needs[0] else None
    grad_weight = weigh(input, g, weight.shape[2:], **geometry) if needs[1] else None
    return grad_input, grad_weight, g.sum(axis=(0, *range(2, g.ndim))) if needs[2] else None


@composite(
    kernel=_kernel,
    gradient=_kernel_gradient,
    role="mixes what goes to each window",
    notation="sum of windows({input} {weight}) + {bias}",
    promote=None,
    samples=lambda rng: [
        sample(rng, (2, 2, 4), (2, 3, 3), outputs=3),
        sample(rng, (2, 2, 3, 4), (2, 3, 2, 3), outputs=3, stride=(2, 1), padding=((1, 0), (1, 1))),
        sample(rng, (1, 1, 2, 2, 2), (1, 2, 2, 1, 2), bias=False, padding=((0, -1), (0, 0), (1, 1)), stride=(2, 1, 2)),
        sample(rng, (2, 4, 3, 3), (4, 3, 2, 2), outputs=6, groups=2, dilation=(1, 2)),
        sample(rng, (0, 2, 3, 3), (2, 3, 2, 2), outputs=3),
    ],
)
def _transposed_convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    """The rows of a matrix, channels last, times the weight: what each brings to its window, all added up."""
    rows, channels, *found = input.shape
    kernel, outputs = tuple(weight.shape[2:]), weight.shape[1]
    rank = len(kernel)
    dims, group = tuple(range(1, rank + 1)), (groups,) if groups > 1 else ()
    first, count = len(group), rows * math.prod(found)
    given = input.permute(0, *range(2, rank + 2), 1).reshape(count, *group, channels // groups)
    matrix = weight.reshape(groups, channels // groups, outputs, *kernel) if group else weight
    matrix = matrix.permute(*range(first + 1), *range(first + 2, first + 2 + rank), first + 1)
    matrix = matrix.reshape(*group, channels // groups, math.prod(kernel) * outputs)
    brought = (given.permute(1, 0, 2) @ matrix).permute(1, 0, 2) if group else given @ matrix
    inside = tuple(range(rank + 1 + first, 2 * rank + 1 + first))
    brought = brought.reshape(rows, *found, *group, *kernel, outputs)
    brought = brought.permute(0, *dims, *[rank + 1 for _ in group], 2 * rank + 1 + first, *inside)
    whole = reach(tuple(found), kernel, stride, dilation)
    out = add_windows.bind(brought, shape=(rows, *whole, *group, outputs), dims=dims, steps=stride, gaps=dilation)
    if group:
        out = out.reshape(rows, *whole, groups * outputs)
    if any(map(any, padding)):
        out = arrangement.pad(out, (0, 0, *(-width for pair in reversed(padding) for width in pair)))
    if bias is not None:
        out = out + bias
    return out.permute(0, rank + 1, *dims)


def convolve_transposed(
    layer: Any,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers,
    output_padding: Numbers,
    groups: int,
    dilation: Numbers,
) -> Tensor:
    """A transposed convolution; `layer`, a module or a function's name, is what messages name."""
    check_weight(layer, weight, rank, groups)
    channels, outputs, *kernel = weight._array.shape
    batched = is_batched(layer, input, weight, bias, channels, outputs * groups)
    steps = per_dimension(layer, "stride", stride, rank)
    gaps = per_dimension(layer, "dilation", dilation, rank)
    sides = per_dimension(layer, "padding", padding, rank, 0)
    more = per_dimension(layer, "output_padding", output_padding, rank, 0)
    if any(extra >= max(step, gap) for extra, step, gap in zip(more, steps, gaps, strict=True)):
        raise ArgumentError(
            f"{where(layer)}: output_padding {more} must be smaller than stride {steps} or dilation {gaps}"
        )
    pairs = tuple((side, side - extra) for side, extra in zip(sides, more, strict=True))
    whole = reach(tuple(input._array.shape[-rank:]), tuple(kernel), steps, gaps)
    if min(n - a - b for n, (a, b) in zip(whole, pairs, strict=True)) < 1:
        raise ShapeError(
            f"{where(layer)}: padding {sides} cuts off all of an output of sizes {whole}, from an input of shape "
            f"{tuple(input._array.shape)}; use less padding, a larger kernel or a larger stride"
        )
    out = _transposed_convolution.bind(
        input if batched else input.unsqueeze(0),
        weight,
        bias,
        stride=steps,
        padding=pairs,
        dilation=gaps,
        groups=groups,
    )
    return out if batched else out.squeeze(0)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """`conv_transpose2d` over one dimension: (n, channels, length)."""
    return convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """The transpose of `conv2d`: each element adds its multiple of the weight to a window of the output.

    Zeiler et al., "Deconvolutional networks", 2010. It is the map of `conv2d`'s gradient for its input.

    Args:
        input: (n, channels, height, width), or the same without n.
        weight: (channels, out / groups, *size of a window).
        bias: (out), or None.
        stride: How far apart windows begin in the output.
        padding: How much is cut off at each end of the output.
        output_padding: How much the output is longer at its end, below stride or dilation: of the several sizes that
            `conv2d` brings to one, which it is.
        groups: Into how many groups channels are parted.
        dilation: How far apart the elements of a window are.

    Returns:
        (n, out, *sizes), where a dimension of `s` elements gets
        (s - 1) stride - 2 padding + dilation (size - 1) + output_padding + 1.

    Raises:
        ShapeError: The shapes do not fit, or nothing is left of the output.
        DtypeError: The types differ or are not floating-point.
        ArgumentError: A setting is out of range.
    """
    return convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """`conv_transpose2d` over three dimensions: (n, channels, depth, height, width)."""
    return convolve_transposed(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
