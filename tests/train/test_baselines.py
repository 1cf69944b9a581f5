"""The baselines are what they are called: shares and means, least squares and logistic regression."""

import tracemalloc

import numpy as np
import pytest

from backlit.train import Head, baselines
from backlit.train.baselines import LinearModel, constant_guess


def rows(targets: int = 0):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(80, 3)).astype(np.float32)
    noise = rng.normal(size=(80, max(targets, 1)))
    return inputs, (inputs @ rng.normal(size=(3, max(targets, 1))) + noise).astype(np.float32)


def test_the_constant_guess():
    assert constant_guess(Head(("a", "b", "c")), np.array([0, 0, 1, 0])).tolist() == [0.75, 0.25, 0]
    assert constant_guess(Head(), np.array([1.0, 3.0])).tolist() == [2]
    assert constant_guess(Head(), np.array([[1.0, 0.0], [3.0, 1.0]])).tolist() == [2, 0.5]


@pytest.mark.parametrize("targets", [1, 2])
def test_values_are_fitted_by_least_squares_with_a_small_ridge(targets):
    inputs, values = rows(targets)
    model = LinearModel(Head(n_values=targets), inputs, values)
    x, t = inputs - inputs.mean(0, dtype=float), values - values.mean(0, dtype=float)
    # The loss is the mean over rows and targets, the penalty is not.
    exact = np.linalg.solve(x.T @ x + targets / 2 * np.eye(3), x.T @ t)
    assert np.allclose(model.weight.detach().numpy(), exact.T, atol=1e-4)
    predicted = model.predict(inputs).numpy()
    assert np.allclose(predicted, x @ exact + values.mean(0), atol=1e-4)


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_classes_are_fitted_by_logistic_regression(names):
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, values = rows()
    actual = np.digitize(values[:, 0], [-0.5, 0.5][: len(names) - 1])
    head = Head(names)
    model = LinearModel(head, inputs, head.targets(actual))
    peer = linear_model.LogisticRegression(tol=1e-8, max_iter=1000).fit(inputs, actual)
    assert np.allclose(head.probabilities(model.predict(inputs)), peer.predict_proba(inputs), atol=2e-3)


def test_each_category_has_a_weight_as_if_it_were_one_hot():
    inputs, values = rows()
    codes = np.random.default_rng(1).integers(4, size=80)
    mixed = np.column_stack([inputs, codes]).astype(np.float32)
    # No training row has the last category, whose weight stays 0.
    model = LinearModel(Head(), mixed, values, categories=[4])
    plain = LinearModel(Head(), np.column_stack([inputs, np.eye(4)[codes]]), values)
    assert np.allclose(
        model.predict(mixed).numpy(), plain.predict(np.column_stack([inputs, np.eye(4)[codes]])).numpy(), atol=1e-4
    )
    assert model.tables[0].detach().numpy()[4] == 0


def test_of_many_rows_some_are_drawn(monkeypatch):
    inputs, values = rows()
    assert LinearModel(Head(), inputs, values).n_rows == 80
    monkeypatch.setattr(baselines, "_MOST_CELLS", 60)
    assert LinearModel(Head(), inputs, values).n_rows == 20


def test_the_outputs_of_very_many_classes_are_in_memory_a_part_at_a_time(monkeypatch):
    head = Head(tuple(f"c{number}" for number in range(500)))
    inputs = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    actual = np.arange(2000) % 500
    monkeypatch.setattr(baselines, "_ITERATIONS", 2)
    found, peaks = [], []
    for most in (10_000_000, 20_000):
        monkeypatch.setattr(baselines, "_OUTPUTS_AT_ONCE", most)
        tracemalloc.start()
        found.append(LinearModel(head, inputs, actual).weight.detach().numpy())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert np.allclose(*found, atol=1e-8)
    assert peaks[1] < peaks[0] / 5
