"""New rows are read as the encoder expects them; all that is other is said."""

import json

import numpy as np
import pytest

from backlit.data.tables import TableEncoder, building, find_kinds, read_like, read_table
from backlit.errors import DataError

TRAINING = "size,city,when,zip\n1,Bern,2020-01-01,0123\n2,Genf,2020-05-01,0456\n3,Bern,2020-06-01,0123\n"


@pytest.fixture
def encoder(tmp_path):
    (tmp_path / "t.csv").write_text(TRAINING, encoding="utf-8")
    table = read_table(tmp_path / "t.csv", text=["zip"])
    return TableEncoder.fit(table, find_kinds(table, [], categorical=["zip"]), slice(None))


@pytest.fixture
def read(tmp_path, encoder):
    def read(text, known=()):
        (tmp_path / "new.csv").write_text(text, encoding="utf-8")
        return read_like(tmp_path / "new.csv", encoder, known)

    return read


def test_the_same_columns_in_any_order_need_no_words(read, encoder, tmp_path):
    table, notes = read("zip,when,city,size\n0123,2020-01-01,Bern,1\n")
    assert notes == []
    first = encoder.transform(read_table(tmp_path / "t.csv", text=["zip"]))[:1]
    assert (encoder.transform(table) == first).all()


def test_what_is_other_is_said(read, encoder):
    table, notes = read(
        "size,city,when,zip,more,y\n,Rom,2020-01-01,0123,1,2\n7,Paris,,9999,1,2\n7,,,0123,1,2\n", ("y",)
    )
    assert notes == [
        "ignored columns that the network did not learn from: more",
        "column 'size': 1 missing, of which training knew none; filled with the training rows' median",
        "column 'city': 2 rows have categories that training did not know ('Rom', 'Paris'); taken as unknown",
        "column 'city': 1 missing, of which training knew none; taken as unknown",
        "column 'when': 2 missing, of which training knew none; filled with the training rows' median",
        "column 'zip': 1 row has a category that training did not know ('9999'); taken as unknown",
    ]
    codes = encoder.transform(table)[:, encoder.places["city"][0]]
    assert codes.tolist() == [encoder.categories[0]] * 3


def test_another_order_of_day_and_month_is_said(read):
    table, notes = read("size,city,when,zip\n1,Bern,03/04/2020,0123\n")
    assert notes == ["column 'when' is read as month/day/year, and was in ISO 8601 in training"]
    assert table["when"].told() == ["2020-03-04"]


def test_known_categories_are_known_among_however_many(read, encoder, monkeypatch):
    monkeypatch.setattr(building, "MOST_CATEGORIES", 2)
    rows = [f"1,{city},2020-01-01,0123" for city in ("Bern", "Rom", "Paris", "Oslo")]
    table, notes = read("\n".join(["size,city,when,zip", *rows]) + "\n")
    assert notes == [
        "column 'city': 3 rows have categories that training did not know ('Rom', 'Paris', 'Oslo'); taken as unknown"
    ]
    known, unknown = 0, encoder.categories[0]
    assert encoder.transform(table)[:, encoder.places["city"][0]].tolist() == [known, *[unknown] * 3]


def test_times_are_read_in_the_order_of_training(tmp_path):
    (tmp_path / "t.csv").write_text("when,n\n25/12/2021,1\n01/02/2021,2\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    encoder = TableEncoder.fit(table, find_kinds(table, ["n"]), slice(None))
    (tmp_path / "new.csv").write_text("when\n01/02/2021\n", encoding="utf-8")
    assert read_like(tmp_path / "new.csv", encoder)[0]["when"].told() == ["2021-02-01"]
    assert read_table(tmp_path / "new.csv")["when"].told() == ["2021-01-02"]


def test_times_of_day_stay_ones(tmp_path):
    (tmp_path / "t.csv").write_text("at,day,n\n14:35,2020-01-05,1\n9:05,2020-01-06,2\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    found = find_kinds(table, ["n"])
    assert [each.kind for each in found] == ["time", "date"]
    encoder = TableEncoder.fit(table, found, slice(None))
    assert TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder
    new = tmp_path / "new.csv"
    new.write_text("at,day\n2:35 pm,2020-01-05\n", encoding="utf-8")
    again, notes = read_like(new, encoder)
    assert notes == []
    np.testing.assert_array_equal(encoder.transform(again), encoder.transform(table)[:1])
    for cells, words in (("2020-01-05,2020-01-05", "'at' held times of day"), ("9:05,9:05", "'day' held times when")):
        new.write_text(f"at,day\n{cells}\n", encoding="utf-8")
        with pytest.raises(DataError, match=words):
            read_like(new, encoder)


def test_a_column_without_values_is_said(read):
    assert read("size,city,when,zip\n,Bern,2020-01-01,0123\n")[1] == [
        "column 'size' holds no value in any row; filled with the training rows' median"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("siez,city,zip\n1,Bern,1\n", r"lacks .*'size' \(did you mean 'siez'\?\), 'when'; add the columns"),
        ("size,city,when,zip\n1,B,2020-01-01,1\nbig,B,2020-01-01,1\n", "row 3, column 'size': 'big' is not a number"),
        ("size,city,when,zip\n2020-01-01,B,2020-01-01,1\n", "'size' held numbers .* holds '2020-01-01' now"),
        ("size,city,when,zip\n1,B,soon,1\n", "'when' held times .* holds 'soon' now"),
        ("size,city,when,zip\n1,B,5,1\n", "'when' held times .* holds 5 now"),
        ("size,city,when,zip\ninf,B,2020-01-01,1\n", "row 2, column 'size' is inf"),
    ],
)
def test_what_cannot_be_made_into_numbers(read, text, words):
    with pytest.raises(DataError, match=words):
        read(text)
