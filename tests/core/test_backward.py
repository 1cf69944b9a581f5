"""The backward pass: accumulation, hooks, higher orders, sub-gradients' memory, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.core.primitive import Primitive
from backlit.errors import ArgumentTypeError, GradientError, NonFiniteError, ShapeError
from backlit.testing import gradcheck


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


def test_gradients_add_up_over_paths_and_passes():
    x = leaf(3.0)
    (x * x + x).backward()
    (2 * x).backward()
    assert x.grad.tolist() == [9.0]


def test_gradients_of_two_leaves_never_share_memory():
    c = backlit.tensor([1.0, 2.0], dtype=backlit.float64)
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    ((x + y) * c).sum().backward(create_graph=True)
    ((x + y) * c).sum().backward()
    assert x.grad.tolist() == y.grad.tolist() == [2.0, 4.0]
    assert not np.shares_memory(x.grad.detach().numpy(), y.grad.detach().numpy())


def test_a_given_gradient_is_not_written_by_later_passes():
    x = leaf(1.0, 2.0)
    g = backlit.ones(2, dtype=backlit.float64)
    x.backward(g)
    x.backward(g)
    assert g.tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [2.0, 2.0]


@given(
    st.sampled_from([(), (1,), (3,), (2, 1), (2, 3), (0, 3)]), st.sampled_from([(), (1,), (3,), (2, 1), (1, 3), (2, 3)])
)
def test_a_broadcast_gradient_has_its_inputs_shape(first, second):
    x = backlit.ones(first, dtype=backlit.float64, requires_grad=True)
    y = backlit.ones(second, dtype=backlit.float32, requires_grad=True)
    try:
        size = np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            x * y
        return
    (x * y).sum().backward()
    assert x.grad.shape == first
    assert y.grad.shape == second
    assert (x.grad.dtype, y.grad.dtype) == (backlit.float64, backlit.float32)
    assert x.grad.sum().item() == np.prod(size)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_gradients_of_gradients_to_any_order(order):
    x = leaf(0.5)
    value = x**5
    expected = 1.0
    for step in range(order):
        (value,) = backlit.autograd.grad(value, x, create_graph=True)
        expected *= 5 - step
    assert value.item() == pytest.approx(expected * 0.5 ** (5 - order))


def test_a_composite_of_inputs_that_depend_on_each_other_to_second_order():
    x = leaf(1.0, 2.0)
    out = backlit.ops.linear(x, (x * x).reshape(1, 2)).sum()
    (slope,) = backlit.autograd.grad(out, x, create_graph=True)
    assert slope.tolist() == [3.0, 12.0]
    (second,) = backlit.autograd.grad(slope.sum(), x)
    assert second.tolist() == [6.0, 12.0]


def test_hooks_see_the_whole_gradient_once_and_may_change_it():
    x = leaf(3.0)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * x).backward()
    assert seen == [6.0, 60.0]
    handle.remove()
    (x * x).backward()
    assert seen == [6.0, 60.0, 120.0]
    assert backlit.autograd.grad(x * x, x)[0].item() == 60.0


def test_hooks_inside_the_graph():
    x = leaf(3.0)
    y = x * 2
    y.register_hook(lambda g: g + 1)
    with y.register_hook(lambda g: g * 2):
        (y * y).backward()
    assert x.grad.item() == (12 + 1) * 2 * 2


@pytest.mark.parametrize("wrong", [1.0, backlit.ones(2)])
def test_a_hook_must_keep_the_shape(wrong):
    x = leaf(3.0)
    x.register_hook(lambda g: wrong)
    with pytest.raises(GradientError, match="hook must return"):
        (x * x).backward()


def test_retained_gradients():
    x = leaf(3.0)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    assert not x.retains_grad
    (y * y).backward()
    assert y.grad.item() == 12.0
    assert (x * 2).grad is None


def test_only_asked_for_inputs_receive():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3.0
    assert y.grad is None


def test_what_starts_a_pass_is_checked():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="only at a scalar"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        (x * 2).backward(backlit.ones(3))
    with pytest.raises(ArgumentTypeError, match="tensor"):
        (x * 2).backward([1.0])
    with pytest.raises(GradientError, match="needs no gradient"):
        backlit.ones(1).backward()
    assert x.grad is None


def test_a_pass_under_no_grad_is_a_pass():
    x = leaf(2.0)
    y = x * x
    with backlit.no_grad():
        y.backward()
    assert x.grad.item() == 4.0
    assert not x.grad.requires_grad


def test_assigned_gradients_are_checked():
    x = leaf(1.0)
    x.grad = backlit.ones(1, dtype=backlit.float64)
    with pytest.raises(ShapeError):
        x.grad = backlit.ones(2, dtype=backlit.float64)
    with pytest.raises(ValueError, match="float32"):
        x.grad = backlit.ones(1)
    del x.grad
    assert x.grad is None


def planted(rule):
    wrong = Primitive(lambda xp, x: xp.multiply(x, x), name="planted", elementwise=True)
    del Primitive.registry["planted"]
    wrong.gradient(x=rule)
    return wrong.bind


def test_a_right_rule_passes_the_checker_and_a_wrong_one_is_caught():
    assert gradcheck(planted(lambda g, x: g * 2 * x), leaf(1.0, 3.0))
    with pytest.raises(GradientError, match="the rule gives 3, differences give 2"):
        gradcheck(planted(lambda g, x: g * 3 * x), leaf(1.0, 3.0))


def test_a_rule_of_a_wrong_shape_is_named():
    wrong = Primitive(lambda xp, x: x.sum(), name="planted")
    del Primitive.registry["planted"]
    wrong.gradient(x=lambda g: g)
    with pytest.raises(ShapeError, match="backward of planted"):
        wrong.bind(leaf(1.0, 2.0)).backward()


def test_anomaly_mode_names_the_first_operation_forward_and_backward():
    x = leaf(0.0, 1.0)
    with backlit.autograd.detect_anomaly():
        with pytest.raises(NonFiniteError, match="forward: log made an infinity"):
            (x * 2).log().sum()
        y = (x * 1).sqrt().sum()
        with pytest.raises(NonFiniteError, match="backward: the gradient of sqrt"):
            y.backward()
    assert not np.isfinite(x.log().detach().numpy()).all()
