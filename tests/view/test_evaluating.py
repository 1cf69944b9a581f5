"""Calibration curves, residuals and importances show what they are given."""

import numpy as np
import pytest

from backlit.errors import ArgumentError, DataError, ShapeError
from backlit.view import calibration, importances, residuals


def test_calibration_shows_points_and_intervals():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    picture = calibration([0, 0, 1, 0], probabilities, "probability of yes")
    top, bottom = picture._figure.get_axes()
    assert top.get_title() == "expected calibration error 0.35"
    assert bottom.get_xlabel() == "probability of yes"
    assert picture.data.counts.tolist() == [1, 1, 1, 1]
    assert picture.data.observed.tolist() == [0, 0, 1, 0]


def test_residuals_are_predicted_minus_actual():
    picture = residuals([1.0, 2.0, 3.0], [1.5, 2.0, np.nan], "height (m)")
    assert picture.data[:2].tolist() == [0.5, 0]
    left, _ = picture._figure.get_axes()
    assert left.get_xlabel() == "predicted height (m)"
    assert left.collections[0].get_offsets().tolist() == [[1.5, 0.5], [2.0, 0.0]]
    assert left.get_title() == "mean error 0.25, standard deviation 0.25"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_importances_are_in_order_and_the_rest_is_told(theme):
    falls = {"small": np.array([0.1, 0.1]), "none": np.zeros(2), "large": np.array([0.4, 0.6])}
    picture = importances(falls, "accuracy", most=2, theme=theme)
    assert list(picture.data) == ["large", "small", "none"]
    (axes,) = picture._figure.get_axes()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["large", "small"]
    assert axes.get_title() == "the first 2 of 3 columns"
    assert axes.get_xlabel() == "fall of accuracy when the column is shuffled"
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.5, 0.1])
    (axes,) = importances(falls, "log loss", rises=True)._figure.get_axes()
    assert axes.get_xlabel() == "rise of log loss when the column is shuffled"


def test_long_names_keep_both_ends_and_large_amounts_their_digits():
    name = "start of a name " + 60 * "x" + " end"
    (axes,) = importances({name: np.zeros(2)})._figure.get_axes()
    (label,) = [label.get_text() for label in axes.get_yticklabels()]
    assert label.startswith("start of a name x")
    assert label.endswith("x end")
    assert len(label) <= 60
    left, _ = residuals([1e6, 2e6], [1.2e6, 2.3e6])._figure.get_axes()
    assert left.get_title() == "mean error 250,000, standard deviation 50,000"


def test_a_small_mean_beside_a_large_spread_is_no_power_of_ten():
    left, _ = residuals([1e5, 2e5], [1e5 - 6e3, 2e5 + 2e3])._figure.get_axes()
    assert left.get_title() == "mean error −2,000, standard deviation 4,000"


def test_residuals_without_a_finite_row():
    assert np.isnan(residuals([1.0], [np.nan]).data).all()


def test_bad_input():
    with pytest.raises(DataError, match="no columns"):
        importances({})
    with pytest.raises(ArgumentError, match="at least 1"):
        importances({"a": np.zeros(1)}, most=0)
    with pytest.raises(ShapeError, match="two vectors"):
        residuals([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="no rows"):
        residuals([], [])
