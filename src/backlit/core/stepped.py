"""What sets numbers by steps that it counts, as a scheduler does: a traced program leaves these steps to Python."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from backlit.core.modes import STATE
from backlit.core.stateful import Stateful
from backlit.core.tensor_base import TensorBase, no_program

# On functions that hand a step over to a trace.
_MARK = "hands_over"


class Stepped(ABC):
    """Base of what has a method `step` that sets 0-d tensors, such as rates, from Python numbers alone.

    While a program is traced, a call of `step` is handed to the trace: Python takes the step before each run, and the
    program reads the numbers from a table.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        step = getattr(cls, "step", None)
        # One that comes from a class beside this one is as good as an own.
        if isinstance(step, FunctionType) and _MARK not in vars(step):
            cls.step = _handed_over(step)  # type: ignore[attr-defined]

    @abstractmethod
    def step_owner(self) -> Stateful:
        """Whose tensors a step sets."""

    @abstractmethod
    def step_tensors(self) -> Iterable[TensorBase]:
        """The tensors that a step may set, in a fixed order."""

    @abstractmethod
    def step_edits(self) -> int:
        """Number of edits so far, by steps or others, that make a trace of what the owner does out of date."""

    @abstractmethod
    def step_undo(self) -> Callable[[], None]:
        """A function that leaves this object and its owner as they are now, for after steps that shall not count."""


def untraced(done: str) -> None:
    """Raise unless no program is traced, or it is and a step is being taken.

    Args:
        done: What is about to be done, such as "SGD: lr was read".

    Raises:
        GraphError: A program is traced.
    """
    if STATE.trace is not None and not STATE.trace.stepping:
        raise no_program(
            f"{done} inside a traced program, which would not see it change; do so outside: only a "
            "scheduler's step() can be called inside"
        )


def _handed_over(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def handed_over(self: Any, *args: Any, **kwargs: Any) -> Any:
        trace = STATE.trace
        if trace is None or trace.stepping:
            return step(self, *args, **kwargs)
        if any(isinstance(a, TensorBase) for a in (*args, *kwargs.values())):
            raise no_program(
                f"{type(self).__name__}.step was given a tensor inside a traced program, whose value is "
                "known only after its run; return it, and call step outside with what a call returns, as Trainer does"
            )
        trace.take_step(self, step, args, kwargs)
        return None

    vars(handed_over)[_MARK] = True
    return handed_over
