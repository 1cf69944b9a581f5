"""Layers and losses print, compute and differentiate as PyTorch's do, which wrote reference/networks.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from backlit.ops import tensor
from tests.nn.layer_table import LAYERS, LOSSES, inputs, numbers, state
from tests.nn.names import NAMES

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "networks.json").read_text(encoding="utf-8"))


def built(text):
    module = eval(text, NAMES).double()
    named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    if "Loss" not in text:
        module.load_state_dict({**module.state_dict(), **{n: tensor(v) for n, v in state(named).items()}})
    return module


def agree(found, expected, what, rtol=1e-11):
    if expected is None:
        assert found is None, what
        return
    values = found.detach().numpy().ravel()
    np.testing.assert_allclose(values, expected, rtol=rtol, atol=1e-12, err_msg=what)


def compare(text, specs, expected):
    module = built(text)
    tensors = [tensor(array, requires_grad=array.dtype.kind == "f") for array in inputs(specs)]
    output = module(*tensors)
    (output * tensor(numbers(tuple(output.shape), 50))).sum().backward()
    # PyTorch multiplies a float64 gradient of hardsigmoid by 1/6 in float32.
    rtol = 1e-7 if "Hardsigmoid" in text else 1e-11
    assert repr(module) == expected["repr"]
    agree(output, expected["output"], "output")
    for position, (given, grad) in enumerate(zip(tensors, expected["inputs"], strict=True)):
        agree(given.grad, grad, f"gradient of input {position}", rtol)
    parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    assert list(parameters) == list(expected["parameters"])
    assert list(buffers) == list(expected["buffers"])
    for name, grad in expected["parameters"].items():
        agree(parameters[name].grad, grad, f"gradient of {name}")
    for name, buffer in expected["buffers"].items():
        agree(buffers[name], buffer, name)


@pytest.mark.parametrize(
    ("text", "specs", "expected"),
    [(*entry, expected) for entry, expected in zip(LAYERS, REFERENCE["layers"], strict=True)],
)
def test_a_layer_is_pytorchs(text, specs, expected):
    compare(text, specs, expected)


@pytest.mark.parametrize(
    ("text", "shape", "target", "expected"),
    [(*entry, expected) for entry, expected in zip(LOSSES, REFERENCE["losses"], strict=True)],
)
def test_a_loss_is_pytorchs(text, shape, target, expected):
    compare(text, [shape, target], expected)


def test_a_planted_fault_is_seen():
    text, specs = LAYERS[1]
    wrong = json.loads(json.dumps(REFERENCE["layers"][1]))
    wrong["parameters"]["weight"][3] *= 1 + 1e-9
    with pytest.raises(AssertionError, match="gradient of weight"):
        compare(text, specs, wrong)
