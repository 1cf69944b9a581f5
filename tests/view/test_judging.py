"""Confusion matrix, agreement and galleries show what they are given."""

import numpy as np
import pytest

from backlit.errors import ArgumentError, DataError, IndexRangeError, ShapeError
from backlit.view import agreement, confusion, gallery, residuals


def test_rows_are_actual_and_columns_predicted():
    picture = confusion([0, 0, 1, 2], [0, 1, 1, 0], ["a", "b", "c"])
    assert picture.data.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    (axes,) = picture._figure.get_axes()
    assert axes.get_title() == "2 of 4 right (50.0%)"
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        *(((0, 0), "1"), ((1, 0), "1"), ((1, 1), "1"), ((0, 2), "1"))
    ]


def test_right_and_wrong_have_different_colours():
    pixels = confusion([0, 0, 1], [0, 1, 1], ["a", "b"])._figure.get_axes()[0].images[0].get_array()
    blue, orange = np.array([0, 0x72, 0xB2]) / 255, np.array([0xD5, 0x5E, 0]) / 255
    for place, color, other in (((0, 0), blue, orange), ((0, 1), orange, blue)):
        assert np.abs(pixels[place] - color).sum() < np.abs(pixels[place] - other).sum()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_many_classes(theme, tmp_path):
    numbers = np.arange(30)
    picture = confusion(numbers, numbers, [str(n) for n in numbers], theme=theme)
    assert picture.save(tmp_path / "c.png").stat().st_size
    assert not picture._figure.get_axes()[0].texts


def test_of_very_many_classes_those_with_mistakes_are_drawn():
    actual = np.arange(5000)
    predicted = actual.copy()
    predicted[[7, 4000]] = 4999, 7
    picture = confusion(actual, predicted, [f"n{n}" for n in actual])
    assert picture.data.shape == (200, 200)
    # Rows 7, 4000 and 4999 are among the classes drawn: one of them right, two of them mistaken.
    assert picture.data.sum() - np.trace(picture.data) == 2
    (axes,) = picture._figure.get_axes()
    assert axes.get_title() == "4,998 of 5,000 right (100.0%); the 200 of 5,000 classes with the most mistakes"
    assert not len(axes.get_xticks())


def test_agreement_leaves_out_what_is_not_finite_and_says_so():
    picture = agreement([1.0, 2.0, np.nan], [1.0, np.inf, 3.0], "height (m)")
    (axes,) = picture._figure.get_axes()
    assert axes.get_title() == "3 rows, 2 not finite"
    assert axes.get_xlabel() == "actual height (m)"
    assert axes.collections[0].get_offsets().tolist() == [[1.0, 1.0]]


def test_of_many_rows_some_are_drawn():
    values = np.arange(5001.0)
    (axes,) = agreement(values, values)._figure.get_axes()
    drawn = axes.collections[0].get_offsets()[:, 0]
    assert len(drawn) == 2000
    assert (drawn[0], drawn[-1]) == (0, 5000)
    assert axes.get_title() == "5,001 rows, 2,000 drawn"
    left, right = residuals(values, values + 1)._figure.get_axes()
    assert len(left.collections[0].get_offsets()) == 2000
    assert sum(bar.get_width() for bar in right.patches) == 5001


def test_long_names_of_classes_have_room():
    short, long = (confusion([0, 1], [0, 1], [letter, "b"])._figure for letter in ("a", 50 * "a"))
    assert long.get_figwidth() > short.get_figwidth() + 1
    labels = [label.get_text() for label in long.get_axes()[0].get_yticklabels()]
    assert labels[0].startswith("aaa")
    assert "…" in labels[0]


def test_gallery():
    picture = gallery(np.zeros((7, 2, 3)), [f"number {n}" for n in range(7)])
    drawn = [axes.get_title() for axes in picture._figure.get_axes() if axes.images]
    assert drawn == [f"number {n}" for n in range(7)]


def test_bad_input():
    with pytest.raises(ShapeError, match="two vectors of one length"):
        confusion([0, 1], [0], ["a", "b"])
    with pytest.raises(DataError, match="class numbers, got 0 values"):
        confusion(np.zeros(0, int), np.zeros(0, int), ["a"])
    with pytest.raises(DataError, match="float64"):
        confusion([0.5], [1.0], ["a", "b"])
    with pytest.raises(IndexRangeError, match="0 to 1"):
        confusion([0, 2], [0, 1], ["a", "b"])
    with pytest.raises(DataError, match="no rows"):
        agreement([], [])
    with pytest.raises(ShapeError, match="images"):
        gallery(np.zeros((0, 2, 2)), [])
    with pytest.raises(ArgumentError, match="2 images have 1 titles"):
        gallery(np.zeros((2, 2, 2)), ["a"])


def test_labels_of_any_kind_are_their_own_names():
    picture = confusion(["b", "a", "b"], ["a", "a", "b"])
    assert picture.data.tolist() == [[1, 0], [1, 1]]
    assert {text.get_text() for text in picture._figure.axes[0].get_xticklabels()} == {"a", "b"}
    assert confusion([3, 7], [7, 7]).data.tolist() == [[0, 1], [0, 1]]
    with pytest.raises(ShapeError, match="two vectors of one length"):
        confusion([1, 2], [1])
