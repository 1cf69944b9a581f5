"""Threads in any order, without threads: a phase is right if it does not matter who comes first."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.ir as ir
import numpy as np

from backlit.compiler import llvm
from backlit.compiler.alike import emit_call, outline
from backlit.compiler.calling import signature
from backlit.compiler.cores import emit_core
from backlit.compiler.executable import Code, Executable
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.phases import Item
from backlit.compiler.specialised import Specialised

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
# Who comes first: from the numbers of a phase's items and of threads, in which order which thread does which item.
Order = Callable[[int, int], list[tuple[int, int]]]
ORDERS: list[Order] = [
    lambda items, threads: [(i, t) for t in range(threads) for i in range(items)],
    lambda items, threads: [(i, t) for t in reversed(range(threads)) for i in range(items)],
    lambda items, threads: [(i, t) for i in range(items) for t in reversed(range(threads))],
]


class Team:
    """A program whose items are run one by one.

    Args:
        own: What was compiled.
        rows: Rows of the batch.
        arrays: What the arguments are.
    """

    def __init__(self, own: Specialised, rows: int, arrays: Sequence[Any]) -> None:
        self.rows = rows
        self.code: Code = own.executable.code
        self.inputs = [np.array(a, order="C") for a in (*arrays, *(t._array for t in own.states))]
        self._library = self._compiled()

    def run(self, order: Order, threads: int) -> list[Any]:
        """The outputs, and what the inputs are in the end."""
        executable, arrays = Executable(self.code), [a.copy() for a in self.inputs]
        executable.prepare(self.rows, threads)
        for memory in executable._memory:
            # What is read before it was written shows.
            memory[:] = 255
        for number, array in enumerate(arrays):
            executable.put(("input", number), array.ctypes.data)
        table = ctypes.addressof(executable.table)
        for phase in self.code.phases.items:
            for place, thread in order(len(phase), threads):
                alone = not phase[place].way.shared
                if not (alone and thread):
                    kernel = self._library.function(_name(phase[place]), _KERNEL)
                    kernel(table, self.rows, thread, 1 if alone else threads)
        executable.raise_error()
        return [*(executable.result(o, self.rows) for o in self.code.plan.program.outputs), *arrays]

    def _compiled(self) -> llvm.Library:
        """Every item by a name of its own; those that do the same share a kernel, as in the program."""
        module, written = ir.Module("items"), set[str]()
        names, kernels = [], dict[str, str]()
        plan, private = self.code.plan, self.code.phases.private
        for item in (item for phase in self.code.phases.items for item in phase):
            kernel = plan.kernels[item.kernel]
            outlined = outline(plan, kernel, item.way, private)
            width = llvm.vector_bytes()
            if outlined.text not in kernels:
                name = kernels[outlined.text] = f"inner.{_name(item)}"
                places, sized, told = outlined.places, outlined.count is not None, outlined.begins
                emitter = KernelEmitter(
                    module, plan, kernel, name, places, width, item.way, written, private, sized, told
                )
                emit_core(emitter)
            names.append(_name(item))
            function = ir.Function(module, signature(0), names[-1])
            b = ir.IRBuilder(function.append_basic_block())
            emit_call(module, b, kernels[outlined.text], outlined, self.code.places, function.args)
            b.ret_void()
        return llvm.Library([llvm.machine_code(str(module))], tuple(names), self.code.imports)


def _name(item: Item) -> str:
    return f"item{item.kernel}.{item.way.share}"
