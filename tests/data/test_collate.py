from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentTypeError, DataError, ShapeError
from backlit.utils.data import default_collate, default_convert

Pair = namedtuple("Pair", "x y")


def test_numbers_take_pytorchs_types():
    assert default_collate([1, 2]).dtype == backlit.int64
    assert default_collate([1.0, 2.0]).dtype == backlit.float64
    assert default_collate([True, False]).dtype == backlit.bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == backlit.float32
    assert default_collate([np.ones(3, np.int32)] * 2).dtype == backlit.int32


def test_tensors_stack():
    batch = default_collate([backlit.tensor([1.0, 2.0]), backlit.tensor([3.0, 4.0])])
    assert batch.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_containers_keep_their_kind():
    rows = [{"x": backlit.tensor([float(n)]), "name": f"row {n}", "more": (n, [n, 2 * n])} for n in range(2)]
    batch = default_collate(rows)
    assert batch["name"] == ["row 0", "row 1"]
    assert batch["x"].tolist() == [[0.0], [1.0]]
    assert isinstance(batch["more"], list)
    assert [column.tolist() for column in batch["more"][1]] == [[0, 1], [0, 2]]
    pair = default_collate([Pair(1, 2), Pair(3, 4)])
    assert isinstance(pair, Pair)
    assert pair.y.tolist() == [2, 4]
    assert isinstance(default_collate([OrderedDict(a=1)]), OrderedDict)


def test_refusals_name_the_rows():
    with pytest.raises(ShapeError, match=r"row 0 has \(2,\), row 1 has \(3,\)"):
        default_collate([backlit.zeros(2), backlit.zeros(3)])
    with pytest.raises(ShapeError, match="arrays"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(ArgumentTypeError, match="collate_fn"):
        default_collate([object()])
    with pytest.raises(ArgumentTypeError, match="cannot become"):
        default_collate([np.array(["a"])])
    with pytest.raises(DataError, match=r"\[2, 1\]"):
        default_collate([(1, 2), (1,)])
    with pytest.raises(DataError, match="keys"):
        default_collate([{"a": 1}, {"b": 1}])
    with pytest.raises(DataError, match="no rows"):
        default_collate([])


def test_convert_leaves_what_it_does_not_know():
    marker = object()
    row = default_convert({"x": np.ones(2, np.float32), "y": (np.int64(3), "text"), "z": [marker], "p": Pair(1, 2)})
    assert row["x"].dtype == backlit.float32
    assert row["y"][0].item() == 3
    assert row["y"][1] == "text"
    assert row["z"] == [marker]
    assert row["p"] == Pair(1, 2)
