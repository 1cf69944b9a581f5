"""Convolutions: one affine map of every window that slides over an input."""

import math
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from backlit.core.composite import composite
from backlit.core.namespace import window_places
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn.checks import other_type, per_dimension, require_floats, where
from backlit.nn.functional.columns import Pairs, Sizes, correlate, places, spread, weigh
from backlit.ops import arrangement
from backlit.ops.tensor import Tensor
from backlit.ops.windows import windows

Numbers = int | Sequence[int]


def _kernel(xp: Any, input: Any, weight: Any, bias: Any, **geometry: Any) -> Any:
    return correlate(input, weight, bias, **geometry)


def _kernel_gradient(
    g: Any, input: Any, weight: Any, needs: Any, stride: Sizes, padding: Pairs, dilation: Sizes, groups: int
) -> Any:
    geometry: Any = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    grad_input = spread(g, weight, sizes=input.shape[2:], **geometry) if needs[0] else None
    grad_weight = weigh(g, input, weight.shape[2:], **geometry) if needs[1] else None
    return grad_input, grad_weight, g.sum(axis=(0, *range(2, g.ndim))) if needs[2] else None


def sample(rng: Any, input: Sizes, weight: Sizes, bias: bool = True, **geometry: Any) -> Any:
    """Arguments and settings on which the common tests try a convolution."""
    rank = len(input) - 2
    settings = {"stride": (1,) * rank, "padding": ((0, 0),) * rank, "dilation": (1,) * rank, "groups": 1, **geometry}
    outputs = settings.pop("outputs", weight[0])
    return (rng.normal(size=input), rng.normal(size=weight), rng.normal(size=outputs) if bias else None), settings


# Kernels of up to so many elements are written out where each channel is convolved by itself.
_WRITTEN_OUT = 64


