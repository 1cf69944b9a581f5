"""The interpreter computes a graph's ends, keeps nothing else, and never writes into what it is given."""

import numpy as np

import backlit
from backlit.graph.graph import Ref
from backlit.graph.interpreter import interpret
from backlit.graph.trace import trace


def test_it_computes_the_ends_and_no_more():
    def program(x):
        y = x.exp()
        return y.sum(), y.topk(2)[0]

    graph = trace(program, backlit.ones(4)).graph
    x = np.array([1.0, 0.0, 2.0, -1.0], np.float32)
    values = interpret(graph, {graph.arguments[0]: x})
    assert set(values) == set(graph.ends())
    np.testing.assert_allclose(values[graph.outputs[0]], np.exp(x).sum(), rtol=1e-6)
    np.testing.assert_allclose(values[graph.outputs[1]], np.exp([2.0, 1.0]), rtol=1e-6)


def test_an_input_that_is_returned_comes_as_it_is():
    graph = trace(lambda x: x, backlit.ones(2)).graph
    x = np.array([3.0, 4.0], np.float32)
    assert interpret(graph, {0: x}) == {Ref(0): x}


def test_inputs_are_left_alone():
    def program(x):
        x.mul_(2)
        x[0] = 9
        return x + 1

    graph = trace(program, backlit.ones(3)).graph
    x = np.array([1.0, 2.0, 3.0], np.float32)
    values = interpret(graph, {0: x})
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert values[graph.writes[0][1]].tolist() == [9.0, 4.0, 6.0]
    assert values[graph.outputs[0]].tolist() == [10.0, 5.0, 7.0]


def test_no_warning_where_a_value_overflows():
    graph = trace(lambda x: x.exp().log(), backlit.ones(1)).graph
    assert interpret(graph, {0: np.array([1e4], np.float32)})[graph.outputs[0]].tolist() == [np.inf]
