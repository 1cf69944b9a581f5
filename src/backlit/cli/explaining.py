"""`backlit explain`: an expression's graph, values, gradients and derivation."""

import html
import keyword
import sys
from dataclasses import dataclass
from pathlib import Path

from backlit import view
from backlit.cli.expression import evaluate, read_value
from backlit.errors import ArgumentError, suggest
from backlit.ops import Tensor, float64, record, tensor
from backlit.serialization import write_whole
from backlit.view.explanation import Explanation
from backlit.view.picture import page
from backlit.view.stepping import Steps
from backlit.view.theme import theme_of


@dataclass(frozen=True)
class ExplainSettings:
    """Settings of `backlit explain`.

    Attributes:
        expression: What to differentiate.
        values: What its variables are: `x=-2`.
        wrt: The variables to derive by; empty: all.
        out: Where the picture is written; with the ending .html a page, with steps and derivation.
        theme: "light" or "dark".
    """

    expression: str
    values: tuple[str, ...]
    wrt: tuple[str, ...]
    out: Path
    theme: str


def explain(settings: ExplainSettings) -> None:
    """Print the graph, the steps forward and backward and the derivation, and write the picture or the page.

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
    steps = view.steps(result, names, theme=settings.theme)
    explanation = view.explain(result, wanted, names)
    picture = view.graph(result, names, theme=settings.theme)
    if settings.out.suffix.lower() == ".html":
        what = "page"
        write_whole(settings.out, _page(settings, steps, explanation).encode())
    else:
        what = "picture"
        picture.save(settings.out)
    told = f"{picture.text}\n\n{steps.text}\n\n{explanation.text}"
    sys.stdout.write(f"{told}\n\nThe {what} is in {settings.out}\n")


def _page(settings: ExplainSettings, steps: Steps, explanation: Explanation) -> str:
    """All of it on one page: the graph, which can be gone through step by step, and the derivation."""
    parts = f"<h2>The graph, step by step</h2>\n{steps.player(whole=True)}\n<h2>The chain rule</h2>\n{explanation.body}"
    body = f"<main>\n<h1>{html.escape(settings.expression)}</h1>\n{parts}\n</main>"
    return page(settings.expression, body, theme_of(settings.theme))
