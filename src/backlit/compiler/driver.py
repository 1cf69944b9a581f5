"""The driver in machine code: all kernels of a step, and the loop over the batches of an epoch.

`step(places, rows, thread, threads)` runs the kernels in order and returns 1 before anything outside is written if the
guarded value (the loss) is no finite number. `epoch(places, control, thread, threads)` gathers the rows of each batch,
runs the step, notes the loss, collects further results, and looks at the stop flag; threads meet at barriers.
"""

import ctypes
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import llvmlite.ir as ir
import numpy as np

from backlit.compiler.alike import Outline, emit_call, outline
from backlit.compiler.calling import I64, POINTER, number, own_copy, pointer
from backlit.compiler.cores import emit_core
from backlit.compiler.costs import Share
from backlit.compiler.frame import loop, own_rows
from backlit.compiler.gather import emit_collect, emit_gather
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.phases import Item, Phases
from backlit.compiler.plan import Plan
from backlit.compiler.shuffle import scratch_words
from backlit.compiler.values import Code, scalar_type

# Places of the control block, 64-bit integers. Batches are counted through all epochs of a run. At the last, batches
# take turns with two words.
(
    ROWS,
    BATCH,
    FIRST,
    LAST,
    EACH,
    STOP,
    DONE,
    ORDER,
    LOSSES,
    COUNT,
    SEEDS,
    SHUFFLES,
    SCRATCH,
    ARRIVED,
    TURN,
    RATES,
    RATE_COUNT,
    RATE_PLACES,
    RATES_FROM,
    ENDS,
) = range(20)
_CONTROL_WORDS = 64
# The symbol of the process's native shuffle.
PERMUTE = "backlit_permute"
# The symbol of the system's call by which a thread lets others run.
YIELD = "backlit_yield"


class Control:
    """What the native loop over batches is told, and tells."""

    def __init__(self) -> None:
        self._words = (ctypes.c_int64 * _CONTROL_WORDS)()
        self.address = ctypes.addressof(self._words)
        self._held: tuple[Any, ...] = ()

    def begin(
        self, order: Any, used: int, batch_size: int, first: int, last: int, losses: Any, seeds: Any, shuffles: Any
    ) -> None:
        """Describe a run.

        Args:
            order: The rows of an epoch in order, int64; with `shuffles` the native loop draws each epoch's into it.
            used: How many of them the batches take.
            batch_size: Rows of a batch.
            first: The batch to begin with.
            last: Batches of an epoch.
            losses: Where the loss of each batch is put, float64.
            seeds: The state of a generator in which a draw is counted before each epoch, or None.
            shuffles: The state of the generator of the orders, or None where the order stays.
        """
        words = self._words
        scratch = np.empty(0 if shuffles is None else scratch_words(len(order)), np.int64)
        words[: DONE + 1] = [used, batch_size, first, last, last, 0, first]
        words[ORDER], words[LOSSES], words[COUNT] = order.ctypes.data, losses.ctypes.data, len(order)
        words[SEEDS], words[SHUFFLES] = (0 if s is None else s.ctypes.data for s in (seeds, shuffles))
        words[SCRATCH : RATES + 1] = [scratch.ctypes.data, 0, 0, 0]
        self._held = (order, losses, scratch, seeds, shuffles)

    def schedule(self, values: Any, places: Any, first: int) -> None:
        """Set rates before each batch.

        Args:
            values: One row a batch, one column a rate, float64.
            places: Addresses of the 0-d float64 arrays that hold the rates, int64.
            first: The batch of the first row.
        """
        self._words[RATES : RATES_FROM + 1] = [values.ctypes.data, values.shape[1], places.ctypes.data, first]
        self._held += (values, places)

    def resume(self, first: int, last: int) -> None:
        """Run from a batch up to another."""
        self._words[FIRST] = first
        self._words[LAST] = last

    def stop(self) -> None:
        """Ask for an end after the batch that runs."""
        self._words[STOP] = 1

    @property
    def stopped(self) -> bool:
        """Whether an end was asked for."""
        return bool(self._words[STOP])

    @property
    def done(self) -> int:
        """The batches that are done."""
        return self._words[DONE]


# Instructions of a module, of which each costs as much as a hundred more of these, but has a thread for itself.
_MODULE = 800
# How often a thread looks at a barrier before it lets others have its processor.
_SPINS = 4000
_STEP = ir.FunctionType(I64, [POINTER, I64, I64, I64, POINTER])
_EPOCH = ir.FunctionType(I64, [POINTER, POINTER, I64, I64])


