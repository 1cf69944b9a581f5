"""How passes make a program of a program: step by step, each kept or replaced by one of the same value."""

from collections.abc import Callable, Iterable
from typing import Any

from backlit.compiler.program import Program, ProgramBuilder, Step, plain_strides

# Given what is built so far, a step whose arguments are in there, and its number in the old program: a step of the same
# value, or None to keep this one.
Rule = Callable[["Rewriter", Step, int], int | None]


class Rewriter(ProgramBuilder):
    """A builder with the steps that rules need most."""

    def like(self, step: Step, kind: str, op: str, args: tuple[int, ...], attrs: Any = ()) -> int:
        """A step of the shape and type of another one."""
        return self.add(kind, op, args, attrs, step.shape, step.dtype)

    def pointwise(self, op: str, *args: int, dtype: str | None = None) -> int:
        """An elementwise step; its type is that of its last argument unless it is named."""
        last = self.steps[args[-1]]
        return self.add("pointwise", op, args, (), last.shape, dtype or last.dtype)

    def constant(self, value: Any, like: Step) -> int:
        """One number, in the shape and type of a step."""
        return self.like(like, "constant", "", (), value)

    def view(self, number: int, offset: Any, strides: tuple[Any, ...], shape: tuple[Any, ...]) -> int:
        """A view of a step, which is the step itself if all of it is seen as it is."""
        source = self.steps[number]
        if offset == 0 and shape == source.shape and strides == plain_strides(shape):
            return number
        return self.add("view", "", (number,), (offset, strides), shape, self.steps[number].dtype)


def rewritten(program: Program, rule: Rule) -> Program:
    """The program with each step replaced as the rule says; the very same if it says nothing."""
    builder = Rewriter()
    renamed: list[int] = []
    changed = False
    for number, step in enumerate(program.steps):
        # Up to the first change all steps have their old numbers.
        if changed and step.args:
            step = step.reading(tuple([renamed[a] for a in step.args]))
        before = len(builder.steps)
        found = rule(builder, step, number)
        note = program.notes.get(number, "")
        if found is None:
            renamed.append(builder.append(step, note))
            continue
        changed = True
        renamed.append(found)
        if note:
            builder.notes.update(dict.fromkeys(range(before, len(builder.steps)), note))
    return _finished(builder, program, renamed) if changed else program


def kept(program: Program, numbers: Iterable[int]) -> Program:
    """The program of some of its steps."""
    builder = Rewriter()
    renamed: dict[int, int] = {}
    for number in numbers:
        step = program.steps[number]
        step = step.reading(tuple([renamed[a] for a in step.args]))
        renamed[number] = builder.append(step, program.notes.get(number, ""))
    return _finished(builder, program, renamed)


def _finished(builder: Rewriter, program: Program, renamed: Any) -> Program:
    outputs, writes = program.outputs, program.writes
    return builder.finished((renamed[o] for o in outputs), ((i, renamed[s]) for i, s in writes))
