"""Attention beside PyTorch's numbers, which reference/make_attention.py wrote."""

import json
from pathlib import Path

import numpy as np

from backlit.nn import functional as F
from backlit.ops import tensor
from tests.nn.attention_table import CALLS
from tests.nn.layer_table import inputs, numbers, state
from tests.nn.names import NAMES

_FILE = Path(__file__).parents[1] / "reference" / "attention.json"


def entries(name):
    """The calls of what has this name in its own, each with PyTorch's numbers."""
    found = json.loads(_FILE.read_text(encoding="utf-8"))["calls"]
    return [(call, numbers) for call, numbers in zip(CALLS, found, strict=True) if call[0].startswith(name)]


def built(text):
    """The module of a text, in float64, with the table's values."""
    module = eval(text, NAMES).double()
    named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    module.load_state_dict({name: tensor(value) for name, value in state(named).items()})
    return module


def compare(call, expected):
    text, shapes, options = call
    function = built(text) if "(" in text else getattr(F, text)
    given = [tensor(array, requires_grad=True) for array in inputs(shapes)]
    results = function(*given, **{n: tensor(v) if isinstance(v, np.ndarray) else v for n, v in options.items()})
    results = results if isinstance(results, tuple) else (results,)
    (results[0] * tensor(numbers(tuple(results[0].shape), 50))).sum().backward()
    assert len(results) == len(expected["results"])
    pairs = [(f"result {i}", *pair) for i, pair in enumerate(zip(results, expected["results"], strict=True))]
    pairs += [(f"input {i}", g.grad, e) for i, (g, e) in enumerate(zip(given, expected["inputs"], strict=True))]
    own = dict(function.named_parameters()) if "(" in text else {}
    assert list(own) == list(expected["parameters"])
    pairs += [(name, own[name].grad, grad) for name, grad in expected["parameters"].items()]
    for what, found, wanted in pairs:
        if wanted is None:
            assert found is None, what
        else:
            np.testing.assert_allclose(found.detach().numpy().ravel(), wanted, rtol=1e-9, atol=1e-12, err_msg=what)
