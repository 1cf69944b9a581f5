"""Layout of transposes: (A B)' becomes B' A' where only the transpose is used, so that it is written in order."""

from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.program import Program, Step, plain_strides


def turn_products(program: Program) -> Program:
    """The program with products whose transpose alone is used computed as that."""

    def rule(builder: Rewriter, step: Step, number: int) -> int | None:
        if not _is_transpose(builder, step):
            return None
        product = builder.steps[step.args[0]]
        if product.kind != "product" or len(program.users[program.steps[number].args[0]]) != 1:
            return None
        left, right = (_transposed(builder, a) for a in product.args)
        return builder.like(step, "product", "", (right, left))

    return rewritten(program, rule)


def _is_transpose(builder: Rewriter, step: Step) -> bool:
    """Whether a step is a matrix read the other way round, and no row or column, which are their own transposes."""
    if step.kind != "view" or len(step.shape) != 2 or 1 in step.shape:
        return False
    source = builder.steps[step.args[0]]
    return source.shape == step.shape[::-1] and step.attrs == (0, plain_strides(source.shape)[::-1])


def _transposed(builder: Rewriter, number: int) -> int:
    step = builder.steps[number]
    if _is_transpose(builder, step):
        return step.args[0]
    if step.kind == "view":
        offset, strides = step.attrs
        return builder.view(step.args[0], offset, strides[::-1], step.shape[::-1])
    return builder.view(number, 0, plain_strides(step.shape)[::-1], step.shape[::-1])
