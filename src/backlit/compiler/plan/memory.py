"""Recompute or keep: which steps get memory.

Whatever is no elementwise step is kept, and so are results and elementwise steps with several readers, but for those
that are cheaper to compute again than to keep.
"""

import math

from backlit.compiler.plan.draft import Draft
from backlit.compiler.plan.reading import Access, access, same_dims
from backlit.compiler.plan.short_rows import picks_in_row
from backlit.compiler.program import Step

# From so many bytes on, a product copies a second factor of fixed size before it uses it.
COPIED_BYTES = 400_000
# So many steps, one read by the next, are computed from the start where the last of them is wanted.
_DEEPEST = 50
_ALWAYS = ("input", "product", "reduce", "join", "scatter", "scan", "call", "random", "measure")


def choose_memory(draft: Draft) -> None:
    """Find the steps that must be stored, growing the set until every reader finds what it needs."""
    steps, stored = draft.program.steps, draft.stored
    ends = set(draft.program.ends())
    for n in draft.alive:
        if steps[n].kind in _ALWAYS or n in ends or (steps[n].kind in ("pointwise", "take") and _is_shared(draft, n)):
            stored.add(n)
    demanding = [n for n in draft.alive if steps[n].kind in _DEMANDS]
    before = -1
    while before != len(stored):
        before = len(stored)
        for n in demanding:
            _DEMANDS[steps[n].kind](draft, n, steps[n])
    _cut_chains(draft)


def _cut_chains(draft: Draft) -> None:
    """Store a step now and then of a long chain, through which planning and code generation go by recursion."""
    depths: dict[int, int] = {}
    for n in draft.alive:
        step = draft.program.steps[n]
        depths[n] = 0 if n in draft.stored else 1 + max((depths[a] for a in step.args), default=0)
        if depths[n] > _DEEPEST and step.kind in ("pointwise", "pad", "take"):
            draft.stored.add(n)
            depths[n] = 0


def _is_shared(draft: Draft, number: int) -> bool:
    """Whether a step is used in several places and worth storing once."""
    step = draft.program.steps[number]
    # An input read in another type costs no more than the input.
    if step.op == "cast" and draft.program.steps[step.args[0]].kind == "input":
        return False
    return len(_readers(draft, number)) > 1


def _readers(draft: Draft, number: int) -> set[int]:
    """The steps that read a value, looking through views."""
    found: set[int] = set()
    for user in draft.users[number]:
        found |= _readers(draft, user) if draft.program.steps[user].kind == "view" else {user}
    return found


def _product(draft: Draft, number: int, step: Step) -> None:
    steps, stored = draft.program.steps, draft.stored
    for position, a in enumerate(step.args):
        found = access(draft.program, a, stored)
        if found is None:
            _keep(draft, a)
        elif position == 1 and found.strides[-1] != 1 and steps[a].shape[-1] != 1 and not _is_copied(steps[a], found):
            # The tiles read whole vectors of the second factor.
            stored.add(a)


def _is_copied(step: Step, found: Access) -> bool:
    """Whether a product copies its second factor in any case, and transposes it on the way."""
    fixed = len(step.shape) == 2 and all(isinstance(n, int) for n in step.shape)
    return fixed and found.strides[0] == 1 and math.prod(step.shape) * int(step.dtype[1:]) >= COPIED_BYTES


def _all(draft: Draft, number: int, step: Step) -> None:
    draft.stored.update(step.args)


def _take(draft: Draft, number: int, step: Step) -> None:
    if picks_in_row(draft.program, step) and draft.program.steps[step.args[0]].kind != "input":
        # In the kernel that computes the rows this costs less than to read them again.
        draft.stored.add(number)
    if access(draft.program, step.args[0], draft.stored) is None:
        _keep(draft, step.args[0])


def _keep(draft: Draft, number: int) -> None:
    """Store what is behind a step's views; the step itself if it cannot be read through them."""
    base = number
    while draft.program.steps[base].kind == "view":
        base = draft.program.steps[base].args[0]
    draft.stored.add(base if base not in draft.stored else number)


def _view(draft: Draft, number: int, step: Step) -> None:
    source = step.args[0]
    others = draft.stored - {number} if number in draft.stored else draft.stored
    if access(draft.program, number, others) is None and (
        same_dims(step, draft.program.steps[source]) is None or _repeats(draft, step)
    ):
        draft.stored.add(source)


def _repeats(draft: Draft, step: Step) -> bool:
    """Whether a view shows computed values several times, so that they are better computed once."""
    _, strides = step.attrs
    spread = any(s == 0 and n != 1 for s, n in zip(strides, step.shape, strict=True))
    return spread and draft.program.steps[step.args[0]].kind in ("pointwise", "take")


_DEMANDS = {"product": _product, "call": _all, "random": _all, "measure": _all, "take": _take, "view": _view}
