"""A plan in the making."""

from dataclasses import dataclass, field
from functools import cached_property

from backlit.compiler.plan.reading import access
from backlit.compiler.plan.result import Kernel
from backlit.compiler.plan.short_rows import columns, keeps_row, picks_in_row
from backlit.compiler.program import Program, Step, plain_strides


@dataclass
class Draft:
    """What the stages of planning have found so far.

    Attributes:
        program: The program.
        stored: Steps that get memory, or are held in registers by the kernel that computes them.
        kernels: The kernels.
        home: For each stored step but inputs, the kernel that computes it.
    """

    program: Program
    stored: set[int] = field(default_factory=set)
    kernels: list[Kernel] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)
    _leaves: dict[tuple[int, bool], dict[int, bool]] = field(default_factory=dict)
    _row_leaves: dict[tuple[int, bool], dict[int, bool]] = field(default_factory=dict)

    @cached_property
    def alive(self) -> list[int]:
        """The steps that are needed, in order."""
        return self.program.alive()

    @cached_property
    def users(self) -> dict[int, list[int]]:
        """For each step that is needed, those that read it."""
        found: dict[int, list[int]] = {n: [] for n in self.alive}
        for n in self.alive:
            for a in self.program.steps[n].args:
                found[a].append(n)
        return found

    def leaves(self, number: int, aligned: bool) -> dict[int, bool]:
        """Stored steps that a step reads, and whether each is only read at the very place that is computed."""
        found = self._leaves.get((number, aligned))
        if found is not None:
            return found
        found = {}
        steps = self.program.steps
        step = steps[number]
        straight = aligned and (step.kind == "pointwise" or self._is_copy(step))
        for a in step.args:
            if a in self.stored:
                here = {a: straight and steps[a].shape == step.shape}
            elif (source := access(self.program, a, self.stored)) is not None:
                here = {source.number: False}
            else:
                here = self.leaves(a, straight)
            for leaf, same in here.items():
                found[leaf] = found.get(leaf, True) and same
        self._leaves[number, aligned] = found
        return found

    def row_leaves(self, number: int, aligned: bool = True) -> dict[int, bool]:
        """Stored steps that a step reads, and whether each is only read in the very row that is computed."""
        found = self._row_leaves.get((number, aligned))
        if found is not None:
            return found
        found = {}
        step, steps = self.program.steps[number], self.program.steps
        straight = aligned and (
            step.kind == "pointwise"
            or columns(self.program, number) is not None
            or picks_in_row(self.program, step)
            or (step.kind == "view" and keeps_row(step, steps[step.args[0]]))
        )
        for a in step.args:
            for leaf, same in ({a: straight} if a in self.stored else self.row_leaves(a, straight)).items():
                found[leaf] = found.get(leaf, True) and same
        self._row_leaves[number, aligned] = found
        return found

    def _is_copy(self, step: Step) -> bool:
        """Whether a step is a copy of an input."""
        if step.kind != "view" or step.attrs != (0, plain_strides(step.shape)):
            return False
        source = self.program.steps[step.args[0]]
        return source.kind == "input" and source.shape == step.shape

    def reads(self, kernel: Kernel) -> dict[int, bool]:
        """The same for all roots of a kernel."""
        found: dict[int, bool] = {}
        for root in kernel.roots:
            for leaf, same in self.leaves(root, True).items():
                found[leaf] = found.get(leaf, True) and same
        return found
