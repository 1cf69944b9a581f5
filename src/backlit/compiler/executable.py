"""An executable: a program as machine code, with its arena, ready to run on arrays."""

import contextlib
import ctypes
import functools
import itertools
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import llvmlite.ir as ir
import numpy as np

from backlit.compiler import cache, driver, llvm
from backlit.compiler.blocks import scratch_bytes
from backlit.compiler.calling import FIXED
from backlit.compiler.cores import CALL_BACK
from backlit.compiler.costs import Way, ways
from backlit.compiler.driver import PERMUTE, YIELD
from backlit.compiler.phases import parts_sizes, phases
from backlit.compiler.plan import LINE, Plan, layout, plan
from backlit.compiler.program import Program
from backlit.compiler.rows import Affine, Inverse, at
from backlit.compiler.shuffle import emit_permute
from backlit.compiler.values import item_size
from backlit.core.namespace import NUMPY
from backlit.core.primitive import Primitive

_STEP = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)
_EPOCH = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)

_executables: "weakref.WeakValueDictionary[int, Executable]" = weakref.WeakValueDictionary()
_ids = itertools.count(1)


def _run_rule(executable: int, number: int, rows: int) -> None:
    """Run a forward rule that has no native lowering, for the executable of this number."""
    _executables[executable].call_back(number, rows)


_call_back = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(_run_rule)


def _system_yield() -> Any:
    """The system's call by which a thread lets others run."""
    if sys.platform == "win32":
        return ctypes.windll.kernel32.SwitchToThread
    return ctypes.CDLL(None).sched_yield


_IMPORTS = {
    name: ctypes.cast(function, ctypes.c_void_p).value or 0
    for name, function in ((CALL_BACK, _call_back), (YIELD, _system_yield()))
}


