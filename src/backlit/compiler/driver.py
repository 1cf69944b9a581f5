"""The driver in machine code: all kernels of a step, and the loop over the batches of an epoch.

`step(places, rows, thread, threads)` runs the kernels in order and returns 1 before anything outside is written if the
guarded value (the loss) is no finite number. `epoch(places, control, thread, threads)` gathers the rows of each batch,
runs the step, notes the loss, collects further results, and looks at the stop flag; threads meet at barriers.
"""

import math
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.cores import emit_core
from backlit.compiler.kernels import I64, POINTER, KernelEmitter, number
from backlit.compiler.plan import Kernel, Plan
from backlit.compiler.rows import at
from backlit.compiler.values import item_size, memory_type, scalar_type

# Places of the control block, 64-bit integers.
ROWS, BATCH, FIRST, LAST, STOP, DONE, ORDER, LOSSES, ARRIVED, TURN = range(10)
CONTROL_WORDS = 64
# Fewer multiply-adds or elements than this are done before a second thread has noticed.
_PARALLEL_PRODUCT = 1_000_000
_PARALLEL_LOOP = 60_000
_STEP = ir.FunctionType(I64, [POINTER, I64, I64, I64, POINTER])
_EPOCH = ir.FunctionType(I64, [POINTER, POINTER, I64, I64])


def worth_sharing(plan: Plan, kernel: Kernel, rows: int) -> bool:
    """Whether two threads are faster than one at a kernel, for batches of so many rows."""
    steps = plan.program.steps
    if not kernel.shape:
        return False
    size = math.prod(at(n, rows) for n in kernel.shape)
    core = None if kernel.core is None else steps[kernel.core]
    if core is None:
        return size > _PARALLEL_LOOP
    if core.kind in ("call", "random", "scatter"):
        return False
    source = math.prod(at(n, rows) for n in steps[core.args[0]].shape)
    if core.kind == "product":
        inner = at(steps[core.args[0]].shape[-1], rows)
        return size * inner > _PARALLEL_PRODUCT
    return source > _PARALLEL_LOOP


def emit(plan: Plan, places: dict[Any, int], width: int, *, rows: int, guards: tuple[int, ...], arguments: int) -> ir.Module:
    """The module of a plan: its kernels, `step` and `epoch`.

    Args:
        plan: The plan.
        places: For each place of memory, its slot in the table.
        width: Bytes of a vector register.
        rows: Rows of a typical batch, by which threads are given to kernels.
        guards: The steps whose values must be finite before anything outside is written; the first is the loss.
        arguments: How many of the inputs, counted from the first, are rows of batches.
    """
    module = ir.Module("backlit")
    kernels = []
    for position, kernel in enumerate(plan.kernels):
        shared = worth_sharing(plan, kernel, rows)
        emitter = KernelEmitter(module, plan, kernel, f"kernel{position}", places, width, shared)
        emit_core(emitter)
        kernels.append(emitter.function)
    barrier = _emit_barrier(module)
    step = _emit_step(module, plan, kernels, barrier, places, rows, guards)
    _emit_epoch(module, plan, step, barrier, places, guards, arguments)
    return module


def _emit_barrier(module: ir.Module) -> Any:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, I64]), "barrier")
    function.linkage = "internal"
    control, threads = function.args
    b = ir.IRBuilder(function.append_basic_block())
    with b.if_then(b.icmp_signed("==", threads, number(1))):
        b.ret_void()
    arrived, turn = (b.gep(control, [number(w)], source_etype=I64) for w in (ARRIVED, TURN))
    now = b.load_atomic(turn, "acquire", 8, typ=I64)
    before = b.atomic_rmw("add", arrived, number(1), "acq_rel")
    last = b.icmp_signed("==", before, b.sub(threads, number(1)))
    opens, waits, after = (b.append_basic_block(n) for n in ("opens", "waits", "after"))
    b.cbranch(last, opens, waits)
    b.position_at_end(opens)
    b.atomic_rmw("xchg", arrived, number(0), "release")
    b.atomic_rmw("xchg", turn, b.add(now, number(1)), "release")
    b.branch(after)
    b.position_at_end(waits)
    seen = b.load_atomic(turn, "acquire", 8, typ=I64)
    b.cbranch(b.icmp_signed("==", seen, now), waits, after)
    b.position_at_end(after)
    b.ret_void()
    return function


def _pointer(b: ir.IRBuilder, table: Any, slot: int) -> Any:
    return b.load(b.gep(table, [number(slot)], source_etype=POINTER), typ=POINTER)


def _emit_step(
    module: ir.Module, plan: Plan, kernels: list[Any], barrier: Any, places: dict[Any, int], rows: int, guards: tuple[int, ...]
) -> Any:
    function = ir.Function(module, _STEP, "step")
    table, count, thread, threads, control = function.args
    b = ir.IRBuilder(function.append_basic_block())
    for kernel, code in zip(plan.kernels, kernels, strict=True):
        if worth_sharing(plan, kernel, rows):
            b.call(code, [table, count, thread, threads])
        else:
            with b.if_then(b.icmp_signed("==", thread, number(0))):
                b.call(code, [table, count, number(0), number(1)])
        b.call(barrier, [control, threads])
        for guard in (g for g in guards if g in kernel.roots):
            kind = plan.program.steps[guard].dtype
            value = b.load(_pointer(b, table, places[plan.memory[guard]]), typ=scalar_type(kind))
            bad = b.fcmp_unordered("!=", b.fsub(value, value), ir.Constant(scalar_type(kind), 0.0))
            with b.if_then(bad, likely=False):
                b.ret(number(1))
    b.ret(number(0))
    return function


