"""One arena for all that is computed on the way: steps share memory where their lives do not overlap."""

from bisect import insort
from collections.abc import Mapping

ALIGNMENT = 64


def layout(lifetimes: Mapping[int, tuple[int, int]], sizes: Mapping[int, int]) -> tuple[dict[int, int], int]:
    """Offsets in the arena, and its size: the largest first, each in the first gap that is free all its life.

    Args:
        lifetimes: For each step, the first and the last kernel that touch it.
        sizes: For each step, its bytes.
    """
    placed: list[tuple[int, int, int, int]] = []
    offsets: dict[int, int] = {}
    for number in sorted(lifetimes, key=lambda n: -sizes[n]):
        first, last = lifetimes[number]
        size = -(-max(sizes[number], 1) // ALIGNMENT) * ALIGNMENT
        offset = 0
        for start, end, begin, stop in placed:
            if begin <= last and first <= stop:
                if offset + size <= start:
                    break
                offset = max(offset, end)
        offsets[number] = offset
        insort(placed, (offset, offset + size, first, last))
    return offsets, max((end for _, end, _, _ in placed), default=0)
