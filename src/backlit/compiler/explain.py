"""`Compiled.explain`: what became of a function, as text and tables: graph, kernels, memory, where time goes."""

import ctypes
import io
import math
import time
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np

from backlit.compiler import llvm
from backlit.compiler.alike import emit_call, outline
from backlit.compiler.calling import signature
from backlit.compiler.cores import emit_core
from backlit.compiler.costs import Share, alone, work
from backlit.compiler.executable import Code, Executable
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.phases import Item
from backlit.compiler.plan import Plan
from backlit.compiler.program import Program
from backlit.compiler.rows import SAMPLES, at
from backlit.compiler.specialised import Specialised

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_SECONDS = 0.05
_MOST_PASSES = 200
# Runs between two looks at the clock, which does not see a single one.
_RUNS = 10


@dataclass(frozen=True)
class KernelReport:
    """One kernel: a nest of loops that computes several steps at once.

    Attributes:
        kind: What is at its core: "product", "reduce", "join", "scatter", "scan", "call", "random", "measure";
            "loop" for elementwise work.
        threads: How threads share it, where there are several: "alone" (one computes it), "each" (each computes it for
            itself), "spread" (each a part of its loop), "rows" (each its own rows of the batch), "parts" (each adds up
            its own rows, and what follows the sum waits for all).
        phase: When it begins: threads meet between one phase and the next.
        operations: The operations that it computes, with the module each came from.
        shape: The shape of its loops.
        flops: Floating-point operations for one batch; a function such as exp counts as one.
        bytes: Bytes read from and written to arrays; a second reading of the same array counts as none.
        seconds: The shortest time of several runs on one thread, on copies of the state and sample arguments.
        share: Its part of the sum of all such times.
    """

    kind: str
    threads: str
    phase: int
    operations: tuple[str, ...]
    shape: tuple[int, ...]
    flops: int
    bytes: int
    seconds: float
    share: float


@dataclass(frozen=True)
class BufferReport:
    """One intermediate value in the arena.

    Attributes:
        step: Its step in the program.
        first: The kernel that writes it.
        last: The last kernel that reads it.
        offset: Where it begins, in bytes.
        size: Its bytes.
    """

    step: int
    first: int
    last: int
    offset: int
    size: int


class Explanation:
    """What became of a compiled function, for batches of so many rows. Its text, `str(...)`, is the whole report.

    Attributes:
        rows: The number of rows that the figures are for; None where there are no rows.
        graph: The graph as it was traced; at a sample number of rows where the code serves any.
        scheduled: The steps of schedulers, which Python takes before each run.
        program: The loop-level program that was made of it, with sizes in the number of rows `r`.
        kernels: The kernels in the order of execution.
        called_back: Operations that run in Python, because they have no loops of their own.
        buffers: The intermediate values in memory.
        arena: Bytes of the memory that they share.
    """

    def __init__(self, code: Specialised, rows: int | None) -> None:
        self.rows = rows
        self.graph = code.traced.graph
        self.scheduled = str(code.traced.schedule)
        self._sample = f", in which {SAMPLES[0]} stands for any number of rows" if code.uniform else ""
        own = code.executable.code
        plan = own.plan
        self.program: Program = plan.program
        rows = rows or 1
        seconds = _measure(own, code, rows)
        total = math.fsum(seconds) or 1.0
        begun = [
            (item, phase)
            for phase, items in enumerate(own.phases.items)
            for item in items
            if item.way.share is not Share.TOTAL
        ]
        self.kernels = [
            _report(plan, item, phase, rows, seconds[item.kernel], seconds[item.kernel] / total)
            for item, phase in begun
        ]
        steps = plan.program.steps
        self.called_back = sorted({steps[n].op for n in plan.program.alive() if steps[n].kind == "call"})
        offsets, self.arena = own.layout(rows)
        uses = _uses(plan, [item.kernel for item, _ in begun])
        self.buffers = [
            BufferReport(n, min(uses[n]), max(uses[n]), offsets[n], plan.size(n, rows))
            for n in sorted(offsets, key=lambda n: (min(uses[n]), max(uses[n])))
        ]

    def __str__(self) -> str:
        from rich.console import Console

        file = io.StringIO()
        console = Console(file=file, width=140, color_system=None, legacy_windows=False)
        for part in self._parts():
            console.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))
        return file.getvalue()

    def __repr__(self) -> str:
        return (
            f"<{len(self.graph)} nodes in {len(self.kernels)} kernels, {self.arena} bytes of intermediate values; "
            "print it for the whole report>"
        )

    def _parts(self) -> list[Any]:
        count = "" if self.rows is None else f" for {self.rows} rows"
        called = ", ".join(self.called_back) or "none"
        flops, size = sum(k.flops for k in self.kernels), sum(k.bytes for k in self.kernels)
        values = sum(b.size for b in self.buffers)
        before = [f"Steps before each run: {self.scheduled}\n"] if self.scheduled else []
        return [
            *before,
            f"Traced: {len(self.graph)} nodes{self._sample}",
            str(self.graph),
            f"\nProgram: {len(self.program.alive())} steps",
            str(self.program),
            f"\nKernels{count}: {len(self.kernels)}, {flops:,} floating-point operations, {size:,} bytes",
            self._kernel_table(),
            f"Called back into Python: {called}",
            f"\nMemory{count}: an arena of {self.arena:,} bytes for values of {values:,} bytes",
            self._buffer_table(),
        ]

    def _kernel_table(self) -> Any:
        table = _table("#", "phase", "threads", "core", "loops", "flop", "bytes", "us", "share", "made of")
        for number, k in enumerate(self.kernels):
            shape = " x ".join(map(str, k.shape)) or "1"
            row = (
                number,
                k.phase,
                k.threads,
                k.kind,
                shape,
                f"{k.flops:,}",
                f"{k.bytes:,}",
                f"{k.seconds * 1e6:.2f}",
                f"{k.share:.0%}",
            )
            table.add_row(*map(str, row), ", ".join(k.operations))
        return table

    def _buffer_table(self) -> Any:
        table = _table("step", "offset", "bytes", "from kernel", "to kernel", "made by")
        for b in self.buffers:
            last = "the end" if b.last >= len(self.kernels) else str(b.last)
            row = (f"%{b.step}", f"{b.offset:,}", f"{b.size:,}", str(b.first), last)
            table.add_row(*row, self.program.notes.get(b.step) or self.program.steps[b.step].op)
        return table


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for name in columns:
        table.add_column(name, justify="left" if name in ("threads", "core", "made of", "made by") else "right")
    return table


