"""Which rows of a batch a kernel reads, so that threads know whom they must wait for.

Threads share a batch: some of its rows are each one's own. What a kernel reads of its own rows it finds in the cache of
its own core, and nobody has to wait.
"""

from typing import Any

from backlit.compiler.plan.reading import access, same_dims
from backlit.compiler.plan.result import Kernel, Plan
from backlit.compiler.plan.short_rows import counts_rows
from backlit.compiler.program import Step
from backlit.compiler.rows import Affine

_ROWS = Affine(1)
# Kernels of these kinds read what they read as a whole.
_WHOLE = ("scatter", "scan", "call", "random", "measure")


def keeps_rows(plan: Plan, kernel: Kernel) -> bool:
    """Whether a kernel's outermost loop goes over the rows of the batch."""
    core = None if kernel.core is None else plan.program.steps[kernel.core]
    if core is not None and core.kind == "join" and core.attrs == 0:
        # As many as there are rows of the batch, but each part has its own.
        return False
    return _has_rows(kernel.shape) and (core is None or core.kind not in _WHOLE)


def sums_rows(plan: Plan, kernel: Kernel) -> bool:
    """Whether a kernel's core adds up the rows of the batch, each from its own row alone, to what has none."""
    if kernel.core is None or not kernel.shape or not all(isinstance(n, int) for n in kernel.shape):
        return False
    step, steps = plan.program.steps[kernel.core], plan.program.steps
    if step.kind == "product":
        summed = len(step.shape) == 2 and steps[step.args[1]].shape[0] == _ROWS
    elif step.kind == "reduce":
        shape = steps[step.args[0]].shape
        summed = not step.op.startswith("arg") and _has_rows(shape) and 0 in step.attrs
        # A sum along vectors goes from end to end.
        summed = summed and len(shape) - 1 not in step.attrs
    else:
        return False
    return summed and all(summands_read(plan, kernel).values())


def rows_read(plan: Plan, kernel: Kernel) -> dict[int, bool]:
    """The stored steps that a kernel of the batch's rows reads, and whether each is read in the very row computed."""
    reader = _Reader(plan, kernel)
    for root in kernel.roots:
        reader.compute(root, 0)
    return reader.found


def summands_read(plan: Plan, kernel: Kernel) -> dict[int, bool]:
    """The same for what the core of a kernel adds up over the rows of the batch."""
    reader = _Reader(plan, kernel)
    core = kernel.core or 0
    step = plan.program.steps[core]
    places = (1, 0) if step.kind == "product" else (0,)
    for argument, place in zip(step.args, places, strict=True):
        reader.read(argument, place)
    return reader.found


def _has_rows(shape: tuple[Any, ...]) -> bool:
    return bool(shape) and shape[0] == _ROWS


class _Reader:
    """Goes from what a kernel computes to what it reads; `own` says which dimension of an index is the own row."""

    def __init__(self, plan: Plan, kernel: Kernel) -> None:
        self.program, self.steps = plan.program, plan.program.steps
        self.stored = set(plan.memory) - set(kernel.roots)
        self.core = kernel.core
        self.found: dict[int, bool] = {}
        self._seen: set[tuple[int, int | None]] = set()

    def read(self, n: int, own: int | None) -> None:
        """Read a step where it is stored, or compute it."""
        if n in self.stored:
            self._note(n, own == 0 and _has_rows(self.steps[n].shape))
        elif n != self.core and (n, own) not in self._seen:
            self._seen.add((n, own))
            self.compute(n, own)

    def compute(self, n: int, own: int | None) -> None:
        """Read the arguments of a step."""
        step = self.steps[n]
        handler = {
            "view": self._view,
            "pad": self._pad,
            "join": self._join,
            "take": self._take,
            "reduce": self._reduce,
            "product": self._product,
        }
        if step.kind in handler:
            handler[step.kind](n, step, own)
            return
        for a in step.args:
            self.read(a, own if step.kind == "pointwise" else None)

    def _note(self, n: int, own: bool) -> None:
        self.found[n] = self.found.get(n, True) and own

    def _view(self, n: int, step: Step, own: int | None) -> None:
        found = access(self.program, n, self.stored)
        if found is not None:
            self._note(found.number, self._in_row(found.number, found.offset, found.strides, step.shape, own))
            return
        dims = same_dims(step, self.steps[step.args[0]])
        self.read(step.args[0], None if own is None or dims is None or own not in dims else dims.index(own))

    def _in_row(
        self, base: int, offset: Any, strides: tuple[Any, ...], shape: tuple[Any, ...], own: int | None
    ) -> bool:
        """Whether a view of a stored step reads, in an index's own row, nothing but that row."""
        source = self.steps[base].shape
        if own is None or not _has_rows(source):
            return False
        width, reach = 1, offset
        for n in source[1:]:
            width = width * n
        for d, (n, stride) in enumerate(zip(shape, strides, strict=True)):
            if d != own and stride != 0:
                reach = reach + (n - 1) * stride if isinstance(n, int) else width
        known = all(isinstance(value, int) for value in (offset, width, reach, *strides))
        return known and min(offset, *strides) >= 0 and strides[own] == width and reach < width

    def _pad(self, n: int, step: Step, own: int | None) -> None:
        lows, strides, _ = step.attrs
        (source,) = step.args
        same = own is not None and (lows[own], strides[own], self.steps[source].shape[own]) == (0, 1, step.shape[own])
        self.read(source, own if same else None)

    def _join(self, n: int, step: Step, own: int | None) -> None:
        for a in step.args:
            self.read(a, None if own == step.attrs else own)

    def _take(self, n: int, step: Step, own: int | None) -> None:
        source, *picks = step.args
        first, inner = step.attrs[0], len(self.steps[picks[0]].shape)
        inside = own is not None and first <= own < first + inner
        for pick in picks:
            self.read(pick, own - first if own is not None and inside else None)
        if own is None:
            place = None
        elif inside:
            counted = step.attrs[0] == 0 and counts_rows(self.program, picks[0], self.steps[source].shape[0])
            place = 0 if counted and own == 0 else None
        else:
            place = own if own < first else own - inner + len(picks)
        self.read(source, place)

    def _reduce(self, n: int, step: Step, own: int | None) -> None:
        kept = [d for d in range(len(self.steps[step.args[0]].shape)) if d not in step.attrs]
        self.read(step.args[0], None if own is None else kept[own])

    def _product(self, n: int, step: Step, own: int | None) -> None:
        left, right = step.args
        last = len(step.shape) - 1
        self.read(left, None if own == last else own)
        self.read(right, None if own == last - 1 else own)
