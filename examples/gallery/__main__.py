"""Every kind of picture that backlit draws, light and dark, with the page that shows them.

    python examples/gallery --out docs

writes `gallery.md` and the folder `pictures`. Each function that takes a theme draws one picture: its text is the
picture's heading and words, and its code stands below. Times in pictures are those of the machine that drew them.
"""

import argparse
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import functions
import graphs
import layers
import learning
import networks
import words

THEMES = ("light", "dark")
HEAD = """# The gallery

Every kind of picture, with the code that draws it. `python examples/gallery --out docs` makes this page and its
pictures, light and dark. Times are those of the machine that drew them.
Functions without `view.` in front, such as `leaf` and `moons`, stand in that folder.
"""


def pictures_of(module: ModuleType) -> list[Callable[[str], Any]]:
    """The functions of a module that draw pictures."""
    own = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return [f for f in own if list(inspect.signature(f).parameters) == ["theme"]]


def part(draw: Callable[[str], Any], folder: Path, themes: list[str]) -> str:
    """Draw a picture in these themes, and write its part of the page."""
    heading, _, text = inspect.cleandoc(draw.__doc__ or "").partition("\n\n")
    heading, name = heading.rstrip("."), draw.__name__.replace("_", "-")
    found = {theme: draw(theme) for theme in themes}
    drawn = found[themes[0]]
    for theme, picture in found.items():
        if hasattr(picture, "svg"):
            picture.save(folder / f"{name}-{theme}.svg")
        elif hasattr(picture, "save"):
            picture.save(folder / f"{name}-{theme}.html")
    if hasattr(drawn, "svg"):
        shown = f"""<picture>
  <source media="(prefers-color-scheme: dark)" srcset="pictures/{name}-dark.svg">
  <img src="pictures/{name}-light.svg" alt="{heading}">
</picture>"""
    else:
        shown = f"```text\n{drawn}\n```"
        if hasattr(drawn, "save"):
            pages = f"[The page](pictures/{name}-light.html), [on dark ground](pictures/{name}-dark.html)."
            shown = f"{pages}\n\n{shown}"
    code = inspect.getsource(draw).split('"""', 2)[2]
    return f"### {heading}\n\n{text}\n\n{shown}\n\n```py\n{textwrap.dedent(code).strip()}\n```\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw every kind of picture, and write the page that shows them.")
    parser.add_argument("--out", type=Path, default=Path("gallery"), help="folder for the page and its pictures")
    parser.add_argument("--theme", nargs="+", choices=THEMES, default=THEMES, help="how the pictures look")
    settings = parser.parse_args()
    folder = settings.out
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    for module in (graphs, words, networks, layers, functions, learning):
        parts.append(f"## {inspect.cleandoc(module.__doc__ or '').rstrip('.')}\n")
        parts += [part(draw, folder / "pictures", settings.theme) for draw in pictures_of(module)]
    (folder / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
