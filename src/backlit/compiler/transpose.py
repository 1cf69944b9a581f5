"""Transposing matrices in square blocks held in registers: whole vectors are read and written, no single numbers."""

from typing import Any

import llvmlite.ir as ir

from backlit.compiler.frame import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import access
from backlit.compiler.squares import butterfly, first_lanes


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
