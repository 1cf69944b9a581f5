"""Blocks of numbers in registers, turned over by shuffles.

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


def columns_of(b: ir.IRBuilder, vectors: list[Any], lanes: int) -> list[Any]:
    """The columns of as many rows as vectors have lanes, from the vectors in which the rows lie one after the other."""
    width = len(vectors)
    return [_chosen(b, vectors, [divmod(lane * width + c, lanes) for lane in range(lanes)]) for c in range(width)]


def rows_of(b: ir.IRBuilder, columns: list[Any], lanes: int) -> list[Any]:
    """The vectors in which the rows lie one after the other, from their columns."""
    width = len(columns)
    places = [[divmod(v * lanes + p, width)[::-1] for p in range(lanes)] for v in range(width)]
    return [_chosen(b, columns, chosen) for chosen in places]


def _chosen(b: ir.IRBuilder, vectors: list[Any], places: list[tuple[int, int]]) -> Any:
    """A vector whose lanes are those of others: for each, which vector and which of its lanes."""
    result = vectors[0]
    for number, vector in enumerate(vectors[1:], 1):
        # Until the first shuffle lanes are where they were in the first vector.
        kept = [lane if of == 0 and number == 1 else p for p, (of, lane) in enumerate(places)]
        order = [len(places) + lane if of == number else kept[p] for p, (of, lane) in enumerate(places)]
        result = b.shuffle_vector(result, vector, ir.Constant(ir.VectorType(ir.IntType(32), len(places)), order))
    return result


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
