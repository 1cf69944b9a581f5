"""Kernels that do the same in other places of memory are one function.

Networks repeat their layers, so their programs repeat their kernels. What a kernel does is written down with its steps
and its places numbered from 0; kernels of the same text have the same machine code, which gets the places' addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import number, pointer
from backlit.compiler.costs import Share, Way
from backlit.compiler.frame import elements
from backlit.compiler.plan import Kernel, Plan, access, is_flat
from backlit.compiler.program import Step
from backlit.compiler.values import Code


@dataclass(frozen=True)
class Outline:
    """What a kernel does, apart from where.

    Attributes:
        text: The same for all kernels that do the same.
        places: The places of memory that it reads and writes, in the order of its function's arguments.
        count: For kernels that do the same with any number of elements, how many this one has; else None.
        begins: For each view that begins elsewhere in other kernels, where it does, in elements.
    """

    text: str
    places: tuple[tuple[str, int], ...]
    count: int | None = None
    begins: Mapping[int, int] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The numbers that the kernel's function is told."""
        return [*self.begins.values(), *([] if self.count is None else [self.count])]


def outline(
    plan: Plan, kernel: Kernel, way: Way, private: Mapping[tuple[str, int], int] = MappingProxyType({})
) -> Outline:
    """The outline of a kernel that is computed in a way, with the bytes of places of which every thread has its own."""
    steps, total = plan.program.steps, way.share is Share.TOTAL
    own, reads = plan.inside(kernel, kernel.core if total else None)
    any_size = total and is_flat(plan, kernel, kernel.core)
    order, elsewhere = sorted({*own, *reads}), set(plan.memory) - set(kernel.roots)
    numbers = {n: position for position, n in enumerate(order)}
    places: dict[tuple[str, int], int] = {}
    begins: dict[int, int] = {}

    def put(place: tuple[str, int]) -> int:
        return places.setdefault(place, len(places))

    def kind(step: Step) -> str:
        return step.dtype if any_size else step.type()

    def settings(n: int) -> Any:
        """Of a view that is read from memory, in a kernel for any size whether it shows one element everywhere."""
        found = access(plan.program, n, elsewhere) if steps[n].kind == "view" else None
        if found is None:
            return steps[n].attrs
        offset = found.offset
        if isinstance(offset, int) and offset != 0:
            begins[n] = offset
            offset = "told"
        return offset, any(found.strides) if any_size else found.strides

    lines = []
    for n in order:
        step = steps[n]
        if n in reads:
            lines.append(f"memory {put(plan.memory[n])}: {kind(step)} {private.get(plan.memory[n])}")
            continue
        stored = [put(place) for place in plan.stores.get(n, ())] if n in kernel.roots else []
        read = put(plan.memory[n]) if n in plan.memory else None
        # Python is called back with the step's own number.
        called = n if step.kind == "call" else None
        if total and n == kernel.core:
            words: tuple[Any, ...] = ("total", "sum" if step.kind == "product" else step.op, stored, read)
        else:
            words = (step.kind, step.op, [numbers[a] for a in step.args], settings(n), called, stored, read)
        lines.append(f"{words} : {kind(step)}")
    core = None if kernel.core is None else numbers[kernel.core]
    if kernel.core is not None and way.share in (Share.PARTS, Share.TOTAL):
        put(("parts", kernel.core))
    shape = () if any_size else kernel.shape
    lines.append(f"{core} {shape} {[numbers[r] for r in kernel.roots]} {kernel.columns} {way}")
    count = elements(kernel.shape) if any_size else None
    return Outline("\n".join(lines), tuple(places), count, begins)


def emit_call(
    module: ir.Module,
    b: ir.IRBuilder,
    name: str,
    outlined: Outline,
    slots: dict[Any, int],
    arguments: tuple[Any, ...],
) -> None:
    """Call a kernel's function.

    Args:
        module: The module of the calling function.
        b: The builder of the calling function.
        name: The kernel's name.
        outlined: The kernel's outline.
        slots: For each place of memory, its slot in the table of addresses.
        arguments: The table, the number of rows, the thread and the number of threads.
    """
    addresses = [pointer(b, arguments[0], slots[place]) for place in outlined.places]
    Code(module, b, 1).call(name, ir.VoidType(), *arguments, *map(number, outlined.numbers), *addresses)
