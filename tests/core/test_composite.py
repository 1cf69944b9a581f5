"""Composites and updates: the kernel and the formula are one operation, whichever runs."""

import numpy as np
import pytest

import backlit
from backlit.core.composite import Composite, Update
from backlit.core.primitive import Primitive
from backlit.errors import BacklitError, GradientError
from backlit.testing import gradcheck, gradgradcheck


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


@pytest.fixture
def new_composite():
    """Makes composites `x² y` that are forgotten after the test."""
    before = dict(Primitive.registry)

    def formula(x, y):
        return x * x * y

    def kernel(xp, x, y):
        square = x * x
        return square * y, square

    def gradient(g, ans, x, y, needs):
        square = ans[1]
        return (2 * g * x * y if needs[0] else None), (g * square if needs[1] else None)

    def make(change=1.0):
        def changed(g, ans, x, y, needs):
            return tuple(one if one is None else one * change for one in gradient(g, ans, x, y, needs))

        return Composite(formula, kernel, changed, hidden=1)

    yield make
    Primitive.registry.clear()
    Primitive.registry.update(before)


def test_kernel_and_formula_agree_to_second_order(new_composite):
    composite = new_composite()
    x, y = leaf(1.0, 2.0), leaf(3.0, -1.0)
    assert composite.bind(x, y).tolist() == composite.formula(x, y).tolist()
    assert gradcheck(composite.bind, [x, y])
    assert gradgradcheck(composite.bind, [x, y])
    with backlit.record() as recording:
        composite.bind(x, y)
    assert [b.primitive for b in recording.bindings] == [composite]


def test_a_result_that_no_kernel_names_may_be_overwritten(new_composite):
    x = leaf(1.0, -2.0)
    linear = backlit.nn.functional.linear(x, leaf(3.0, 4.0).reshape((2, 1)).repeat(1, 2))
    linear.clamp_(min=0)
    linear.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    used = new_composite().bind(leaf(1.0), leaf(2.0))
    used.mul_(2)
    with pytest.raises(GradientError, match="in-place operation"):
        used.sum().backward()


def test_a_kernel_that_disagrees_is_caught(new_composite):
    composite = new_composite(change=1.5)
    with pytest.raises(GradientError, match="gradcheck"):
        gradcheck(composite.bind, [leaf(1.0, 2.0), leaf(3.0, -1.0)])


def step_down(weight, grad, *, lr):
    return weight - grad * lr


def kernel_down(weight, grad, *, lr):
    weight -= grad * lr


def test_an_update_is_one_rule_eager_and_recorded():
    update = Update(step_down, kernel_down, 1)
    rate = backlit.tensor(0.5, dtype=backlit.float64)
    eager, by_formula, recorded = (backlit.ones(2, dtype=backlit.float64) for _ in range(3))
    grad = backlit.tensor([1.0, 2.0], dtype=backlit.float64)
    update(eager, grad, lr=rate)
    update.by_formula(by_formula, grad, lr=rate)
    with backlit.record() as recording:
        update(recorded, grad, lr=rate)
    assert eager.tolist() == by_formula.tolist() == recorded.tolist() == [0.5, 0.0]
    assert eager._version == 1
    assert len(recording) > 0


def test_an_update_counts_as_a_write():
    weight = leaf(1.0, 2.0)
    update = Update(step_down, kernel_down, 1)
    grad = backlit.ones(2, dtype=backlit.float64)
    loss = (weight * weight).sum()
    with pytest.raises(GradientError, match="leaf"):
        update(weight, grad, lr=0.1)
    with backlit.no_grad():
        update(weight, grad, lr=0.1)
    with pytest.raises(GradientError, match="step_down"):
        loss.backward()


def test_a_failing_kernel_says_its_shapes():
    update = Update(step_down, kernel_down, 1)
    with pytest.raises(BacklitError, match=r"step_down.*\(2,\), \(3,\)"):
        update(backlit.ones(2), backlit.ones(3), lr=0.1)


def test_kernels_of_the_namespace():
    from backlit.core.namespace import NUMPY

    x = np.zeros(3)
    assert NUMPY.scatter_add(x, (np.array([0, 0, 2]),), np.array([1.0, 2.0, 5.0])).tolist() == [3.0, 0.0, 5.0]
    assert NUMPY.scatter_set(x, np.array([1, 2]), np.array([7.0, 8.0])).tolist() == [0.0, 7.0, 8.0]
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert NUMPY.erf(np.array(0.5)) == pytest.approx(0.5204998778)
    assert NUMPY.erfinv(NUMPY.erf(np.array(0.3))) == pytest.approx(0.3)