def emit(
    plan: Plan, places: dict[Any, int], width: int, *, phases: Phases, guards: tuple[int, ...], arguments: int
) -> Iterator[ir.Module]:
    """The modules of a plan, which are compiled side by side: `step` and `epoch` in the first, kernels in all.

    Args:
        plan: The plan.
        places: For each place of memory, its slot in the table.
        width: Bytes of a vector register.
        phases: What threads do between meetings, and how.
        guards: The steps whose values must be finite before anything outside is written; the first is the loss.
        arguments: How many of the inputs, counted from the first, are rows of batches.
    """
    items = [item for phase in phases.items for item in phase]
    outlines = {item: outline(plan, plan.kernels[item.kernel], item.way, phases.private) for item in items}
    # The first item of each outline stands for all.
    first: dict[str, Item] = {}
    numbers = {item: n for n, item in enumerate(items)}
    names = {item: f"kernel{numbers[first.setdefault(outlines[item].text, item)]}" for item in items}
    module = ir.Module("backlit")
    barrier = _emit_barrier(module)
    step = _emit_step(module, plan, phases, names, outlines, barrier, places, guards)
    if guards:
        _emit_epoch(module, plan, step, barrier, places, guards, arguments)
    # The driver comes first, since nobody should have to wait for it in the end.
    size = sum(len(block.instructions) for function in module.functions for block in function.blocks)
    written: set[str] = set()
    for item in first.values():
        before, kernel = len(module.functions), plan.kernels[item.kernel]
        name, own = names[item], outlines[item]
        sized = own.count is not None
        emitter = KernelEmitter(
            module, plan, kernel, name, own.places, width, item.way, written, phases.private, sized, own.begins
        )
        emit_core(emitter)
        added = [emitter.function, *module.functions[before:]]
        size += sum(len(block.instructions) for function in added for block in function.blocks)
        if size > _MODULE:
            yield module
            module, size = ir.Module("backlit"), 0
    if size:
        yield module


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
    opens, waits, still, after = (b.append_basic_block(n) for n in ("opens", "waits", "still", "after"))
    start = b.block
    b.cbranch(last, opens, waits)
    b.position_at_end(opens)
    b.atomic_rmw("xchg", arrived, number(0), "release")
    b.atomic_rmw("xchg", turn, b.add(now, number(1)), "release")
    b.branch(after)
    b.position_at_end(waits)
    looks = b.phi(I64)
    looks.add_incoming(number(0), start)
    seen = b.load_atomic(turn, "acquire", 8, typ=I64)
    b.cbranch(b.icmp_signed("==", seen, now), still, after)
    b.position_at_end(still)
    with b.if_then(b.icmp_signed(">", looks, number(_SPINS)), likely=False):
        b.call(ir.Function(module, ir.FunctionType(ir.IntType(32), []), YIELD), [])
    looks.add_incoming(b.add(looks, number(1)), b.block)
    b.branch(waits)
    b.position_at_end(after)
    b.ret_void()
    return function


def _emit_step(
    module: ir.Module,
    plan: Plan,
    phases: Phases,
    names: dict[Item, str],
    outlines: dict[Item, Outline],
    barrier: Any,
    places: dict[Any, int],
    guards: tuple[int, ...],
) -> Any:
    function = ir.Function(module, _STEP, "step")
    table, count, thread, threads, control = function.args
    b = ir.IRBuilder(function.append_basic_block())

    def check(guard: int) -> None:
        kind, place = plan.program.steps[guard].dtype, plan.memory[guard]
        at = own_copy(b, pointer(b, table, places[place]), thread, phases.private.get(place))
        value = b.load(at, typ=scalar_type(kind))
        bad = b.fcmp_unordered("!=", b.fsub(value, value), ir.Constant(scalar_type(kind), 0.0))
        with b.if_then(bad, likely=False):
            b.ret(number(1))

    for position, items in enumerate(phases.items):
        if position:
            b.call(barrier, [control, threads])
        for guard in (g for g, phase in phases.checks.items() if phase == position):
            check(guard)
        for alone, some in groupby(items, lambda item: not item.way.shared):
            if alone:
                with b.if_then(b.icmp_signed("==", thread, number(0))):
                    for item in some:
                        emit_call(module, b, names[item], outlines[item], places, (table, count, number(0), number(1)))
                continue
            for item in some:
                emit_call(module, b, names[item], outlines[item], places, (table, count, thread, threads))
                if item.way.share is Share.EACH:
                    for guard in set(guards).intersection(plan.kernels[item.kernel].roots):
                        check(guard)
    b.ret(number(0))
    return function


