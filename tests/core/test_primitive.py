"""Operations: one way in, gradients that keep only what they name, results that own their memory."""

import copy
import pickle

import numpy as np
import pytest

import backlit
from backlit.core.primitive import Primitive
from backlit.core.tensor_base import Symbol
from backlit.errors import BacklitError, ShapeError

OPERATIONS = sorted(name for name, operation in Primitive.registry.items() if operation.samples is not None)


@pytest.fixture
def new_operation():
    """Makes operations that are forgotten after the test."""
    before = dict(Primitive.registry)
    yield Primitive
    Primitive.registry.clear()
    Primitive.registry.update(before)


def applied(operation):
    """Arrays of each sample, and the arrays that the forward rule made of them."""
    from backlit.core.namespace import NUMPY

    for args, settings in operation.samples(np.random.default_rng(0)):
        arrays = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        with np.errstate(all="ignore"):
            out = operation.forward(NUMPY, *arrays, **settings)
        yield args, arrays, settings, [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]


def rule_breaks(operation):
    """What an operation does that the engine does not allow."""
    found = []
    for args, arrays, settings, outs in applied(operation):
        for before, after in zip(args, arrays, strict=True):
            if isinstance(before, np.ndarray):
                if not np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
                    found.append("writes into an input")
                if not operation.view and any(np.shares_memory(after, out) for out in outs):
                    found.append("a result shares an input's memory")
        if not operation.dynamic:
            symbols = [Symbol(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in arrays]
            known = operation.infer(*symbols, **settings)
            if [(s.shape, s.dtype) for s in known] != [(o.shape, o.dtype) for o in outs]:
                found.append("its shape rule is wrong")
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_keeps_to_the_engines_rules(name):
    assert rule_breaks(Primitive.registry[name]) == []


def test_operations_that_break_the_rules_are_caught(new_operation):
    def samples(rng):
        return [((rng.normal(size=3),), {})]

    def writing(xp, x):
        x += 1
        return x * 2

    writer = new_operation(writing, samples=samples)
    writer.shape(lambda x: (x.shape, x.dtype))
    assert rule_breaks(writer) == ["writes into an input"]
    alias = new_operation(lambda xp, x: x[1:], name="alias", samples=samples)
    assert rule_breaks(alias) == ["a result shares an input's memory"]
    shaped = new_operation(lambda xp, x: x * 2, name="shaped", samples=samples)
    shaped.shape(lambda x: ((4,), x.dtype))
    assert rule_breaks(shaped) == ["its shape rule is wrong"]


def test_a_rules_parameters_choose_what_is_kept(new_operation):
    operation = new_operation(lambda xp, x, y, *, k: x * y * k, name="three_facts")
    operation.gradient(x=lambda g, y, k: g * y * k, y=lambda g, ans, y_shape: g * ans)
    x = backlit.ones(2, requires_grad=True)
    y = backlit.ones(2)
    only_x = operation.bind(x, y, k=2).grad_fn.binding
    assert [one is None for one in only_x.held()] == [True, False]
    only_y = operation.bind(y, x, k=2).grad_fn.binding
    assert [one is None for one in only_y.held()] == [True, True]
    assert only_y.kept()[1].tolist() == [2.0, 2.0]


def test_one_gradient_for_two_inputs_is_not_shared(new_operation):
    operation = new_operation(lambda xp, x, y: x + y, name="test_one_for_two", promote=None)

    def rule(g):
        twice = g * 1
        return twice, twice

    operation.joint_gradient(rule)
    x, z = backlit.ones(2, requires_grad=True), backlit.ones(2, requires_grad=True)
    early, late = z * 5, x * 3
    (operation.bind(x, early) + late).sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]
    assert z.grad.tolist() == [5.0, 5.0]


def test_warnings_of_numpy_are_silent_inside_and_left_alone_outside():
    with np.errstate(all="raise"):
        x = backlit.tensor([0.0, 1.0], requires_grad=True)
        (1 / x).sum().backward()
        assert x.grad.tolist() == [-np.inf, -1.0]
        with pytest.raises(FloatingPointError):
            np.float32(1) / np.float32(0)


def test_an_operation_may_run_in_the_middle_of_another(new_operation):
    # As when a signal's handler saves a model.
    seen = []

    def forward(xp, x):
        seen.append(1 / backlit.zeros(1))
        return x / 0

    operation = new_operation(forward, name="test_interrupted")
    assert operation.bind(backlit.ones(1)).tolist() == seen[0].tolist() == [np.inf]


def test_two_operations_of_one_name_are_refused(new_operation):
    new_operation(lambda xp, x: x, name="twice")
    with pytest.raises(BacklitError, match="two operations of the name 'twice'"):
        new_operation(lambda xp, x: x, name="twice")


def test_a_failing_rule_says_operation_shapes_and_settings():
    with pytest.raises(ShapeError, match=r"add: got float32\[2\], float32\[3\]; the shapes do not broadcast"):
        backlit.ones(2) + backlit.ones(3)


def test_several_results_get_their_gradients(new_operation):
    both = new_operation(lambda xp, x: (x * 2, x * 3, x + 0), name="both", hidden=1)
    both.joint_gradient(lambda g, ans: (sum(w * one for w, one in zip((2, 3), g, strict=False) if one is not None),))
    x = backlit.ones(2, requires_grad=True)
    first, second = both.bind(x)
    second.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [3.0, 3.0]
    (first + second).sum().backward()
    assert x.grad.tolist() == [8.0, 8.0]


def test_an_operation_is_copied_and_pickled_by_name():
    add = Primitive.registry["add"]
    assert copy.deepcopy(add) is add
    assert pickle.loads(pickle.dumps(add)) is add
