import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.data.tables import building, split_table
from backlit.errors import ArgumentError, DataError
from tests.data.tables.frames import frame

N = 200
RNG = np.random.default_rng(0)


def check(train, val, n=N):
    assert sorted([*train, *val]) == list(range(n))
    assert len(train)
    assert len(val)
    return train, val


def test_classes_and_tenths_of_numbers_keep_their_shares():
    table = frame(kind=["a"] * 150 + ["b"] * 50, price=list(RNG.normal(size=N)))
    _, val = check(*split_table(table, 0.2, stratify="kind"))
    assert (table["kind"].values[val] == 1).sum() == 10
    _, val = check(*split_table(table, 0.2, stratify="price"))
    edges = np.quantile(table["price"].values, np.arange(0, 1.05, 0.1))
    assert np.abs(np.histogram(table["price"].values[val], edges)[0] - 4).max() <= 1
    _, other = split_table(table, 0.2)
    assert np.abs(np.histogram(table["price"].values[other], edges)[0] - 4).max() > 1


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.floats(0.05, 0.95), st.integers(0, 5))
def test_a_group_is_never_on_both_sides(groups, share, seed):
    table = frame(group=[f"g{group}" for group in groups])
    if len(set(groups)) < 2:
        with pytest.raises(DataError, match="one value alone"):
            split_table(table, share, group="group", seed=seed)
        return
    train, val = check(*split_table(table, share, group="group", seed=seed), n=len(groups))
    assert not {groups[row] for row in train} & {groups[row] for row in val}


def test_groups_come_near_to_the_share():
    table = frame(group=[f"g{n % 40}" for n in range(N)])
    assert len(split_table(table, 0.2, group="group", seed=1)[1]) == 40


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.floats(0.05, 0.95))
def test_the_latest_rows_are_held_out(days, share):
    table = frame(day=[np.datetime64("2020-01-01") + day for day in days])
    if len(set(days)) < 2:
        with pytest.raises(DataError, match="one value alone"):
            split_table(table, share, time="day")
        return
    train, val = check(*split_table(table, share, time="day"), n=len(days))
    assert max(days[row] for row in train) < min(days[row] for row in val)


def test_rows_without_a_target_are_left_out():
    rows = np.arange(0, N, 2)
    train, val = split_table(frame(a=list(RNG.normal(size=N))), 0.2, rows=rows)
    assert sorted([*train, *val]) == rows.tolist()


def test_what_cannot_be_split():
    table = frame(a=[1.0, None, 3.0], city=["x", "y", "z"], group=["g", None, "h"])
    for options, kind, words in (
        ({"time": "a"}, DataError, "row 3, column 'a' is empty"),
        ({"group": "group"}, DataError, "row 3, column 'group' is empty"),
        ({"time": "city"}, DataError, "holds text, and no times"),
        ({"time": "a", "group": "group"}, ArgumentError, "group and time are two ways"),
        ({"group": "none"}, ArgumentError, "no column 'none'"),
    ):
        with pytest.raises(kind, match=words):
            split_table(table, 0.5, **options)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        split_table(table, 1.0, time="a")


def test_the_shares_of_too_many_texts_are_an_error_and_no_random_split(monkeypatch):
    monkeypatch.setattr(building, "MOST_CATEGORIES", 3)
    table = frame(name=[f"n{row}" for row in range(10)], a=list(range(10)))
    with pytest.raises(DataError, match="'name' has more than 50,000 different texts, in the shares of which"):
        split_table(table, 0.5, stratify="name")
