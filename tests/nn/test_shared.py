"""What every layer must fulfil, driven by the table of layers."""

import copy
import pickle

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.core.stateful import Stateful
from tests.nn.layer_table import LAYERS, LOSSES, inputs, numbers, state
from tests.nn.names import NAMES

every_layer = pytest.mark.parametrize(("text", "specs"), LAYERS, ids=[text for text, _ in LAYERS])
every_loss = pytest.mark.parametrize(("text", "shape", "target"), LOSSES, ids=lambda value: str(value))


def built(text):
    module = eval(text, NAMES).double()
    if "Loss" not in text:
        named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
        module.load_state_dict({**module.state_dict(), **{n: backlit.tensor(v) for n, v in state(named).items()}})
    return module


def tensors(specs, **options):
    return [backlit.tensor(a, requires_grad=a.dtype.kind == "f", **options) for a in inputs(specs)]


def as_function(module, count):
    """The module as a function of its first `count` inputs and its parameters, for finite differences."""
    places = [(m, name) for m in module.modules() for name, p in m._parameters.items() if p is not None]
    buffers = {name: value.clone() for name, value in module.state_dict().items()}

    def function(*values):
        module.load_state_dict(buffers)
        before = [m._parameters[name] for m, name in places]
        for (m, name), value in zip(places, values[count:], strict=True):
            m._parameters[name] = value
        try:
            return module(*values[:count])
        finally:
            for (m, name), parameter in zip(places, before, strict=True):
                m._parameters[name] = parameter

    return function, [m._parameters[name].detach().clone().requires_grad_() for m, name in places]


# The row of padding gets no gradient on purpose: see test_reference.
@pytest.mark.parametrize(("text", "specs"), [entry for entry in LAYERS if "padding_idx" not in entry[0]])
def test_gradients_agree_with_finite_differences(text, specs):
    module = built(text)
    function, parameters = as_function(module, len(specs))
    given = tensors(specs)
    assert backlit.autograd.gradcheck(function, (*given, *parameters))
    if sum(t.numel() for t in (*given, *parameters)) <= 40:
        assert backlit.autograd.gradgradcheck(function, (*given, *parameters))


@every_loss
def test_gradients_of_losses_agree_with_finite_differences(text, shape, target):
    given = tensors([shape, target])
    function = built(text)
    assert backlit.autograd.gradcheck(function, given)
    if "sum" in text:
        assert backlit.autograd.gradgradcheck(function, given)


def test_a_planted_wrong_gradient_is_caught():
    module = built("Linear(4, 3)")
    module.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 1.01,))
    with pytest.raises(backlit.errors.GradientError):
        backlit.autograd.gradcheck(module, tensors([(5, 4)]))


@every_layer
def test_a_state_dict_makes_two_modules_equal(text, specs):
    one, other = built(text), eval(text, NAMES).double()
    other.load_state_dict(one.state_dict())
    for module in (one, other):
        assert all(not value.requires_grad for value in module.state_dict().values())
    np.testing.assert_array_equal(one(*tensors(specs)).detach(), other(*tensors(specs)).detach())


@every_layer
def test_copies_and_pickles_compute_the_same_and_share_nothing(text, specs):
    module = built(text)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    expected = module(*tensors(specs)).detach().numpy()
    for other in copies:
        assert repr(other) == repr(module)
        assert [n for n, _ in other.named_parameters()] == [n for n, _ in module.named_parameters()]
        assert all(type(p) is nn.Parameter for p in other.parameters())
        np.testing.assert_array_equal(other(*tensors(specs)).detach(), expected)
        for parameter in other.parameters():
            with backlit.no_grad():
                parameter.fill_(0.5)
    np.testing.assert_array_equal(built(text)(*tensors(specs)).detach(), expected)


@every_layer
def test_float32_stays_float32_and_agrees_with_float64(text, specs):
    module = built(text)
    wide = module(*tensors(specs)).detach().numpy()
    module = built(text).float()
    assert all(p.dtype is backlit.float32 for p in module.parameters())
    narrow = module(*[backlit.tensor(a.astype("f4") if a.dtype.kind == "f" else a) for a in inputs(specs)])
    assert narrow.dtype is backlit.float32
    assert type(narrow) is backlit.Tensor
    np.testing.assert_allclose(narrow.detach(), wide, rtol=2e-5, atol=2e-5)


@every_layer
def test_training_and_evaluation_reach_every_module(text, specs):
    module = built(text)
    assert all(m.training is False for m in module.eval().modules())
    assert all(m.training is True for m in module.train().modules())
    assert isinstance(module, Stateful)
    version = module.structure_version
    module.eval()
    assert module.structure_version != version
    module.train()
    assert module.structure_version == version


@every_layer
def test_a_traced_layer_computes_the_same(text, specs):
    from backlit.graph.trace import trace

    module, other = built(text), built(text)
    given = tensors(specs)
    traced = trace(lambda *values: module(*values), *given)
    found = traced.run(*given)
    np.testing.assert_allclose(found.detach(), other(*given).detach(), rtol=1e-12, atol=1e-12)
    for name, buffer in other.named_buffers():
        np.testing.assert_allclose(module.get_buffer(name), buffer, rtol=1e-12, err_msg=name)


@every_loss
def test_a_traced_loss_computes_the_same(text, shape, target):
    from backlit.graph.trace import trace

    module, given = built(text), tensors([shape, target])
    found = trace(lambda *values: module(*values), *given).run(*given)
    np.testing.assert_allclose(found.detach(), module(*given).detach(), rtol=1e-12, atol=1e-12)


def test_numbers_of_the_table_are_away_from_kinks():
    values = numbers((100,))
    assert np.abs(values).min() > 1e-3
