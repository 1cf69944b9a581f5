"""Kernels that go through memory once from end to end, whatever the shape of what is there."""

from backlit.compiler.plan.reading import access
from backlit.compiler.plan.result import Kernel, Plan
from backlit.compiler.program import plain_strides


def is_flat(plan: Plan, kernel: Kernel, core: int | None = None) -> bool:
    """Whether all roots of a kernel can be computed so; `core` is a step that is found where they are computed."""
    steps, stored = plan.program.steps, set(plan.memory) - set(kernel.roots)
    seen: set[int] = set()

    def flat(n: int) -> bool:
        step = steps[n]
        if n in seen or n == core:
            return True
        seen.add(n)
        if n in stored:
            return step.shape == kernel.shape
        if step.kind == "constant":
            return True
        if step.kind == "view":
            found = access(plan.program, n, stored)
            return found is not None and found.strides in ((0,) * len(step.shape), plain_strides(step.shape))
        return step.kind == "pointwise" and all(map(flat, step.args))

    return all(map(flat, kernel.roots))
