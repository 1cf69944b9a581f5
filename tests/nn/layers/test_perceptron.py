"""The perceptron learns what one neuron can decide, within Novikoff's bound, and says so when it cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit import nn
from backlit.errors import ArgumentError, DataError, ShapeError

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [-1, 1, 1, 1], [1, 1, 1, 1]])
def test_it_learns_and_and_or(labels):
    neuron = nn.Perceptron(2)
    result = neuron.fit(CORNERS, labels)
    assert result.converged
    assert result.updates <= result.bound
    found = neuron(backlit.tensor(CORNERS, dtype=backlit.float32))
    assert found.tolist() == [float(label > 0) for label in labels]


def test_it_stops_at_xor_with_a_clear_word():
    neuron = nn.Perceptron(2)
    neuron.fit(CORNERS, [0, 0, 0, 1])
    before = neuron.weight.tolist()
    with pytest.raises(DataError, match=r"not separable by one neuron.*hidden layer"):
        neuron.fit(CORNERS, [0, 1, 1, 0])
    assert neuron.weight.tolist() == before


def test_two_layers_learn_xor():
    backlit.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = backlit.tensor(CORNERS, dtype=backlit.float32), backlit.tensor([[0.0], [1.0], [1.0], [0.0]])
    for _ in range(300):
        model.zero_grad()
        nn.BCEWithLogitsLoss()(model(x), y).backward()
        with backlit.no_grad():
            for parameter in model.parameters():
                parameter.sub_(parameter.grad)
    assert ((model(x) > 0).float() == y).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 12))
def test_the_bound_holds_for_separable_rows(seed, features, count):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, features))
    labels = (rows @ rng.normal(size=features) + rng.normal() >= 0).astype(int)
    neuron = nn.Perceptron(features).double()
    # A bound far above a test's patience only says that the classes almost touch.
    result = neuron.fit(rows, labels, epochs=200)
    assert result.updates <= result.bound
    if result.converged:
        assert neuron(backlit.tensor(rows)).tolist() == labels.tolist()


def test_it_stops_at_its_limits():
    result = nn.Perceptron(2).fit(CORNERS, [0, 0, 0, 1], max_updates=3)
    assert (result.converged, result.updates) == (False, 3)
    result = nn.Perceptron(2).fit(CORNERS, [0, 0, 0, 1], epochs=1)
    assert (result.converged, result.epochs) == (False, 1)


def test_bad_data_are_told():
    neuron = nn.Perceptron(2)
    with pytest.raises(ShapeError, match=r"got rows of shape \(4, 1\), expected \(n, 2\)"):
        neuron.fit([[1]] * 4, [0, 0, 0, 1])
    with pytest.raises(ShapeError, match=r"labels of shape \(3,\), expected \(4,\)"):
        neuron.fit(CORNERS, [0, 0, 1])
    with pytest.raises(DataError, match="no rows"):
        neuron.fit(np.zeros((0, 2)), [])
    with pytest.raises(DataError, match="row 1 is not finite"):
        neuron.fit([[0, 1], [np.nan, 1]], [0, 1])
    with pytest.raises(DataError, match="labels must be 0 and 1"):
        neuron.fit(CORNERS, [0, 1, 2, 3])
    with pytest.raises(ArgumentError, match="max_updates"):
        neuron.fit(CORNERS, [0, 0, 0, 1], max_updates=-1)
