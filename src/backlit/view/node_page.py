"""`view.node`: one operation's page: inputs, output, local derivative, what arrived, what left."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backlit.core.recording import Recording
from backlit.core.tensor_base import Array, TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.view import heat
from backlit.view.dataflow import Dataflow, Edge, Node, dataflow, formula_text, short_names
from backlit.view.names import Names, callers_variables
from backlit.view.picture import page
from backlit.view.rules import written_rule
from backlit.view.saving import Savable
from backlit.view.theme import Theme, shape_text, theme_of

_UNKNOWN = "not recorded"


@dataclass(frozen=True)
class Row:
    """A line of a node's page: what it is about, and what there is to say."""

    what: str
    said: str


class NodePage(Savable):
    """What a node knows: its inputs, its local derivative, what arrived.

    The last line of a notebook cell shows it, and `save` writes .html or .txt.

    Attributes:
        node: The node.
        rows: The lines.
        title: Its name and operation.
    """

    _called = "pages"
    _forms: ClassVar[Mapping[str, str]] = {"html": "html", "txt": "text"}

    def __init__(self, node: Node, title: str, rows: list[Row], theme: Theme) -> None:
        self._theme = theme
        self.node = node
        self.title = title
        self.rows = rows

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """Plain text."""
        width = max(len(row.what) for row in self.rows)
        return "\n".join([self.title, *(f"  {row.what:{width}}  {row.said}" for row in self.rows)])

    @property
    def html(self) -> str:
        """A page; it loads nothing from elsewhere."""
        return page(self.title, f"<main>{self._repr_html_()}</main>", self._theme)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align: left; padding-right: 1.5em">{html.escape(row.what)}</th>'
            f'<td style="text-align: left">{html.escape(row.said)}</td></tr>'
            for row in self.rows
        )
        return f"<h3>{html.escape(self.title)}</h3><table>{rows}</table>"


def node(
    tensor: TensorBase,
    loss: TensorBase | Recording | None = None,
    names: Mapping[str, TensorBase] | None = None,
    *,
    theme: str = "light",
) -> NodePage:
    """The page of the operation that made `tensor`: all it needs for its part of the backward pass.

    Args:
        tensor: A result of an operation, or a leaf.
        loss: The result whose gradient arrives. With it, the uses of `tensor` are told, and for a leaf what arrived.
        names: Names of tensors, `{"x": x}`. Others are called by their parameter's path or the caller's variable.
        theme: "light" or "dark", for the page.

    Raises:
        ArgumentTypeError: `tensor` or `loss` is no tensor.
        ArgumentError: `tensor` is not in the graph of `loss`.
    """
    colors = theme_of(theme)
    called = Names(names, callers_variables())
    # Of a graph that ends here, the nodes before suffice.
    flow = dataflow(tensor if loss is None else loss, called, "node")
    found = flow.out.source if loss is None else _found(flow, tensor)
    labels = short_names(flow)
    name = labels[id(found)]
    what = found.operation or found.kind
    rows = [Row("value", _said(found.value)), Row("shape", shape_text(found.shape))]
    if found.path:
        rows.append(Row("module", found.path))
    rows += _operation(found, labels) if found.binding is not None else []
    rows += _backward(found, labels, flow, loss is not None)
    return NodePage(found, f"{name}: {what}" if name != what else name, rows, colors)


def _found(flow: Dataflow, tensor: TensorBase) -> Node:
    if not isinstance(tensor, TensorBase):
        raise ArgumentTypeError(f"view.node: expected a tensor, got {type(tensor).__name__}")
    found = flow.find(tensor)
    if found is None:
        raise ArgumentError(
            f"view.node: the tensor of shape {tuple(tensor._array.shape)} is not in the graph of `loss`"
        )
    return found


def _operation(found: Node, labels: dict[int, str]) -> list[Row]:
    binding = found.binding
    if binding is None:
        return []
    rows = [Row("formula", formula_text(found, labels))]
    if binding.settings:
        rows.append(Row("settings", ", ".join(f"{k} = {v}" for k, v in binding.settings.items())))
    if binding.primitive.role:
        rows.append(Row("role", binding.primitive.role))
    rows += [Row(f"input {labels[id(e.source)]}", _said(e.value)) for e in found.inputs]
    rows += [
        Row(f"local derivative by {labels[id(e.source)]}", _local(found, e, labels)) for e in found.inputs if e.wanted
    ]
    kinks = found.kinks
    if kinks:
        rows.append(
            Row("no derivative", f"{_count(kinks)} exactly at a {found.kink}: there the gradient is a convention")
        )
    return rows


def _local(found: Node, edge: Edge, labels: dict[int, str]) -> str:
    if edge.local is not None:
        return heat.described(edge.local)
    if found.binding is None or found.binding.record is None:
        return _UNKNOWN
    names = [""] * len(found.binding.edges)
    for e in found.inputs:
        names[e.position] = labels[id(e.source)]
    rule = written_rule(found.binding, edge.position, names, "arrived", labels[id(found)])
    return f"a matrix for each element; it acts as {rule.formula}" if rule else "a matrix for each element"


def _backward(found: Node, labels: dict[int, str], flow: Dataflow, whole: bool) -> list[Row]:
    if not found.wanted:
        return [Row("gradient", "takes none: it has requires_grad=False")]
    rows: list[Row] = []
    uses = [e for e in found.outputs if e.wanted and e.target is not None]
    if whole and len(uses) > 1:
        rows += [Row(f"arrives from {labels[id(e.target)]}", _said(e.gradient, flow.absent)) for e in uses]
        rows.append(Row("arrived in all", _said(found.gradient, flow.absent)))
    else:
        rows.append(Row("arrived", _said(found.gradient, flow.absent)))
    for e in found.inputs:
        if e.wanted:
            rows.append(Row(f"left to {labels[id(e.source)]}", _said(e.gradient, flow.absent)))
    return rows


def _said(array: Array | None, missing: str = _UNKNOWN) -> str:
    return missing if array is None else heat.described(array)


def _count(kinks: int) -> str:
    return "1 element is" if kinks == 1 else f"{kinks:,} elements are"
