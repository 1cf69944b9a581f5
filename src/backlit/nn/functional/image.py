"""Images made larger or smaller, and their channels and pixels put in another order."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn.checks import check_sizes, per_dimension, require_floats, require_tensors, where
from backlit.nn.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from backlit.nn.functional.normalization import check_groups
from backlit.ops import tensor
from backlit.ops.tensor import Tensor

# What each result along one dimension is the weighted sum of: the places of elements, and their weights.
Taps = list[tuple[Array, Array]]
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def _nearest(length: int, count: int, scale: float | None, shift: float) -> Array:
    """The place that each of `count` results takes its value from, in PyTorch's arithmetic of 32 bits."""
    step = np.float32(length / count if scale is None else 1 / scale)
    places = np.floor((np.arange(count, dtype=np.float32) + np.float32(shift)) * step)
    return np.minimum(places.astype(np.int64), length - 1)


def _sources(length: int, count: int, scale: float | None, align_corners: bool) -> Array:
    """Where each of `count` results lies among `length` elements."""
    if align_corners:
        return np.arange(count) * ((length - 1) / (count - 1) if count > 1 else 0.0)
    step = length / count if scale is None else 1 / scale
    return (np.arange(count) + 0.5) * step - 0.5


def _linear(length: int, count: int, scale: float | None, align_corners: bool) -> Taps:
    """Both neighbours, each the heavier the nearer it is."""
    at = np.maximum(_sources(length, count, scale, align_corners), 0.0)
    low = np.minimum(at.astype(np.int64), length - 1)
    share = np.clip(at - low, 0.0, 1.0)
    return [(low, 1 - share), (np.minimum(low + 1, length - 1), share)]


def _cubic(length: int, count: int, scale: float | None, align_corners: bool) -> Taps:
    """Four neighbours, weighted by cubic convolution with a = -3/4 (Keys, 1981)."""
    a = -0.75
    at = _sources(length, count, scale, align_corners)
    low = np.floor(at)
    t = at - low
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (t + 1, 2 - t)]
    places = [np.clip(low.astype(np.int64) + k, 0, length - 1) for k in (-1, 0, 1, 2)]
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
    for dim, (count, scale) in enumerate(zip(counts, scales, strict=True), 2):
        if mode in _NEAREST:
            input = _picked(input, dim, _nearest(shape[dim], count, scale, _NEAREST[mode]))
        elif count != shape[dim] or scale is not None:
            input = _weighted(input, dim, _WEIGHTED[mode][1](shape[dim], count, scale, bool(align_corners)))
    return input


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


def _picked(x: Tensor, dim: int, places: Array) -> Tensor:
    """The elements at `places` along `dim`, by repeating where all are taken equally often, in turn."""
    length, count = x.shape[dim], len(places)
    times = count // length
    if times and np.array_equal(places, np.arange(length).repeat(times)):
        lead, behind = x.shape[: dim + 1], x.shape[dim + 1 :]
        return x.unsqueeze(dim + 1).expand(*lead, times, *behind).reshape(*lead[:-1], count, *behind)
    return x.index_select(dim, tensor(places))


def _weighted(x: Tensor, dim: int, taps: Taps) -> Tensor:
    along = (-1,) + (1,) * (x.dim() - 1 - dim)
    parts = [
        x.index_select(dim, tensor(places)) * tensor(weights.astype(x._array.dtype)).reshape(along)
        for places, weights in taps
    ]
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
