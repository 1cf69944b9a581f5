"""Common sub-expressions: of equal steps, only the first is computed."""

from typing import Any

from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.program import Program, Step


def merge_equal_steps(program: Program) -> Program:
    """The program with each value computed once."""
    known: dict[Any, int] = {}

    def rule(builder: Rewriter, step: Step, number: int) -> int | None:
        # 1, 1.0 and True are equal, as are 0.0 and -0.0, but they are not the same number.
        key = (step, repr(step.attrs)) if step.kind in ("constant", "pad", "call") else step
        # It is kept under the number that it is about to have.
        found = known.setdefault(key, len(builder.steps))
        return None if found == len(builder.steps) else found

    return rewritten(program, rule)
