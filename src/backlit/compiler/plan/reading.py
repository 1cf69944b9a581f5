"""How a step's elements are found in the memory of another, through views."""

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

from backlit.compiler.program import Program, Step, plain_strides, row_major

# Stands for the last of the rows, of which a program knows no number.
EVERY = -1


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


def composed(
    shape: tuple[Any, ...], offset: Any, strides: tuple[Any, ...], view: Step
) -> tuple[Any, tuple[Any, ...]] | None:
    """A view of what is itself read with an offset and strides, as one: offset, strides; None if it is none.

    Args:
        shape: The shape of what the view looks at.
        offset: Where the elements of that are found.
        strides: The same.
        view: The view.
    """
    if strides == plain_strides(shape):
        return offset + view.attrs[0], view.attrs[1]
    found = sight(shape, view)
    return None if found is None else found.read(offset, strides)


class Sight(NamedTuple):
    """Which part of an array a view shows, along each of its dimensions.

    Attributes:
        begins: Where the first element is.
        lows: The smallest place; in a dimension along the rows, 0.
        highs: The largest; in a dimension along the rows, 0, or `EVERY` if all of it is seen.
        moves: For each dimension of the view, along which it goes in what steps; None if it stays.
    """

    begins: tuple[int, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    moves: tuple[tuple[int, int] | None, ...]

    def read(self, offset: Any, strides: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        """The offset and strides of the view where those of the array are these."""
        own = tuple(0 if move is None else move[1] * strides[move[0]] for move in self.moves)
        return offset + sum(n * s for n, s in zip(self.begins, strides, strict=True) if n), own


def sight(shape: tuple[Any, ...], view: Step) -> Sight | None:
    """What a view shows of an array of this shape; None where its steps are along no one dimension."""
    rest, own = view.attrs
    plain = plain_strides(shape)
    if rest != 0 and not all(isinstance(n, int) for n in (rest, *plain)):
        return None
    lows = [0] * len(shape)
    for d, s in enumerate(plain):
        if rest != 0 and s != 0:
            lows[d], rest = divmod(rest, s)
    if any(n and not isinstance(size, int) for n, size in zip(lows, shape, strict=True)):
        return None
    begins, highs = tuple(lows), list(lows)
    moves: list[tuple[int, int] | None] = []
    for size, stride in zip(view.shape, own, strict=True):
        if stride == 0:
            moves.append(None)
            continue
        whole = [d for d, s in enumerate(plain) if s == stride and shape[d] == size]
        match = whole or [d for d, s in enumerate(plain) if _divides(s, stride)]
        if not match:
            return None
        d = match[0]
        times = 1 if whole else stride // plain[d]
        moves.append((d, times))
        if isinstance(size, int) and isinstance(shape[d], int):
            lows[d] += min(times * (size - 1), 0)
            highs[d] += max(times * (size - 1), 0)
        elif not whole or (lows[d], highs[d]) != (0, 0):
            # Along the rows all of it is seen, once.
            return None
        else:
            highs[d] = EVERY
    known = [d for d, n in enumerate(shape) if isinstance(n, int) and plain[d] != 0]
    if any(lows[d] < 0 or highs[d] >= shape[d] for d in known):
        return None
    return Sight(begins, tuple(lows), tuple(highs), tuple(moves))


def _divides(plain: Any, stride: Any) -> bool:
    """Whether a stride is some steps along a dimension."""
    whole = isinstance(plain, int) and isinstance(stride, int) and plain != 0
    return whole and plain <= abs(stride) and stride % plain == 0
