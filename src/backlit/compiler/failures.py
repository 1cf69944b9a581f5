"""What machine code can find wrong while it runs: it notes a number in the status, which becomes an error."""

from backlit.compiler.program import Step
from backlit.errors import BacklitError, IndexRangeError, NonFiniteError

INDEX, DIVISION = 1, 2


def can_fail(step: Step) -> bool:
    """Whether a step can find something wrong in its arguments."""
    if step.kind == "pointwise":
        return step.op in ("floor_divide", "remainder", "fmod") and step.dtype[0] != "f"
    return step.kind in ("call", "scatter") or (step.kind == "take" and step.op != "inside")


def error_of(status: int) -> BacklitError:
    """The error that a status stands for."""
    if status == DIVISION:
        return NonFiniteError(
            "a compiled program was to divide integers by zero; convert them with .float() first, or keep zeros out"
        )
    return IndexRangeError("a compiled program was given an index that is out of range: a label or a row number")
