"""The numbers behind every picture are the lecture's, and agree with each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError
from backlit.view.dataflow import dataflow, short_names
from backlit.view.names import Names, callers_variables
from tests.view.programs import flow_of, leaf, squares, sum_times


def numbers(node):
    """Of each edge into a node: its value, gradient and local derivative."""
    return [(e.value.item(), e.gradient.item(), e.local.item()) for e in node.inputs]


def inconsistent(flow):
    """Names of what does not follow from the rest: a gradient that is not what came times the local derivative."""
    wrong = []
    for node in flow.nodes:
        sent = [e.gradient for e in node.outputs if e.gradient is not None]
        if node.gradient is not None and sent and not np.allclose(np.sum(sent, axis=0), node.gradient):
            wrong.append(f"what arrives at {node.operation or node.kind}")
        for edge in node.inputs:
            known = edge.gradient is not None and edge.local is not None and edge.shape == node.shape
            if known and not np.allclose(edge.gradient, node.gradient * edge.local):
                wrong.append(f"what {node.operation} sends")
    return wrong


def test_the_lectures_graph():
    named = sum_times()
    flow = flow_of(named["f"], **named)
    add, mul = flow.find(named["q"]), flow.find(named["f"])
    assert numbers(add) == [(-2, -4, 1), (5, -4, 1)]
    assert numbers(mul) == [(3, -4, -4), (-4, 3, 3)]
    assert (flow.out.value.item(), flow.out.gradient.item()) == (-12, 1)
    assert [add.role, mul.role] == ["distributes", "swaps and scales"]
    assert [n.name for n in flow.nodes] == ["x", "y", "q", "z", "f"]


def test_gates():
    a, b = leaf(3.0), leaf(4.0)
    with backlit.record():
        f = (a + b) * 2
        f.backward()
    add = flow_of(f).nodes[2]
    assert [n[1] for n in numbers(add)] == [2, 2]

    a, b = leaf(2.0), leaf(3.0)
    with backlit.record():
        f = (a * b) * 5
        f.backward()
    assert [n[1] for n in numbers(flow_of(f).nodes[2])] == [15, 10]

    a, b = leaf(4.0), leaf(5.0)
    with backlit.record():
        f = backlit.maximum(a, b) * 9
        f.backward()
    assert [n[1] for n in numbers(flow_of(f).nodes[2])] == [0, 9]


def test_a_copy_adds():
    x = leaf(1.0)
    with backlit.record():
        f = x * 4 + x * 2
        f.backward()
    node = flow_of(f, x=x).find(x)
    assert [e.gradient.item() for e in node.outputs] == [4, 2]
    assert node.gradient.item() == 6
    assert node.role == "adds up what arrives"


def test_a_tie_is_said():
    with backlit.record():
        f = backlit.maximum(leaf(3.0), leaf(3.0))
    tie = flow_of(f).find(f)
    assert tie.kinks == 1
    assert [e.local.item() for e in tie.inputs] == [0.5, 0.5]
    with backlit.record():
        f = backlit.maximum(leaf(3.0), leaf(4.0))
    assert flow_of(f).find(f).kinks == 0


def test_saturated_and_dead():
    for value, most in ((10.0, 5e-5), (-10.0, 5e-5)):
        with backlit.record():
            f = leaf(value).sigmoid()
        assert 0 < flow_of(f).out.source.inputs[0].local.item() < most
    with backlit.record():
        f = leaf(-1.0).relu()
    assert flow_of(f).out.source.inputs[0].local.item() == 0


@given(st.lists(st.sampled_from(["mul", "add", "sin", "relu", "same"]), max_size=8), st.integers(0, 9))
def test_gradients_follow_from_what_arrived_and_the_local_derivatives(words, seed):
    rng = np.random.default_rng(seed)
    leaves = [backlit.tensor(rng.normal(size=(2, 3)), requires_grad=True) for _ in range(2)]
    with backlit.record():
        made = list(leaves)
        for word in words:
            a, b = (made[rng.integers(len(made))] for _ in range(2))
            made.append({"mul": a * b, "add": a + b, "sin": a.sin(), "relu": a.relu(), "same": a * a}[word])
        f = sum(m.sum() for m in made)
        f.backward()
    assert inconsistent(flow_of(f)) == []


def test_a_gradient_that_a_hook_changed_is_found():
    x = leaf(3.0)
    with backlit.record():
        q = x * 2
        q.register_hook(lambda g: g * 10)
        (q * q).backward()
        f = q * 1
        f.backward()
    assert inconsistent(flow_of(f)) == ["what arrives at mul"]


def test_names_given_come_before_paths_and_variables():
    net = nn.Sequential(nn.Linear(2, 1))
    x = backlit.ones(3, 2)
    out = net(x)
    called = Names({"W": net[0].weight}, callers_variables_of_this_test(net, x, out))
    flow = dataflow(out, called, "test")
    names = {n.name for n in flow.nodes}
    assert {"W", "0.bias", "out"} <= names


def callers_variables_of_this_test(net, x, out):
    return callers_variables()


def test_paths_count_from_the_outermost_module():
    inner = nn.Sequential(nn.Linear(2, 1))
    outer = nn.Sequential(inner)
    called = Names(variables={"inner": inner, "outer": outer, "again": outer})
    assert called.of_tensor(inner[0].weight) == "0.0.weight"
    assert called.modules == {"": "Sequential", "0": "Sequential", "0.0": "Linear"}
    other = nn.Sequential(nn.ReLU(), nn.Linear(1, 1))
    called = Names(variables={"inner": inner, "other": other})
    assert called.of_tensor(inner[0].weight) == "inner.0.weight"
    assert called.modules == {"": "Sequential", "1": "Linear"}


def test_nodes_without_a_name_get_short_ones():
    x, t1 = leaf(1.0), leaf(2.0)
    with backlit.record():
        f = (x * 2 + t1).sin() * 3
    flow = dataflow(f, Names({"x": x, "t1": t1}), "test")
    assert list(short_names(flow).values()) == ["x", "2", "t2", "t1", "t3", "t4", "3", "J"]


def test_without_recording_shapes_and_leaf_gradients_remain():
    x = leaf(2.0)
    f = x * x
    flow = flow_of(f, x=x)
    assert not flow.recorded
    assert flow.find(x).gradient is None
    f.backward()
    flow = flow_of(f, x=x)
    assert flow.find(x).gradient.item() == 4
    assert [e.value for e in flow.edges] == [None, None]
    assert [e.local for e in flow.edges] == [None, None]
    assert flow.find(f).kinks is None


def test_a_gradient_that_nobody_computed_is_not_zero():
    x = leaf(2.0)
    with backlit.record():
        f = x * x
    flow = flow_of(f, x=x)
    assert flow.recorded
    assert not flow.backward
    assert flow.find(x).gradient is None
    assert [e.local.item() for e in flow.edges] == [2, 2]


def test_values_are_those_of_the_time():
    w = leaf(2.0)
    with backlit.record():
        f = w * 3
        f.backward()
        with backlit.no_grad():
            w.sub_(w.grad)
    flow = flow_of(f, w=w)
    assert flow.find(w).value.item() == 2
    assert w.item() == -1


def test_parameters_inputs_and_constants_are_told_apart():
    layer = nn.Linear(2, 1)
    with backlit.record():
        f = (layer(backlit.ones(1, 2)) * 2).sum()
    kinds = [n.kind for n in flow_of(f).nodes]
    assert sorted(kinds) == ["constant", "input", "operation", "operation", "operation", "parameter", "parameter"]


def test_a_leaf_belongs_to_the_module_that_all_its_uses_share():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Tanh()
            self.b = nn.Sigmoid()

        def forward(self, x):
            return self.a(x) + self.b(x)

    x = leaf(1.0)
    f = nn.Sequential(Twice())(x)
    flow = flow_of(f)
    assert flow.find(x).path == "0"
    assert sorted(n.path for n in flow.nodes if n.binding) == ["0", "0.a", "0.b"]


def test_broadcast_inputs_have_local_derivatives_of_the_result():
    column, row = leaf([[1.0], [2.0]], shape=1), leaf([3.0, 4.0, 5.0], shape=1)
    with backlit.record():
        f = (column * row).sum()
        f.backward()
    left, right = flow_of(f).nodes[2].inputs
    assert left.local.tolist() == [[3, 4, 5]] * 2
    assert right.local.tolist() == [[1] * 3, [2] * 3]
    assert left.gradient.tolist() == [[12], [12]]


def test_a_result_of_many_operations_is_read_without_recursion():
    x = leaf(1.0)
    f = x
    for _ in range(20_000):
        f = f + 1
    assert len(flow_of(f).nodes) == 40_001


def test_only_tensors_have_graphs():
    with pytest.raises(ArgumentTypeError, match=r"view\.test: expected a tensor, such as a loss, got float"):
        flow_of_number()


def flow_of_number():
    return dataflow(1.0, Names(), "test")


def test_names_are_of_tensors():
    with pytest.raises(ArgumentTypeError, match="expected names of tensors"):
        Names({"x": 1.0})
    with pytest.raises(ArgumentTypeError, match=r"names: expected a dict such as .*, got list"):
        Names(["x"])
    assert squares()["f"].item() == 38.25


def test_a_line_in_a_comprehension_sees_the_variables_around_it():
    seen = "around"
    (found,) = [callers_variables() for inside in ("within",)]
    assert (found["seen"], found["inside"], found["pytest"]) == (seen, "within", pytest)


def test_copies_are_known_by_their_numbers_unless_several_are_alike():
    x, y, twin, one = (backlit.tensor(v) for v in ([1.0, 2.0], [3.0, 4.0], [3.0, 4.0], 5.0))
    called = Names({"x": x, "y": y, "twin": twin, "one": one})
    assert [called.of_copy(t.numpy().copy()) for t in (x, y, one, backlit.zeros(2))] == ["x", "", "", ""]
