"""Images made larger or smaller, and their channels and pixels put in another order."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from backlit.core.dtypes import float32, float64
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn.checks import check_sizes, per_dimension, require_floats, require_tensors, where
from backlit.nn.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from backlit.nn.functional.normalization import check_groups
from backlit.ops import arange
from backlit.ops.tensor import Tensor

# What each result along one dimension is the weighted sum of: the places of elements, and their weights.
Taps = list[tuple[Tensor, Tensor]]
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def _step(length: int, count: int, scale: float | None) -> float:
    return length / count if scale is None else 1 / scale


def _nearest(length: int, count: int, scale: float | None, shift: float) -> Tensor:
    """The place that each of `count` results takes its value from, in PyTorch's arithmetic of 32 bits."""
    at = (arange(count, dtype=float32) + shift) * _step(length, count, scale)
    return at.floor().long().clamp(max=length - 1)


def _sources(length: int, count: int, scale: float | None, align_corners: bool) -> Tensor:
    """Where each of `count` results lies among `length` elements."""
    at = arange(count, dtype=float64)
    if align_corners:
        return at * ((length - 1) / max(count - 1, 1))
    return (at + 0.5) * _step(length, count, scale) - 0.5


def _linear(length: int, count: int, scale: float | None, align_corners: bool) -> Taps:
    """Both neighbours, each the heavier the nearer it is."""
    at = _sources(length, count, scale, align_corners).clamp(min=0.0)
    low = at.floor().clamp(max=length - 1)
    share = (at - low).clamp(max=1.0)
    return [(low.long(), 1 - share), ((low.long() + 1).clamp(max=length - 1), share)]


def _cubic(length: int, count: int, scale: float | None, align_corners: bool) -> Taps:
    """Four neighbours, weighted by cubic convolution with a = -3/4 (Keys, 1981)."""
    a = -0.75
    at = _sources(length, count, scale, align_corners)
    low = at.floor()
    t = at - low
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    places = [(low.long() + k).clamp(0, length - 1) for k in (-1, 0, 1, 2)]
    return list(zip(places, [far[0], near[0], near[1], far[1]], strict=True))


