"""What of a dataflow is drawn: each node by itself, or closed into modules and runs of operations where there are many.

Closing keeps a picture readable: no more than `LIMIT` boxes are drawn unless the reader asks for more,
and operations that no module groups are closed into `_RUNS` runs.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from backlit.errors import ArgumentError, ArgumentTypeError, suggest
from backlit.view.dataflow import Dataflow, Edge, Node

LIMIT = 60
_RUNS = 20


@dataclass(eq=False)
class Box:
    """One box of a picture.

    Attributes:
        nodes: What it holds, one node unless it is closed.
        title: The module's path or the run's numbers; empty for a node by itself.
        path: The module around it.
    """

    nodes: list[Node] = field(default_factory=list)
    title: str = ""
    path: str = ""


@dataclass(eq=False)
class Link:
    """The edges from one box to another that carry one value; or all of them where they carry several."""

    source: Box
    target: Box
    edges: list[Edge]

    @property
    def values(self) -> int:
        """How many different values go along."""
        return len({id(e.source) for e in self.edges})


def boxes_of(flow: Dataflow, collapse: "int | Sequence[str] | None") -> tuple[list[Box], list[Link]]:
    """Choose what is drawn.

    Args:
        flow: The graph.
        collapse: The depth below which modules are closed (0: all), or the paths of those to close; None: as few as
            keep the picture readable.

    Raises:
        ArgumentError: A path is no module of the graph, or a depth is negative.
    """
    holder = _holders(flow, collapse)
    if collapse is None and _count(flow, holder) > LIMIT:
        deepest = max(node.path.count(".") for node in flow.nodes)
        for depth in range(deepest, -1, -1):
            holder = _holders(flow, depth)
            if _count(flow, holder) <= LIMIT:
                break
    boxes = _gather(flow, holder)
    if collapse is None and len(boxes) > LIMIT:
        boxes = _runs(boxes)
    return boxes, _links(flow, boxes)


def module_paths(flow: Dataflow) -> set[str]:
    """All modules of the graph, those around others included."""
    found: set[str] = set()
    for path in {node.path for node in flow.nodes}:
        parts = path.split(".") if path else []
        found.update(".".join(parts[: i + 1]) for i in range(len(parts)))
    return found


def _holders(flow: Dataflow, collapse: "int | Sequence[str] | None") -> dict[str, str]:
    """For each path, the module that is drawn closed over it, or nothing."""
    paths = {node.path for node in flow.nodes}
    if collapse is None:
        return dict.fromkeys(paths, "")
    if isinstance(collapse, int):
        if collapse < 0:
            raise ArgumentError(f"view.graph: collapse is a depth of 0 or more, or paths of modules; got {collapse}")
        return {p: ".".join(p.split(".")[: collapse + 1]) if p and p.count(".") >= collapse else "" for p in paths}
    if isinstance(collapse, str):
        raise ArgumentTypeError(f"view.graph: collapse takes a list of paths, as in collapse=[{collapse!r}]")
    known = module_paths(flow)
    for path in collapse:
        if path not in known:
            raise ArgumentError(f"view.graph: collapse: no module {path!r} in this graph{suggest(str(path), known)}")
    return {p: next((c for c in collapse if p == c or p.startswith(c + ".")), "") for p in paths}


def _count(flow: Dataflow, holder: dict[str, str]) -> int:
    return len({holder[node.path] or id(node) for node in flow.nodes})


def _gather(flow: Dataflow, holder: dict[str, str]) -> list[Box]:
    closed: dict[str, Box] = {}
    boxes: list[Box] = []
    for node in flow.nodes:
        path = holder[node.path]
        box = closed.get(path) if path else None
        if box is None:
            box = Box(title=path, path=path.rpartition(".")[0] if path else node.path)
            boxes.append(box)
            if path:
                closed[path] = box
        box.nodes.append(node)
    return boxes


def _runs(boxes: list[Box]) -> list[Box]:
    """Close boxes that follow each other into at most `_RUNS` runs."""
    size = math.ceil(len(boxes) / _RUNS)
    runs: list[Box] = []
    for start in range(0, len(boxes), size):
        part = boxes[start : start + size]
        nodes = [node for box in part for node in box.nodes]
        title = part[0].title if len(part) == 1 else f"{start + 1} … {start + len(part)} of {len(boxes)}"
        paths = {box.path for box in part}
        runs.append(Box(nodes, title, paths.pop() if len(paths) == 1 else ""))
    return runs


def _links(flow: Dataflow, boxes: list[Box]) -> list[Link]:
    home = {id(node): box for box in boxes for node in box.nodes}
    links: dict[tuple[int, int, int], Link] = {}
    for edge in flow.edges:
        if edge.target is None:
            continue
        source, target = home[id(edge.source)], home[id(edge.target)]
        if source is target:
            continue
        # Between nodes that stand by themselves each use is an edge of its own: x * x has two.
        single = len(source.nodes) == len(target.nodes) == 1
        key = (id(source), id(target), id(edge) if single else 0)
        if key in links:
            links[key].edges.append(edge)
        else:
            links[key] = Link(source, target, [edge])
    return list(links.values())


def contents(box: Box) -> list[str]:
    """What a closed box holds, in lines: counts of operations, then parameters."""
    operations = Counter(node.operation for node in box.nodes if node.binding is not None)
    total = sum(operations.values())
    lines = [f"{total:,} operation{'s' * (total != 1)}"] if total else []
    most = operations.most_common(3)
    if most:
        rest = len(operations) - len(most)
        lines.append(", ".join(f"{n} {name}" for name, n in most) + (f", {rest} more kinds" if rest else ""))
    parameters = [node for node in box.nodes if node.kind == "parameter"]
    if parameters:
        size = sum(math.prod(node.shape) for node in parameters)
        lines.append(f"{len(parameters):,} parameter{'s' * (len(parameters) != 1)} of {size:,} numbers")
    return lines
