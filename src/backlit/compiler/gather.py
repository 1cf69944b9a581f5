"""The rows of batches: gathered from the data to where a step reads them, and results collected one after the other."""

import math
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import BYTE, I64, number, pointer
from backlit.compiler.frame import ask, loop
from backlit.compiler.plan import LINE, Plan
from backlit.compiler.program import Step
from backlit.compiler.values import Code, item_size, memory_type

# Rows that are asked for in advance, and of each so many of its first lines of the cache.
_AHEAD, _LINES = 16, 8
# Bytes of data from which on that is worth it.
_OWN_CACHE = 1 << 20


def emit_gather(
    code: Code,
    table: Any,
    places: dict[Any, int],
    one: Step,
    order: Any,
    begin: Any,
    left: Any,
    share: tuple[Any, Any],
) -> None:
    """Copy rows of a batch, in the order of the epoch, to where the step reads them.

    Rows that come later are asked for in advance where the data are larger than a core's own cache.

    Args:
        code: Emits into the loop over batches.
        table: The table of addresses.
        places: For each place of memory, its slot in the table.
        one: The step's input.
        order: Address of the order of the epoch's rows.
        begin: Where the batch begins in it.
        left: How many rows the epoch has from there on.
        share: The first row of the batch that this thread copies, and the one after its last.
    """
    b = code.builder
    target = pointer(b, table, places["input", one.attrs])
    source = pointer(b, table, places["data", one.attrs])
    size = _row_bytes(one)

    def row(i: Any) -> Any:
        found = b.load(b.gep(order, [b.add(begin, i)], source_etype=I64), typ=I64)
        return b.gep(source, [b.mul(found, number(size))], source_etype=BYTE)

    def copy(i: Any) -> None:
        start, to = row(i), b.gep(target, [b.mul(i, number(size))], source_etype=BYTE)
        if one.shape[1:] == () or size <= item_size(one.dtype):
            kind = memory_type(one.dtype)
            b.store(b.load(start, typ=kind, align=item_size(one.dtype)), to, align=item_size(one.dtype))
        else:
            _copy(code, to, start, number(size))

    def copy_and_ask(i: Any) -> None:
        ahead = b.add(i, number(_AHEAD))
        ahead = row(b.select(b.icmp_signed("<", ahead, left), ahead, b.sub(left, number(1))))
        for place in range(0, min(size, _LINES * LINE), LINE):
            ask(code, b.gep(ahead, [number(place)], source_etype=BYTE))
        copy(i)

    large = b.icmp_signed(">", b.mul(b.add(begin, left), number(size)), number(_OWN_CACHE))
    with b.if_else(large) as (far, near):
        with far:
            loop(b, *share, 1, copy_and_ask)
        with near:
            loop(b, *share, 1, copy)


def emit_collect(
    code: Code, table: Any, places: dict[Any, int], plan: Plan, position: int, begin: Any, rows: Any
) -> None:
    """Append a batch's rows of an output to those of the batches before."""
    b, output = code.builder, plan.program.outputs[position]
    size = _row_bytes(plan.program.steps[output])
    target = pointer(b, table, places["collect", position])
    source = pointer(b, table, places[plan.memory[output]])
    to = b.gep(target, [b.mul(begin, number(size))], source_etype=BYTE)
    _copy(code, to, source, b.mul(rows, number(size)))


def _row_bytes(step: Step) -> int:
    return int(math.prod(step.shape[1:])) * item_size(step.dtype)


def _copy(code: Code, target: Any, source: Any, size: Any) -> None:
    code.call("llvm.memcpy.p0.p0.i64", ir.VoidType(), target, source, size, ir.Constant(ir.IntType(1), 0))
