import numpy as np
import pytest

from backlit.data.tables import read_targets
from backlit.errors import ArgumentError, DataError
from tests.data.tables.frames import frame


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1, 1], ("0", "1")),
        ([3, -1, 3], ("-1", "3")),
        ([True, False, True], ("False", "True")),
        (["b", "a", "b"], ("a", "b")),
        ([0.0, 1.0, 1.0], ("0.0", "1.0")),
        ([0.0, 1.0, 2.0], ()),
        ([0.5, 1.0, 1.0], ()),
        (list(range(21)), ()),
        (list(range(20)), tuple(map(str, range(20)))),
    ],
)
def test_what_the_target_asks_for(values, classes):
    found = read_targets(frame(y=values), ["y"])
    assert found.class_names == (classes,)
    if classes:
        assert [classes[number] for number in found.y] == [str(value) for value in values]
    else:
        assert found.y.tolist() == values


def test_rows_without_a_target_are_left_out():
    table = frame(a=[0.5, None, 1.5, 2.5], b=[1.25, 1.75, None, 0.25])
    found = read_targets(table, ["a", "b"])
    assert found.rows.tolist() == [0, 3]
    assert found.y.tolist() == [[0.5, 1.25], [2.5, 0.25]]
    assert found.of(np.array([3])).tolist() == [[2.5, 0.25]]


def test_several_targets_are_of_one_kind():
    table = frame(a=["u", "v", "u"], b=[True, False, False], c=[0.5, 1.5, 2.5], d=["x", "y", "z"])
    found = read_targets(table, ["a", "b"])
    assert found.class_names == (("u", "v"), ("False", "True"))
    assert found.y.tolist() == [[0, 1], [1, 0], [0, 0]]
    for names in (["a", "c"], ["a", "d"], ["d", "b"]):
        with pytest.raises(DataError, match="several targets must all be values, or all be two classes"):
            read_targets(table, names)


def test_the_task_can_be_said():
    assert read_targets(frame(y=[0.0, 1.5, 0.0]), ["y"], "classification").class_names == (("0.0", "1.5"),)
    assert read_targets(frame(y=[0, 1]), ["y"], "regression").y.tolist() == [0.0, 1.0]
    with pytest.raises(ArgumentError, match="did you mean 'regression'"):
        read_targets(frame(y=[0, 1]), ["y"], "regresion")


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["u", "u"], None, "must hold at least two classes, it has only u"),
        ([1, 1], "classification", "only 1"),
        (["u", "u", None], None, "it has only u; 1 of its cells are missing, as 'none' and 'NA' are"),
        ([2.5, 2.5], None, "is 2.5 in every row"),
        ([1.0, -3e200, 2.5], None, "holds values up to 3e\\+200, whose squares are beyond"),
        ([None, None], None, "no row has a value of the target 'y'"),
        (["1", "b"], "regression", "row 3, column 'y': 'b' is not a number"),
        ([np.datetime64("2020-01-01"), np.datetime64("2020-01-02")], None, "holds times"),
        ([f"n{n}" for n in range(50)], None, "has 50 classes in 50 rows"),
    ],
)
def test_targets_that_cannot_be_used(values, task, words):
    with pytest.raises(DataError, match=words):
        read_targets(frame(y=values), ["y"], task)


def test_names_of_targets():
    with pytest.raises(ArgumentError, match="no column 'z'"):
        read_targets(frame(y=[1, 2]), ["z"])
    with pytest.raises(ArgumentError, match="named twice"):
        read_targets(frame(y=[1, 2]), ["y", "y"])
