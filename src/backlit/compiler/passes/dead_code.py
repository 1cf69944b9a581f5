"""Dead code: steps that contribute to no output and no write are dropped."""

from backlit.compiler.passes.rewriting import kept
from backlit.compiler.program import Program


def drop_dead_code(program: Program) -> Program:
    """The program without steps that nothing needs."""
    alive = program.alive()
    return program if len(alive) == len(program.steps) else kept(program, alive)
