import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler as Reference

from backlit.data import StandardScaler, split_rows
from backlit.errors import ArgumentError, DataError, ShapeError, StateError


def table(n=40):
    rng = np.random.default_rng(0)
    return rng.normal([1e3, -2, 0], [5, 0.1, 1], (n, 3))


def test_scaler_agrees_with_scikit_learn():
    X = table()
    scaler, reference = StandardScaler().fit(X[:30]), Reference().fit(X[:30])
    np.testing.assert_allclose(scaler.mean_, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, reference.scale_, rtol=1e-12)
    result = scaler.transform(X)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, reference.transform(X), atol=1e-5)
    np.testing.assert_allclose(scaler.inverse_transform(result), X, rtol=1e-5)


def test_constant_columns_stay_finite():
    X = np.column_stack([np.full(7, 0.1), np.zeros(7), np.arange(7)])
    result = StandardScaler().fit_transform(X)
    assert np.abs(result[:, :2]).max() < 1e-6
    assert result[:, 2].std() == pytest.approx(1)


def test_scaler_survives_json_exactly():
    scaler = StandardScaler().fit(table())
    again = StandardScaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert (again.transform(table()) == scaler.transform(table())).all()


def test_scaler_refuses():
    with pytest.raises(StateError, match="fit"):
        StandardScaler().transform(table())
    with pytest.raises(StateError, match="fit"):
        StandardScaler().to_dict()
    with pytest.raises(ShapeError, match=r"\(n_samples, 3\), got \(2, 4\)"):
        StandardScaler().fit(table()).transform(np.zeros((2, 4)))
    with pytest.raises(ShapeError):
        StandardScaler().fit(np.zeros(3))
    with pytest.raises(DataError, match="table of numbers"):
        StandardScaler().fit([["a"]])
    with pytest.raises(DataError, match="at least one row"):
        StandardScaler().fit(np.zeros((0, 3)))
    with pytest.raises(DataError, match=r"X\[1, 0\] is nan"):
        StandardScaler().fit([[1.0], [np.nan]])
    for state in (
        {},
        {"mean": [0]},
        {"mean": [0], "scale": [0]},
        {"mean": [0, 1], "scale": [1]},
        {"mean": 1, "scale": 1},
    ):
        with pytest.raises(StateError, match="from_dict"):
            StandardScaler.from_dict(state)


def test_a_failed_fit_changes_nothing():
    scaler = StandardScaler().fit(table())
    before = scaler.to_dict()
    with pytest.raises(DataError):
        scaler.fit([[np.inf, 0, 0]])
    assert scaler.to_dict() == before


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 3))
def test_split_parts_the_rows(n, test, seed):
    train_rows, test_rows = split_rows(n, test, seed=seed)
    assert sorted([*train_rows, *test_rows]) == list(range(n))
    assert len(test_rows) == min(max(round(n * test), 1), n - 1)
    assert (train_rows == split_rows(n, test, seed=seed)[0]).all()


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=60), st.floats(0.1, 0.6), st.integers(0, 3))
def test_stratified_split_keeps_shares(labels, test, seed):
    train_rows, test_rows = split_rows(len(labels), test, labels=labels, seed=seed)
    assert sorted([*train_rows, *test_rows]) == list(range(len(labels)))
    n_test = min(max(round(len(labels) * test), 1), len(labels) - 1)
    assert len(test_rows) == n_test
    for name in set(labels):
        count = labels.count(name)
        share = sum(labels[row] == name for row in test_rows)
        assert abs(share - count * n_test / len(labels)) <= 1
        assert share < count or count < 3 or test > 0.4


def test_split_refuses():
    for share in (0, 1, -1, float("nan")):
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            split_rows(10, share)
    with pytest.raises(DataError, match="at least 2"):
        split_rows(1, 0.5)
    with pytest.raises(DataError, match="10 labels"):
        split_rows(10, 0.5, labels=[1, 2])
