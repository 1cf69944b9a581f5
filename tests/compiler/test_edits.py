"""Edits that tell nobody: of lists and dicts, hooks, and a `forward` of an object's own."""

from typing import Any

import pytest

import backlit
from backlit import nn
from tests.compiler.test_compiled import Training, both, data, same, same_networks


def no_longer_trained(training: Training) -> None:
    training.optimizer.param_groups[0]["params"].pop()


def forgotten_state(training: Training) -> None:
    training.optimizer.state.clear()


def another_buffer(training: Training) -> None:
    weight = training.net[0].weight
    training.optimizer.state[weight]["momentum_buffer"] = backlit.zeros_like(weight)


def another_forward(training: Training) -> None:
    training.net[1].forward = lambda x: x * 2


def forward_hook(training: Training) -> Any:
    return training.net[1].register_forward_hook(lambda module, args, output: output * 2)


def backward_hook(training: Training) -> Any:
    return training.net[2].register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 2,))


def parameter_hook(training: Training) -> Any:
    return training.net[0].weight.register_hook(lambda g: g * 3)


def step_hook(training: Training) -> Any:
    def doubled(optimizer: Any, args: Any, kwargs: Any) -> None:
        for p in training.net.parameters():
            p.grad = p.grad * 2

    return training.optimizer.register_step_pre_hook(doubled)


HOOKS = [forward_hook, backward_hook, parameter_hook, step_hook]


@pytest.mark.parametrize("edit", [no_longer_trained, forgotten_state, another_buffer, another_forward, *HOOKS])
def test_edits_that_tell_nobody_are_noticed(edit: Any) -> None:
    eager, compiled = both()
    handles: list[Any] = []
    for call in range(6):
        if call == 2:
            handles = [edit(eager), edit(compiled)]
        if call == 4:
            for handle in filter(None, handles):
                handle.remove()
        same(compiled.step(*data()), eager.step(*data()))
    same_networks(eager, compiled)


def test_an_own_forward_that_goes_is_noticed() -> None:
    net = nn.ReLU()
    compiled = backlit.compile(net)
    x = backlit.tensor([-1.0, 1.0])
    net.forward = lambda x: x * 5
    assert compiled(x).tolist() == [-5, 5]
    del net.forward
    assert compiled(x).tolist() == [0, 1]


factor: Any = 2.0


def test_names_in_hooks_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Identity()
    net.register_forward_hook(lambda module, args, output: output * factor)
    compiled = backlit.compile(net)
    x = backlit.ones(3)
    for value in (2.0, 3.0):
        monkeypatch.setitem(globals(), "factor", value)
        assert compiled(x).tolist() == [value] * 3
