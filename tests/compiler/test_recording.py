"""`Compiled.record`: everything that one call computes, and nothing left changed."""

from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn
from tests.compiler.test_compiled import Training, data, values


def state_of(training: Training) -> list[Any]:
    tensors = [*training.net.state_tensors(), *training.optimizer.state_tensors()]
    return [values(t) for t in tensors] + [values(backlit.get_rng_state())]


def test_record_keeps_all_values_and_changes_nothing() -> None:
    training = Training(True)
    training.net.add_module("3", nn.Dropout(0.5))
    x, y = data()
    training.step(x, y)
    before = state_of(training)
    recording = training.step.record(x, y)
    for one, other in zip(state_of(training), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(p.grad is None for p in training.net.parameters())
    first = next(b for b in recording.bindings if b.path == "0")
    np.testing.assert_array_equal(first.record.inputs[0].array, values(x))
    assert first.record.arrived[0] is not None
    loss = next(b for b in recording.bindings if "cross_entropy" in b.primitive.name)
    assert loss.record.outputs[0].array == training.step(x, y).item()


def test_record_puts_all_back_after_an_error() -> None:
    training = Training(True)
    training.step(*data())
    w = training.net[0].weight
    w.grad = backlit.ones(5, 6)
    before = state_of(training)

    def hook(*_: Any) -> None:
        raise KeyError("in a hook")

    # It runs in the recorded call, and not in the trace, which was made before.
    training.step.specialised(*data())
    training.optimizer.register_step_post_hook(hook)
    with pytest.raises(KeyError):
        training.step.record(*data())
    for one, other in zip(state_of(training), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert w.grad.tolist() == backlit.ones(5, 6).tolist()
