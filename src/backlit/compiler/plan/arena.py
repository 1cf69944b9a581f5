"""One arena for all that is computed on the way: steps share memory where their lives do not overlap."""

from bisect import insort
from collections.abc import Mapping

# Bytes of a line of the cache.
LINE = 64


def aligned(size: int) -> int:
    """A size in bytes, rounded up to whole lines of the cache."""
    return -(-size // LINE) * LINE


def layout(lifetimes: Mapping[int, tuple[int, int]], sizes: Mapping[int, int]) -> tuple[dict[int, int], int]:
    """Offsets in the arena, and its size: the largest first, each in the first gap that is free all its life.

    Args:
        lifetimes: For each step, the first and the last moment at which its memory must be its own.
        sizes: For each step, its bytes.
    """
    placed: list[tuple[int, int, int, int]] = []
    offsets: dict[int, int] = {}
    for number in sorted(lifetimes, key=lambda n: -sizes[n]):
        first, last = lifetimes[number]
        size = aligned(max(sizes[number], 1))
        offset = 0
        for start, end, begin, stop in placed:
            if begin <= last and first <= stop:
                if offset + size <= start:
                    break
                offset = max(offset, end)
        offsets[number] = offset
        insort(placed, (offset, offset + size, first, last))
    return offsets, max((end for _, end, _, _ in placed), default=0)
