"""Fusion: which steps are computed together.

Elementwise steps of one shape become one loop. One that reads a product or a reduction where it is computed joins that
kernel: a bias, an activation and its gradient, an optimizer's update, all in registers. So does what happens along the
short rows of a matrix.
"""

from backlit.compiler.plan.draft import Draft
from backlit.compiler.plan.result import Kernel
from backlit.compiler.plan.short_rows import columns

_CORES = ("product", "reduce", "join", "scatter", "scan", "call", "random", "measure")
_FREE = ("input", "constant", "iota", "pointwise", "view", "reduce")


def group(draft: Draft) -> None:
    """Put every stored step into a kernel: its own, or the latest that it can join."""
    steps = draft.program.steps
    for n in _early_first(draft):
        step = steps[n]
        if n not in draft.stored or step.kind == "input":
            continue
        short = columns(draft.program, n)
        if step.kind in _CORES and short is None:
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
            _open(draft, n, Kernel(None, step.shape, [n], short))


def _early_first(draft: Draft) -> list[int]:
    """The steps, those first that lead to single numbers without a product: rates that later kernels want to use."""
    steps = draft.program.steps
    free: set[int] = set()
    for n in draft.alive:
        if steps[n].kind in _FREE and free.issuperset(steps[n].args):
            free.add(n)
    early = {n for n in free if not steps[n].shape}
    for n in reversed(draft.alive):
        if n in early:
            early.update(steps[n].args)
    return sorted(draft.alive, key=lambda n: (n not in early, n))


def _open(draft: Draft, number: int, kernel: Kernel) -> None:
    draft.home[number] = len(draft.kernels)
    draft.kernels.append(kernel)


def _may_join(draft: Draft, n: int, k: int, found: dict[int, bool], homes: dict[int, int]) -> bool:
    kernel = draft.kernels[k]
    if kernel.columns is not None:
        return _joins_rows(draft, n, k, kernel, homes)
    if columns(draft.program, n) is not None or kernel.shape != draft.program.steps[n].shape:
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


def _joins_rows(draft: Draft, n: int, k: int, kernel: Kernel, homes: dict[int, int]) -> bool:
    """Whether a step goes along rows as long as a kernel's, and reads of what that computes its own row alone."""
    rows = kernel.shape[0]
    if columns(draft.program, n) not in (None, kernel.columns):
        return False
    if draft.program.steps[n].shape not in ((rows,), (rows, 1), (rows, kernel.columns)):
        return False
    found = draft.row_leaves(n)
    return all(found[a] for a, home in homes.items() if home == k)