def _emit_epoch(
    module: ir.Module,
    plan: Plan,
    step: Any,
    barrier: Any,
    places: dict[Any, int],
    guards: tuple[int, ...],
    arguments: int,
) -> None:
    function = ir.Function(module, _EPOCH, "epoch")
    table, control, thread, threads = function.args
    b = ir.IRBuilder(function.append_basic_block())
    code, steps = Code(module, b, 1), plan.program.steps

    def word(place: int) -> Any:
        return b.gep(control, [number(place)], source_etype=I64)

    def address(place: int) -> Any:
        return b.load(word(place), typ=POINTER)

    total, batch, first, last, each = (b.load(word(w), typ=I64) for w in (ROWS, BATCH, FIRST, LAST, EACH))
    order, losses = address(ORDER), address(LOSSES)
    head, body, after = (b.append_basic_block(n) for n in ("head", "body", "after"))
    before = b.block
    b.branch(head)
    b.position_at_end(head)
    whole = b.phi(I64)
    whole.add_incoming(first, before)
    b.cbranch(b.icmp_signed("<", whole, last), body, after)
    b.position_at_end(body)
    s = b.srem(whole, each)
    ends = b.gep(word(ENDS), [b.and_(whole, number(1))], source_etype=I64)
    begins = b.icmp_signed("==", s, number(0))
    given = b.icmp_signed("!=", b.load(word(RATES), typ=I64), number(0))
    with b.if_then(b.or_(begins, given), likely=False):
        _emit_new_epoch(module, b, word, address, begins, thread)
        _emit_rates(b, word, address, given, whole, thread)
        b.call(barrier, [control, threads])
    begin = b.mul(s, batch)
    left = b.sub(total, begin)
    rows = b.select(b.icmp_signed("<", left, batch), left, batch)
    own = own_rows(b, rows, thread, threads)
    for one in steps:
        if one.kind == "input" and one.attrs < arguments:
            emit_gather(code, table, places, one, order, begin, left, own)
    status = b.call(step, [table, rows, thread, threads, control])
    with b.if_then(b.icmp_signed("!=", status, number(0)), likely=False):
        b.ret(status)
    with b.if_then(b.icmp_signed("==", thread, number(0))):
        kind = steps[guards[0]].dtype
        value = b.load(pointer(b, table, places[plan.memory[guards[0]]]), typ=scalar_type(kind))
        wide = value if kind == "f8" else b.fpext(value, ir.DoubleType())
        b.store(wide, b.gep(losses, [whole], source_etype=ir.DoubleType()))
        for position in range(len(plan.program.outputs)):
            if ("collect", position) in places:
                emit_collect(code, table, places, plan, position, begin, rows)
        b.atomic_rmw("xchg", word(DONE), b.add(whole, number(1)), "release")
        # The flag may be set at any time: one thread looks, and all go by what it saw, or some would wait for ever. In
        # the next batch it may be there before others have looked at this one's.
        b.store(b.load_atomic(word(STOP), "acquire", 8, typ=I64), ends)
    b.call(barrier, [control, threads])
    ended = b.load(ends, typ=I64)
    whole.add_incoming(b.add(whole, number(1)), b.block)
    b.cbranch(b.icmp_signed("==", ended, number(0)), head, after)
    b.position_at_end(after)
    b.ret(number(0))


def _emit_new_epoch(module: ir.Module, b: ir.IRBuilder, word: Any, address: Any, begins: Any, thread: Any) -> None:
    """Where an epoch begins: count the loader's draw, and draw the order."""
    mine = b.icmp_signed("==", thread, number(0))
    counted = b.icmp_signed("!=", b.load(word(SEEDS), typ=I64), number(0))
    with b.if_then(b.and_(b.and_(begins, mine), counted)):
        draw = b.gep(address(SEEDS), [number(2)], source_etype=I64)
        b.store(b.add(b.load(draw, typ=I64), number(1)), draw)
        with b.if_then(b.icmp_signed("!=", b.load(word(SHUFFLES), typ=I64), number(0))):
            count = b.load(word(COUNT), typ=I64)
            Code(module, b, 1).call(PERMUTE, ir.VoidType(), address(SHUFFLES), count, address(ORDER), address(SCRATCH))


def _emit_rates(b: ir.IRBuilder, word: Any, address: Any, given: Any, whole: Any, thread: Any) -> None:
    """Set the rates of a batch, where a schedule is given."""
    double = ir.DoubleType()
    with b.if_then(b.and_(given, b.icmp_signed("==", thread, number(0)))):
        count = b.load(word(RATE_COUNT), typ=I64)
        row = b.mul(b.sub(whole, b.load(word(RATES_FROM), typ=I64)), count)
        rates, places = address(RATES), address(RATE_PLACES)

        def put(i: Any) -> None:
            value = b.load(b.gep(rates, [b.add(row, i)], source_etype=double), typ=double)
            b.store(value, b.load(b.gep(places, [i], source_etype=POINTER), typ=POINTER))

        loop(b, number(0), count, 1, put)
