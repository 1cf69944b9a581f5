"""How a step's elements are found in the memory of another, through views."""

from collections.abc import Container
from typing import Any, NamedTuple

from backlit.compiler.program import Program, Step, plain_strides, row_major


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


class Access(NamedTuple):
    """Where the elements of a step are found in memory: a stored step, an offset and strides."""

    number: int
    offset: Any
    strides: tuple[Any, ...]


def access(program: Program, number: int, stored: Container[int]) -> Access | None:
    """How a step can be read from the memory of a stored one, through views; None if it cannot."""
    step = program.steps[number]
    if number in stored:
        return Access(number, 0, plain_strides(step.shape))
    if step.kind != "view":
        return None
    below = access(program, step.args[0], stored)
    if below is None:
        return None
    seen = composed(program.steps[step.args[0]].shape, below.offset, below.strides, step)
    return None if seen is None else Access(below.number, *seen)


def composed(shape: tuple[Any, ...], offset: Any, strides: tuple[Any, ...], view: Step) -> Any:
    """A view of what is itself read with an offset and strides, as one: offset, strides; None if it is none.

    Args:
        shape: The shape of what the view looks at.
        offset: Where the elements of that are found.
        strides: The same.
        view: The view.
    """
    own_offset, own = view.attrs
    plain = plain_strides(shape)
    if strides == plain:
        return offset + own_offset, own
    if own_offset != 0:
        return None
    through: list[Any] = []
    for size, stride in zip(view.shape, own, strict=True):
        if stride == 0:
            through.append(0)
            continue
        match = [d for d, s in enumerate(plain) if s == stride and shape[d] == size]
        if not match:
            return None
        through.append(strides[match[0]])
    return offset, tuple(through)
