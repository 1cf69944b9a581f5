"""One program for any number of rows, found by comparing two programs traced at different numbers.

Every number in the two programs is either the same, or the same affine function of the number of rows, or a constant
divided by it. What fits none of these makes the program one for its exact shapes.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.compiler.program import Program, ProgramBuilder, Step
from backlit.graph.graph import Graph

# The numbers of rows at which programs are traced: large, so that no part of fixed size is cut short, one odd and one
# even, so that a program that divides them differs. A size of a network that coincides with one of them does no harm.
SAMPLES = (1021, 1046)
# No numbers of programs but those that are not affine are so far from a multiple of the rows, and from 0.
_MOST_OFFSET, _MOST_SHARE = 2**16, 64


class NotUniform(Exception):
    """The two programs differ in more than the number of rows."""


@dataclass(frozen=True)
class Affine:
    """`scale * rows + offset`."""

    scale: Any
    offset: Any = 0

    def at(self, rows: int) -> Any:
        """The number for so many rows."""
        return at(self.scale, rows) * rows + at(self.offset, rows)

    def __add__(self, other: Any) -> "Affine":
        if isinstance(other, Affine):
            return Affine(self.scale + other.scale, self.offset + other.offset)
        return Affine(self.scale, self.offset + other)

    __radd__ = __add__

    def __mul__(self, other: int) -> "Affine":
        return Affine(self.scale * other, self.offset * other)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return f"{'' if self.scale == 1 else self.scale}r{f'+{self.offset}' if self.offset else ''}"


@dataclass(frozen=True)
class Inverse:
    """`scale / rows`."""

    scale: float

    def at(self, rows: int) -> float:
        """The number for so many rows."""
        return self.scale / rows

    def __str__(self) -> str:
        return f"{self.scale}/r"


# A program has few of them, many times; the same object is equal to itself without a look at its parts.
_affine = functools.lru_cache(typed=True)(Affine)


def at(value: Any, rows: int) -> Any:
    """A number of a program for so many rows."""
    return value.at(rows) if isinstance(value, (Affine, Inverse)) else value


def uniform(first: Program, second: Program) -> Program:
    """The program of which these two are the instances at `SAMPLES`.

    Raises:
        NotUniform: There is none.
    """
    result = ProgramBuilder()
    numbers = first.alive()
    others = second.alive()
    if len(numbers) != len(others) or len(first.outputs) != len(second.outputs):
        raise NotUniform
    renamed: dict[int, int] = {}
    same: dict[int, int] = {}
    for a, b in zip(numbers, others, strict=True):
        one, two = first.steps[a], second.steps[b]
        fits = (one.kind, one.op, one.dtype) == (two.kind, two.op, two.dtype)
        if not fits or [same[x] for x in one.args] != list(two.args):
            raise NotUniform
        same[a] = b
        renamed[a] = result.add(
            one.kind,
            one.op,
            tuple(renamed[x] for x in one.args),
            _match(one.attrs, two.attrs),
            _match(one.shape, two.shape),
            one.dtype,
        )
        result.notes[renamed[a]] = first.notes.get(a, "")
    if tuple(same[o] for o in first.outputs) != second.outputs:
        raise NotUniform
    if tuple((i, same[s]) for i, s in first.writes) != second.writes:
        raise NotUniform
    return result.finished((renamed[o] for o in first.outputs), ((i, renamed[s]) for i, s in first.writes))


def _match(a: Any, b: Any) -> Any:
    if a == b or (a != a and b != b):
        return a
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return tuple([_match(x, y) for x, y in zip(a, b, strict=True)])
    if isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool):
        low, high = SAMPLES
        if isinstance(a, int) and isinstance(b, int):
            scale, rest = divmod(b - a, high - low)
            offset = a - scale * low
            # A number that grows with the square of the rows, as pairs of rows do, would have a large one.
            if not rest and not abs(offset) > max(_MOST_OFFSET, _MOST_SHARE * abs(scale)):
                return _affine(scale, offset)
        elif math.isclose(a / low, b / high, rel_tol=1e-12):
            return _affine(a / low)
        if math.isclose(a * low, b * high, rel_tol=1e-12):
            return Inverse(a * low)
    raise NotUniform


def agree(first: Graph, second: Graph, third: Graph, rows: int) -> None:
    """Check that a third trace, at so many rows, is what those at `SAMPLES` lead one to expect.

    Raises:
        NotUniform: It is not: the function does something else for so many rows.
    """
    if not len(first) == len(second) == len(third):
        raise NotUniform
    for one, two, three in zip(first.nodes, second.nodes, third.nodes, strict=True):
        if one.operation is not three.operation or two.operation is not three.operation:
            raise NotUniform
        parts = [
            (*n.inputs, *n.settings.items(), *(r.shape for r in n.results), *(r.dtype for r in n.results))
            for n in (one, two, three)
        ]
        if len(parts[0]) != len(parts[2]):
            raise NotUniform
        for a, b, c in zip(*parts, strict=True):
            if not (a is b is c or _same(_match(a, b), c, rows)):
                raise NotUniform
    ends = [(g.arguments, g.states, g.outputs, g.writes, g.grads) for g in (first, second, third)]
    if ends[0] != ends[2]:
        raise NotUniform


def _same(pattern: Any, value: Any, rows: int) -> bool:
    if isinstance(pattern, tuple) and isinstance(value, tuple) and len(pattern) == len(value):
        return all(_same(p, v, rows) for p, v in zip(pattern, value, strict=True))
    expected = at(pattern, rows)
    if isinstance(expected, float) and isinstance(value, float):
        return math.isclose(expected, value, rel_tol=1e-9) or (value != value and expected != expected)
    return type(expected) is type(value) and bool(np.all(expected == value))


def has_room(pad: Step, source: Step, rows: int) -> bool:
    """Whether what a pad puts a border around is inside of it, for so many rows."""
    lows, strides, _ = pad.attrs
    sides = zip(lows, strides, source.shape, pad.shape, strict=True)
    return all(
        at(low, rows) >= 0 and at(low, rows) + stride * (at(n, rows) - 1) < max(at(size, rows), 1)
        for low, stride, n, size in sides
    )


def stays_inside(program: Program, rows: int) -> bool:
    """Whether, for so many rows, no size is negative and no view reaches beyond its source.

    A part of fixed size, such as `x[:8]`, is there only for enough rows. Of what has no elements, such as `x[2:]` of
    two rows, nothing can be read in place of what is outside of it.
    """
    for step in program.steps:
        shape = [at(n, rows) for n in step.shape]
        if shape and min(shape) < 0:
            return False
        if step.kind == "pad" and not has_room(step, program.steps[step.args[0]], rows):
            return False
        if step.kind in ("pad", "take") and 0 in [at(n, rows) for n in program.steps[step.args[0]].shape]:
            return False
        if step.kind != "view" or 0 in shape:
            continue
        first = last = at(step.attrs[0], rows)
        for size, stride in zip(shape, step.attrs[1], strict=True):
            reach = (size - 1) * at(stride, rows)
            if reach > 0:
                last += reach
            else:
                first += reach
        if first < 0 or last >= math.prod([at(n, rows) for n in program.steps[step.args[0]].shape]):
            return False
    return True
