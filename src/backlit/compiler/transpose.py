"""Transposing a matrix in square blocks held in registers: whole vectors are read and written, none of single numbers.

Each block goes through a butterfly of shuffles: in stage s, vectors that are 2^s apart exchange halves of their groups
of 2^(s+1) lanes (K. S. Eklundh, "A fast computer method for matrix transposing", IEEE Trans. Comput. 1972).
"""

from typing import Any

import llvmlite.ir as ir

from backlit.compiler.frame import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import access


def is_transposed(k: KernelEmitter) -> bool:
    """Whether a kernel does nothing but copy the transposes of matrices of one fixed size."""
    shape = k.kernel.shape
    if k.kernel.core is not None or len(shape) != 2 or not all(isinstance(n, int) and n > 1 for n in shape):
        return False
    return all(_is_transpose(k, root) for root in k.kernel.roots)


def _is_transpose(k: KernelEmitter, root: int) -> bool:
    if k.steps[root].kind != "view":
        return False
    found = access(k.plan.program, root, k.stored - set(k.kernel.roots))
    return found is not None and found.strides[0] == 1 and found.offset == 0


def emit_transpose(k: KernelEmitter) -> None:
    """Emit the loops over blocks, one matrix after the other."""
    for root in k.kernel.roots:
        _emit_one(k, root)


def _emit_one(k: KernelEmitter, root: int) -> None:
    step = k.steps[root]
    rows, columns = step.shape
    lanes = k.lanes(max(rows, columns), {step.dtype})
    start, stop = k.share(k.size(rows // lanes))
    b = k.builder

    def band(i: Any, height: int) -> None:
        full = columns // lanes * lanes
        k.loop(number(0), number(full), lanes, lambda j: _block(k, root, i, j, lanes, height, lanes))
        if columns % lanes:
            _block(k, root, i, number(full), lanes, height, columns % lanes)

    k.loop(start, stop, 1, lambda i: band(b.mul(i, number(lanes)), lanes))
    if rows % lanes:
        with b.if_then(b.icmp_signed("==", stop, number(rows // lanes))):
            band(number(rows // lanes * lanes), rows % lanes)


def _block(k: KernelEmitter, root: int, i: Any, j: Any, lanes: int, height: int, width: int) -> None:
    """One block of `height` rows and `width` columns of the result, both at most `lanes`."""
    step, b, code, found = k.steps[root], k.builder, k.code, k.reach(root)
    source, stride = k.plan.memory[found.number], found.strides[1]
    code.lanes = lanes
    nothing = ir.Constant(code.type(step.dtype), ir.Undefined)
    vectors: list[Any] = []
    k.mask = first_lanes(lanes, height)
    for column in range(lanes):
        if column >= width:
            vectors.append(nothing)
            continue
        place = b.add(b.mul(b.add(j, number(column)), number(stride)), i)
        vectors.append(k.load(source, step.dtype, place, 1))
    vectors = butterfly(b, vectors, lanes)
    k.mask = first_lanes(lanes, width)
    for row in range(height):
        k.store(root, ((b.add(i, number(row)), False), (j, True)), vectors[row])
    k.mask = None


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
