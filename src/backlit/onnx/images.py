"""ONNX's operators that give images other sizes; see `onnx.operators`."""

from collections.abc import Sequence
from typing import Any

from backlit.errors import GraphError
from backlit.nn import functional
from backlit.onnx.operators import Attributes, operator

# By mode, and for how many sizes, the mode of `functional.interpolate`.
_MODES = {
    ("linear", 1): "linear",
    ("linear", 2): "bilinear",
    ("linear", 3): "trilinear",
    ("cubic", 2): "bicubic",
}


@operator("Resize", numbers=(1, 2, 3))
def _resize(
    a: Attributes,
    x: Any,
    region: Sequence[float] | None = None,
    scales: Sequence[float] | None = None,
    sizes: Sequence[int] | None = None,
) -> Any:
    given = list(sizes or scales or ())
    same = [1.0, 1.0] if not sizes else list(x.shape[:2])
    places = a.get("coordinate_transformation_mode", "half_pixel")
    mode = a.get("mode", "nearest")
    if len(given) != x.ndim or given[:2] != same or a.get("antialias", 0):
        raise GraphError(f"of {given} only new sizes behind rows and channels, without antialias, are read")
    target: Any = {"size": given[2:]} if sizes else {"scale_factor": given[2:]}
    if mode == "nearest":
        rounding = a.get("nearest_mode", "round_prefer_floor")
        found = {("asymmetric", "floor"): "nearest", ("half_pixel", "round_prefer_ceil"): "nearest-exact"}.get(
            (places, rounding)
        )
        if found is None and places == "half_pixel" and rounding == "round_prefer_floor":
            # Where each element is repeated, no place is as far from one as from the next.
            repeated = [n * s if not sizes else s for n, s in zip(x.shape[2:], given[2:], strict=True)]
            whole = all(new % n == 0 for n, new in zip(x.shape[2:], repeated, strict=True))
            found = "nearest-exact" if whole else None
        if found is None:
            raise GraphError(f"nearest by {places} and {rounding} is not read")
        return functional.interpolate(x, **target, mode=found)
    weighted = _MODES.get((mode, x.ndim - 2))
    if weighted is None or places not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise GraphError(f"mode {mode} by {places}, over {x.ndim - 2} dimensions, is not read")
    if a.get("exclude_outside", 0) or (mode == "cubic" and a.get("cubic_coeff_a", -0.75) != -0.75):
        raise GraphError("cubic weights of other kinds than PyTorch's are not read")
    return functional.interpolate(x, **target, mode=weighted, align_corners=places == "align_corners")


@operator("DepthToSpace")
def _depth_to_space(a: Attributes, x: Any) -> Any:
    size = a["blocksize"]
    if a.get("mode", "DCR") == "DCR":
        rows, channels, *sizes = x.shape
        x = x.reshape(rows, size * size, channels // size**2, *sizes).transpose(1, 2).reshape(x.shape)
    return functional.pixel_shuffle(x, size)


@operator("SpaceToDepth")
def _space_to_depth(a: Attributes, x: Any) -> Any:
    size = a["blocksize"]
    rows, channels, height, width = x.shape
    found = functional.pixel_unshuffle(x, size)
    shape = (rows, channels, size * size, height // size, width // size)
    return found.reshape(shape).transpose(1, 2).reshape(found.shape)
