"""Hooks run in PyTorch's order and may change what passes."""

import pytest

import backlit
from backlit import nn
from backlit.errors import ShapeError


def doubling():
    layer = nn.Linear(1, 1, bias=False)
    with backlit.no_grad():
        layer.weight.fill_(2.0)
    return layer


def test_forward_hooks_run_in_order_and_replace():
    layer, calls = doubling(), []
    layer.register_forward_pre_hook(lambda m, args: calls.append("before") or (args[0] + 1,))
    layer.register_forward_pre_hook(lambda m, args: calls.append("first") or args[0] * 10, prepend=True)
    layer.register_forward_hook(lambda m, args, out: calls.append(("after", args[0].item())) or out + 100)
    layer.register_forward_hook(lambda m, args, out: calls.append("very first"), prepend=True)
    assert layer(backlit.ones(1)).item() == 2 * 11 + 100
    assert calls == ["first", "before", "very first", ("after", 11.0)]


def test_hooks_see_keyword_arguments():
    class Scaled(nn.Module):
        def forward(self, x, *, by=1):
            return x * by

    module, seen = Scaled(), []
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert module(3, by=4) == 15
    assert seen == [{"by": 5}]


def test_a_removed_hook_is_gone():
    layer, calls = doubling(), []
    handle = layer.register_forward_hook(lambda *_: calls.append(1))
    with layer.register_forward_pre_hook(lambda *_: calls.append(2)):
        layer(backlit.ones(1))
    handle.remove()
    handle.remove()
    layer(backlit.ones(1))
    assert calls == [2, 1]


def test_hooks_that_always_run_run_after_an_error():
    calls = []

    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    module = Failing()
    module.register_forward_hook(lambda m, args, out: calls.append(out), always_call=True)
    module.register_forward_hook(lambda m, args, kwargs, out: calls.append(kwargs), always_call=True, with_kwargs=True)
    module.register_forward_hook(lambda *_: calls.append("never"))
    with pytest.raises(ValueError, match="no"):
        module(1)
    assert calls == [None, {}]


def test_backward_hooks_see_and_replace_gradients():
    layer, calls = doubling(), []
    layer.register_full_backward_pre_hook(lambda m, grad_output: calls.append("pre") or (grad_output[0] * 3,))
    layer.register_full_backward_hook(lambda m, i, o: calls.append((i[0].item(), o[0].item())) or (i[0] + 1,))
    x = backlit.ones(1, 1, requires_grad=True)
    layer(x).backward()
    assert calls == ["pre", (6.0, 3.0)]
    assert x.grad.item() == 7.0
    assert layer.weight.grad.item() == 3.0


def test_backward_hooks_run_where_no_input_needs_a_gradient():
    layer, calls = doubling(), []
    layer.register_full_backward_hook(lambda m, i, o: calls.append((i, o[0].item())))
    layer(backlit.ones(1, 1)).backward()
    assert calls == [((None,), 1.0)]
    layer.requires_grad_(False)
    layer(backlit.ones(1, 1))
    assert len(calls) == 1


def test_backward_hooks_of_several_inputs_and_outputs():
    class Both(nn.Module):
        def forward(self, x, name, y):
            return x * y, name, x + y

    module, seen = Both(), []
    module.register_full_backward_hook(lambda m, i, o: seen.append((i, o)))
    x, y = backlit.ones(2, requires_grad=True), backlit.ones(2, requires_grad=True)
    product, name, _ = module(x, "name", y)
    assert name == "name"
    product.sum().backward()
    ((grad_input, grad_output),) = seen
    assert grad_input[0].tolist() == [1, 1]
    assert grad_input[1] is None
    assert grad_output[1] is None
    assert grad_output[2] is None
    assert x.grad.tolist() == [1, 1]


def test_a_backward_hook_with_the_wrong_number_of_gradients_is_told():
    layer = doubling()
    layer.register_full_backward_hook(lambda m, i, o: (i[0], i[0]))
    with pytest.raises(ShapeError, match="returned 2 values for grad_input, expected 1"):
        layer(backlit.ones(1, 1, requires_grad=True)).backward()


def test_gradients_of_gradients_pass_through_hooks():
    layer = nn.Sequential(nn.Linear(1, 1), nn.Tanh())
    layer.register_full_backward_hook(lambda *_: None)
    assert backlit.autograd.gradgradcheck(layer.double(), backlit.ones(2, 1, dtype=backlit.float64, requires_grad=True))
