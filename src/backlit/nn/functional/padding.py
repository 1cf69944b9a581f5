"""Borders around tensors."""

from collections.abc import Callable, Sequence
from typing import Any

from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.ops import arrangement, cat
from backlit.ops.tensor import Tensor


def _part(x: Tensor, dim: int, begin: int, end: int) -> Tensor:
    return x.narrow(dim, begin, end - begin)


def _reflect(x: Tensor, dim: int, before: int, after: int) -> list[Tensor]:
    size = x.shape[dim]
    return [_part(x, dim, 1, before + 1).flip(dim), x, _part(x, dim, size - 1 - after, size - 1).flip(dim)]


def _replicate(x: Tensor, dim: int, before: int, after: int) -> list[Tensor]:
    size, shape = x.shape[dim], list(x.shape)
    first, last = _part(x, dim, 0, 1), _part(x, dim, size - 1, size)
    return [
        first.expand(*shape[:dim], before, *shape[dim + 1 :]),
        x,
        last.expand(*shape[:dim], after, *shape[dim + 1 :]),
    ]


def _circular(x: Tensor, dim: int, before: int, after: int) -> list[Tensor]:
    size = x.shape[dim]
    return [_part(x, dim, size - before, size), x, _part(x, dim, 0, after)]


# For each mode: what stands beside each other along a dimension, and how many elements less than the dimension has a
# border may take from it (None: any number).
_MODES: dict[str, tuple[Callable[[Tensor, int, int, int], list[Tensor]], int | None]] = {
    "reflect": (_reflect, 1),
    "replicate": (_replicate, None),
    "circular": (_circular, 0),
}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """`input` with a border.

    Args:
        input: Any shape.
        pad: How wide: before and after the last dimension, then before and after the one before it, and so on;
            negative numbers cut off.
        mode: What the border holds: "constant" for `value`; "reflect" for what is inside, mirrored at the edge;
            "replicate" for the edge itself; "circular" for the other end. All but "constant" leave the first dimension
            as it is.
        value: What a constant border holds, 0 by default.

    Raises:
        ArgumentError: Another mode, a `value` without "constant", an odd or too large number of widths.
        ShapeError: More is cut off, or taken for the border, than is there.
    """
    if mode == "constant":
        return arrangement.pad(input, pad, 0 if value is None else value)
    if mode not in _MODES:
        raise ArgumentError(f"pad: unknown mode {mode!r}{suggest(mode, ['constant', *_MODES])}")
    if value is not None:
        raise ArgumentError(f"pad: got value {value!r} with mode {mode!r}, which takes none; use mode 'constant'")
    sides, shape = tuple(pad), tuple(input.shape)
    if len(sides) % 2 or len(sides) >= 2 * len(shape):
        raise ArgumentError(
            f"pad: mode {mode!r} takes an even number of widths, fewer than {2 * len(shape)} for an input of shape "
            f"{shape}, got {sides}"
        )
    beside, less = _MODES[mode]
    # As in PyTorch, what is cut off is not there for the border at the other end.
    out = arrangement.pad(input, [min(width, 0) for width in sides]) if min(sides, default=0) < 0 else input
    for place, pair in enumerate(zip(sides[::2], sides[1::2], strict=True)):
        dim = len(shape) - 1 - place
        before, after = (max(width, 0) for width in pair)
        size, widest = out.shape[dim], max(before, after)
        if widest and (size == 0 or (less is not None and widest > size - less)):
            raise ShapeError(
                f"pad: mode {mode!r} takes at most {max(size - (less or 0), 0)} elements for a border from "
                f"dimension {dim} of an input of shape {shape}, got widths {sides}"
            )
        if widest:
            out = cat([part for part in beside(out, dim, before, after) if part.shape[dim]], dim)
    return out
