"""Kernels that do the same in other places of memory are one function.

Networks repeat their layers, so their programs repeat their kernels. What a kernel does is written down with its steps
and its places numbered from 0; kernels of the same text have the same machine code, which gets the places' addresses.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.costs import Share, Way
from backlit.compiler.frame import pointer
from backlit.compiler.plan import Kernel, Plan
from backlit.compiler.values import Code


@dataclass(frozen=True)
class Outline:
    """What a kernel does, apart from where.

    Attributes:
        text: The same for all kernels that do the same.
        places: The places of memory that it reads and writes, in the order of its function's arguments.
    """

    text: str
    places: tuple[tuple[str, int], ...]


def outline(plan: Plan, kernel: Kernel, way: Way, private: Container[tuple[str, int]] = ()) -> Outline:
    """The outline of a kernel that is computed in a way, with the places of which every thread has its own."""
    steps = plan.program.steps
    own, reads = plan.inside(kernel)
    order = sorted({*own, *reads})
    numbers = {n: position for position, n in enumerate(order)}
    places: dict[tuple[str, int], int] = {}

    def put(place: tuple[str, int]) -> int:
        return places.setdefault(place, len(places))

    lines = []
    for n in order:
        step = steps[n]
        if n in reads:
            lines.append(f"memory {put(plan.memory[n])}: {step.type()} {plan.memory[n] in private}")
            continue
        stored = [put(place) for place in plan.stores.get(n, ())] if n in kernel.roots else []
        read = put(plan.memory[n]) if n in plan.memory else None
        # Python is called back with the step's own number.
        called = n if step.kind == "call" else None
        words = (step.kind, step.op, [numbers[a] for a in step.args], step.attrs, called, stored, read)
        lines.append(f"{words} : {step.type()}")
    core = None if kernel.core is None else numbers[kernel.core]
    if kernel.core is not None and way.share in (Share.PARTS, Share.TOTAL):
        put(("parts", kernel.core))
    lines.append(f"{core} {kernel.shape} {[numbers[r] for r in kernel.roots]} {kernel.columns} {way}")
    return Outline("\n".join(lines), tuple(places))


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
    Code(module, b, 1).call(name, ir.VoidType(), *arguments, *addresses)
