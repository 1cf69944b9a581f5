"""In which order kernels run, and which final values are written in place.

A final value is written where it belongs by the kernel that computes it, if all other readers of the old value can come
before. What cannot is copied when all kernels are done.
"""

from dataclasses import replace

from backlit.compiler.plan.draft import Draft
from backlit.compiler.plan.result import Kernel, Plan
from backlit.compiler.program import Program, ProgramBuilder, plain_strides

Place = tuple[str, int]
# Kernels of these have one place for their result.
_ONE_PLACE = ("scatter", "scan", "call", "random", "measure")


def with_copies(program: Program) -> Program:
    """The program with a copy of each input that is an output or a final value, if inputs change."""
    builder = ProgramBuilder(program)
    written = {place for place, _ in program.writes}

    def settled(number: int, place: int | None) -> int:
        step = program.steps[number]
        if step.kind != "input" or place == step.attrs or (place is None and step.attrs not in written):
            return number
        return copied(builder, number)

    outputs = [settled(o, None) for o in program.outputs]
    writes = [(place, settled(final, place)) for place, final in program.writes]
    return builder.finished(outputs, writes) if len(builder.steps) != len(program.steps) else program


def copied(builder: ProgramBuilder, number: int) -> int:
    """A step of the value of another, as a view of the whole."""
    step = builder.steps[number]
    return builder.add("view", "", (number,), (0, plain_strides(step.shape)), step.shape, step.dtype)


def order(draft: Draft, guards: tuple[int, ...]) -> Plan:
    """Sort the kernels, and find the place of every value."""
    before, direct, late = _in_place(draft, {draft.home[g] for g in guards if g in draft.home})
    kernels = [draft.kernels[k] for k in _sorted(before)]
    stores: dict[int, list[Place]] = {final: [("input", place)] for final, place in direct.items()}
    builder = ProgramBuilder(draft.program)
    for place, final in late:
        copy = copied(builder, final)
        kernels.append(Kernel(None, draft.program.steps[final].shape, [copy]))
        stores[copy] = [("input", place)]
    if late:
        draft.program = replace(draft.program, steps=tuple(builder.steps))
    return _placed(draft, kernels, stores)


def _in_place(draft: Draft, guards: set[int]) -> tuple[list[set[int]], dict[int, int], list[tuple[int, int]]]:
    """What comes before each kernel; the final values that their kernels write, with their inputs; and the others."""
    steps = draft.program.steps
    reads = [draft.reads(kernel) for kernel in draft.kernels]
    before = [{draft.home[a] for a in found if a in draft.home} - {k} for k, found in enumerate(reads)]
    inputs = {steps[n].attrs: n for n in draft.alive if steps[n].kind == "input"}
    direct: dict[int, int] = {}
    late: list[tuple[int, int]] = []
    for place, final in draft.program.writes:
        old = inputs.get(place, -1)
        if old == final:
            continue
        k = draft.home[final]
        # Kernels that must come first: all others that read the old value, and those that may end the step.
        edges = ({r for r, found in enumerate(reads) if old in found} | guards) - {k}
        # Read at other places than the one that is computed, or after a core that has been stored.
        scattered = not reads[k].get(old, True) or (old in reads[k] and draft.kernels[k].core == final)
        twice = final in direct or (final in draft.program.outputs and steps[final].kind in _ONE_PLACE)
        if twice or scattered or k in guards or _needs(before, edges, k):
            late.append((place, final))
        else:
            before[k] |= edges
            direct[final] = place
    return before, direct, late


def _needs(before: list[set[int]], kernels: set[int], goal: int) -> bool:
    """Whether one of some kernels must come after another one."""
    seen: set[int] = set()
    waiting = list(kernels)
    while waiting:
        k = waiting.pop()
        if k == goal:
            return True
        if k not in seen:
            seen.add(k)
            waiting.extend(before[k])
    return False


def _sorted(before: list[set[int]]) -> list[int]:
    """Kernels in an order that respects what comes before what, the lowest number first."""
    done: list[int] = []
    finished: set[int] = set()
    waiting = set(range(len(before)))
    while waiting:
        k = min(k for k in waiting if before[k] <= finished)
        done.append(k)
        finished.add(k)
        waiting.discard(k)
    return done


def _placed(draft: Draft, kernels: list[Kernel], stores: dict[int, list[Place]]) -> Plan:
    """The plan: where each value is stored."""
    steps = draft.program.steps
    memory: dict[int, Place] = {n: ("input", steps[n].attrs) for n in draft.alive if steps[n].kind == "input"}
    made = {root: position for position, kernel in enumerate(kernels) for root in kernel.roots}
    used = set(draft.program.outputs)
    for position, kernel in enumerate(kernels):
        for root in kernel.roots:
            used.update(a for a in draft.leaves(root, True) if made.get(a) != position)
    for n in made:
        places = stores.setdefault(n, [])
        if places and n not in draft.program.outputs:
            memory[n] = places[0]
        # What is only used inside its own kernel never reaches memory, if that holds it in registers.
        elif n in used or steps[n].kind in _ONE_PLACE:
            memory[n] = ("arena", n)
            places.append(("arena", n))
    return Plan(draft.program, kernels, stores, memory)
