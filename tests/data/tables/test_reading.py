"""Table files become columns of few bytes, whatever they are written in; cells that cannot be used are named."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.data.tables import (
    building,
    find_kinds,
    order_in_words,
    read_names,
    read_table,
    read_targets,
    reading,
    split_table,
)
from backlit.data.tables import table as tables_table
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError


@pytest.fixture
def csv(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def column(path, name, **options):
    return read_table(path, **options)[name]


MIXED = "n,price,when,open,city,gap\n1,2.5,2020-01-31,true,Bern,\n2,,2020-02-01,False,,\n-3,4,,TRUE,Genf,\n"


def test_each_column_in_its_kind_and_few_bytes(csv):
    table = read_table(csv(MIXED))
    assert (table.n_rows, table.first_row) == (3, 2)
    assert table["n"].values.dtype == np.int8
    assert table["n"].whole
    assert table["n"].told() == [1, 2, -3]
    assert table["price"].values.dtype == np.float32
    assert not table["price"].whole
    assert table["price"].told() == [2.5, None, 4.0]
    assert table["when"].is_time
    assert table["when"].told() == ["2020-01-31", "2020-02-01", None]
    assert table["open"].boolean
    assert table["open"].told() == [True, False, True]
    assert table["city"].categories == ("Bern", "Genf")
    assert table["city"].told() == ["Bern", None, "Genf"]
    assert (table["gap"].n_missing, table["gap"].n_distinct) == (3, 0)
    assert table["city"].cells().tolist() == ["Bern", None, "Genf"]
    assert table["price"].n_distinct == 2


def test_parquet_arrow_and_numpy_give_the_same(csv, tmp_path):
    expected = read_table(csv(MIXED))
    table = pa.table(
        {
            "n": [1, 2, -3],
            "price": [2.5, None, 4.0],
            "when": pa.array([dt.date(2020, 1, 31), dt.date(2020, 2, 1), None]),
            "open": [True, False, True],
            "city": pa.array(["Bern", None, "Genf"]).dictionary_encode(),
            "gap": pa.nulls(3),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for name in ("t.parquet", "t.arrow"):
        found = read_table(tmp_path / name)
        assert [c.told() for c in found.columns] == [c.told() for c in expected.columns]
        assert [c.whole for c in found.columns] == [c.whole for c in expected.columns]
    np.save(tmp_path / "t.npy", np.array([[1.5, 2], [3, 4]]))
    assert column(tmp_path / "t.npy", "x0").told() == [1.5, 3.0]


def built(table, rows):
    """Column "a" of a table, block by block."""
    builder = building.Builder("t.csv", "a", 2)
    while True:
        try:
            for batch in table.to_batches(max_chunksize=rows):
                builder.add(batch.column("a"))
        except building.ReadAgainError as error:
            builder = error.builder
        else:
            return builder.column()


@given(
    st.lists(st.sampled_from(["", "3", "-7", "2.5", "x", "2020-01-01"]), min_size=1, max_size=12),
    st.integers(1, 4),
)
def test_blocks_make_no_difference(tmp_path_factory, cells, rows):
    folder = tmp_path_factory.mktemp("t")
    table = pa.table({"a": pa.array([cell or None for cell in cells], pa.string())})
    (folder / "t.csv").write_text("\n".join(["b,a", *(f"0,{cell}" for cell in cells)]) + "\n", encoding="utf-8")
    whole = column(folder / "t.csv", "a")
    found = built(table, rows)
    assert found.told() == whole.told()
    assert (found.categories, found.whole, found.stray) == (whole.categories, whole.whole, whole.stray)


def test_text_after_blocks_of_numbers_is_read_again(csv, monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 64)
    cells = [f"0{number}" for number in range(100)] + ["B2"]
    found = column(csv("\n".join(["code,n", *(f"{cell},{cell[1:] or 0}" for cell in cells)]) + "\n"), "code")
    assert found.told() == cells
    assert found.stray == (100, "B2")
    assert found.numeric_share == pytest.approx(100 / 101)


def test_spaces_and_marks_of_missing_cells(csv):
    table = read_table(csv("age, job, when\n 39, ?, 2020-01-01\n 4, clerk, -\nNA, clerk ,2020-01-02\n"))
    assert table.names == ("age", "job", "when")
    assert table["age"].told() == [39.0, 4.0, None]
    assert table["job"].told() == [None, "clerk", "clerk"]
    assert table["when"].told() == ["2020-01-01", None, "2020-01-02"]


def test_decimal_commas_where_semicolons_part_the_cells(csv):
    table = read_table(csv("size;city\n1,5;Bern, Ost\n-2;Genf\n;3,x\n"))
    assert table["size"].told() == [1.5, -2.0, None]
    assert table["city"].told() == ["Bern, Ost", "Genf", "3,x"]
    assert read_table(csv('size,n\n"1,5",1\n'))["size"].is_text


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["31.12.2020", "01.02.2021"], "2020-12-31"),
        (["12/31/2020", "02/01/2021"], "2020-12-31"),
        (["31/12/2020", "01/02/2021"], "2020-12-31"),
        (["2020/12/31", "2021/02/01"], "2020-12-31"),
        (["31.12.20", "01.02.21"], "2020-12-31"),
        (["31 Dec 2020", "1 Feb 2021"], "2020-12-31"),
        (["31-dec-2020", "01-Feb-2021"], "2020-12-31"),
        (['"Dec 31, 2020"', '"February 1, 2021"'], "2020-12-31"),
        (["12/31/20 10:30", "02/01/21 00:00"], "2020-12-31T10:30:00"),
        (["2020-12-31T10:30:00Z", "2021-02-01T00:00:00Z"], "2020-12-31T10:30:00"),
        (["2020-12-31 10:30:00", "2021-02-01 00:00:00"], "2020-12-31T10:30:00"),
    ],
)
def test_dates_as_people_write_them(csv, cells, first):
    found = column(csv("\n".join(["when", *cells]) + "\n"), "when")
    assert found.told()[0] == first


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["14:35", "09:05", ""], ["14:35", "09:05", None]),
        (["14:35:20", "9:05"], ["14:35:20", "09:05:00"]),
        (["2:35 pm", "12:00AM", "12:01 p.m."], ["14:35", "00:00", "12:01"]),
        (["14:35", "2:35 pm"], ["14:35", "14:35"]),
        (["23:59:59.25", " 0:00 "], ["23:59:59", "00:00:00"]),
    ],
)
def test_times_of_day(csv, cells, told):
    found = column(csv("\n".join(["when,n", *(f"{cell},1" for cell in cells)]) + "\n"), "when")
    assert found.is_clock
    assert found.told() == told == found.cells().tolist()


@pytest.mark.parametrize(
    "cells",
    [["14:35", "24:00"], ["2:1", "0:0"], ["13:00 pm", "1:00 am"], ["14:35", "2020-01-01"],
     ["2020-01-01", "14:35"], ["14:35", "31.12.2020"], ["31.12.2020", "14:35"], ["14:60", "14:35"],
     ["0:10 am", "1:00 am"]],
)  # fmt: skip
def test_what_is_no_time_of_day_stays_text(cells):
    for rows in (1, 2):
        assert built(pa.table({"a": cells * 2}), rows).is_text


def test_times_of_day_in_parquet(tmp_path):
    clocks = [dt.time(14, 35), None, dt.time(9, 5, 20)]
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        pq.write_table(pa.table({"a": pa.array(clocks, kind)}), tmp_path / "t.parquet")
        found = read_table(tmp_path / "t.parquet")["a"]
        assert found.is_clock
        assert found.told() == ["14:35:00", None, "09:05:20"]


def test_days_beyond_twelve_settle_the_order_of_all():
    texts = ["03/04/2021", "05/06/2021", "07/08/2021", "25/12/2021"]
    for rows in (1, 2, 4):
        found = built(pa.table({"a": texts}), rows)
        assert found.order == "%d/%m/%Y"
        assert found.told() == ["2021-04-03", "2021-06-05", "2021-08-07", "2021-12-25"]
    ambiguous = built(pa.table({"a": texts[:3]}), 1)
    assert (ambiguous.order, ambiguous.told()[0]) == ("%m/%d/%Y", "2021-03-04")
    assert order_in_words(ambiguous.order) == "month/day/year"
    mixed = built(pa.table({"a": ["03/04/2021", "25/12/2021", "12/25/2021"]}), 1)
    assert mixed.is_text


def test_a_float32_is_used_where_it_tells_the_numbers_apart(csv):
    near = [f"{1e6 + number / 1000:.3f}" for number in range(50)]
    table = read_table(csv("\n".join(["near,far", *(f"{cell},{0.1 * n}" for n, cell in enumerate(near))]) + "\n"))
    assert table["near"].values.dtype == np.float64
    assert table["far"].values.dtype == np.float32
    assert table["near"].told() == [float(cell) for cell in near]


def test_whole_numbers_are_kept_to_the_last_figure(csv):
    found = column(csv("code,n\n90000001,1\n,2\n10000001,3\n"), "code")
    assert found.told() == [90000001, None, 10000001]
    assert column(csv("code,n\n16777216,1\n,2\n-5,3\n"), "code").values.dtype == np.float32


def test_columns_that_are_dropped_or_read_as_text(csv):
    path = csv("id,zip,odd\n1,0123,inf\n2,4567,1\n")
    table = read_table(path, drop=["odd"], text=["zip"])
    assert table.names == ("id", "zip")
    assert table["zip"].told() == ["0123", "4567"]
    with pytest.raises(ArgumentError, match=r"no column 'zap'.*'zip'"):
        read_table(path, text=["zap"])


def test_too_many_texts_are_not_kept_unless_asked_for(csv, monkeypatch):
    monkeypatch.setattr(building, "MOST_CATEGORIES", 5)
    monkeypatch.setattr(tables_table, "MOST_CATEGORIES", 5)
    path = csv("\n".join(["name", *(f"n{number}" for number in range(9)), "?"]) + "\n")
    found = column(path, "name")
    assert found.overfull
    assert (found.n_missing, found.n_distinct) == (1, 6)
    assert column(path, "name", whole=["name"]).n_distinct == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,inf\n", "row 3, column 'b' is inf"),
        ("a,a\n1,2\n", "two columns are named 'a'"),
        ("a,b\n", "no rows"),
        ("", "empty"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read as csv"),
    ],
)
def test_what_cannot_be_used(csv, text, words):
    with pytest.raises((DataError, FileError), match=words):
        read_table(csv(text))


def test_text_without_the_mark_that_its_encoding_wants(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(FileError, match="its text is not in utf-16; name its encoding"):
        read_table(path, encoding="utf-16")
    with pytest.raises(ArgumentError, match="unknown encoding"):
        read_table(path, encoding="latin\0")


def test_files_that_are_none(csv, tmp_path):
    with pytest.raises(MissingFileError, match=r"absent\.csv"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(MissingFileError, match=r"absent\.csv"):
        read_names(tmp_path / "absent.csv")
    (tmp_path / "t.parquet").write_bytes(b"nonsense")
    with pytest.raises(FileError, match="cannot be read as parquet"):
        read_table(tmp_path / "t.parquet")
    (tmp_path / "latin.csv").write_bytes(b"a,b\n1,caf\xe9\n")
    (tmp_path / "latin-name.csv").write_bytes(b"caf\xe9,b\n1,2\n")
    for name in ("latin.csv", "latin-name.csv"):
        with pytest.raises(FileError, match="is not in UTF-8; name its encoding, as by --encoding latin-1, or save it"):
            read_table(tmp_path / name)
        with pytest.raises(FileError, match="is not in ascii; name its encoding"):
            read_table(tmp_path / name, encoding="ascii")
        with pytest.raises(ArgumentError, match="unknown encoding 'latin-11'; did you mean 'latin-1'"):
            read_table(tmp_path / name, encoding="latin-11")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_files_in_other_encodings(tmp_path, encoding):
    path = tmp_path / "t.csv"
    text = "café;n\n" + "".join(f"Zürich {n % 3};{n}\n" for n in range(20_000))
    path.write_bytes(text.encode(encoding))
    marked = encoding in ("utf-16", "utf-32", "utf-8-sig")
    # A mark at the begin goes before what is said of the file.
    for said in (None, "cp1250") if marked else (encoding,):
        table = read_table(path, encoding=said)
        assert table.names == ("café", "n") == tuple(read_names(path, said))
        assert table["café"].told(slice(0, 3)) == ["Zürich 0", "Zürich 1", "Zürich 2"]
        np.testing.assert_array_equal(table["n"].values, np.arange(20_000))


def test_cells_that_are_no_values_are_left_out_and_never_used(tmp_path):
    cells = {"lists": [[n] for n in range(30)], "bytes": [b"\xff"] * 30, "none": pa.nulls(30, pa.list_(pa.int8()))}
    spans = pa.array(range(30), pa.duration("ms"))
    table = pa.table(cells | {"spans": spans, "n": [n % 7 / 2 for n in range(30)]})
    pq.write_table(table, tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    found = [(each.name, each.kind, each.reason) for each in find_kinds(table, ["n"])]
    assert found == [
        ("lists", "other", "cells of the type list<element: int64>"),
        ("bytes", "other", "cells of the type binary"),
        ("none", "missing", "no value in any row"),
        ("spans", "number", ""),
    ]
    assert table["spans"].told()[-1] == pytest.approx(0.029)
    for use in (
        lambda: read_targets(table, ["lists"]),
        lambda: split_table(table, 0.2, stratify="lists"),
        lambda: split_table(table, 0.2, group="bytes"),
        lambda: find_kinds(table, ["n"], numeric=["lists"]),
    ):
        with pytest.raises(DataError, match=r"holds (list.*|binary), which is no number, time or text"):
            use()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.arrow"])
def test_columns_that_are_not_wanted_are_not_decoded(tmp_path, name, monkeypatch):
    table = pa.table({"a": [1, 2], " b": ["x", "y"], "c": [3, 4]})
    if name == "t.csv":
        pa.csv.write_csv(table, tmp_path / name)
    elif name == "t.parquet":
        pq.write_table(table, tmp_path / name)
    else:
        with pa.OSFile(str(tmp_path / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    decoded = []
    build = reading._build

    def spied(builders, blocks):
        def look():
            for block in blocks:
                decoded.extend(block.schema.names)
                yield block

        return build(builders, look())

    monkeypatch.setattr(reading, "_build", spied)
    assert read_table(tmp_path / name, drop=["b" if name == "t.csv" else " b"]).names == ("a", "c")
    assert decoded == ["a", "c"]