def _emit_epoch(
    module: ir.Module, plan: Plan, step: Any, barrier: Any, places: dict[Any, int], guards: tuple[int, ...], arguments: int
) -> None:
    function = ir.Function(module, _EPOCH, "epoch")
    table, control, thread, threads = function.args
    b = ir.IRBuilder(function.append_basic_block())
    steps = plan.program.steps

    def word(place: int) -> Any:
        return b.gep(control, [number(place)], source_etype=I64)

    def address(place: int) -> Any:
        return b.load(word(place), typ=POINTER)

    total, batch, first, last = (b.load(word(w), typ=I64) for w in (ROWS, BATCH, FIRST, LAST))
    order, losses = address(ORDER), address(LOSSES)
    head, body, after = (b.append_basic_block(n) for n in ("head", "body", "after"))
    before = b.block
    b.branch(head)
    b.position_at_end(head)
    s = b.phi(I64)
    s.add_incoming(first, before)
    b.cbranch(b.icmp_signed("<", s, last), body, after)
    b.position_at_end(body)
    begin = b.mul(s, batch)
    left = b.sub(total, begin)
    rows = b.select(b.icmp_signed("<", left, batch), left, batch)
    low = b.sdiv(b.mul(rows, thread), threads)
    high = b.sdiv(b.mul(rows, b.add(thread, number(1))), threads)
    for one in steps:
        if one.kind == "input" and one.attrs < arguments:
            _emit_gather(module, b, table, places, one, order, begin, low, high)
    b.call(barrier, [control, threads])
    status = b.call(step, [table, rows, thread, threads, control])
    with b.if_then(b.icmp_signed("!=", status, number(0)), likely=False):
        b.ret(status)
    with b.if_then(b.icmp_signed("==", thread, number(0))):
        if guards:
            kind = steps[guards[0]].dtype
            value = b.load(_pointer(b, table, places[plan.memory[guards[0]]]), typ=scalar_type(kind))
            wide = value if kind == "f8" else b.fpext(value, ir.DoubleType())
            b.store(wide, b.gep(losses, [s], source_etype=ir.DoubleType()))
        for position, output in enumerate(plan.program.outputs):
            if ("collect", position) in places:
                _emit_collect(module, b, table, places, plan, position, output, begin, rows)
        b.atomic_rmw("xchg", word(DONE), b.add(s, number(1)), "release")
    b.call(barrier, [control, threads])
    stop = b.load_atomic(word(STOP), "acquire", 8, typ=I64)
    # All threads must see the same flag, or one would wait for ever at the next barrier.
    b.call(barrier, [control, threads])
    s.add_incoming(b.add(s, number(1)), b.block)
    b.cbranch(b.icmp_signed("==", stop, number(0)), head, after)
    b.position_at_end(after)
    b.ret(number(0))


def _copy(module: ir.Module, b: ir.IRBuilder, target: Any, source: Any, size: Any) -> None:
    name = "llvm.memcpy.p0.p0.i64"
    known = module.globals.get(name)
    if known is None:
        kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, ir.IntType(1)])
        known = ir.Function(module, kind, name)
    b.call(known, [target, source, size, ir.Constant(ir.IntType(1), 0)])


def _row_bytes(shape: tuple[Any, ...], kind: str) -> int:
    return math.prod(shape[1:]) * item_size(kind)


def _emit_gather(
    module: ir.Module, b: ir.IRBuilder, table: Any, places: dict[Any, int], one: Any, order: Any, begin: Any,
    low: Any, high: Any,
) -> None:  # fmt: skip
    """Copy the rows of a batch, in the order of the epoch, to where the step reads them."""
    target = _pointer(b, table, places["input", one.attrs])
    source = _pointer(b, table, places["data", one.attrs])
    size = _row_bytes(one.shape, one.dtype)
    byte = ir.IntType(8)
    head, body, after = (b.append_basic_block(n) for n in ("rows", "row", "gathered"))
    before = b.block
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(I64)
    i.add_incoming(low, before)
    b.cbranch(b.icmp_signed("<", i, high), body, after)
    b.position_at_end(body)
    row = b.load(b.gep(order, [b.add(begin, i)], source_etype=I64), typ=I64)
    to = b.gep(target, [b.mul(i, number(size))], source_etype=byte)
    start = b.gep(source, [b.mul(row, number(size))], source_etype=byte)
    if one.shape[1:] == () or size <= item_size(one.dtype):
        kind = memory_type(one.dtype)
        b.store(b.load(start, typ=kind, align=item_size(one.dtype)), to, align=item_size(one.dtype))
    else:
        _copy(module, b, to, start, number(size))
    i.add_incoming(b.add(i, number(1)), b.block)
    b.branch(head)
    b.position_at_end(after)


def _emit_collect(
    module: ir.Module, b: ir.IRBuilder, table: Any, places: dict[Any, int], plan: Plan, position: int, output: int,
    begin: Any, rows: Any,
) -> None:  # fmt: skip
    """Append a batch's result to those of the batches before."""
    one = plan.program.steps[output]
    size = _row_bytes(one.shape, one.dtype)
    target = _pointer(b, table, places["collect", position])
    source = _pointer(b, table, places[plan.memory[output]])
    to = b.gep(target, [b.mul(begin, number(size))], source_etype=ir.IntType(8))
    _copy(module, b, to, source, b.mul(rows, number(size)))
