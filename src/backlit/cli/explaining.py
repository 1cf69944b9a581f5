"""`backlit explain`: an expression's graph, values, gradients and derivation."""

import keyword
import sys
from dataclasses import dataclass
from pathlib import Path

from backlit import view
from backlit.cli.expression import evaluate, read_value
from backlit.errors import ArgumentError, suggest
from backlit.ops import Tensor, float64, record, tensor


@dataclass(frozen=True)
class ExplainSettings:
    """Settings of `backlit explain`.

    Attributes:
        expression: What to differentiate.
        values: What its variables are: `x=-2`.
        wrt: The variables to derive by; empty: all.
        out: Where the picture is written.
        theme: "light" or "dark".
    """

    expression: str
    values: tuple[str, ...]
    wrt: tuple[str, ...]
    out: Path
    theme: str


def explain(settings: ExplainSettings) -> None:
    """Print the graph, the steps forward and backward and the derivation, and write the picture.

    Raises:
        ArgumentError: The expression or a value cannot be read.
    """
    variables = {}
    for given in settings.values:
        name, sign, value = given.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or keyword.iskeyword(name):
            raise ArgumentError(f"{given!r} gives no variable a value; write it as x=-2")
        variables[name] = tensor(read_value(value), dtype=float64, requires_grad=True)
    for name in settings.wrt:
        if name not in variables:
            raise ArgumentError(f"--wrt: there is no variable {name!r}{suggest(name, variables)}")
    with record():
        result = evaluate(settings.expression, variables)
        if not isinstance(result, Tensor) or not result.requires_grad:
            raise ArgumentError(f"{settings.expression!r} depends on no variable, so there is nothing to derive")
        if result.ndim:
            raise ArgumentError(
                f"{settings.expression!r} has the shape {tuple(result.shape)}; only one number has a gradient: put it "
                f"into sum(...) or mean(...)"
            )
        result.backward()
    names = {**variables, "f": result} if "f" not in variables else variables
    wanted = [variables[name] for name in settings.wrt] or None
    steps = view.steps(result, names)
    explanation = view.explain(result, wanted, names)
    picture = view.graph(result, names, theme=settings.theme)
    path = picture.save(settings.out)
    sys.stdout.write(f"{picture.text}\n\n{steps.text}\n\n{explanation.text}\n\nThe picture is in {path}\n")
