"""A drawn graph, in the format asked for."""

import html
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from backlit.errors import MissingPackageError
from backlit.view.dataflow import Dataflow
from backlit.view.saving import Savable
from backlit.view.theme import Theme

# Graphviz titles each box by its number, which tells nobody anything, and counts boxes on from picture to picture.
_TITLE_OF_BOX = re.compile(r"<title>[^<]*</title>\n?")
_turn = threading.Lock()
_NUMBER_OF_BOX = re.compile(r' id="a_\w+_\d+"')


def new_graph(**attributes: str) -> Any:
    """An empty Graphviz graph.

    Raises:
        MissingPackageError: pygraphviz is not installed.
    """
    try:
        import pygraphviz
    except ImportError:
        raise MissingPackageError(
            "view: pictures of graphs need pygraphviz, which is not installed; pip install 'backlit[view]'"
        ) from None
    graph = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(attributes)
    return graph


class Picture(Savable):
    """A picture of a graph; the last line of a notebook cell shows it. `save` writes .svg, .png, .pdf or .html.

    Attributes:
        data: The numbers that it shows.
    """

    _called = "pictures"
    _forms: ClassVar[Mapping[str, str]] = {kind: kind for kind in ("svg", "png", "pdf", "html")}

    def __init__(self, drawing: Any, data: Dataflow, theme: Theme, title: str, words: str = "") -> None:
        self.data = data
        self._drawing = drawing
        self._theme = theme
        self._title = title
        self._words = words

    def __repr__(self) -> str:
        return f"<picture of {self._title}; .save('picture.svg') writes it>"

    def _draw(self, kind: str) -> bytes:
        with _without_fontconfigs_words():
            return bytes(self._drawing.draw(format=kind, prog="dot"))

    @property
    def svg(self) -> str:
        """The picture as SVG, to be put into a page; a screen reader finds its title and what it shows in words."""
        text = self._draw("svg").decode()
        body = _NUMBER_OF_BOX.sub("", _TITLE_OF_BOX.sub("", text[text.index("<svg") + len("<svg") :]))
        opening, rest = body.split(">", 1)
        title, words = html.escape(self._title), html.escape(self._words)
        return f'<svg role="img" aria-label="{title}"{opening}>\n<title>{title}</title>\n<desc>{words}</desc>{rest}'

    @property
    def text(self) -> str:
        """What it shows, in words."""
        return self._words

    @property
    def png(self) -> bytes:
        """The picture as PNG, twice the size of a screen's points."""
        self._drawing.graph_attr["dpi"] = "144"
        try:
            return self._draw("png")
        finally:
            self._drawing.graph_attr["dpi"] = "72"

    @property
    def pdf(self) -> bytes:
        """The picture as PDF."""
        return self._draw("pdf")

    @property
    def html(self) -> str:
        """A page with the picture; it loads nothing from elsewhere."""
        return page(self._title, self.svg, self._theme)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{self.svg}</div>'


@contextmanager
def _without_fontconfigs_words() -> Iterator[None]:
    """Leave out what Graphviz's own fontconfig says on newer settings of this machine; all else is said afterwards."""
    # Threads take turns, or one would take another one's file for standard error.
    with _turn, tempfile.TemporaryFile() as words:
        try:
            sys.stderr.flush()
            told = os.dup(2)
        except (AttributeError, OSError, ValueError):
            # There is no standard error to write to.
            yield
            return
        os.dup2(words.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(told, 2)
            os.close(told)
            words.seek(0)
            left = [line for line in words if not line.startswith(b"Fontconfig warning")]
            os.write(2, b"".join(left))


def page(title: str, body: str, theme: Theme, style: str = "") -> str:
    """A self-contained page."""
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
body {{ margin: 1.5rem; background: {theme.ground}; color: {theme.ink}; font: 16px/1.5 Helvetica, Arial, sans-serif; }}
a text {{ text-decoration: none; }}
{style}
</style>
{body}
</html>
"""
