"""Phases: what threads do between two meetings.

A kernel goes into the first phase in which all that it reads is there and nobody still reads what it overwrites: at
once where each thread touches its own rows of the batch alone, or one thread does everything; else after a meeting.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from backlit.compiler.costs import Share, Way
from backlit.compiler.plan import Plan, aligned, rows_read, summands_read

Place = tuple[str, int]


class Item(NamedTuple):
    """A kernel, or a stage of it.

    Attributes:
        kernel: Its number in the plan.
        way: How it is computed.
    """

    kernel: int
    way: Way


class Lifetime(NamedTuple):
    """How long a step in the arena has its memory, and who may have it next.

    Attributes:
        first: The first item during which its memory must be its own.
        last: The last one.
        group: Only steps of one group follow each other in a place. Rows that one thread alone touches are followed by
            its own rows of the same size, so that no thread has to fetch what it overwrites from another one.
    """

    first: int
    last: int
    group: str


@dataclass(frozen=True)
class Phases:
    """What threads do between meetings.

    Attributes:
        items: For each phase its items, in order. The last has none where threads meet in the end.
        checks: For each guarded step that not every thread computes for itself, the phase before which its value is
            looked at.
        private: Places of which every thread has its own, with the bytes of each.
        lifetimes: For each step in the arena, how long it has its memory.
    """

    items: tuple[tuple[Item, ...], ...]
    checks: Mapping[int, int]
    private: Mapping[Place, int]
    lifetimes: Mapping[int, Lifetime]


class _Use(NamedTuple):
    """What an item touches, and of each place whether a thread touches its own rows alone."""

    alone: bool
    reads: dict[Place, bool]
    writes: dict[Place, bool]


def phases(plan: Plan, ways: Sequence[Way], guards: Sequence[int], arguments: int) -> Phases:
    """Find the phases of a plan.

    Args:
        plan: The plan.
        ways: How each kernel is computed.
        guards: The steps whose values must be finite before anything outside is written.
        arguments: How many of the inputs, from the first, are rows of batches, which each thread fetches for itself.
    """
    items = [*_items(ways)]
    private = _private(plan, ways)
    uses = [_use(plan, item, private) for item in items]
    fetched = _Use(not any(way.shared for way in ways), {}, {("input", i): True for i in range(arguments)})
    when = _Order(fetched)
    checks: dict[int, int] = {}
    checked, places = 0, []
    for item, use in zip(items, uses, strict=True):
        outside = any(place[0] == "input" for place in use.writes)
        places.append(when.place(use, checked if outside else 0))
        for guard in set(guards).intersection(plan.kernels[item.kernel].roots):
            checked = max(checked, places[-1])
            if item.way.share is not Share.EACH:
                checks[guard] = checked = places[-1] + 1
    outputs = _Use(True, {place: place in private for place in map(plan.memory.__getitem__, plan.program.outputs)}, {})
    end = max(when.place(outputs, 0), *checks.values(), *places, 0)
    found = tuple(tuple(one for one, place in zip(items, places, strict=True) if place == p) for p in range(end + 1))
    order = sorted(range(len(items)), key=lambda n: (places[n], n))
    timeline = [*((places[n], uses[n]) for n in order), (end, outputs)]
    return Phases(found, checks, private, _lifetimes(plan, timeline, private))


def _items(ways: Sequence[Way]) -> Iterator[Item]:
    for number, way in enumerate(ways):
        yield Item(number, way)
        if way.share is Share.PARTS:
            yield Item(number, Way(Share.TOTAL))


def _private(plan: Plan, ways: Sequence[Way]) -> dict[Place, int]:
    """The places that every thread has for itself."""
    kernels = [kernel for kernel, way in zip(plan.kernels, ways, strict=True) if way.share is Share.EACH]
    roots = [root for kernel in kernels for root in kernel.roots]
    return {place: aligned(plan.size(root, 0)) for root in roots for place in plan.stores.get(root, ())}


def _use(plan: Plan, item: Item, private: Mapping[Place, int]) -> _Use:
    kernel = plan.kernels[item.kernel]
    stores = [place for root in kernel.roots for place in plan.stores.get(root, ())]
    share, parts = item.way.share, ("parts", -1 if kernel.core is None else kernel.core)
    if share is Share.ROWS:
        reads, writes = rows_read(plan, kernel), dict.fromkeys(stores, True)
    elif share is Share.PARTS:
        reads, writes = summands_read(plan, kernel), {parts: True}
    else:
        whole = plan.inside(kernel, kernel.core if share is Share.TOTAL else None)[1]
        reads, writes = dict.fromkeys(whole, False), {place: place in private for place in stores}
    found: dict[Place, bool] = {}
    for n, own in reads.items():
        place = plan.memory[n]
        found[place] = found.get(place, True) and (own or place in private)
    if share is Share.TOTAL:
        found[parts] = False
    return _Use(share is Share.ALONE, found, writes)


class _Order:
    """Finds phases one after the other, and remembers who has touched what.

    Args:
        before: What was touched before the first item.
    """

    def __init__(self, before: _Use) -> None:
        self._read: dict[Place, list[tuple[int, bool, bool]]] = {}
        self._written: dict[Place, list[tuple[int, bool, bool]]] = {}
        self._note(before, 0)

    def place(self, use: _Use, least: int) -> int:
        """The phase of what touches this, not before the least."""
        for place, own in use.reads.items():
            least = max(least, self._after(self._written, place, use.alone, own))
        for place, own in use.writes.items():
            least = max(least, *(self._after(of, place, use.alone, own) for of in (self._written, self._read)))
        self._note(use, least)
        return least

    def _after(self, touched: dict[Place, list[tuple[int, bool, bool]]], place: Place, alone: bool, own: bool) -> int:
        """The first phase after those in which others have touched a place."""
        found = 0
        for phase, was_alone, was_own in touched.get(place, ()):
            nobody_waits = (alone and was_alone) or (own and was_own)
            found = max(found, phase if nobody_waits else phase + 1)
        return found

    def _note(self, use: _Use, phase: int) -> None:
        for places, touched in ((use.reads, self._read), (use.writes, self._written)):
            for place, own in places.items():
                touched.setdefault(place, []).append((phase, use.alone, own))


class _Touch(NamedTuple):
    """That an item touches a place."""

    item: int
    phase: int
    alone: bool
    own: bool


def _lifetimes(plan: Plan, order: Sequence[tuple[int, _Use]], private: Container[Place]) -> dict[int, Lifetime]:
    """The lifetimes of all steps in the arena, from the phases and uses of the items in order, and of the outputs."""
    touched: dict[int, list[_Touch]] = {}
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for item, (phase, use) in enumerate(order):
        begins.setdefault(phase, item)
        ends[phase] = item
        for (kind, number), own in (*use.reads.items(), *use.writes.items()):
            if kind == "arena":
                touched.setdefault(number, []).append(_Touch(item, phase, use.alone, own))
    threads = not all(use.alone for _, use in order)
    found = {}
    for number, touches in touched.items():
        own = all(touch.own for touch in touches)
        kept = own and ("arena", number) not in private
        # How far another thread is, none knows before they meet.
        spans = [
            (touch.item, touch.item) if kept or touch.alone else (begins[touch.phase], ends[touch.phase])
            for touch in touches
        ]
        step = plan.program.steps[number]
        rows = f"rows of {step.dtype}{step.shape[1:]}"
        group = "" if not threads else rows if kept else "copies" if own else "common"
        found[number] = Lifetime(min(first for first, _ in spans), max(last for _, last in spans), group)
    return found


def parts_sizes(plan: Plan, ways: Sequence[Way]) -> dict[int, int]:
    """For each core that threads add up in parts, the bytes of one part, in whole lines of the cache."""
    cores = [k.core for k, way in zip(plan.kernels, ways, strict=True) if way.share is Share.PARTS]
    return {core: aligned(plan.size(core, 0)) for core in cores if core is not None}
