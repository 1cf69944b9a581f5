"""The computation graph as a Graphviz drawing: values above the edges, gradients below, local derivatives on them."""

import re
import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.view import heat
from backlit.view.boxes import Box, Link, boxes_of, contents
from backlit.view.coloring import Coloring
from backlit.view.dataflow import NOT_RECORDED, Dataflow, Edge, Node
from backlit.view.picture import new_graph
from backlit.view.theme import FONT, Theme, blend, number, shape_text

_LEGEND = "{} an edge: the value.  On it: ∂, the local derivative.  {}: ∇, the gradient of the result."
_HEAT_LEGEND = (
    "Heat maps: blue positive, orange negative, pink NaN or infinite, each on its own scale.  "
    "‖ ‖: root of the sum of squares."
)
_BETWEEN = re.compile(r"\{\w+\} ([^\w{}\s]{1,2}) \{\w+\}")
_MIDDLE = '<TR><TD PORT="middle" HEIGHT="8" WIDTH="24"></TD></TR>'
_PLAIN = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
# Boxes one behind the other that still fit on a page: with numbers between them, or with arrays, which are wider.
_WIDE, _WIDE_ARRAYS = 9, 6
_SIGNS = {"*": "×", "-": "−", "@": "×"}


@dataclass
class Drawing:
    """Everything that drawing one graph needs.

    Attributes:
        flow: The graph.
        theme: The colours.
        coloring: What the fill of operations tells, or None.
        modules: The class of each module, by path.
        marks: After drawing: the name in the picture of each node and edge drawn by itself, by its id.
        across: Whether it is drawn to the right, else down.
    """

    flow: Dataflow
    theme: Theme
    coloring: Coloring | None
    modules: dict[str, str]
    marks: dict[int, str] = field(default_factory=dict)
    across: bool = True

    def draw(self, collapse: Any, direction: str | None) -> Any:
        """The Graphviz graph."""
        boxes, links = boxes_of(self.flow, collapse)
        if self.coloring is not None:
            self.coloring.spread(box.nodes for box in boxes)
        wide = _WIDE_ARRAYS if self._arrays() else _WIDE
        self.across = (direction or ("right" if _longest(boxes, links) <= wide else "down")) == "right"
        theme = self.theme
        graph = new_graph(
            rankdir="LR" if self.across else "TB",
            bgcolor=theme.ground,
            fontname=FONT,
            fontcolor=theme.faint,
            fontsize="11",
            label=self._legend(boxes),
            labelloc="b",
            labeljust="l",
            nodesep="0.25",
            ranksep="0.25",
            pad="0.2",
        )
        graph.node_attr.update(shape="plain", fontname=FONT, fontcolor=theme.ink, fontsize="12")
        graph.edge_attr.update(color=theme.line, arrowsize="0.7", penwidth="1.2")
        members: dict[str, list[str]] = {}
        ids = {id(box): f"b{i}" for i, box in enumerate(boxes)}
        for box in boxes:
            name = ids[id(box)]
            graph.add_node(name, id=name, label=self._box(box, name), tooltip=" ")
            members.setdefault(box.path, []).append(ids[id(box)])
        ends = ("e", "w") if self.across else ("s", "n")
        for number_, link in enumerate(links):
            name = f"e{number_}"
            # The way of the data straight, parameters beside it.
            weight = "20" if any(e.source.kind == "operation" for e in link.edges) else "1"
            graph.add_node(name, label=self._link(link, name), tooltip=" ")
            graph.add_edge(ids[id(link.source)], name, arrowhead="none", headport=f"middle:{ends[1]}", weight=weight)
            graph.add_edge(name, ids[id(link.target)], tailport=f"middle:{ends[0]}", weight=weight)
            # Where the value is read: a label between two modules would push edges across their titles.
            members.setdefault(link.target.path, []).append(name)
        last = next(box for box in boxes if self.flow.out.source in box.nodes)
        self.marks[id(self.flow.out)] = "out"
        graph.add_node("out", label=self._edge(self.flow.out, "out"), tooltip=" ")
        graph.add_edge(ids[id(last)], "out", arrowhead="none", headport=f"middle:{ends[1]}")
        self._clusters(graph, members)
        return graph

    def _clusters(self, graph: Any, members: dict[str, list[str]]) -> None:
        made: dict[str, Any] = {"": graph}
        for path in sorted(members):
            parts = path.split(".") if path else []
            for depth in range(len(parts)):
                inner = ".".join(parts[: depth + 1])
                if inner not in made:
                    kind = self.modules.get(inner, "")
                    title = f"{inner} · {kind}" if kind else inner
                    if not self.across:
                        # Edges come in at the middle of the top: twice as wide, the title stands left of them.
                        title += " " * (2 * len(title) + 4)
                    made[inner] = made[".".join(parts[:depth])].add_subgraph(
                        name=f"cluster_{inner}",
                        label=title,
                        labeljust="l",
                        labelloc="t",
                        style="rounded,filled",
                        fillcolor=self.theme.module[depth % 2],
                        color=self.theme.line,
                        fontcolor=self.theme.faint,
                        margin="10",
                    )
            if path:
                made[path].add_nodes_from(members[path])

    # -- boxes -------------------------------------------------------------------------------------------------------

    def _box(self, box: Box, name: str) -> str:
        if len(box.nodes) == 1 and not box.title:
            self.marks[id(box.nodes[0])] = name
            return self._node(box.nodes[0], name)
        theme = self.theme
        kind = self.modules.get(box.title, "")
        rows = [_text(f"{box.title} · {kind}" if kind else box.title, theme.ink, bold=True)]
        quiet = theme.faint if self.coloring is None else theme.ink
        rows += [_text(line, quiet, 10) for line in contents(box)]
        fill = blend(theme.ink, theme.operation, 0.06)
        if self.coloring is not None:
            fill = self.coloring.fill(box.nodes, theme)
            rows.append(_text(self.coloring.text(box.nodes), theme.ink, 10))
        return _table(rows, fill, theme.ink, sides=2)

    def _node(self, node: Node, name: str) -> str:
        theme = self.theme
        rows = []
        if node.binding is None:
            fill = theme.parameter if node.kind == "parameter" else theme.input
            if node.kind == "constant":
                title = "number" if node.value is None else number(node.value.item())
            else:
                title = node.name or node.kind
            rows.append(_text(title, theme.ink, bold=True))
            if node.name or node.kind == "constant":
                rows.append(_text(node.kind, theme.faint, 10))
        else:
            fill = theme.operation
            rows.append(_text(_symbol(node), theme.ink, 15, bold=True))
            if node.name:
                rows.append(_text(f"= {node.name}", theme.ink, italic=True))
            quiet = theme.faint if self.coloring is None else theme.ink
            rows += [_text(line, quiet, 10) for line in textwrap.wrap(node.role, 22)]
            rows += [_text(line, theme.wrong, 10) for line in self._kink(node)]
            if self.coloring is not None:
                fill = self.coloring.fill([node], theme)
                rows.append(_text(self.coloring.text([node]), theme.ink, 10))
        rows += self._sum(node, name)
        return _table(rows, fill, theme.line, rounded=node.kind in ("parameter", "operation"), tip=self._tip(node))

    def _kink(self, node: Node) -> list[str]:
        kinks = node.kinks
        if not kinks:
            return []
        return [f"at a {node.kink}"] if node.shape == () else [f"{kinks:,} at a {node.kink}"]

    def _sum(self, node: Node, name: str) -> list[str]:
        """What arrived, where that is a sum over several uses, or where no edge can tell it."""
        theme, gradient = self.theme, node.gradient
        wanted = [e for e in node.outputs if e.wanted]
        if node.binding is None and node.wanted and not self.flow.recorded:
            text = "no gradient yet" if gradient is None else self._brief(gradient, "∇")
            return [_text(shape_text(node.shape), theme.value, 11), _text(text, theme.gradient, 11)]
        if len(wanted) < 2 or gradient is None:
            return []
        parts = [e.gradient for e in wanted]
        if node.shape == () and len(parts) <= 4 and all(p is not None for p in parts):
            terms = " + ".join(_bracketed(number(p.item())) for p in parts if p is not None)
            text = f"∇ {terms} = {number(gradient.item())}"
        else:
            text = f"{len(parts)} add up: {self._brief(gradient, '∇')}"
        return [_text(text, theme.gradient, 11, mark=f"{name}-sum")]

    def _tip(self, node: Node) -> str:
        lines = [node.name or node.operation or node.kind]
        if node.binding is not None:
            settings = ", ".join(f"{k}={v}" for k, v in node.binding.settings.items())
            lines.append(f"{node.operation}({settings}), {node.binding.primitive.notation}")
        if node.value is not None:
            lines.append(f"value {heat.described(node.value)}")
        if node.gradient is not None:
            lines.append(f"gradient {heat.described(node.gradient)}")
        return "; ".join(lines)

    # -- edges -------------------------------------------------------------------------------------------------------

    def _link(self, link: Link, name: str) -> str:
        if link.values == 1:
            self.marks[id(link.edges[0])] = name
            return self._edge(link.edges[0], name)
        text = f"{link.values:,} values"
        # Above an edge to the right; an edge downward stops for the words.
        above = [_text(text, self.theme.value, 11), _MIDDLE]
        return _table(above if self.across else [_text(text, self.theme.value, 11, port="middle")], "", "", border=0)

    def _edge(self, edge: Edge, name: str) -> str:
        theme = self.theme
        if edge.value is not None:
            value = self._array(edge.value, "", theme.value, f"{name}-value")
        else:
            value = [_text(shape_text(edge.shape), theme.value, 11)]
        if edge.gradient is not None:
            gradient = self._array(edge.gradient, "∇", theme.gradient, f"{name}-gradient")
        elif not edge.wanted or not edge.recorded:
            gradient = [_text(" ", theme.faint, 11)]
        else:
            gradient = [_text(self.flow.absent, theme.gradient, 10, italic=True)]
        middle = self._middle(edge, name)
        if self.across:
            return _table([*value, middle, *gradient], "", "", border=0)
        # Beside each other, and the edge straight through between them.
        sides = [f"<TD>{_PLAIN}{''.join(rows)}</TABLE></TD>" for rows in (value, [middle], gradient)]
        return _table([f"<TR>{''.join(sides)}</TR>"], "", "", border=0)

    def _middle(self, edge: Edge, name: str) -> str:
        local = edge.local if edge.target is not None else None
        if local is None:
            return _MIDDLE
        if local.size == 1:
            text = number(local.item())
        elif not local.size:
            text = "empty"
        elif heat.broken(local):
            text = heat.broken(local)
        else:
            low, high = number(local.min(), 3), number(local.max(), 3)
            text = low if low == high else f"{low} … {high}"
        return _text(f"∂ {text}", self.theme.ink, 10, mark=f"{name}-local", port="middle")

    def _array(self, array: Array, sign: str, color: str, mark: str) -> list[str]:
        if array.ndim == 0:
            return [_text(f"{sign} {number(array.item())}".strip(), color, 12, mark=mark, tip=heat.described(array))]
        rows = [_text(heat.norm_text(array, sign), color, 10)]
        if array.size and array.dtype.kind in "fiub":
            cell = '<TD BGCOLOR="{}" WIDTH="7" HEIGHT="7"></TD>'
            colors = heat.colors(array, self.theme)
            lines = "".join(f"<TR>{''.join(map(cell.format, row))}</TR>" for row in colors)
            grid = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0" BGCOLOR="{self.theme.line}">'
            rows.append(f"<TR><TD>{grid}{lines}</TABLE></TD></TR>")
        # Above an edge the words stand next to it; beside an edge, above the map.
        inner = "".join(rows if sign or not self.across else rows[::-1])
        return [f"<TR><TD{_marked(mark, heat.described(array))}>{_PLAIN}{inner}</TABLE></TD></TR>"]

    def _brief(self, array: Array, sign: str) -> str:
        return f"{sign} {number(array.item())}" if array.ndim == 0 else heat.norm_text(array, sign)

    def _arrays(self) -> bool:
        return any(np.prod(e.shape) != 1 for e in (*self.flow.edges, self.flow.out))

    # -- legend ------------------------------------------------------------------------------------------------------

    def _legend(self, boxes: list[Box]) -> str:
        flow = self.flow
        legend = _LEGEND.format(*(("Above", "Below") if self.across else ("Left of", "Right")))
        lines = [
            legend if flow.recorded else f"Structure, shapes and leaves' gradients: the values were {NOT_RECORDED}."
        ]
        if flow.recorded and self._arrays():
            lines.append(_HEAT_LEGEND)
        if not flow.backward and flow.recorded:
            lines.append("Backward not run: call .backward() on the result, inside the recording.")
        if len(boxes) < len(flow.nodes):
            lines.append(f"{len(flow.nodes):,} nodes drawn in {len(boxes)} boxes; collapse=… opens and closes modules.")
        if self.coloring is not None:
            lines.append(self.coloring.legend)
        return "".join(line + r"\l" for line in lines)


