"""The tape: what is kept, what is released, deep chains, threads, module paths."""

import gc
import threading
import weakref

import numpy as np
import pytest

import backlit
from backlit.core.modes import STATE
from backlit.errors import GradientError


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_chain_of_a_hundred_thousand_operations_differentiates_and_is_released(no_collector):
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0]
    last = weakref.ref(y.grad_fn.binding)
    del y
    assert last() is None


def test_the_graph_goes_with_its_last_reference(no_collector):
    x = leaf(1.0, 2.0)
    kept = x * 2
    y = (kept * x).sum()
    bindings = [weakref.ref(y.grad_fn.binding), weakref.ref(kept.grad_fn.binding)]
    values = weakref.ref(kept)
    del kept
    assert values() is not None, "a value that a gradient needs is kept"
    del y
    assert values() is None
    assert [b() for b in bindings] == [None, None]


def test_a_reference_that_stays_would_be_seen(no_collector):
    y = leaf(1.0) * 2
    binding = weakref.ref(y.grad_fn.binding)
    planted = y.grad_fn
    del y
    assert binding() is planted.binding


def test_a_backward_pass_releases_what_it_needed(no_collector):
    x = leaf(1.0)
    middle = x * 3
    value = weakref.ref(middle)
    y = middle * middle
    del middle
    assert value() is not None
    y.backward()
    assert value() is None


def test_values_that_no_gradient_names_are_not_kept(no_collector):
    x = leaf(1.0)
    middle = x * 3
    value = weakref.ref(middle)
    y = middle + 1
    del middle
    assert value() is None
    y.backward()
    assert x.grad.tolist() == [3.0]


def test_a_second_pass_through_a_released_graph_says_what_to_do():
    y = leaf(2.0) ** 2
    y.backward()
    with pytest.raises(GradientError, match="retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_pass():
    x = leaf(2.0)
    y = x**2
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_the_mode_is_each_threads_own():
    seen = {}
    go, done = threading.Event(), threading.Event()

    def other():
        seen["at first"] = backlit.is_grad_enabled()
        with backlit.no_grad():
            go.set()
            done.wait(10)
            seen["inside"] = backlit.is_grad_enabled()

    thread = threading.Thread(target=other)
    with backlit.no_grad():
        thread.start()
    go.wait(10)
    seen["main"] = backlit.is_grad_enabled()
    done.set()
    thread.join()
    assert seen == {"at first": True, "inside": False, "main": True}


def test_a_decorated_function_in_two_threads_leaves_each_its_mode():
    inside, leave = threading.Event(), threading.Event()
    seen = []

    @backlit.no_grad()
    def first_in_last_out(wait):
        if wait:
            inside.set()
            leave.wait(10)

    def other():
        first_in_last_out(True)
        seen.append(backlit.is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with backlit.no_grad():
        first_in_last_out(False)
        assert not backlit.is_grad_enabled()
    leave.set()
    thread.join()
    assert seen == [True]


def test_modes_as_pytorch_writes_them():
    @backlit.no_grad
    def bare():
        return backlit.is_grad_enabled()

    @backlit.no_grad()
    def called():
        return backlit.is_grad_enabled()

    assert not bare()
    assert not called()
    with backlit.no_grad(), backlit.enable_grad():
        assert backlit.is_grad_enabled()
    with backlit.set_grad_enabled(False):
        assert not backlit.is_grad_enabled()
    assert backlit.is_grad_enabled()
    backlit.set_grad_enabled(False)
    try:
        assert not backlit.is_grad_enabled()
    finally:
        backlit.set_grad_enabled(True)
    with backlit.inference_mode():
        assert backlit.is_inference_mode_enabled()
        assert not backlit.is_grad_enabled()
        with backlit.inference_mode(False):
            assert backlit.is_grad_enabled()


def test_an_error_inside_a_mode_restores_it():
    with pytest.raises(KeyError), backlit.no_grad():
        raise KeyError
    assert backlit.is_grad_enabled()


def test_a_tensor_of_inference_mode_cannot_be_kept_for_a_gradient():
    with backlit.inference_mode():
        frozen = backlit.ones(2)
    with pytest.raises(GradientError, match="inference mode"):
        leaf(1.0, 2.0) * frozen
    assert (leaf(1.0, 2.0) + frozen).requires_grad


def test_each_binding_knows_its_module():
    before, STATE.path = STATE.path, "layers.0"
    try:
        y = leaf(1.0) * 2
    finally:
        STATE.path = before
    assert y.grad_fn.binding.path == "layers.0"
    assert "layers.0" in repr(y.grad_fn.binding)


def test_integers_and_comparisons_carry_no_history():
    x = leaf(1.0, 2.0)
    assert not (x > 1).requires_grad
    assert not x.long().requires_grad
    assert np.asarray(x > 1).tolist() == [False, True]
