"""The loop-level program: few kinds of steps, into which every operation's forward rule is lowered.

A step's value is an array in row-major order of its own shape. Steps are shared: adding one that exists gives the
existing number, so common sub-expressions never appear twice.

Kinds:

- "input": an array from outside; `attrs` is its number.
- "constant": one number; `attrs` is it.
- "iota": along dimension `attrs[0]`, the index itself.
- "pointwise": `op` on arguments of the step's own shape.
- "view": element i of the step is element `offset + sum(strides * i)` of the argument; `attrs` is (offset, strides).
- "reduce": `op` ("sum", "max", "min", "prod", "argmax", "argmin") over dimensions `attrs`, which the shape no longer has.
- "product": batches of matrices (*, m, k) and (*, k, n).
- "take": elements of the first argument; the others, index arrays of one shape, stand in for its neighbouring
  dimensions `attrs`. With op "inside" the indices are known to be within the bounds and not looked at.
- "scatter": the first argument with the second added ("add") or put ("set") at the places that the others name in the
  same way.
- "random": words of `xp.random_bits` from the argument, a generator's state.
- "call": the forward rule itself, called back; `attrs` is (primitive, arguments' places and numbers, settings, result).
"""

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step; see the module's text for the kinds."""

    kind: str
    op: str
    args: tuple[int, ...]
    attrs: Any
    shape: tuple[Any, ...]
    dtype: str

    def __str__(self) -> str:
        words = ", ".join(f"%{a}" for a in self.args)
        extra = f" {self.attrs}" if self.attrs not in ((), None) else ""
        shape = ", ".join(map(str, self.shape))
        return f"{self.kind} {self.op}({words}){extra} : {self.dtype}[{shape}]".replace(" (", "(")


@dataclass
class Program:
    """Steps in the order of execution, with what must be computed in the end.

    Attributes:
        steps: The steps.
        outputs: Steps whose values are returned.
        writes: (input number, step): the final values of inputs that the program changes.
        notes: For each step, the operations (graph nodes) it came from, for `explain`.
    """

    steps: list[Step] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    writes: list[tuple[int, int]] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    _known: dict[Any, int] = field(default_factory=dict)

    def add(self, kind: str, op: str, args: tuple[int, ...], attrs: Any, shape: tuple[Any, ...], dtype: str) -> int:
        """The number of a step, which is added unless it exists."""
        step = Step(kind, op, args, attrs, tuple(shape), dtype)
        # 0.0 and -0.0 are equal, but not the same number.
        key = (step, str(attrs)) if kind in ("constant", "call") else step
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.steps)
            self.steps.append(step)
        return found

    def ends(self) -> list[int]:
        """Every step that must be computed."""
        return [*self.outputs, *(step for _, step in self.writes)]

    def alive(self) -> list[int]:
        """Numbers of the steps that contribute to the ends, in order."""
        seen: set[int] = set()
        stack = list(self.ends())
        while stack:
            number = stack.pop()
            if number not in seen:
                seen.add(number)
                stack.extend(self.steps[number].args)
        return sorted(seen)

    def __str__(self) -> str:
        lines = [f"%{number} = {self.steps[number]}" for number in self.alive()]
        lines += [f"write input {i} := %{step}" for i, step in self.writes]
        return "\n".join([*lines, "return " + ", ".join(f"%{o}" for o in self.outputs)])


def row_major(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """Strides, in elements, of an array of `shape` without gaps."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))
