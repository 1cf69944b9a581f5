"""Scores, calibration and importances agree with scikit-learn's, and a planted fault is seen."""

import numpy as np
import pytest

from backlit.errors import DataError, ShapeError
from backlit.train import evaluation
from backlit.train.evaluation import (
    calibration,
    class_scores,
    difference,
    found_classes,
    log_losses,
    permutation_importances,
    value_scores,
)

metrics = pytest.importorskip("sklearn.metrics")


def guesses(classes: int, rows: int = 200):
    rng = np.random.default_rng(classes)
    actual = rng.integers(classes, size=rows)
    # Rounded, so that ROC curves have ties.
    logits = np.round(rng.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[actual], 1)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return actual, probabilities.astype(np.float32)


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_of_classes(classes):
    actual, probabilities = guesses(classes)
    found = class_scores(actual, probabilities)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, probabilities.argmax(1)))
    wanted = metrics.balanced_accuracy_score(actual, probabilities.argmax(1))
    assert found["balanced accuracy"] == pytest.approx(wanted)
    assert found["log loss"] == pytest.approx(metrics.log_loss(actual, probabilities), rel=1e-6)
    if classes == 2:
        assert found["ROC AUC"] == pytest.approx(metrics.roc_auc_score(actual, probabilities[:, 1]))


def test_scores_of_values():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=50) * 3 + 7
    predicted = actual + rng.normal(size=50)
    found = value_scores(actual, predicted)
    assert found["RMSE"] == pytest.approx(metrics.mean_squared_error(actual, predicted) ** 0.5)
    assert found["MAE"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert found["R²"] == pytest.approx(metrics.r2_score(actual, predicted))


def test_a_planted_fault_is_seen(monkeypatch):
    monkeypatch.setattr(evaluation, "log_losses", lambda actual, p: log_losses(1 - actual, p))
    with pytest.raises(AssertionError):
        test_scores_of_classes(2)


def test_one_class_has_no_roc_curve_and_equal_values_have_no_r2():
    found = class_scores(np.zeros(3, int), np.full((3, 2), 0.5, np.float32))
    assert np.isnan(found["ROC AUC"])
    assert found["balanced accuracy"] == 1
    assert np.isnan(value_scores(np.ones(3), np.zeros(3))["R²"])


def test_predictions_that_are_not_finite_are_wrong():
    probabilities = np.array([[np.nan, np.nan], [0.2, 0.8]], np.float32)
    assert found_classes(probabilities).tolist() == [-1, 1]
    found = class_scores(np.array([0, 1]), probabilities)
    assert found["accuracy"] == 0.5
    assert np.isnan(found["log loss"])
    assert np.isnan(found["ROC AUC"])


def test_certainty_in_the_wrong_class_has_a_finite_loss():
    assert log_losses(np.array([0]), np.array([[0, 1]], np.float32))[0] == pytest.approx(15.94, abs=0.01)


def test_a_difference_counts_where_it_is_larger_than_chance():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=100)
    assert difference(noise, noise + 0.5 + 0.1 * rng.normal(size=100)).verdict == "better"
    assert difference(noise + 0.5 + 0.1 * rng.normal(size=100), noise).verdict == "worse"
    assert difference(noise, rng.normal(size=100)).verdict == "no better"
    assert difference(noise, noise).verdict == "no better"
    alone = difference(np.array([1.0]), np.array([2.0]))
    assert np.isnan(alone.margin)
    assert alone.verdict == "no better"


def test_a_calibration_curve_is_that_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    actual, probabilities = guesses(2)
    found = calibration(actual, probabilities)
    observed, predicted = calibration_curve(actual, probabilities[:, 1], n_bins=10)
    assert np.allclose(found.observed, observed)
    assert np.allclose(found.predicted, predicted)
    assert found.counts.sum() == 200
    assert found.error == pytest.approx(np.abs(observed - predicted) @ found.counts / 200)
    low, high = found.intervals()
    assert ((low <= found.observed + 1e-12) & (found.observed <= high + 1e-12)).all()
    assert (low >= -1e-12).all()
    assert (high <= 1 + 1e-12).all()


def test_of_several_classes_the_predicted_one_is_looked_at():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.9, 0.0, 0.1], [np.nan] * 3], np.float32)
    found = calibration(np.array([0, 1, 2]), probabilities)
    assert found.counts.tolist() == [2]
    assert found.observed.tolist() == [0.5]
    assert found.error == pytest.approx(0.4)


def test_importances_tell_used_columns_from_others():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 4)).astype(np.float32)
    actual = inputs[:, 0] + 2 * inputs[:, 2] - 2 * inputs[:, 3]

    def score(rows, numbers):
        return value_scores(actual[numbers], rows[:, 0] + 2 * rows[:, 2] - 2 * rows[:, 3])["R²"]

    before = inputs.copy()
    found = permutation_importances(score, inputs, {"some": [0], "none": [1], "two": [2, 3]}, most_rows=200)
    assert found["none"].tolist() == [0] * 5
    assert found["two"].mean() > 4 * found["some"].mean() > 0
    assert (inputs == before).all()
    again = permutation_importances(score, inputs, {"some": [0], "none": [1], "two": [2, 3]}, most_rows=200)
    assert (again["two"] == found["two"]).all()


def test_bad_input():
    with pytest.raises(DataError, match="no rows to judge by"):
        value_scores(np.zeros(0), np.zeros(0))
    with pytest.raises(ShapeError, match="do not fit"):
        class_scores(np.zeros(2, int), np.zeros(2))
    with pytest.raises(DataError, match="no row has finite probabilities"):
        calibration(np.zeros(1, int), np.full((1, 2), np.nan))
    with pytest.raises(DataError, match="two rows"):
        permutation_importances(lambda *_: 0.0, np.zeros((1, 2)), {})
