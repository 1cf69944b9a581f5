"""Labels and their classes: the ways that are fast find what NumPy's search finds."""

import numpy as np
import pytest

from backlit.errors import DataError
from backlit.sklearn.targets import Classes

LABELS = {
    "int8 at its ends": np.array([-128, 127, 3], np.int8),
    "uint8 at its ends": np.array([0, 255, 7], np.uint8),
    "truths": np.array([True, False]),
    "negative": np.array([-3, 5, -3000]),
    "far from 0": np.array([10**15, 10**15 + 1, 10**15 + 4]),
    "far apart": np.array([-(2**62), 2**62, 0]),
    "beyond int64": np.array([2**64 - 1, 2**63, 2**64 - 3], np.uint64),
    "floats": np.array([3.0, 2.0, -1.0]),
    "texts": np.array(["b", "a", "cc"]),
}


@pytest.mark.parametrize("some", LABELS.values(), ids=LABELS)
def test_classes_are_those_that_numpy_finds(some):
    labels = np.random.default_rng(0).permutation(np.repeat(some, 7))
    classes = Classes(labels)
    names, numbers = np.unique(labels, return_inverse=True)
    np.testing.assert_array_equal(classes.names, names, strict=True)
    np.testing.assert_array_equal(classes.find(labels), numbers)
    assert classes.find(labels[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("known", "strange", "told"),
    [
        (np.array([1, 2, 5] * 3), np.array([1, 0, 5]), [0]),
        (np.array([1, 2, 5] * 3), np.array([5, 9, 2]), [9]),
        (np.array([1, 2, 5] * 3), np.array([1, 3, 5]), [3]),
        (np.array([1, 2, 5] * 3), np.array([1, 1.5, 5]), [1.5]),
        (np.array([1, 2, 5] * 3), np.array([2**63 + 2, 2], np.uint64), [2**63 + 2]),
        (np.array([1, 2, 5] * 3, np.int8), np.array([2, 300]), [300]),
        (np.array([2, 3] * 3), np.array([True, False]), [False, True]),
    ],
)
def test_strange_labels_are_named(known, strange, told):
    with pytest.raises(DataError) as caught:
        Classes(known).find(strange)
    assert f"not in `self.classes_`: {told}" in str(caught.value)


def test_labels_of_another_type_are_found():
    classes = Classes(np.array([0, 1, 4] * 2))
    for kind in (np.uint8, np.int64, np.float64, np.uint64):
        np.testing.assert_array_equal(classes.find(np.array([4, 0, 1], kind)), [2, 0, 1])
    np.testing.assert_array_equal(classes.find(np.array([True, False])), [1, 0])