@functools.cache
def _shuffle() -> llvm.Library:
    """The process's native shuffle, shared by all executables."""
    code = cache.load(PERMUTE)
    if code is None:
        module = ir.Module(PERMUTE)
        emit_permute(module, llvm.vector_bytes() // item_size("u8"))
        code = llvm.machine_code(str(module))
        cache.save(PERMUTE, code)
    return llvm.Library([code], ("permute",), {})


# More threads than this meet too often for what each of them does.
MOST_THREADS = 8
# Fewer kernels are compiled before another thread has begun.
_WORTH_THREADS = 4


class Code:
    """Machine code of a program and the plan it was made from; shared by all executables of the same program.

    Args:
        plan: The plan.
        ways: How each kernel is computed.
        guards: Steps that must be finite before anything outside is written.
        arguments: How many of the inputs, from the first, are rows of batches.

    Attributes:
        plan: The plan.
        ways: How each kernel is computed.
        guards: Steps that must be finite before anything outside is written.
        arguments: How many of the inputs, from the first, are rows of batches.
        phases: What threads do between meetings.
        places: For each place of memory, its slot in the table of addresses.
        threads: How many threads are worth having.
        imports: Addresses of the process's functions that the code calls.
        step: The native step.
        epoch: The native loop over batches; None where no loss is guarded.
    """

    def __init__(self, plan: Plan, *, ways: tuple[Way, ...], guards: tuple[int, ...], arguments: int) -> None:
        self.plan, program = plan, plan.program
        self.ways = ways
        self.guards = guards
        self.arguments = arguments
        self.places: dict[Any, int] = {}
        places = [*FIXED, *self.plan.memory.values()]
        places += [("input", i) for i, _ in program.writes]
        places += [(kind, i) for i in range(arguments) for kind in ("input", "data")]
        places += [("parts", core) for core in parts_sizes(plan, ways)]
        places += [("collect", j) for j, o in enumerate(program.outputs) if _per_row(program, o)]
        for place in places:
            self.places.setdefault(place, len(self.places))
        self.threads = MOST_THREADS if any(way.shared for way in ways) else 1
        self.phases = phases(plan, ways, guards, arguments)
        # Not the program alone: a plan made in another way must not meet this one's code.
        made_from = (self.plan.kernels, self.plan.stores, self.plan.memory, self.places, ways, guards, arguments)
        key = f"{program}\n{made_from}"
        machine_code = cache.load(key)
        if machine_code is None:
            machine_code = self._compile()
            cache.save(key, machine_code)
        self.imports = {**_IMPORTS, PERMUTE: _shuffle().address("permute")} if guards else _IMPORTS
        symbols = ("step", "epoch") if guards else ("step",)
        self._library = llvm.Library(llvm.unpacked(machine_code), symbols, self.imports)
        self.step = self._library.function("step", _STEP)
        self.epoch: Any = self._library.function("epoch", _EPOCH) if guards else None

    def _compile(self) -> bytes:
        if len(self.plan.kernels) < _WORTH_THREADS:
            return llvm.packed(map(llvm.machine_code, map(str, self._modules())))
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as beside:
            if self.guards:
                # Needed soon, and this thread has enough to do.
                beside.submit(_shuffle)
            return llvm.packed(llvm.side_by_side(self._modules()))

    def _modules(self) -> Iterator[ir.Module]:
        return driver.emit(
            self.plan,
            self.places,
            llvm.vector_bytes(),
            phases=self.phases,
            guards=self.guards,
            arguments=self.arguments,
        )

    def layout(self, rows: int, threads: int = 1) -> tuple[dict[int, int], int]:
        """Offsets in the arena of all steps in it, and its size in bytes, for so many rows and threads."""
        lifetimes = self.phases.lifetimes
        sizes = {n: self.plan.size(n, rows) for n in lifetimes}
        sizes |= {n: threads * size for (_, n), size in self.phases.private.items()}
        offsets: dict[int, int] = {}
        end = 0
        for group in sorted({one.group for one in lifetimes.values()}):
            spans = {n: (one.first, one.last) for n, one in lifetimes.items() if one.group == group}
            inside, size = layout(spans, sizes)
            offsets |= {n: end + offset for n, offset in inside.items()}
            end += size
        return offsets, end

    def modules(self) -> list[Any]:
        """The optimised LLVM modules, made when asked for: code from the disk comes without any."""
        return [llvm.optimise(str(module)) for module in self._modules()]


def _per_row(program: Program, output: int) -> bool:
    shape = program.steps[output].shape
    return bool(shape) and shape[0] == Affine(1) and all(isinstance(n, int) for n in shape[1:])


@functools.lru_cache(maxsize=256)
def _cached_plan(key: str, holder: "_Holder", guards: tuple[int, ...]) -> Plan:
    return plan(holder.held, guards)


@functools.lru_cache(maxsize=256)
def _cached_code(key: str, holder: "_Holder", ways: tuple[Way, ...], guards: tuple[int, ...], arguments: int) -> Code:
    return Code(holder.held, ways=ways, guards=guards, arguments=arguments)


class _Holder:
    """Carries something past a cache that goes by the program's text."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True


def code_for(program: Program, *, rows: int, guards: int, arguments: int) -> Code:
    """The machine code of a program, made once a process for programs that are equal.

    Args:
        program: The program.
        rows: Rows of a typical batch, by which the way of each kernel is chosen.
        guards: How many of the outputs, from the first, must be finite before anything outside is written.
        arguments: How many of the inputs, from the first, are rows of batches.
    """
    watched = tuple(dict.fromkeys(program.outputs[:guards]))
    text = str(program)
    planned = _cached_plan(text, _Holder(program), watched)

    def meetings(shared: Sequence[Way]) -> int:
        return len(phases(planned, shared, watched, arguments).items)

    # Other numbers of rows for which the same ways are best have the same code.
    return _cached_code(text, _Holder(planned), ways(planned, rows, meetings), watched, arguments)


class Executable:
    """Machine code with memory of its own.

    Args:
        code: What to run.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self.table = (ctypes.c_void_p * len(code.places))()
        self._address = ctypes.addressof(self.table)
        # Rows and threads for which there is memory.
        self.capacity = (-1, 1)
        self.status = np.zeros(1, np.int64)
        self.control = driver.Control()
        self._error: BaseException | None = None
        self.put(("status", 0), self.status.ctypes.data)
        self._id = next(_ids)
        _executables[self._id] = self
        self.put(("executable", 0), self._id)

    def put(self, place: tuple[str, int], address: int) -> None:
        """Note where a place is."""
        slot = self.code.places.get(place)
        if slot is not None:
            self.table[slot] = address

    def share(self, other: "Executable") -> None:
        """Take part in the epochs of another executable: under its control block, with its status."""
        self.control, self.status = other.control, other.status
        self.put(("status", 0), self.status.ctypes.data)

    def prepare(self, rows: int, threads: int = 1) -> None:
        """Lay out the arena for up to so many rows and threads."""
        code, (most_rows, most_threads) = self.code, self.capacity
        rows, threads = max(rows, most_rows), max(min(threads, code.threads), most_threads)
        if (rows, threads) == self.capacity:
            return
        offsets, size = code.layout(rows, threads)
        scratch = scratch_bytes(code.plan, code.ways, rows)
        # What threads have added up apart does not grow with the rows.
        sizes = parts_sizes(code.plan, code.ways)
        parts = threads * sum(sizes.values())
        self._memory = [np.empty(count + LINE, np.uint8) for count in (size, threads * scratch, parts)]
        base, copies, apart = (-(-array.ctypes.data // LINE) * LINE for array in self._memory)
        self.put(("scratch", 0), copies)
        self.put(("scratch", 1), scratch)
        for core, bytes_ in sizes.items():
            self.put(("parts", core), apart)
            apart += threads * bytes_
        for number, offset in offsets.items():
            self.put(("arena", number), base + offset)
        self.capacity = (rows, threads)

    def step(self, rows: int) -> int:
        """Run the step once on the arrays that are put already; returns the native status."""
        self.status[0] = 0
        status = self.code.step(self._address, rows, 0, 1, self.control.address)
        self.raise_error()
        return int(status)

    def run_epoch(self, threads: int) -> int:
        """Run the batches that the control block names; returns the native status.

        Where the system gives no further threads, those that there are do the work.

        Args:
            threads: As many at most.
        """
        count = min(threads, self.code.threads)
        self.prepare(self.capacity[0], count)
        if count == 1:
            return int(self.code.epoch(self._address, self.control.address, 0, 1))
        decided, team = threading.Event(), 0

        def help_out(thread: int) -> None:
            decided.wait()
            if thread < team:
                self.code.epoch(self._address, self.control.address, thread, team)

        helpers: list[threading.Thread] = []
        try:
            # Threads meet at barriers, so none may begin before it is known how many there are.
            with contextlib.suppress(RuntimeError):
                for thread in range(1, count):
                    helper = threading.Thread(target=help_out, args=(thread,))
                    helper.start()
                    helpers.append(helper)
            team = len(helpers) + 1
        finally:
            decided.set()
        status = int(self.code.epoch(self._address, self.control.address, 0, team))
        for helper in helpers:
            helper.join()
        return status

    def raise_error(self) -> None:
        """Raise what went wrong inside a call back into Python."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def result(self, output: int, rows: int) -> Any:
        """A copy of a returned value."""
        return self.view(output, rows).copy()

    def view(self, number: int, rows: int) -> Any:
        """The memory of a step as an array."""
        step = self.code.plan.program.steps[number]
        shape = tuple(at(n, rows) for n in step.shape)
        size = self.code.plan.size(number, rows)
        address = self.table[self.code.places[self.code.plan.memory[number]]]
        if not size:
            return np.empty(shape, np.dtype(step.dtype))
        buffer: Any = (ctypes.c_char * size).from_address(address or 0)
        return np.frombuffer(buffer, np.dtype(step.dtype)).reshape(shape)

    def call_back(self, number: int, rows: int) -> None:
        """Run a forward rule that has no native lowering, on the memory of the native program."""
        try:
            steps = self.code.plan.program.steps
            step = steps[number]
            arrays = [self.view(a, rows) for a in step.args]
            with np.errstate(all="ignore"):
                places, settings, index = step.attrs
                given = iter(arrays)
                operands = [next(given) if p is None else _instance(p[0], rows) for p in places]
                options = {name: _instance(v, rows) for name, v in settings}
                found = Primitive.registry[step.op].forward(NUMPY, *operands, **options)
                value = found[index] if isinstance(found, tuple) else found
            np.copyto(self.view(number, rows), value)
        except BaseException as error:  # noqa: BLE001 (an exception cannot pass through native code)
            self._error = self._error or error
            # Further batches of an epoch would learn from what is not there.
            self.control.stop()


def _instance(value: Any, rows: int) -> Any:
    """A setting for so many rows."""
    if isinstance(value, Affine | Inverse):
        return value.at(rows)
    return tuple(_instance(v, rows) for v in value) if isinstance(value, tuple) else value
