"""The loop-level program: few kinds of steps, into which every operation's forward rule is lowered.

A step's value is an array in row-major order of its own shape. A `ProgramBuilder` collects steps; the `Program` that it
makes never changes. Passes (`compiler.passes`) make a better program of one, checked by `compiler.verify`.

Kinds:

- "input": an array from outside; `attrs` is its number.
- "constant": one number; `attrs` is it.
- "iota": along its one dimension, the index itself.
- "pointwise": `op` on arguments of the step's own shape.
- "view": element i of the step is element `offset + sum(strides * i)` of the argument; `attrs` is (offset, strides).
- "pad": element i of the step is element (i - lows) / steps of the argument where there is one, else a number; `attrs`
  is (lows, steps, number).
- "join": the arguments one after the other along dimension `attrs`.
- "reduce": `op` ("sum", "max", "min", "prod", "argmax", "argmin") over dimensions `attrs`, which are no longer there.
- "product": batches of matrices (*, m, k) and (*, k, n).
- "take": elements of the first argument; the others, index arrays of one shape, stand in for its neighbouring
  dimensions `attrs`. With op "inside" the indices are known to be within the bounds and not looked at.
- "scatter": the first argument with the second added ("add") or put ("set") at the places that the others name in the
  same way.
- "scan": `op` of the argument's element and of the result at the place before it, along dimension `attrs`.
- "random": words of `xp.random_bits` from the argument, a generator's state.
- "measure": `op` ("moments" or "at_least") of `xp`, a row for each array.
- "call": the forward rule itself, called back; `attrs` is (primitive, arguments' places and numbers, settings, result).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One step; see the module's text for the kinds."""

    kind: str
    op: str
    args: tuple[int, ...]
    attrs: Any
    shape: tuple[Any, ...]
    dtype: str

    def __str__(self) -> str:
        words = ", ".join([f"%{a}" for a in self.args])
        extra = f" {self.attrs}" if self.attrs not in ((), None) else ""
        shape = ", ".join(map(str, self.shape))
        return f"{self.kind} {self.op}({words}){extra} : {self.dtype}[{shape}]".replace(" (", "(")

    def reading(self, args: tuple[int, ...]) -> "Step":
        """The same step of other arguments."""
        return self if args == self.args else Step(self.kind, self.op, args, self.attrs, self.shape, self.dtype)

    def type(self) -> str:
        """Element type and shape in words."""
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Program:
    """Steps in the order of execution, with what must be computed in the end.

    Attributes:
        steps: The steps.
        outputs: Steps whose values are returned.
        writes: (input number, step): the final values of inputs that the program changes.
        notes: For each step, the operations (graph nodes) it came from, for `explain`.
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...] = ()
    writes: tuple[tuple[int, int], ...] = ()
    notes: Mapping[int, str] = field(default_factory=dict, compare=False)

    def ends(self) -> list[int]:
        """Every step that must be computed."""
        return [*self.outputs, *(step for _, step in self.writes)]

    @cached_property
    def users(self) -> tuple[tuple[int, ...], ...]:
        """For each step, the steps that have it as an argument, each once an argument."""
        found: list[list[int]] = [[] for _ in self.steps]
        for number, step in enumerate(self.steps):
            for argument in step.args:
                found[argument].append(number)
        return tuple(map(tuple, found))

    def alive(self) -> list[int]:
        """Numbers of the steps that contribute to the ends, in order."""
        seen = set(self.ends())
        for number in range(len(self.steps) - 1, -1, -1):
            if number in seen:
                seen.update(self.steps[number].args)
        return sorted(seen)

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        lines = [f"%{number} = {step}" for number, step in enumerate(self.steps)]
        lines += [f"write input {i} := %{step}" for i, step in self.writes]
        return "\n".join([*lines, "return " + ", ".join(f"%{o}" for o in self.outputs)])


class ProgramBuilder:
    """Collects the steps of a program.

    Args:
        program: A program to go on from.

    Attributes:
        steps: The steps so far.
        notes: For each step, where it came from.
    """

    def __init__(self, program: Program | None = None) -> None:
        self.steps: list[Step] = [] if program is None else list(program.steps)
        self.notes: dict[int, str] = {} if program is None else dict(program.notes)

    def add(self, kind: str, op: str, args: tuple[int, ...], attrs: Any, shape: tuple[Any, ...], dtype: str) -> int:
        """Add a step; returns its number."""
        return self.append(Step(kind, op, args, attrs, tuple(shape), dtype))

    def append(self, step: Step, note: str = "") -> int:
        """Add a step that exists already; returns its number."""
        number = len(self.steps)
        self.steps.append(step)
        if note:
            self.notes[number] = note
        return number

    def finished(self, outputs: Iterable[int] = (), writes: Iterable[tuple[int, int]] = ()) -> Program:
        """The program of these steps."""
        return Program(tuple(self.steps), tuple(outputs), tuple(writes), self.notes)


def row_major(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """Strides, in elements, of an array of `shape` without gaps."""
    strides = [1] * len(shape)
    for d in range(len(shape) - 1, 0, -1):
        strides[d - 1] = strides[d] * shape[d]
    return tuple(strides)


def plain_strides(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same, with 0 for dimensions of size 1, whose strides say nothing: those that views note."""
    return tuple([0 if n == 1 else s for n, s in zip(shape, row_major(shape), strict=True)])
