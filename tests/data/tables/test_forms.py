"""Numbers with signs, units and thousands set apart are numbers where all of a column are, in blocks too."""

import numpy as np
import pyarrow as pa
import pytest

from backlit.data.tables import TableEncoder, find_kinds, form_in_words, read_like, read_table, reading
from backlit.data.tables.building import Builder
from backlit.errors import DataError


def column(cells, **options):
    builder = Builder("t.csv", "a", 2, **options)
    builder.add(pa.array(cells))
    return builder.column()


@pytest.mark.parametrize(
    ("cells", "comma", "form", "words", "expected"),
    [
        (["12%", "3.5 %", None, "-1%"], False, "%.", "12.5%", [12.0, 3.5, None, -1.0]),
        (["12,5%", "3%"], True, "%,", "12,5%", [12.5, 3.0]),
        (["$1,200", "$-5.50", "($1,000.25)", "−$3"], False, "$.", "$1,234.5", [1200.0, -5.5, -1000.25, -3.0]),
        (["US$5", "US$1,000"], False, "US$.", "US$1,234.5", [5, 1000]),
        (["1.200,50 €", "3 €"], True, "€,", "€1.234,5", [1200.5, 3.0]),
        (["€ 3", "€1.200,50"], False, "€,", "€1.234,5", [3.0, 1200.5]),
        (["CHF 1’200", "CHF 3"], False, "CHF.", "CHF1,234.5", [1200, 3]),
        (["1,200", "5", "-1,234,567.5"], False, ".", "1,234.5", [1200.0, 5.0, -1234567.5]),
        ([" $5", "$6 ", " NA "], False, "$.", "$1,234.5", [5, 6, None]),
    ],
)
def test_each_form_is_read_as_numbers(cells, comma, form, words, expected):
    found = column(cells, comma=comma)
    assert (found.form, form_in_words(form), found.told()) == (form, words, expected)


@pytest.mark.parametrize(
    "cells",
    [
        ["$5", "€5"],
        ["5%", "5"],
        ["1,5", "2,5"],
        ["LH 123", "LH 5"],
        ["555 123 456", "555 123 457"],
        ["5 kg", "6 kg"],
        ["#1", "#2"],
        ["50%-60%", "1%"],
        ["$1.2M", "$3M"],
        ["%", "5%"],
    ],
)
def test_what_is_not_written_alike_stays_text(cells):
    assert (column(cells).is_text, column(cells).form) == (True, "")


def test_a_later_block_may_settle_the_form(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 64)
    cells = {
        ".": ["7"] * 40 + ['"1,200.5"'],
        "€,": ["€1.200"] * 40 + ['"€1.200,5"'],
        "": ['"$1,200"'] * 40 + ["7"],
    }
    for form, given in cells.items():
        (tmp_path / "t.csv").write_text("\n".join(["a", *given]) + "\n", encoding="utf-8")
        found = read_table(tmp_path / "t.csv")["a"]
        assert found.form == form
        assert found.is_text == (not form)
        if form:
            assert found.values[-1] == 1200.5
            assert found.values[0] == (7 if form == "." else 1200)


def test_one_strange_cell_among_amounts_is_named():
    table_column = column(["$5"] * 30 + ["five"])
    assert (table_column.stray, round(table_column.numeric_share, 2)) == ((30, "five"), 0.97)


@pytest.fixture
def encoder(tmp_path):
    (tmp_path / "t.csv").write_text("share,n\n5%,1\n7%,2\n9%,3\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    return TableEncoder.from_dict(TableEncoder.fit(table, find_kinds(table, []), slice(None)).to_dict())


def test_new_rows_are_read_in_the_form_of_training_and_plain_ones_said(tmp_path, encoder):
    new = tmp_path / "new.csv"
    new.write_text("share,n\n5%,1\n", encoding="utf-8")
    table, notes = read_like(new, encoder)
    assert notes == []
    expected = encoder.transform(table)
    new.write_text("share,n\n5,1\n", encoding="utf-8")
    table, notes = read_like(new, encoder)
    assert notes == ["column 'share' was written as 12.5% in training, and holds plain numbers now"]
    assert np.array_equal(encoder.transform(table), expected)
    new.write_text("share;n\n5,0%;1\n", encoding="utf-8")
    table, notes = read_like(new, encoder)
    assert notes == ["column 'share' was written as 12.5% in training, and is written as 12,5% now"]
    assert np.array_equal(encoder.transform(table), expected)
    for cells in ("$5,1", "5%,1%"):
        new.write_text(f"share,n\n{cells}\n", encoding="utf-8")
        with pytest.raises(DataError, match="is not a number"):
            read_like(new, encoder)


def test_space_around_plain_numbers_is_no_form(tmp_path):
    (tmp_path / "t.csv").write_text("a , b\n 1.5 ,1\n -2 , 30\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    assert [(column.form, column.told()) for column in table.columns] == [("", [1.5, -2.0]), ("", [1, 30])]
