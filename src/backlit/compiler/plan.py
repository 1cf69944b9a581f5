"""The plan: which steps get memory, which are computed together in one kernel, in which order, and where.

A kernel is one nest of loops. Its core may be a product, a reduction or a scatter; its roots are the steps whose values
it stores. Everything that has no memory is computed where it is used.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from backlit.compiler.program import Program, Step, row_major
from backlit.compiler.rows import at

ALIGNMENT = 64


@dataclass
class Kernel:
    """One nest of loops.

    Attributes:
        core: The product, reduction, scatter, call or random step that it computes, or None for elementwise loops.
        shape: The shape over which its roots are computed.
        roots: Steps that it computes, in order.
    """

    core: int | None
    shape: tuple[Any, ...]
    roots: list[int] = field(default_factory=list)


@dataclass
class Plan:
    """Kernels in order, and where every stored step goes.

    Attributes:
        program: The program.
        kernels: In the order of execution.
        stores: For each stored step, its places: ("arena", step) or ("input", number).
        memory: For each step that is read from memory, its place.
        lifetimes: For each step in the arena, the first and the last kernel that touch it.
    """

    program: Program
    kernels: list[Kernel]
    stores: dict[int, list[tuple[str, int]]]
    memory: dict[int, tuple[str, int]]
    lifetimes: dict[int, tuple[int, int]]

    def size(self, number: int, rows: int) -> int:
        """Bytes of a step's value for so many rows."""
        step = self.program.steps[number]
        return math.prod(at(n, rows) for n in step.shape) * int(step.dtype[1:])

    def layout(self, rows: int) -> tuple[dict[int, int], int]:
        """Offsets of all steps in the arena, and its size: first fit by lifetimes, the largest first."""
        placed: list[tuple[int, int, int, int]] = []
        offsets: dict[int, int] = {}
        for number in sorted(self.lifetimes, key=lambda n: -self.size(n, rows)):
            first, last = self.lifetimes[number]
            size = -(-max(self.size(number, rows), 1) // ALIGNMENT) * ALIGNMENT
            offset = 0
            for start, end, begin, stop in sorted(placed):
                if begin <= last and first <= stop:
                    if offset + size <= start:
                        break
                    offset = max(offset, end)
            offsets[number] = offset
            placed.append((offset, offset + size, first, last))
        return offsets, max((end for _, end, _, _ in placed), default=0)


def same_dims(step: Step, source: Step) -> list[int | None] | None:
    """For a view that only orders, adds or drops dimensions: for each dimension of its source, which of its own.

    None in the list stands for index 0. The whole is None for any other view.
    """
    offset, strides = step.attrs
    if offset != 0:
        return None
    free = {d for d, s in enumerate(strides) if s != 0}
    found: list[int | None] = []
    for size, stride in zip(source.shape, row_major(source.shape), strict=True):
        if size == 1:
            found.append(None)
            continue
        match = [d for d in free if strides[d] == stride and step.shape[d] == size]
        if not match:
            return None
        found.append(match[0])
        free.discard(match[0])
    return None if free else found


class Access:
    """Where the elements of a step are found in memory: a stored step, an offset and strides."""

    __slots__ = ("number", "offset", "strides")

    def __init__(self, number: int, offset: Any, strides: tuple[Any, ...]) -> None:
        self.number = number
        self.offset = offset
        self.strides = strides


def access(program: Program, number: int, stored: set[int]) -> Access | None:
    """How a step can be read from the memory of a stored one, through views; None if it cannot."""
    step = program.steps[number]
    if number in stored:
        return Access(
            number, 0, tuple(0 if n == 1 else s for n, s in zip(step.shape, row_major(step.shape), strict=True))
        )
    if step.kind != "view":
        return None
    source = access(program, step.args[0], stored)
    if source is None:
        return None
    offset, strides = step.attrs
    below = program.steps[step.args[0]]
    plain = tuple(0 if n == 1 else s for n, s in zip(below.shape, row_major(below.shape), strict=True))
    if source.strides == plain and source.offset == 0:
        return Access(source.number, offset, strides)
    if offset != 0:
        return None
    through: list[Any] = []
    for size, stride in zip(step.shape, strides, strict=True):
        if stride == 0:
            through.append(0)
            continue
        match = [d for d, s in enumerate(plain) if s == stride and below.shape[d] == size]
        if not match:
            return None
        through.append(source.strides[match[0]])
    return Access(source.number, source.offset, tuple(through))


class _Planner:
    def __init__(self, program: Program, guards: tuple[int, ...]) -> None:
        self.program = program
        self.alive = program.alive()
        self.uses: dict[int, list[int]] = {n: [] for n in self.alive}
        for n in self.alive:
            for a in program.steps[n].args:
                self.uses[a].append(n)
        self.guards = guards
        self.stored: set[int] = set()
        self.kernels: list[Kernel] = []
        self.home: dict[int, int] = {}

    # -- which steps get memory --------------------------------------------------------------------------------------

    def choose_memory(self) -> None:
        """Find the steps that must be stored, growing the set until every reader finds what it needs."""
        steps = self.program.steps
        ends = set(self.program.ends())
        for n in self.alive:
            if steps[n].kind in ("input", "product", "reduce", "scatter", "call", "random"):
                self.stored.add(n)
            elif n in ends or (steps[n].kind in ("pointwise", "take") and self._shared(n)):
                self.stored.add(n)
        changed = True
        while changed:
            before = len(self.stored)
            for n in self.alive:
                self._require(n)
            changed = len(self.stored) != before

    def _shared(self, number: int) -> bool:
        """Whether a step is used in several places and worth storing once."""
        step = self.program.steps[number]
        if step.op == "cast" and self.program.steps[step.args[0]].kind == "input":
            return False
        return len(self._readers(number)) > 1

    def _readers(self, number: int) -> set[int]:
        """The steps that read a value, looking through views."""
        found: set[int] = set()
        for user in self.uses[number]:
            found |= self._readers(user) if self.program.steps[user].kind == "view" else {user}
        return found

    def _require(self, number: int) -> None:
        steps, step = self.program.steps, self.program.steps[number]
        if step.kind == "product":
            for position, a in enumerate(step.args):
                found = access(self.program, a, self.stored)
                if found is None:
                    base = a
                    while steps[base].kind == "view":
                        base = steps[base].args[0]
                    self.stored.add(base if base not in self.stored else a)
                elif position == 1 and found.strides[-1] != 1 and steps[a].shape[-1] != 1:
                    self.stored.add(a)
        elif step.kind in ("call", "random"):
            self.stored.update(step.args)
        elif step.kind == "take":
            if access(self.program, step.args[0], self.stored) is None:
                self.stored.add(step.args[0])
        elif step.kind == "view":
            source = step.args[0]
            if access(self.program, number, self.stored - {number}) is None and (
                same_dims(step, steps[source]) is None or self._repeats(number)
            ):
                self.stored.add(source)

    def _repeats(self, number: int) -> bool:
        """Whether a view shows computed values several times, so that they are better computed once."""
        step, source = self.program.steps[number], self.program.steps[self.program.steps[number].args[0]]
        _, strides = step.attrs
        spread = any(s == 0 and n != 1 for s, n in zip(strides, step.shape, strict=True))
        return spread and source.kind in ("pointwise", "take")

    # -- which are computed together ---------------------------------------------------------------------------------

    def leaves(self, number: int, aligned: bool, found: dict[int, bool]) -> dict[int, bool]:
        """Stored steps that a step reads, and whether each is only read at the very place that is computed."""
        for a in self.program.steps[number].args:
            step = self.program.steps[number]
            straight = aligned and step.kind == "pointwise"
            if a in self.stored:
                found[a] = found.get(a, True) and straight and self.program.steps[a].shape == step.shape
            else:
                source = access(self.program, a, self.stored)
                if source is not None:
                    found[source.number] = False
                else:
                    self.leaves(a, straight, found)
        return found

    def group(self) -> None:
        """Put every stored step into a kernel: its own, or the latest that it can join."""
        steps = self.program.steps
        for n in self._early_first():
            step = steps[n]
            if n not in self.stored or step.kind == "input":
                continue
            if step.kind in ("product", "reduce", "scatter", "call", "random"):
                self._open(n, Kernel(n, step.shape, [n]))
                continue
            found = self.leaves(n, True, {})
            homes = {a: self.home[a] for a in found if a in self.home}
            latest = max(homes.values(), default=-1)
            for k in range(len(self.kernels) - 1, max(latest - 1, -1), -1):
                if self._may_join(n, self.kernels[k], k, found, homes):
                    self.kernels[k].roots.append(n)
                    self.home[n] = k
                    break
            else:
                self._open(n, Kernel(None, step.shape, [n]))

    def _early_first(self) -> list[int]:
        """The steps, those first that are single numbers made of inputs alone: rates that later kernels want to use."""
        early: set[int] = set()
        for n in self.alive:
            step = self.program.steps[n]
            if step.kind in ("input", "constant") or (
                step.kind == "pointwise" and not step.shape and early.issuperset(step.args)
            ):
                early.add(n)
        return sorted(self.alive, key=lambda n: (n not in early, n))

    def _open(self, number: int, kernel: Kernel) -> None:
        self.home[number] = len(self.kernels)
        self.kernels.append(kernel)

    def _may_join(self, n: int, kernel: Kernel, k: int, found: dict[int, bool], homes: dict[int, int]) -> bool:
        step = self.program.steps[n]
        if kernel.shape != step.shape:
            return False
        if any(home == k and not found[a] for a, home in homes.items()):
            return False
        if kernel.core is None:
            return True
        core = self.program.steps[kernel.core]
        # A view of another order would have to be written across the tile.
        return core.kind in ("product", "reduce") and not core.op.startswith("arg") and k in homes.values()

    # -- in which order, and where -----------------------------------------------------------------------------------

    def order(self) -> Plan:
        """Sort the kernels, and let final values be written where they belong wherever no reader comes later."""
        count = len(self.kernels)
        before: list[set[int]] = [set() for _ in range(count)]
        reads: dict[int, dict[int, bool]] = {}
        for k, kernel in enumerate(self.kernels):
            found: dict[int, bool] = {}
            for root in kernel.roots:
                self.leaves(root, self.program.steps[root].kind == "pointwise", found)
            reads[k] = found
            before[k] |= {self.home[a] for a in found if a in self.home and self.home[a] != k}
        stores: dict[int, list[tuple[str, int]]] = {}
        inputs = {self.program.steps[n].attrs: n for n in self.alive if self.program.steps[n].kind == "input"}
        guards = {self.home[g] for g in self.guards if g in self.home}
        late: list[tuple[int, int]] = []
        for i, final in self.program.writes:
            k = self.home.get(final)
            old = inputs.get(i)
            if old == final:
                continue
            same = k is not None and (old is None or self.program.steps[old].dtype == self.program.steps[final].dtype)
            if k is None or not same or final in stores or self.program.steps[final].kind == "call":
                late.append((i, final))
                continue
            edges = {r for r in range(count) if old is not None and old in reads[r] and r != k}
            edges |= guards - {k}
            aligned = old is None or reads[k].get(old, True)
            trial = [b | (edges if j == k else set()) for j, b in enumerate(before)]
            if not aligned or k in guards or _sorted(trial) is None:
                late.append((i, final))
                continue
            before = trial
            stores[final] = [("input", i)]
        ordered = _sorted(before) or list(range(count))
        kernels = [self.kernels[k] for k in ordered]
        for i, final in late:
            kernels.append(Kernel(None, self.program.steps[final].shape, [final]))
            stores.setdefault(final, []).append(("late", i))
        return self._place(kernels, stores, late)

    def _place(
        self, kernels: list[Kernel], stores: dict[int, list[tuple[str, int]]], late: list[tuple[int, int]]
    ) -> Plan:
        steps = self.program.steps
        memory: dict[int, tuple[str, int]] = {}
        for n in self.alive:
            if steps[n].kind == "input":
                memory[n] = ("input", steps[n].attrs)
        lifetimes: dict[int, tuple[int, int]] = {}
        made: dict[int, int] = {}
        for position, kernel in enumerate(kernels):
            for root in kernel.roots:
                made.setdefault(root, position)
        outputs = set(self.program.outputs)
        used: dict[int, int] = {}
        for position, kernel in enumerate(kernels):
            for root in kernel.roots:
                if position > made[root]:
                    used[root] = position
                    continue
                for a in self.leaves(root, False, {}):
                    if made.get(a) != position:
                        used[a] = position
        for n, position in made.items():
            places = stores.setdefault(n, [])
            direct = [p for p in places if p[0] == "input"]
            if direct and n not in outputs:
                memory[n] = direct[0]
                continue
            last = len(kernels) if n in outputs else used.get(n)
            if last is not None or steps[n].kind in ("scatter", "call", "random"):
                lifetimes[n] = (position, position if last is None else last)
                memory[n] = ("arena", n)
                places.append(("arena", n))
            elif not places:
                # Only used inside its own kernel: it never reaches memory.
                places.clear()
        return Plan(self.program, kernels, stores, memory, lifetimes)


def _sorted(before: list[set[int]]) -> list[int] | None:
    """Kernels in an order that respects what comes before what, the lowest number first; None if there is a circle."""
    done: list[int] = []
    waiting = set(range(len(before)))
    finished: set[int] = set()
    while waiting:
        ready = [k for k in waiting if before[k] <= finished]
        if not ready:
            return None
        k = min(ready)
        done.append(k)
        finished.add(k)
        waiting.discard(k)
    return done


def plan(program: Program, guards: tuple[int, ...] = ()) -> Plan:
    """Plan a program.

    Args:
        program: The program.
        guards: Steps before which nothing outside may be written, such as the loss.
    """
    planner = _Planner(program, guards)
    planner.choose_memory()
    planner.group()
    return planner.order()


def rewrite_transposed_products(program: Program) -> Program:
    """(A B)' becomes B' A', where only the transpose is used, so that it is written in order."""
    alive = program.alive()
    uses: dict[int, list[int]] = {n: [] for n in alive}
    for n in alive:
        for a in program.steps[n].args:
            uses[a].append(n)
    result = Program()
    renamed: dict[int, int] = {}
    for n in alive:
        step = program.steps[n]
        args = tuple(renamed[a] for a in step.args)
        source = program.steps[step.args[0]] if step.kind == "view" else None
        if (
            source is not None
            and source.kind == "product"
            and len(source.shape) == 2
            and uses[step.args[0]] == [n]
            and step.shape == source.shape[::-1]
            and same_dims(step, source) == [1, 0]
        ):
            left, right = (_transposed(result, renamed[a]) for a in source.args)
            renamed[n] = result.add("product", "", (right, left), (), step.shape, step.dtype)
        else:
            renamed[n] = result.add(step.kind, step.op, args, step.attrs, step.shape, step.dtype)
        result.notes[renamed[n]] = program.notes.get(n, "")
    result.outputs = [renamed[o] for o in program.outputs]
    result.writes = [(i, renamed[s]) for i, s in program.writes]
    return result


def _transposed(program: Program, number: int) -> int:
    step = program.steps[number]
    if step.kind == "view":
        offset, strides = step.attrs
        source = program.steps[step.args[0]]
        turned = (offset, strides[::-1])
        plain = tuple(0 if n == 1 else s for n, s in zip(source.shape, row_major(source.shape), strict=True))
        if step.shape[::-1] == source.shape and strides[::-1] == plain and offset == 0:
            return step.args[0]
        return program.add("view", "", step.args, turned, step.shape[::-1], step.dtype)
    strides = tuple(0 if n == 1 else s for n, s in zip(step.shape, row_major(step.shape), strict=True))
    return program.add("view", "", (number,), (0, strides[::-1]), step.shape[::-1], step.dtype)
