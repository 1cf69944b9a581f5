"""Columns that give the target away are found, and innocent ones are not."""

import numpy as np
import pytest

from backlit.data.tables import find_kinds, find_leaks, read_targets
from tests.data.tables.frames import frame

N = 400
RNG = np.random.default_rng(0)
PRICE = RNG.lognormal(5, 1, N).round(2)
KIND = RNG.integers(0, 3, N)
NAMES = [["elm", "fir", "oak"][code] for code in KIND]


def leaks(target, other):
    table = frame(target=list(target), other=list(other), noise=list(RNG.normal(size=len(target))))
    targets = read_targets(table, ["target"])
    found = find_leaks(table, find_kinds(table, ["target"]), targets)
    assert all((leak.column, leak.target) == ("other", "target") for leak in found)
    return [leak.how for leak in found]


def gaps(values, share=0.2):
    return [None if gone else value for value, gone in zip(values, RNG.random(len(values)) < share, strict=True)]


@pytest.mark.parametrize(
    ("other", "how"),
    [
        (2 * PRICE + 1, "it is 2 × target + 1"),
        (PRICE * 100, "it is 100 × target"),
        (3 - PRICE / 7, "it is -0.1429 × target + 3"),
        (gaps(PRICE * 1.19), "it is 1.19 × target"),
        (PRICE + RNG.normal(0, 0.05, N), "it is 1 × target"),
        (np.log(PRICE), "it rises whenever target rises"),
        (1 / PRICE, "it falls whenever target rises"),
    ],
)
def test_values_are_given_away_by_lines_and_by_what_rises_with_them(other, how):
    (found,) = leaks(PRICE, other)
    assert found.startswith(how)


@pytest.mark.parametrize(
    ("other", "how"),
    [
        (2 * KIND + 1, "each of its values stands for a class (1: elm, 3: fir, 5: oak)"),
        ([["E", "F", "O"][code] for code in KIND], "each of its values stands for a class (E: elm, F: fir, O: oak)"),
        (
            [[None, "F", "O"][code] for code in KIND],
            "each of its values stands for a class (empty: elm, F: fir, O: oak)",
        ),
        (gaps([["E", "F", "O"][code] for code in KIND]), "each of its values stands for a class (E: elm"),
        (
            [*(-KIND[:-1]), -((KIND[-1] + 1) % 3)],
            "each of its values stands for a class in 99.7% of the rows (0: elm, -1: fir, -2: oak)",
        ),
    ],
)
def test_classes_are_given_away_by_other_names_for_them(other, how):
    (found,) = leaks(NAMES, other)
    assert found.startswith(how)


def test_a_class_is_given_away_by_empty_cells():
    left = ["yes" if code else "no" for code in KIND]
    when = [None if code == 0 else day for code, day in zip(KIND, RNG.normal(size=N), strict=True)]
    assert leaks(left, when) == ["it is empty in all rows of the class no, and in no other"]
    when[int(np.flatnonzero(KIND)[0])] = None
    assert leaks(left, when) == []


@pytest.mark.parametrize(
    ("target", "other"),
    [
        (PRICE, PRICE + RNG.normal(0, 20, N)),
        (PRICE, (PRICE > 100).astype(int)),
        (PRICE, RNG.normal(size=N)),
        (PRICE, [1.5] * (N - 1) + [None]),
        (PRICE, [None] * (N - 10) + list(PRICE[:10])),
        (PRICE[:15], 2 * PRICE[:15]),
        (NAMES, (KIND + (RNG.random(N) < 0.05)) % 3),
        (NAMES, RNG.integers(0, 3, N)),
        (NAMES, KIND > 0),
        (NAMES, RNG.normal(size=N)),
        (NAMES[:15], KIND[:15] + 1),
        # A rare value beside a rare class.
        (["yes"] * 2 + ["no"] * (N - 2), ["x"] * (N - 2) + ["y"] * 2),
    ],
)
def test_innocent_columns_are_not_told(target, other):
    assert leaks(target, other) == []


def test_each_of_several_targets_has_its_own():
    rent = RNG.normal(size=N)
    table = frame(price=list(PRICE), rent=list(rent), twice=list(PRICE * 2), third=list(rent / 3))
    targets = read_targets(table, ["price", "rent"])
    found = find_leaks(table, find_kinds(table, targets.names), targets)
    assert [(leak.column, leak.target) for leak in found] == [("twice", "price"), ("third", "rent")]
