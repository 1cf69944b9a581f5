"""The summary's counts are those of a calculation by hand."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError, DataError, ShapeError
from backlit.nn import functional as F
from backlit.view import summary


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_a_perceptron_counts_as_by_hand():
    found = summary(perceptron(), np.zeros((5, 3), np.float32))
    first, relu, last = (found[path] for path in "012")
    assert [layer.output_shape for layer in found.layers] == [(5, 2), (5, 4), (5, 4), (5, 2)]
    assert (first.parameters, relu.parameters, last.parameters) == (3 * 4 + 4, 0, 4 * 2 + 2)
    assert first.operations == 2 * 5 * 3 * 4 + 5 * 4
    assert relu.operations == 5 * 4
    assert last.operations == 2 * 5 * 4 * 2 + 5 * 2
    assert first.value_bytes == relu.value_bytes == 5 * 4 * 4
    assert first.gradient_bytes == 4 * (5 * 4 + 16)
    assert relu.gradient_bytes == 4 * 5 * 4
    assert found.total.parameters == 26
    for name in ("operations", "value_bytes", "gradient_bytes"):
        assert getattr(found.total, name) == sum(getattr(layer, name) for layer in (first, relu, last))
    assert found.total.share == pytest.approx(1)
    assert first.share + relu.share + last.share == pytest.approx(1)


def test_work_done_twice_counts_twice():
    class Twice(nn.Linear):
        def forward(self, input):
            super().forward(input)
            return super().forward(input)

    found = summary(nn.Sequential(Twice(3, 4)), np.zeros((5, 3), np.float32))
    assert found.total.operations == 2 * summary(nn.Linear(3, 4), np.zeros((5, 3), np.float32)).total.operations


def test_a_reduction_counts_what_goes_in_and_a_move_counts_nothing():
    class Mean(nn.Module):
        def forward(self, x):
            return x.reshape(6, 2).t().mean()

    assert summary(Mean(), np.zeros((3, 4), np.float32)).total.operations == 12


def test_nothing_of_the_model_changes():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    summary(model, np.ones((5, 3), np.float32))
    assert all(backlit.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert model[1].training
    assert all(p.grad is None for p in model.parameters())
    assert not any(module._hooks_of("forward") for module in model.modules())


def test_shared_frozen_and_uncalled_layers_are_told():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 3)
            self.again = nn.Sequential(self.inner)
            self.spare = nn.Linear(2, 2)
            for parameter in self.inner.parameters():
                parameter.requires_grad_(False)

        def forward(self, x):
            return F.relu(self.again(self.inner(x)))

    found = summary(Network(), np.zeros((1, 3), np.float32))
    assert found.total.parameters == 12 + 6
    assert found["inner"].calls == 2
    assert found["inner"].frozen == 12
    assert found["spare"].output_shape is None
    text = str(found)
    assert "not called" in text
    assert "(12 frozen)" in text
    assert "(2 calls)" in text


def test_the_table_is_a_tree_and_fits_its_page():
    lines = str(summary(nn.Sequential(perceptron(), nn.Flatten()), np.zeros((5, 3), np.float32))).splitlines()
    assert lines[0].strip() == "Sequential of an input 5 × 3"
    assert any(line.strip().startswith("│  └─ 2: Linear") for line in lines)
    assert "…" not in "".join(lines)


def test_several_inputs():
    class Both(nn.Module):
        def forward(self, x, y):
            return x @ y

    found = summary(Both(), (np.zeros((2, 3), np.float32), np.zeros((3, 4), np.float32)))
    assert found.total.operations == 2 * 2 * 3 * 4
    assert found.input_shapes == [(2, 3), (3, 4)]


def test_empty_infinite_and_large_inputs():
    assert summary(nn.Linear(3, 4), np.zeros((0, 3), np.float32)).total.operations == 0
    assert summary(nn.Linear(1, 1), np.full((1, 1), np.inf, np.float32)).total.operations == 3
    assert summary(nn.ReLU(), np.zeros(1_000_000, np.float32)).total.operations == 1_000_000


def test_bad_input():
    with pytest.raises(ArgumentTypeError, match=r"nn\.Module, got str"):
        summary("model", np.zeros(3))
    with pytest.raises(DataError, match="numbers"):
        summary(perceptron(), np.array(["a"]))
    model = perceptron()
    with pytest.raises(ShapeError, match="expected"):
        summary(model, np.zeros((5, 7), np.float32))
    assert not any(module._hooks_of("forward") for module in model.modules())


class Functional(nn.Module):
    """Layers that are declared in another order than they run in, with functions between them."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.first = nn.Linear(3, 4)

    def forward(self, x):
        return F.log_softmax(self.last(F.relu(F.relu(self.first(x.view(-1, 3))))), dim=1)


def test_functions_between_layers_stand_where_they_are_used():
    found = summary(nn.Sequential(Functional()), np.zeros((5, 3), np.float32))
    assert [layer.path for layer in found.layers] == ["", "0", "0.first", "0.relu()", "0.last", "0.log_softmax()"]
    relu = found["0.relu()"]
    assert (relu.calls, relu.output_shape, relu.operations, relu.parameters) == (2, (5, 4), 2 * 5 * 4, 0)
    parts = [layer for layer in found.layers if layer.depth == 2]
    for name in ("operations", "value_bytes", "gradient_bytes"):
        assert getattr(found["0"], name) == sum(getattr(part, name) for part in parts)
    assert "relu()" in str(found)
