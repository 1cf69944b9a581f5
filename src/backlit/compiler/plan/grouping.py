"""Fusion: which steps are computed together.

Elementwise steps of one shape become one loop. One that reads a product or a reduction where it is computed joins that
kernel: a bias, an activation and its gradient, an optimizer's update, all in registers.
"""

from backlit.compiler.plan.draft import Draft
from backlit.compiler.plan.result import Kernel

_CORES = ("product", "reduce", "scatter", "call", "random", "measure")


def group(draft: Draft) -> None:
    """Put every stored step into a kernel: its own, or the latest that it can join."""
    steps = draft.program.steps
    for n in _early_first(draft):
        step = steps[n]
        if n not in draft.stored or step.kind == "input":
            continue
        if step.kind in _CORES:
            _open(draft, n, Kernel(n, step.shape, [n]))
            continue
        found = draft.leaves(n, True)
        homes = {a: draft.home[a] for a in found if a in draft.home}
        latest = max(homes.values(), default=-1)
        for k in range(len(draft.kernels) - 1, max(latest - 1, -1), -1):
            if _may_join(draft, n, k, found, homes):
                draft.kernels[k].roots.append(n)
                draft.home[n] = k
                break
        else:
            _open(draft, n, Kernel(None, step.shape, [n]))


def _early_first(draft: Draft) -> list[int]:
    """The steps, those first that are single numbers made of inputs alone: rates that later kernels want to use."""
    early: set[int] = set()
    for n in draft.alive:
        step = draft.program.steps[n]
        if step.kind in ("input", "constant") or (
            step.kind == "pointwise" and not step.shape and early.issuperset(step.args)
        ):
            early.add(n)
    return sorted(draft.alive, key=lambda n: (n not in early, n))


def _open(draft: Draft, number: int, kernel: Kernel) -> None:
    draft.home[number] = len(draft.kernels)
    draft.kernels.append(kernel)


def _may_join(draft: Draft, n: int, k: int, found: dict[int, bool], homes: dict[int, int]) -> bool:
    kernel = draft.kernels[k]
    if kernel.shape != draft.program.steps[n].shape:
        return False
    if any(home == k and not found[a] for a, home in homes.items()):
        return False
    if kernel.core is None:
        return True
    core = draft.program.steps[kernel.core]
    if core.kind == "reduce" and kernel.shape and len(draft.program.steps[core.args[0]].shape) - 1 in core.attrs:
        # Such a reduction gives one number at a time; what follows is faster on vectors of them.
        return False
    return core.kind in ("product", "reduce") and not core.op.startswith("arg") and k in homes.values()
