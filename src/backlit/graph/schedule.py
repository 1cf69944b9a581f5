"""Steps of schedulers inside a traced program, and the table of numbers that they leave for it.

Such steps depend on numbers of Python's alone, so Python takes them all before each run of the program. Every tensor
that a step sets has a stand-in for each step after which the program reads it, and one for the value before the first
step: together the table, which is filled as the steps are taken. The tensors themselves have their last values then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backlit.core.stepped import Stepped
from backlit.core.tensor_base import TensorBase, make
from backlit.errors import GraphError

# Tensors and their stand-ins after one step.
_Row = list[tuple[TensorBase, TensorBase]]


class Outdated(GraphError):
    """A step changed more than numbers since it was traced: the program after it is another one."""


@dataclass
class _Step:
    stepped: Stepped
    method: Callable[..., None]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    tensors: tuple[TensorBase, ...] = ()
    edits: int = 0
    row: _Row = field(default_factory=list)

    def take(self) -> int:
        """Take the step; the number of its edits."""
        before = self.stepped.step_edits()
        self.method(self.stepped, *self.args, **self.kwargs)
        return self.stepped.step_edits() - before

    def is_current(self) -> bool:
        tensors = tuple(self.stepped.step_tensors())
        return len(tensors) == len(self.tensors) and all(a is b for a, b in zip(tensors, self.tensors, strict=True))

    def __str__(self) -> str:
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"{type(self.stepped).__name__}.step({', '.join(given)})"


class Schedule:
    """The steps inside one traced program, in their order."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._first: _Row = []
        # The latest step that sets the memory of this identity.
        self._latest: dict[int, _Step] = {}
        self._undo: list[Callable[[], None]] = []
        self._outdated = False
        self._error: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self._steps)

    def __str__(self) -> str:
        return ", ".join(map(str, self._steps))

    # -- while the program is traced ---------------------------------------------------------------------------------

    def add(
        self, stepped: Stepped, method: Callable[..., None], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Take a step for the rest of the trace; `put_back` undoes it.

        What the program reads of Python's after the step, such as a count, is as it would be.
        """
        if all(stepped is not step.stepped for step in self._steps):
            self._undo.append(stepped.step_undo())
        step = _Step(stepped, method, args, kwargs)
        try:
            step.edits = step.take()
        except Exception as error:
            self._error = error
            raise
        step.tensors = tuple(stepped.step_tensors())
        self._steps.append(step)
        self._latest |= {id(tensor._storage): step for tensor in step.tensors}

    def raise_error(self) -> None:
        """Raise what a step has raised, also where the function has caught it: no run would be told."""
        if self._error is not None:
            raise self._error

    def put_back(self) -> None:
        """Undo all steps, at the end of the trace."""
        while self._undo:
            self._undo.pop()()

    def sets(self, tensor: TensorBase) -> bool:
        """Whether a step so far sets a tensor."""
        return id(tensor._storage) in self._latest

    def stand_in(self, tensor: TensorBase) -> tuple[TensorBase, str]:
        """What holds the value of a tensor that the latest step has set, and its name."""
        step = self._latest[id(tensor._storage)]
        number = next(n for n, one in enumerate(step.tensors) if one is tensor)
        place = next(n for n, one in enumerate(self._steps) if one is step)
        return _stand_in(step.row, tensor), f"rate {number} after step {place}, {step}"

    def at_first(self, tensor: TensorBase) -> TensorBase:
        """What holds the value of a tensor before the first step: itself, unless a step sets it."""
        return _stand_in(self._first, tensor) if self.sets(tensor) else tensor

    def facts(self, states: Sequence[TensorBase]) -> tuple[Any, ...]:
        """What two programs must have in common whose graphs are the same, given the outside tensors they read."""
        places = {id(state): place for place, state in enumerate(states)}
        stepped = [step.stepped for step in self._steps]
        rows = [self._first, *(step.row for step in self._steps)]
        return (
            tuple((str(step), next(i for i, s in enumerate(stepped) if s is step.stepped)) for step in self._steps),
            tuple(tuple(places.get(id(stand_in)) for _, stand_in in row) for row in rows),
        )

    # -- when it runs ------------------------------------------------------------------------------------------------

    def is_current(self) -> bool:
        """Whether the steps would set the tensors that they set while the program was traced."""
        return not self._outdated and all(step.is_current() for step in self._steps)

    def undo(self) -> Callable[[], None]:
        """A function that undoes the steps that are taken from now on."""
        distinct = {id(step.stepped): step.stepped for step in self._steps}
        undo = [stepped.step_undo() for stepped in distinct.values()]

        def put_back() -> None:
            for one in reversed(undo):
                one()

        return put_back

    def take(self) -> Callable[[], None]:
        """Take all steps, and fill the table with what they set.

        Returns:
            A function that undoes them, for a program that fails.

        Raises:
            Outdated: A step changed something else than numbers that the program reads after it. It is undone, as all
                steps are when one of them raises.
        """
        put_back = self.undo()
        last_read = max((n for n, step in enumerate(self._steps) if step.row), default=-1)
        try:
            _fill(self._first)
            for number, step in enumerate(self._steps):
                edits = step.take()
                if edits != step.edits and number <= last_read:
                    self._outdated = True
                    raise Outdated(
                        f"{step} changed other options of its optimizer than when the program was traced; call it "
                        "outside of the traced function"
                    )
                _fill(step.row)
        except BaseException:
            put_back()
            raise
        return put_back


def _stand_in(row: _Row, tensor: TensorBase) -> TensorBase:
    for known, stand_in in row:
        if known is tensor:
            return stand_in
    stand_in = make(np.array(tensor._array))
    row.append((tensor, stand_in))
    return stand_in


def _fill(row: _Row) -> None:
    for tensor, stand_in in row:
        np.copyto(stand_in._array, tensor._array)
