"""The passes: each makes a better program of a program, in a file of its own."""

from collections.abc import Callable, Sequence

from backlit.compiler.passes.algebra import simplify
from backlit.compiler.passes.common import merge_equal_steps
from backlit.compiler.passes.constants import fold_constants
from backlit.compiler.passes.dead_code import drop_dead_code
from backlit.compiler.passes.layouts import follow_memory
from backlit.compiler.passes.one_hot import compare_labels
from backlit.compiler.passes.shapes import plain_shapes
from backlit.compiler.passes.transposes import turn_products
from backlit.compiler.program import Program
from backlit.compiler.verify import verify_program

Pass = Callable[[Program], Program]

# In this order.
PASSES: tuple[tuple[str, Pass], ...] = (
    ("dead code", drop_dead_code),
    ("common sub-expressions", merge_equal_steps),
    ("constants", fold_constants),
    ("algebraic rules", simplify),
    ("comparison of labels", compare_labels),
    ("plain shapes", plain_shapes),
    ("layout of images", follow_memory),
    ("layout of transposes", turn_products),
    ("common sub-expressions of what is left", merge_equal_steps),
    ("dead code of what is left", drop_dead_code),
)


def improved(program: Program, passes: Sequence[tuple[str, Pass]] = PASSES) -> Program:
    """The program after all passes, verified before the first and after each that changed something.

    Raises:
        GraphError: A pass made a step that does not fit its arguments; the message names the pass and the step.
    """
    verify_program(program, "lowering")
    for name, apply in passes:
        before, program = program, apply(program)
        if program is not before:
            verify_program(program, name, before)
    return program
