"""The check of graphs finds every kind of planted fault."""

from dataclasses import replace

import numpy as np
import pytest

import backlit
from backlit.errors import GraphError
from backlit.graph.graph import Graph, Node, Ref, Type
from backlit.graph.trace import trace
from backlit.graph.verify import verify


@pytest.fixture
def graph():
    """%0 and %1 inputs, %2 = mul, %3 = sum, and a write to the state %1."""
    w = backlit.ones(3)

    def program(x):
        y = x * w
        w.copy_(y)
        return y.sum()

    return trace(program, backlit.ones(3), names={"w": w}).graph


def with_node(graph: Graph, number: int, **changes: object) -> Graph:
    nodes = list(graph.nodes)
    nodes[number] = nodes[number]._replace(**changes)
    return replace(graph, nodes=tuple(nodes))


def product(graph: Graph) -> int:
    return next(n for n, node in enumerate(graph.nodes) if node.operation is not None and node.operation.name == "mul")


def test_a_sound_graph_is_returned(graph):
    assert verify(graph, "nothing") is graph


@pytest.mark.parametrize("wrong", [Type((4,), np.dtype("f4")), Type((3,), np.dtype("f8"))])
def test_a_wrong_type(graph, wrong):
    with pytest.raises(GraphError, match=rf"after a pass: node %2, mul, is noted as {wrong!s}".replace("[", r"\[")):
        verify(with_node(graph, product(graph), results=(wrong,)), "a pass")


def test_shapes_that_do_not_fit_the_operation(graph):
    number = product(graph)
    odd = Node(None, (), {}, (Type((2,), np.dtype("f4")),), name="odd")
    nodes = (*graph.nodes[:number], odd, graph.nodes[number]._replace(inputs=(Ref(0), Ref(number))))
    with pytest.raises(GraphError, match=r"after a pass: node %3, mul: .*broadcast"):
        verify(Graph(nodes, (0,), (1, number), ()), "a pass")


@pytest.mark.parametrize("ref", [Ref(99), Ref(-1), Ref(0, 5), Ref(2), Ref(3)])
def test_a_reference_to_nothing_or_to_a_later_node(graph, ref):
    with pytest.raises(GraphError, match=rf"node %2 reads {ref}, which no earlier node makes"):
        verify(with_node(graph, product(graph), inputs=(Ref(0), ref)), "a pass")


def test_nodes_out_of_order(graph):
    nodes = list(graph.nodes)
    nodes[2], nodes[3] = nodes[3], nodes[2]
    with pytest.raises(GraphError, match="no earlier node makes"):
        verify(replace(graph, nodes=tuple(nodes)), "a pass")


@pytest.mark.parametrize("change", [{"outputs": (Ref(99),)}, {"outputs": (Ref(0, 7),)}, {"writes": ((1, Ref(99)),)}])
def test_an_end_that_no_node_makes(graph, change):
    with pytest.raises(GraphError, match="is asked for, but no node makes it"):
        verify(replace(graph, **change), "a pass")


@pytest.mark.parametrize("field", ["writes", "grads"])
def test_a_write_of_another_type_than_its_place(graph, field):
    scalar = graph.outputs[0]
    with pytest.raises(GraphError, match=r"of type float32\[\] is left in %1 \(w\), which holds float32\[3\]"):
        verify(replace(graph, **{field: ((1, scalar),)}), "a pass")


@pytest.mark.parametrize("number", [2, 99])
def test_a_write_to_what_is_no_input(graph, number):
    with pytest.raises(GraphError, match=f"%{number} is written, but is no input"):
        verify(replace(graph, writes=((number, Ref(2)),)), "a pass")


@pytest.mark.parametrize("change", [{"arguments": ()}, {"states": (1, 2)}, {"states": (0, 1)}, {"arguments": (0, 99)}])
def test_inputs_that_are_not_listed_as_they_are(graph, change):
    with pytest.raises(GraphError, match="its inputs are"):
        verify(replace(graph, **change), "a pass")