@composite(
    kernel=_kernel,
    gradient=_kernel_gradient,
    role="mixes what is in each window",
    notation="windows({input}) {weight} + {bias}",
    promote=None,
    samples=lambda rng: [
        sample(rng, (2, 2, 5), (3, 2, 3)),
        sample(rng, (2, 2, 4, 5), (3, 2, 2, 3), padding=((1, 1), (0, 2))),
        sample(rng, (1, 1, 3, 3, 3), (2, 1, 2, 2, 2), bias=False),
        sample(rng, (2, 2, 7, 6), (2, 2, 2, 3), stride=(3, 2), dilation=(2, 1), padding=((0, 1), (1, 1))),
        sample(rng, (2, 4, 4, 3), (6, 2, 2, 2), groups=2),
        sample(rng, (2, 3, 4, 4), (3, 1, 3, 3), groups=3, padding=((1, 1), (1, 1))),
        sample(rng, (2, 2, 5, 4), (4, 1, 2, 2), groups=2, stride=(2, 1), dilation=(1, 2)),
        sample(rng, (2, 3, 5, 5), (4, 3, 1, 1), stride=(2, 2)),
        sample(rng, (0, 2, 4, 4), (3, 2, 3, 3)),
    ],
)
def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Sizes,
    padding: Pairs,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    """Windows as the rows of a matrix, channels last, times the weight: one product, or one a group."""
    rows, outputs = input.shape[0], weight.shape[0]
    kernel = tuple(weight.shape[2:])
    rank = len(kernel)
    dims, group = tuple(range(1, rank + 1)), (groups,) if groups > 1 else ()
    last = input.permute(0, *range(2, rank + 2), 1)
    if any(map(any, padding)):
        last = arrangement.pad(last, (0, 0, *(width for pair in reversed(padding) for width in pair)))
    if group and weight.shape[1] == 1 and math.prod(kernel) <= _WRITTEN_OUT:
        out = _by_channel(last, weight.reshape(outputs, *kernel), stride, dilation)
        return _channels_second(out if bias is None else out + bias)
    if group:
        last = last.reshape(*last.shape[:-1], groups, weight.shape[1])
    seen = windows.bind(last, dims=dims, sizes=kernel, steps=stride, gaps=dilation)
    found = tuple(seen.shape[1 : rank + 1])
    channel, inside = rank + 1 + len(group), tuple(range(rank + 2 + len(group), 2 * rank + 2 + len(group)))
    width = math.prod(kernel) * weight.shape[1]
    lined_up = seen.permute(*[rank + 1 for _ in group], 0, *dims, *inside, channel)
    columns = lined_up.reshape(*group, rows * math.prod(found), width)
    parted = weight.reshape(groups, outputs // groups, *weight.shape[1:]) if group else weight
    first = len(group)
    matrix = parted.permute(*range(first), *range(first + 2, first + 2 + rank), first + 1, first)
    out = columns @ matrix.reshape(*group, width, outputs // groups)
    if group:
        out = out.permute(1, 0, 2).reshape(rows * math.prod(found), outputs)
    if bias is not None:
        out = out + bias
    return _channels_second(out.reshape(rows, *found, outputs))


def _by_channel(last: Tensor, weight: Tensor, stride: Sizes, dilation: Sizes) -> Tensor:
    """Each channel by itself: a sum of products of numbers, where a product of matrices would be one of vectors.

    Args:
        last: (n, *sizes, channels).
        weight: (outputs, *kernel), outputs being a multiple of channels.
        stride: How far apart windows begin.
        dilation: How far apart the elements of a window are.

    Returns:
        (n, *places, outputs).
    """
    outputs, *kernel = weight.shape
    rows, *sizes, channels = last.shape
    dims = tuple(range(1, len(sizes) + 1))
    found = places(tuple(sizes), tuple(kernel), stride, ((0, 0),) * len(sizes), dilation)
    if outputs > channels:
        last = last.unsqueeze(-1).expand(*last.shape, outputs // channels).reshape(rows, *sizes, outputs)
    seen = window_places((rows, *found, outputs, *kernel), tuple(last.shape), dims, stride, dilation)
    return reduce(add, (last[place] * weight[inside] for place, inside in seen))


def _channels_second(last: Tensor) -> Tensor:
    """(n, *places, channels) as (n, channels, *places)."""
    rank = last.dim() - 2
    return last.permute(0, rank + 1, *range(1, rank + 1))


def widths(layer: Any, padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Pairs:
    """Widths of the border before and after each dimension.

    Raises:
        ArgumentError: `padding` is no number, no sequence of one a dimension, not "valid" and not "same"; or it is
            "same" and windows are more than one step apart.
    """
    if not isinstance(padding, str):
        return tuple((n, n) for n in per_dimension(layer, "padding", padding, len(kernel), 0))
    if padding not in ("same", "valid"):
        raise ArgumentError(f"{where(layer)}: unknown padding {padding!r}{suggest(padding, ['same', 'valid'])}")
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if any(step != 1 for step in stride):
        raise ArgumentError(f"{where(layer)}: padding 'same' needs stride 1, got stride {stride}; give widths instead")
    whole = [gap * (size - 1) for gap, size in zip(dilation, kernel, strict=True)]
    return tuple((n // 2, n - n // 2) for n in whole)


def is_batched(layer: Any, input: Tensor, weight: Tensor, bias: Tensor | None, channels: int, outputs: int) -> bool:
    """Whether the input has a dimension of rows, after a look at all types and shapes."""
    require_floats(layer, input=input, weight=weight, **({} if bias is None else {"bias": bias}))
    shape = tuple(input._array.shape)
    rank = weight._array.ndim - 2
    sizes = ("length",) if rank == 1 else ("height", "width") if rank == 2 else ("depth", "height", "width")
    expected = f"(n, {', '.join((str(channels), *sizes))})"
    if len(shape) not in (rank + 1, rank + 2):
        alone = len(shape) == rank and channels == 1
        advice = "; input.unsqueeze(0) gives it a dimension of one channel" if alone else ""
        raise ShapeError(
            f"{where(layer)}: got an input of shape {shape}, expected {expected}, or the same without n{advice}"
        )
    found = shape[-rank - 1]
    if found != channels:
        advice = ""
        if shape[-1] == channels:
            order = (0, rank + 1, *range(1, rank + 1)) if len(shape) == rank + 2 else (rank, *range(rank))
            advice = f"; if its channels come last, use input.permute{order}"
        elif len(shape) == rank + 1 and channels == 1:
            advice = "; input.unsqueeze(1) gives rows without channels a dimension of one channel"
        raise ShapeError(
            f"{where(layer)}: got an input of shape {shape}, with {found} channels, expected {channels}, as in "
            f"{expected}; the weight has shape {tuple(weight._array.shape)}{advice}"
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor._array.dtype != input._array.dtype:
            raise other_type(layer, input, tensor._array.dtype, f"its {name} is")
    if bias is not None and tuple(bias._array.shape) != (outputs,):
        raise ShapeError(f"{where(layer)}: bias has shape {tuple(bias._array.shape)}, expected ({outputs},)")
    return len(shape) == rank + 2


def check_weight(layer: Any, weight: Any, rank: int, groups: Any) -> None:
    """Raise unless it is a weight for windows over `rank` dimensions and so many groups."""
    require_floats(layer, weight=weight)
    shape = tuple(weight._array.shape)
    if len(shape) != rank + 2 or 0 in shape[2:]:
        raise ShapeError(
            f"{where(layer)}: got a weight of shape {shape}, expected {rank + 2} dimensions: channels, channels of a "
            "group and a size of at least 1 for each dimension of the kernel"
        )
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"{where(layer)}: groups must be an integer and at least 1, got {groups!r}")
    if shape[0] % groups:
        raise ShapeError(
            f"{where(layer)}: the {shape[0]} channels of a weight of shape {shape} do not part into groups={groups}"
        )


def convolve(
    layer: Any,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers | str,
    dilation: Numbers,
    groups: int,
) -> Tensor:
    """A convolution over the last `rank` dimensions; `layer`, a module or a function's name, is what messages name."""
    check_weight(layer, weight, rank, groups)
    outputs, channels, *kernel = weight._array.shape
    batched = is_batched(layer, input, weight, bias, channels * groups, outputs)
    steps = per_dimension(layer, "stride", stride, rank)
    gaps = per_dimension(layer, "dilation", dilation, rank)
    sides = widths(layer, padding, tuple(kernel), steps, gaps)
    sizes = tuple(input._array.shape[-rank:])
    if min(places(sizes, tuple(kernel), steps, sides, gaps)) < 1:
        padded = tuple(n + a + b for n, (a, b) in zip(sizes, sides, strict=True))
        reach = tuple(gap * (n - 1) + 1 for gap, n in zip(gaps, kernel, strict=True))
        raise ShapeError(
            f"{where(layer)}: a kernel that reaches over {reach} does not fit into an input of sizes {sizes}, with "
            f"padding {padded}; use a larger input or padding, a smaller kernel or dilation, or fewer layers that "
            "shrink their input"
        )
    rows = input if batched else input.unsqueeze(0)
    out = _convolution.bind(rows, weight, bias, stride=steps, padding=sides, dilation=gaps, groups=groups)
    return out if batched else out.squeeze(0)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` over one dimension: (n, channels, length) with a weight of (out, channels / groups, size)."""
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """One affine map of every window of an image (LeCun et al., "Gradient-based learning", 1998).

    Args:
        input: (n, channels, height, width), or the same without n.
        weight: (out, channels / groups, *size of a window). It is not flipped.
        bias: (out), or None.
        stride: How far apart windows begin: a number, or one a dimension.
        padding: Width of a border of zeros, a number or one a dimension; "valid" for none, "same" for as many windows
            as the input has elements.
        dilation: How far apart the elements of a window are.
        groups: Into how many groups channels are parted, each with its own part of the weight.

    Returns:
        (n, out, *places), where a dimension of size `s` has
        (s + 2 padding - dilation (size - 1) - 1) // stride + 1 places.

    Raises:
        ShapeError: The shapes do not fit, or a window is larger than the input with its border.
        DtypeError: The types differ or are not floating-point.
        ArgumentError: A setting is out of range.
    """
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` over three dimensions: (n, channels, depth, height, width)."""
    return convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)
