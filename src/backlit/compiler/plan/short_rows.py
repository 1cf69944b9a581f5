"""Short rows: a softmax over ten classes and what surrounds it, computed together.

Reductions along the rows of a matrix of few columns, and steps in which every row is by itself, share a kernel whose
vectors run down the matrix, a row in each lane.
"""

from backlit.compiler.plan.reading import same_dims
from backlit.compiler.program import Program, Step

# With so many columns a matrix still fits into the registers.
_MOST_COLUMNS = 16


def columns(program: Program, number: int) -> int | None:
    """How many columns the matrix has whose short rows a step reduces; None for any other step."""
    step = program.steps[number]
    if step.kind != "reduce" or step.op.startswith("arg") or step.attrs != (1,):
        return None
    shape = program.steps[step.args[0]].shape
    return _few(shape[1]) if len(shape) == 2 else None


def picks_in_row(program: Program, step: Step) -> bool:
    """Whether a step takes one element of each short row."""
    if step.kind != "take" or step.attrs != (0, 1):
        return False
    shape = program.steps[step.args[0]].shape
    return len(shape) == 2 and _few(shape[1]) is not None and counts_rows(program, step.args[1], shape[0])


def _few(size: object) -> int | None:
    return size if isinstance(size, int) and 2 <= size <= _MOST_COLUMNS else None


def counts_rows(program: Program, number: int, rows: object) -> bool:
    """Whether a step's first index is its value."""
    step = program.steps[number]
    if step.kind == "iota":
        return bool(step.shape[0] == rows)
    return (
        step.kind == "view"
        and keeps_row(step, program.steps[step.args[0]])
        and counts_rows(program, step.args[0], rows)
    )


def keeps_row(view: Step, source: Step) -> bool:
    """Whether each row of a view shows the same row of its source."""
    if not view.shape or not source.shape or view.shape[0] != source.shape[0]:
        return False
    dims = same_dims(view, source)
    return dims is not None and dims[0] == 0
