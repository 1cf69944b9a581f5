"""Every operation of the library can be drawn, walked through and explained; compiled steps too."""

import numpy as np
import pytest

import backlit
from backlit import nn, view
from backlit.core.primitive import Primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import GradientError
from tests.view.programs import leaf

SAMPLED = sorted(name for name, p in Primitive.registry.items() if p.samples is not None and p.differentiable)


def recorded(name):
    """The first of an operation's samples through which a gradient flows, summed up, and its result; or None."""
    primitive = Primitive.registry[name]
    for args, settings in primitive.samples(np.random.default_rng(0)):
        tensors = [
            backlit.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in args
        ]
        with backlit.record():
            out = primitive.bind(*tensors, **settings)
            outs = out if isinstance(out, tuple) else (out,)
            taken = [o for o in outs if isinstance(o, TensorBase) and o.requires_grad]
            if taken:
                loss = sum(o.sum() for o in taken)
                loss.backward()
                return loss, taken[0]
    return None


@pytest.mark.parametrize("name", SAMPLED)
def test_each_operation(name, capfd):
    made = recorded(name)
    if made is None:
        return
    loss, result = made
    picture = view.graph(loss, color_by="memory")
    assert "<svg" in picture.svg
    assert view.node(result, loss).node.operation == result._node.primitive.name
    assert {step.phase for step in view.steps(loss)} == {"forward", "backward"}
    for derivation in view.explain(loss).derivations:
        gradient = derivation.start.gradient
        assert gradient is None or gradient.shape == derivation.start.shape
    assert "Error" not in capfd.readouterr().err


def test_an_operation_without_a_rule_for_an_input_says_that_no_gradient_came():
    loss, _ = recorded("relu_gradient")
    assert "none came; no operation on the way passed a gradient on." in view.explain(loss).text
    assert ">none came<" in view.graph(loss).svg


def test_an_operation_that_was_made_outside_of_the_recording_is_named():
    x = leaf(1.0, 2.0)
    before = x * 2
    with backlit.record():
        f = (before * before).sum()
        f.backward()
    assert "none came" not in view.graph(f).svg
    with pytest.raises(GradientError, match="the operation mul was not recorded"):
        view.explain(f, x)


class Squared(backlit.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


def test_functions_of_the_readers_own():
    x = leaf(3.0)
    with backlit.record():
        f = Squared.apply(x) * 2
        f.backward()
    assert ">Squared<" in view.graph(f, color_by="time").svg
    text = view.explain(f, x).text
    assert "∂t1/∂x = [d Squared(x) / d x] = 6" in text
    assert "The backward pass found 12: the same." in text
    assert "t1: 2 arrives; a function of the user's: x gets 2 · 6 = 12" in view.steps(f).text
    wide = leaf(1.0, 2.0)
    with backlit.record():
        f = Squared.apply(wide).sum()
        f.backward()
    assert "dJ/dwide = dJ/dt1 · ∂t1/∂wide" in view.explain(f, wide).text


def compiled_step():
    backlit.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = backlit.optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return net, step


def test_compiled_steps_show_what_eager_ones_do():
    x, y = backlit.rand(6, 4), backlit.rand(6, 2)
    net, step = compiled_step()
    recording = backlit.compile(step).record(x, y)
    _, eager_step = compiled_step()
    with backlit.record() as eager:
        eager_step(x, y)
    flows = [view.graph(r).data for r in (recording, eager)]
    assert [n.operation for n in flows[0].nodes] == [n.operation for n in flows[1].nodes]
    for one, other in zip(flows[0].edges, flows[1].edges, strict=True):
        assert np.allclose(one.value, other.value)
        assert (one.gradient is None) == (other.gradient is None)
        assert one.gradient is None or np.allclose(one.gradient, other.gradient)
    assert {"x", "y", "0.weight"} <= {node.name for node in flows[0].nodes}
    assert [s.phase for s in view.steps(recording)].count("backward") == 4
    assert "dJ/dt1' x" in view.explain(recording, net[0].weight).text


def test_a_recording_shows_its_last_backward_pass():
    x = leaf(3.0)
    with backlit.record() as recording:
        (x * 2).backward()
        f = x.sin()
        f.backward()
        f * 5
    assert view.graph(recording).data.out.source.operation == "sin"
    with backlit.record() as recording:
        x * 2
        x * x
    flow = view.graph(recording).data
    assert (flow.out.value.item(), flow.backward) == (9, False)


def test_a_recording_of_nothing():
    with backlit.record() as recording:
        backlit.ones(2) * 2
    with pytest.raises(GradientError, match=r"view\.graph: the recording holds no operation that takes a gradient"):
        view.graph(recording)