def _longest(boxes: list[Box], links: list[Link]) -> int:
    """Number of boxes on the longest way through the picture; boxes that go round in circles count once."""
    place = {id(box): i for i, box in enumerate(boxes)}
    length = [1] * len(boxes)
    for link in sorted(links, key=lambda link: place[id(link.source)]):
        source, target = place[id(link.source)], place[id(link.target)]
        if source < target:
            length[target] = max(length[target], length[source] + 1)
    return max(length)


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _symbol(node: Node) -> str:
    """`+` for an operation written between its inputs, else its name."""
    between = (
        re.fullmatch(r"\{\w+\} ([^\w{}\s]{1,2}) \{\w+\}", node.binding.primitive.notation) if node.binding else None
    )
    return _SIGNS.get(between[1], between[1]) if between else node.operation


def _text(
    text: str,
    color: str,
    size: int = 12,
    *,
    bold: bool = False,
    italic: bool = False,
    mark: str = "",
    tip: str = "",
    port: str = "",
) -> str:
    content = escape(text)
    if bold:
        content = f"<B>{content}</B>"
    if italic:
        content = f"<I>{content}</I>"
    ids = _marked(mark, tip or text) if mark else ""
    ids += f' PORT="{port}"' if port else ""
    return f'<TR><TD{ids}><FONT COLOR="{color}" POINT-SIZE="{size}">{content}</FONT></TD></TR>'


def _marked(mark: str, tip: str) -> str:
    """Attributes of a cell that can be found in the picture, and says more when pointed at."""
    return f' ID="{mark}" TITLE="{escape(tip)}"'


def _table(
    rows: list[str], fill: str, line: str, *, border: int = 1, rounded: bool = False, sides: int = 1, tip: str = ""
) -> str:
    looks = f' BGCOLOR="{fill}"' if fill else ""
    looks += f' COLOR="{line}"' if line else ""
    looks += ' STYLE="ROUNDED"' if rounded else ""
    looks += f' TITLE="{escape(tip)}"' if tip else ""
    space = 8 if border else 2
    return (
        f'<<TABLE BORDER="{border * sides}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{space}"{looks}><TR><TD>'
        f"{_PLAIN}{''.join(rows)}</TABLE>"
        "</TD></TR></TABLE>>"
    )
