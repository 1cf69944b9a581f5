"""All stages of planning, one after the other."""

from backlit.compiler.plan.draft import Draft
from backlit.compiler.plan.grouping import group
from backlit.compiler.plan.memory import choose_memory
from backlit.compiler.plan.ordering import order, with_copies
from backlit.compiler.plan.result import Plan
from backlit.compiler.program import Program


def plan(program: Program, guards: tuple[int, ...] = ()) -> Plan:
    """Plan a program.

    Args:
        program: The program.
        guards: Steps before which nothing outside may be written, such as the loss.
    """
    draft = Draft(with_copies(program))
    choose_memory(draft)
    group(draft)
    return order(draft, guards)
