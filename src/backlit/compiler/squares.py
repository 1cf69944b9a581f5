"""Square blocks of numbers in registers, turned over by shuffles.

In stage s of the butterfly, vectors that are 2^s apart exchange halves of their groups of 2^(s+1) lanes (K. S. Eklundh,
"A fast computer method for matrix transposing", IEEE Trans. Comput. 1972).
"""

from typing import Any

import llvmlite.ir as ir


def butterfly(b: ir.IRBuilder, vectors: list[Any], lanes: int) -> list[Any]:
    """The columns of a square of as many vectors as they have lanes, from its rows."""
    distance = 1
    while distance < lanes:
        vectors = _stage(b, vectors, lanes, distance)
        distance *= 2
    return vectors


def first_lanes(lanes: int, count: int) -> Any:
    """A mask of the first lanes, or None for all of them."""
    if count == lanes:
        return None
    return ir.Constant(ir.VectorType(ir.IntType(1), lanes), [int(lane < count) for lane in range(lanes)])


def _stage(b: ir.IRBuilder, vectors: list[Any], lanes: int, distance: int) -> list[Any]:
    """Exchange lanes between all pairs of vectors at a distance."""
    low = [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
    high = [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
    places = [ir.Constant(ir.VectorType(ir.IntType(32), lanes), order) for order in (low, high)]
    result = list(vectors)
    for first in range(lanes):
        if not first & distance:
            pair = vectors[first], vectors[first + distance]
            result[first] = b.shuffle_vector(*pair, places[0])
            result[first + distance] = b.shuffle_vector(*pair, places[1])
    return result
