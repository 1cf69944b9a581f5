"""Transposing matrices in square blocks held in registers: whole vectors are read and written, no single numbers."""

import math
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, POINTER, number
from backlit.compiler.frame import loop
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import access
from backlit.compiler.squares import butterfly
from backlit.compiler.values import item_size, memory_type, vector_type


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
    """Emit the copies, one matrix after the other, by a function that all transposes of a program share."""
    rows, columns = k.kernel.shape
    b = k.builder
    for root in k.kernel.roots:
        kind, found = k.steps[root].dtype, k.reach(root)
        side = k.width // item_size(kind)
        while side > min(rows, columns):
            side //= 2
        first, last = k.share(number(math.ceil(rows / side)))
        sizes = [number(rows), number(columns), number(found.strides[1])]
        part = [b.mul(first, number(side)), b.mul(last, number(side))]
        for place in k.plan.stores[root]:
            addresses = [k.pointer(k.plan.memory[found.number]), k.pointer(place)]
            b.call(_copy(k, kind, side), [*addresses, *sizes, *part])


def _copy(k: KernelEmitter, kind: str, side: int) -> Any:
    """A function that copies rows of a transpose, in square blocks of so many rows and columns.

    Its arguments: source, target, rows, columns, stride of the columns in the source, first row, row after the last.
    """
    copy = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I64, I64, I64, I64])
    function, is_new = k.shared(f"transposed.{kind}.{side}", copy)
    if not is_new:
        return function
    source, target, rows, columns, stride, first, last = function.args
    b, element = ir.IRBuilder(function.append_basic_block()), memory_type(kind)

    def last_block(size: Any, i: Any) -> Any:
        """Where a block begins; the last one reaches back over those before it, where the same is written again."""
        end = b.sub(size, number(side))
        return b.select(b.icmp_signed("<", i, end), i, end)

    def block(i: Any, j: Any) -> None:
        vectors = []
        for c in range(side):
            place = b.add(b.mul(b.add(j, number(c)), stride), i)
            at = b.gep(source, [place], source_etype=element)
            vectors.append(b.load(at, typ=vector_type(element, side), align=item_size(kind)))
        for r, vector in enumerate(butterfly(b, vectors, side)):
            place = b.add(b.mul(b.add(i, number(r)), columns), j)
            b.store(vector, b.gep(target, [place], source_etype=element), align=item_size(kind))

    def band(i: Any) -> None:
        begin = last_block(rows, i)
        loop(b, number(0), columns, side, lambda j: block(begin, last_block(columns, j)))

    loop(b, first, last, side, band)
    b.ret_void()
    return function
