"""Shapes: elementwise steps are computed where there is least of them, and in the plainest shape.

A step on columns (r, 1) that come from vectors (r,) is computed on the vectors, together with what else is; and of a
step that is only picked from, the picked elements alone are computed.
"""

import math
from typing import Any

from backlit.compiler.passes.algebra import merged_view
from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.program import Program, Step, plain_strides
from backlit.compiler.rows import SAMPLES, at


def plain_shapes(program: Program) -> Program:
    """The program with such steps moved before the views and after the picking."""
    ends = set(program.ends())

    def rule(builder: Rewriter, step: Step, number: int) -> int | None:
        if step.kind == "pointwise" and 1 in step.shape and number not in ends:
            return _before_views(builder, step)
        if step.kind == "view":
            return merged_view(builder, step)
        if step.kind != "take":
            return None
        source = program.steps[number].args[0]
        is_alone = len(program.users[source]) == 1 and source not in ends
        return _after_picking(builder, step) if is_alone else None

    return rewritten(program, rule)


def _before_views(b: Rewriter, step: Step) -> int | None:
    """A step on views that only add dimensions of size 1, as a view of the step on what they show."""
    shape = tuple(n for n in step.shape if n != 1)
    whole = (0, plain_strides(step.shape))
    args = [b.steps[a] for a in step.args]
    views = [a for a in args if a.kind == "view"]
    if not views or any(a.kind not in ("view", "constant") for a in args):
        return None
    if any(v.attrs != whole or b.steps[v.args[0]].shape != shape for v in views):
        return None
    below = tuple(v.args[0] if v.kind == "view" else b.add("constant", "", (), v.attrs, shape, v.dtype) for v in args)
    vector = b.add("pointwise", step.op, below, (), shape, step.dtype)
    return b.view(vector, *whole, step.shape)


def _after_picking(b: Rewriter, step: Step) -> int | None:
    """What is picked from an elementwise step, as the step on what is picked from its arguments."""
    source, *picks = step.args
    whole = b.steps[source]
    if whole.kind != "pointwise" or 2 * _elements(step) > _elements(whole):
        return None
    if all(b.steps[a].kind == "constant" for a in whole.args):
        # An index out of range must still be noticed.
        return None
    args = []
    for a in whole.args:
        below = b.steps[a]
        if below.kind == "constant":
            args.append(b.add("constant", "", (), below.attrs, step.shape, below.dtype))
        else:
            args.append(b.add("take", step.op, (a, *picks), step.attrs, step.shape, below.dtype))
    return b.like(step, "pointwise", whole.op, tuple(args))


def _elements(step: Step) -> Any:
    """The number of elements at a sample number of rows."""
    return math.prod(at(n, SAMPLES[0]) for n in step.shape)