def _uses(plan: Plan, order: list[int]) -> dict[int, set[int]]:
    """For each step, when it is written and read: places in the order of the kernels, after which outputs are read."""
    found = {n: {len(order)} for n in plan.program.outputs}
    for position, number in enumerate(order):
        kernel = plan.kernels[number]
        for n in (*kernel.roots, *plan.inside(kernel)[1]):
            found.setdefault(n, set()).add(position)
    return found


def _report(plan: Plan, item: Item, phase: int, rows: int, seconds: float, share: float) -> KernelReport:
    kernel = plan.kernels[item.kernel]
    steps, notes = plan.program.steps, plan.program.notes
    found = work(plan, kernel, rows)
    loop = "loop" if kernel.columns is None else "rows"
    kind = loop if kernel.core is None else steps[kernel.core].kind
    operations = tuple(dict.fromkeys(note for n in found.steps if (note := notes.get(n))))
    shape = tuple(at(d, rows) for d in kernel.shape)
    flops = 2 * found.multiply_adds + found.operations
    return KernelReport(kind, item.way.share.value, phase, operations, shape, flops, found.bytes, seconds, share)


def _kernels(code: Code) -> tuple[llvm.Library, list[Any]]:
    """Each kernel as a function of its own, and an empty one; they live as long as their library."""
    module = ir.Module("kernels")
    names: list[str] = []
    kernels: dict[str, str] = {}
    written: set[str] = set()
    for position, (kernel, way) in enumerate(zip(code.plan.kernels, alone(code.ways), strict=True)):
        outlined = outline(code.plan, kernel, way)
        if outlined.text not in kernels:
            name = kernels[outlined.text] = f"kernel{position}"
            width = llvm.vector_bytes()
            emitter = KernelEmitter(
                module, code.plan, kernel, name, outlined.places, width, way, written, told=outlined.begins
            )
            emit_core(emitter)
        names.append(f"timed{position}")
        function = ir.Function(module, signature(0), names[-1])
        b = ir.IRBuilder(function.append_basic_block())
        emit_call(module, b, kernels[outlined.text], outlined, code.places, function.args)
        b.ret_void()
    # What remains of a measured time when nothing is done.
    ir.IRBuilder(ir.Function(module, signature(0), "empty").append_basic_block()).ret_void()
    names.append("empty")
    library = llvm.Library([llvm.machine_code(str(module))], tuple(names), code.imports)
    return library, [library.function(name, _KERNEL) for name in names]


def _measure(code: Code, own: Specialised, rows: int) -> list[float]:
    """The shortest time of each kernel on copies of the state, in seconds."""
    library, kernels = _kernels(code)
    twin = Executable(code)
    twin.prepare(rows)
    inputs = [*own.sample_arguments(rows), *(t._array for t in own.states)]
    copies = [np.array(a, order="C") for a in inputs]
    for number, array in enumerate(copies):
        twin.put(("input", number), array.ctypes.data)
    table = ctypes.addressof(twin.table)
    best = [math.inf] * len(kernels)
    # In another order, kernels would find the values of others where those that they read have been. Last comes one
    # that does nothing.
    order = [*dict.fromkeys(item.kernel for items in code.phases.items for item in items), len(kernels) - 1]
    end = time.perf_counter() + _SECONDS
    for _ in range(_MOST_PASSES):
        for position in order:
            begin = time.perf_counter_ns()
            for _ in range(_RUNS):
                kernels[position](table, rows, 0, 1)
            best[position] = min(best[position], time.perf_counter_ns() - begin)
        twin.raise_error()
        if time.perf_counter() > end:
            break
    del library
    return [max(b - best[-1], 0) * 1e-9 / _RUNS for b in best[:-1]]
