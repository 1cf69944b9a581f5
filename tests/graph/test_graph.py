"""A graph reads as one line a node, and cannot be changed."""

import dataclasses

import numpy as np
import pytest

import backlit
from backlit.graph.graph import Ref, Type
from backlit.graph.trace import trace


def tiny():
    w = backlit.tensor([2.0, 3.0], requires_grad=True)

    def program(x):
        w.grad = None
        loss = (w * x).sum()
        loss.backward()
        with backlit.no_grad():
            w.sub_(w.grad * 0.5)
        return loss

    return trace(program, backlit.ones(2), names={"w": w})


TINY = """\
%0 = argument argument 0                                     float32[2]
%1 = state w                                                 float32[2]
%2 = mul(%1, %0)                                             float32[2]               forward
%3 = sum(%2, dim=None, keepdim=False)                        float32[]                forward
%4 = ones_of(%3)                                             float32[]                forward
%5 = expand(%4, shape=(2,))                                  float32[2]               backward
%6 = mul(%5, %0)                                             float32[2]               backward
%7 = mul(%6, 0.5)                                            float32[2]               forward
%8 = sub(%1, %7)                                             float32[2]               forward
write w := %8
grad  w := %6
return %3"""


def test_a_program_is_printed_one_line_a_node():
    assert str(tiny().graph) == TINY


def test_a_graph_does_not_change():
    graph = tiny().graph
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.outputs = ()
    with pytest.raises(AttributeError):
        graph.nodes[0].path = "elsewhere"
    assert isinstance(graph.nodes, tuple)


def test_ends_are_all_that_must_be_computed():
    graph = tiny().graph
    assert graph.ends() == [*graph.outputs, *(ref for _, ref in graph.writes), *(ref for _, ref in graph.grads)]
    assert len(graph.ends()) == 3
    assert len(graph) == len(graph.nodes)


def test_types_and_references_as_text():
    assert str(Type((2, 3), np.dtype("f4"))) == "float32[2, 3]"
    assert str(Ref(4)) == "%4"
    assert str(Ref(4, 1)) == "%4.1"


def test_a_write_to_a_part_shows_the_way_to_it():
    def program(x):
        x[1:].t()[0] = 5
        return x

    text = str(trace(program, backlit.ones(3, 2)).graph)
    assert "view_write(%0, %" in text
    assert "chain=" in text
    assert text.splitlines()[-2].startswith("write argument 0 := ")
