"""Containers number, name, slice and print what they hold as PyTorch's do."""

import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError, IndexRangeError


def kinds(container):
    return [type(module).__name__ for module in container]


def row():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Tanh())


def test_a_sequence_is_indexed_and_sliced():
    model = row()
    assert len(model) == 3
    assert model[-1] is model[2]
    part = model[1:]
    assert isinstance(part, nn.Sequential)
    assert kinds(part) == ["ReLU", "Tanh"]
    assert part[0] is model[1]
    assert kinds(model + part) == ["Linear", "ReLU", "Tanh", "ReLU", "Tanh"]
    for wrong in (3, -4):
        with pytest.raises(IndexRangeError, match="out of range for 3 entries"):
            _ = model[wrong]
    with pytest.raises(ArgumentTypeError, match="index must be an integer"):
        _ = model["0"]


def test_a_sequence_is_edited():
    model = row()
    assert model.append(nn.ELU()) is model
    model.insert(0, nn.Flatten())
    model.extend([nn.SELU()])
    assert kinds(model) == ["Flatten", "Linear", "ReLU", "Tanh", "ELU", "SELU"]
    assert [n for n, _ in model.named_parameters()] == ["1.weight", "1.bias"]
    model[2] = nn.GELU()
    del model[0]
    del model[-2:]
    assert isinstance(model.pop(-1), nn.Tanh)
    assert kinds(model) == ["Linear", "GELU"]
    assert [n for n, _ in model.named_children()] == ["0", "1"]
    before = kinds(model)
    for wrong in (lambda: model.append(3), lambda: model.insert(0, 3), lambda: model.extend(3)):
        with pytest.raises(ArgumentTypeError):
            wrong()
    assert kinds(model) == before


def test_a_sequence_of_names():
    model = nn.Sequential({"hidden": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    assert model.hidden is model[0]
    assert list(model[:1].state_dict()) == ["hidden.weight", "hidden.bias"]
    assert model(backlit.ones(4, 2)).shape == (4, 1)


def test_an_empty_sequence_is_the_identity():
    x = backlit.ones(2)
    assert nn.Sequential()(x) is x
    assert repr(nn.Sequential()) == "Sequential()"


def test_lists_of_modules():
    modules = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    modules += [nn.ReLU()]
    assert kinds(modules[::2]) == ["Linear", "Linear"]
    assert kinds(modules[:1] + modules[3:]) == ["Linear", "ReLU"]
    assert len(list(modules.parameters())) == 6
    assert repr(modules) == (
        "ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n  (3): ReLU()\n)"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_dicts_of_modules():
    modules = nn.ModuleDict({"a": nn.ReLU()})
    modules["b"] = nn.Linear(1, 1)
    modules.update([("c", nn.Tanh())])
    modules.update(nn.ModuleDict({"a": nn.ELU()}))
    assert list(modules) == list(modules.keys()) == ["a", "b", "c"]
    assert kinds(modules.values()) == ["ELU", "Linear", "Tanh"]
    assert "b" in modules
    assert isinstance(modules.pop("b"), nn.Linear)
    del modules["c"]
    assert [name for name, _ in modules.items()] == ["a"]
    with pytest.raises(KeyError):
        _ = modules["b"]
    modules.clear()
    assert len(modules) == 0
    with pytest.raises(ArgumentTypeError, match="expected names and modules"):
        modules.update(3)


def test_lists_of_parameters():
    values = nn.ParameterList([backlit.ones(2, 3), nn.Parameter(backlit.zeros(1)), "words"])
    assert [n for n, _ in values.named_parameters()] == ["0", "1"]
    assert isinstance(values[0], nn.Parameter)
    assert values[-1] == "words"
    assert len(values[:2]) == 2
    values += [backlit.tensor([1, 2])]
    values[0] = backlit.zeros(2)
    assert values[0].shape == (2,)
    assert not values[3].requires_grad
    assert len(list(values)) == len(values) == 4
    assert repr(values).splitlines() == [
        "ParameterList(",
        "  (0): Parameter containing: [backlit.float32 of size 2]",
        "  (1): Parameter containing: [backlit.float32 of size 1]",
        "  (2): Object of type: str",
        "  (3): Parameter containing: [backlit.int64 of size 2]",
        ")",
    ]


def test_dicts_of_parameters():
    values = nn.ParameterDict({"a": backlit.ones(2)})
    values["b"] = nn.Parameter(backlit.ones(1))
    values.update({"c": 3})
    assert list(values) == list(values.keys()) == ["a", "b", "c"]
    assert [n for n, _ in values.named_parameters()] == ["a", "b"]
    assert list(values.values())[2] == 3
    del values["a"]
    assert "a" not in values
    assert len(values) == 2
    assert [key for key, _ in values.items()] == ["b", "c"]
    with pytest.raises(KeyError):
        _ = values["a"]
