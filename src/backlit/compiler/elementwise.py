"""Loops over elements: every root of a kernel computed where the loop stands."""

from typing import Any

from backlit.compiler.costs import Share
from backlit.compiler.frame import elements
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import access, is_flat


def kinds(k: KernelEmitter, roots: list[int]) -> set[str]:
    """The kinds of numbers that some roots take and give."""
    return {k.steps[r].dtype for r in roots} | {k.steps[a].dtype for r in roots for a in k.steps[r].args}


def emit_roots(k: KernelEmitter, index: Any) -> None:
    """Compute and store all roots at an index but a core that is; one may read what another one overwrites."""
    held = None if k.way.share is Share.TOTAL else k.kernel.core
    values = [(root, k.value(root, index)) for root in k.kernel.roots if root != held]
    for root, value in values:
        k.store(root, index, value)


def emit_loop(k: KernelEmitter) -> None:
    """Emit the loops of a kernel without a core, or whose core is there in parts."""
    if k.count is not None:
        _emit_any_size(k, k.count)
        return
    shape = k.kernel.shape
    if len(shape) > 1 and is_flat(k.plan, k.kernel):
        shape, k.flat = (elements(shape),), True
    if not shape:
        k.code.lanes = 1
        emit_roots(k, ())
        return
    lanes = k.lanes(shape[-1], kinds(k, k.kernel.roots))
    if not k.flat and _crosses(k):
        lanes = 1
    start, stop = k.share(k.size(shape[0]))
    if k.flat and k.way.share is Share.ROWS:
        start, stop = (k.times(row, elements(k.kernel.shape[1:])) for row in (start, stop))

    def body(outer: list[Any]) -> None:
        def turn(i: Any) -> None:
            k.fresh()
            emit_roots(k, (*[(o, False) for o in outer], (i, k.code.lanes > 1)))

        if len(shape) == 1:
            k.vectors(shape[-1], lanes, turn, start, stop)
        else:
            k.vectors(shape[-1], lanes, turn)

    k.nest(shape[:-1], body, (start, stop))


def _emit_any_size(k: KernelEmitter, count: Any) -> None:
    """Emit a loop through memory that is told how long it is."""
    k.flat = True
    lanes = k.lanes(None, kinds(k, k.kernel.roots))

    def turn(i: Any) -> None:
        k.fresh()
        emit_roots(k, ((i, k.code.lanes > 1),))

    k.vectors(None, lanes, turn, *k.share(count))


def _crosses(k: KernelEmitter) -> bool:
    """Whether the loop mostly copies across memory, where single elements are as good as vectors."""
    for root in k.kernel.roots:
        step = k.steps[root]
        if step.kind == "view":
            found = access(k.plan.program, root, k.stored - {root})
            return found is not None and found.strides[-1] not in (0, 1)
    return False
