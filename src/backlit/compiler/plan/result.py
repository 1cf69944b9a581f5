"""What planning gives: kernels in order, and where every stored step goes."""

import math
from dataclasses import dataclass, field
from typing import Any

from backlit.compiler.program import Program
from backlit.compiler.rows import at


@dataclass
class Kernel:
    """One nest of loops.

    Attributes:
        core: The step that it computes which is neither elementwise nor along short rows, such as a product; or None.
        shape: The shape over which its roots are computed.
        roots: Steps that it computes, in order.
        columns: For steps along the short rows of a matrix, how many columns that has; else None.
    """

    core: int | None
    shape: tuple[Any, ...]
    roots: list[int] = field(default_factory=list)
    columns: int | None = None


@dataclass
class Plan:
    """Kernels in order, and where every stored step goes.

    Attributes:
        program: The program, with the copies that the plan needs.
        kernels: In the order of execution.
        stores: For each step that a kernel computes, its places: ("arena", step) or ("input", number).
        memory: For each step that is read from memory, its place.
    """

    program: Program
    kernels: list[Kernel]
    stores: dict[int, list[tuple[str, int]]]
    memory: dict[int, tuple[str, int]]

    def size(self, number: int, rows: int) -> int:
        """Bytes of a step's value for so many rows."""
        step = self.program.steps[number]
        return int(math.prod(at(n, rows) for n in step.shape)) * int(step.dtype[1:])

    def inside(self, kernel: Kernel, after: int | None = None) -> tuple[list[int], set[int]]:
        """The steps that a kernel computes, and the stored ones that it reads for that.

        Args:
            kernel: The kernel.
            after: Its core, if only what follows that is meant.
        """
        own, reads = set(kernel.roots), set()
        stack = [root for root in kernel.roots if root != after]
        while stack:
            for a in self.program.steps[stack.pop()].args:
                if a in own:
                    continue
                if a in self.memory:
                    reads.add(a)
                else:
                    own.add(a)
                    stack.append(a)
        return sorted(own), reads