# The modes that weigh neighbours, with the dimensions of the inputs that they are for.
_WEIGHTED: dict[str, tuple[int, Callable[[int, int, float | None, bool], Taps]]] = {
    "linear": (3, _linear),
    "bilinear": (4, _linear),
    "bicubic": (4, _cubic),
    "trilinear": (5, _linear),
}
_NEAREST = {"nearest": 0.0, "nearest-exact": 0.5}
_MODES = (*_NEAREST, *_WEIGHTED, "area")


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """An input with other sizes: each result is an element near its place, or a mean of such.

    Args:
        input: (n, channels, *sizes), of one to three sizes.
        size: The new sizes, or one for all.
        scale_factor: What to multiply the sizes by, in place of `size`; they are rounded down.
        mode: "nearest"; "nearest-exact", which rounds as image libraries do; "linear", "bilinear" or "trilinear", by
            the number of sizes; "bicubic"; "area" for `adaptive_avg_pool2d`.
        align_corners: Whether the middles of the elements in the corners stay where they are, and not the corners
            themselves; for the modes from "linear" to "bicubic", False by default.
        recompute_scale_factor: Whether places follow from the rounded sizes and not from `scale_factor` itself.

    Returns:
        (n, channels, *new sizes).

    Raises:
        ArgumentError: An unknown mode, or settings that do not go together.
        ShapeError: The input has not the dimensions of the mode.
    """
    require_floats("interpolate", input=input)
    shape = tuple(input._array.shape)
    if mode not in _MODES:
        raise ArgumentError(f"{where('interpolate')}: unknown mode {mode!r}{suggest(str(mode), _MODES)}")
    dims = (_WEIGHTED[mode][0],) if mode in _WEIGHTED else tuple(_AREA)
    if len(shape) not in dims:
        wanted = " or ".join(str(n) for n in dims)
        raise ShapeError(
            f"{where('interpolate')}: got an input of shape {shape}; mode {mode!r} needs {wanted} dimensions, "
            "(n, channels, *sizes)"
        )
    if align_corners is not None and mode not in _WEIGHTED:
        raise ArgumentError(f"{where('interpolate')}: align_corners is for {', '.join(_WEIGHTED)}, not {mode!r}")
    counts, scales = _new_sizes(shape[2:], size, scale_factor)
    if mode == "area":
        return _AREA[len(shape)](input, counts)
    if recompute_scale_factor:
        scales = [None] * len(counts)
    found = input
    for dim, (count, scale) in enumerate(zip(counts, scales, strict=True), 2):
        length = shape[dim]
        if mode in _NEAREST and count % length == 0 and scale in (None, count / length):
            found = _repeated(found, dim, count // length)
        elif mode in _NEAREST:
            found = found.index_select(dim, _nearest(length, count, scale, _NEAREST[mode]))
        elif count != length or mode == "bicubic":
            found = _weighted(found, dim, _WEIGHTED[mode][1](length, count, scale, bool(align_corners)))
    return found.clone() if found is input else found


def _new_sizes(sizes: tuple[int, ...], size: Any, scale_factor: Any) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the scales by which places are found where they do not follow from the sizes."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(f"{where('interpolate')}: give either size or scale_factor, and not both")
    if size is not None:
        return list(per_dimension("interpolate", "size", size, len(sizes))), [None] * len(sizes)
    several = isinstance(scale_factor, Sequence)
    scales = [float(s) for s in scale_factor] if several else [float(scale_factor)] * len(sizes)
    counts = [math.floor(n * s) for n, s in zip(sizes, scales, strict=False)]
    if len(scales) != len(sizes) or not all(math.isfinite(s) and s > 0 for s in scales) or min(counts) < 1:
        raise ArgumentError(
            f"{where('interpolate')}: scale_factor must be a positive number or {len(sizes)} of them that leave "
            f"something of sizes {sizes}, got {scale_factor!r}"
        )
    return counts, list(scales)


def _repeated(x: Tensor, dim: int, times: int) -> Tensor:
    """Each element along `dim` so many times, one after the other."""
    if times == 1:
        return x
    lead, length, behind = x.shape[:dim], x.shape[dim], x.shape[dim + 1 :]
    return x.unsqueeze(dim + 1).expand(*lead, length, times, *behind).reshape(*lead, length * times, *behind)


def _weighted(x: Tensor, dim: int, taps: Taps) -> Tensor:
    along = (-1,) + (1,) * (x.dim() - 1 - dim)
    parts = [x.index_select(dim, places) * weights.to(x.dtype).reshape(along) for places, weights in taps]
    return sum(parts[1:], parts[0])


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, channels r^2, height, width) to (*, channels, height r, width r): channels become pixels (Shi et al., 2016).

    Raises:
        ShapeError: There are not so many channels.
    """
    require_tensors("pixel_shuffle", input=input)
    check_sizes("pixel_shuffle", upscale_factor=upscale_factor)
    shape, r = _image("pixel_shuffle", input), upscale_factor
    check_groups("pixel_shuffle", shape[-3], r * r)
    lead = input.shape[:-3]
    parted = input.reshape(*lead, shape[-3] // (r * r), r, r, *shape[-2:])
    mixed = parted.permute(*range(len(lead)), *(len(lead) + k for k in (0, 3, 1, 4, 2)))
    return mixed.reshape(*lead, shape[-3] // (r * r), shape[-2] * r, shape[-1] * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, channels, height r, width r) to (*, channels r^2, height, width): the way back of `pixel_shuffle`.

    Raises:
        ShapeError: Height or width is no multiple of r.
    """
    require_tensors("pixel_unshuffle", input=input)
    check_sizes("pixel_unshuffle", downscale_factor=downscale_factor)
    shape, r = _image("pixel_unshuffle", input), downscale_factor
    if not r or shape[-2] % r or shape[-1] % r:
        raise ShapeError(
            f"{where('pixel_unshuffle')}: got an input of shape {shape}, whose height and width must be multiples of "
            f"downscale_factor {r}"
        )
    lead = input.shape[:-3]
    parted = input.reshape(*lead, shape[-3], shape[-2] // r, r, shape[-1] // r, r)
    mixed = parted.permute(*range(len(lead)), *(len(lead) + k for k in (0, 2, 4, 1, 3)))
    return mixed.reshape(*lead, shape[-3] * r * r, shape[-2] // r, shape[-1] // r)


def _image(operation: str, input: Tensor) -> tuple[int, ...]:
    shape = tuple(input._array.shape)
    if len(shape) < 3:
        raise ShapeError(f"{where(operation)}: got an input of shape {shape}, expected (*, channels, height, width)")
    return shape


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(n, channels, *sizes) with the first channels of all groups first, then the second ones (Zhang et al., 2018).

    Raises:
        ShapeError: The channels do not share out evenly.
    """
    require_tensors("channel_shuffle", input=input)
    check_sizes("channel_shuffle", groups=groups)
    shape = tuple(input._array.shape)
    if len(shape) < 3:
        raise ShapeError(f"{where('channel_shuffle')}: got an input of shape {shape}, expected (n, channels, *sizes)")
    check_groups("channel_shuffle", shape[1], groups)
    parted = input.reshape(input.shape[0], groups, shape[1] // groups, *shape[2:])
    return parted.transpose(1, 2).reshape(input.shape[0], *shape[1:])
