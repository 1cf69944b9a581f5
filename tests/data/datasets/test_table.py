import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.data.datasets import Columns, read_columns
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_csv(csv):
    columns = read_columns(csv("a,b,kind\n1,2.5,x\n3,-4e2,y\n"))
    assert columns.names == ("a", "b", "kind")
    assert columns.features(["b", "a"]).tolist() == [[2.5, 1.0], [-400.0, 3.0]]
    found = columns.target("kind")
    assert found.y.tolist() == [0, 1]
    assert found.class_names == ("x", "y")
    assert found.task == "classification"


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_marks_between_cells(csv, name, mark):
    assert read_columns(csv(f"a{mark}b\n1{mark}2\n", name)).features(["b"]).tolist() == [[2.0]]


def test_no_header_and_byte_order_mark_and_gzip(csv, tmp_path):
    columns = read_columns(csv("1,2\n3,4\n"))
    assert columns.names == ("x0", "x1")
    assert columns.features(["x1"]).tolist() == [[2.0], [4.0]]
    assert read_columns(csv("\ufeffa,b\n1,2\n")).names == ("a", "b")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read_columns(tmp_path / "t.csv.gz").features(["a"]).tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age,y\n1,0\ntwelve,1\n", "row 3, column 'age': 'twelve' is not a number"),
        ("age,y\n1,0\n,1\n", "row 3, column 'age' is empty"),
        ("age,y\n1,0\nNA,1\n", "row 3, column 'age' is empty"),
        ("age,y\n1,0\n?,1\n", r"row 3, column 'age': '\?' is not a number"),
        ("age,y\n1,0\ninf,1\n", "row 3, column 'age': inf is no finite"),
        ("age,y\n1,0\n1e300,1\n", r"row 3, column 'age': 1e\+300 is no finite"),
        ("1,0\n2,1\n3;5,1\n", "row 3, column 'x0': '3;5' is not a number"),
        ("age,y\n2020-01-01,0\n2020-01-02,1\n", "row 2, column 'age'.*is not a number"),
    ],
)
def test_cells_that_cannot_be_used_are_named(csv, text, words):
    columns = read_columns(csv(text))
    with pytest.raises(DataError, match=words):
        columns.features(columns.names[:1])


@given(st.integers(0, 19), st.integers(0, 2))
def test_the_named_cell_is_the_bad_one(tmp_path_factory, row, column):
    cells = np.ones((20, 3)).astype(str)
    cells[row, column] = "oops"
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text("a,b,c\n" + "\n".join(map(",".join, cells)) + "\n")
    with pytest.raises(DataError, match=f"row {row + 2}, column '{'abc'[column]}': 'oops'"):
        read_columns(path).features("abc")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n1,2,3\n", "Row #3"),
        ("a,a\n1,2\n", "two columns are named 'a'"),
    ],
)
def test_files_that_cannot_be_used(csv, text, words):
    with pytest.raises((DataError, FileError), match=words):
        read_columns(csv(text))


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,kind\n1,caf\xe9\n2,tea\n")
    with pytest.raises(DataError, match=r"row 2, column 'kind': .* is not UTF-8"):
        read_columns(path).target("kind")
    path.write_bytes(b"a,caf\xe9\n1,2\n")
    with pytest.raises(FileError, match="utf-8"):
        read_columns(path)


def test_empty_lines_are_left_out(csv):
    assert read_columns(csv("\n\na,b\n\n1,2\n")).features(["b"]).tolist() == [[2.0]]


def test_other_kinds_of_files(tmp_path):
    table = pa.table({"a": [1, 2], "b": [True, False], "kind": ["x", None]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for name in ("t.parquet", "t.arrow"):
        columns = read_columns(tmp_path / name)
        assert columns.features(["a", "b"]).tolist() == [[1.0, 1.0], [2.0, 0.0]]
        with pytest.raises(DataError, match="row 2, column 'kind' is empty"):
            columns.target("kind")
    np.save(tmp_path / "plain.npy", np.arange(6).reshape(2, 3))
    assert read_columns(tmp_path / "plain.npy").names == ("x0", "x1", "x2")
    np.save(tmp_path / "named.npy", np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]))
    assert read_columns(tmp_path / "named.npy").features(["b"]).tolist() == [[2.5]]


def test_categories_of_parquet(tmp_path):
    pq.write_table(pa.table({"kind": pa.array(["x", "y", "x"]).dictionary_encode()}), tmp_path / "t.parquet")
    assert read_columns(tmp_path / "t.parquet").target("kind").y.tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.npy", "t.xlsx", "t"])
def test_damaged_and_unknown_files(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense, whatever reads it")
    with pytest.raises(FileError, match=r"t\.|unknown kind"):
        read_columns(tmp_path / name)
    with pytest.raises(MissingFileError, match="absent"):
        read_columns(tmp_path / "absent.csv")


def test_objects_in_numpy_files_are_not_loaded(tmp_path):
    np.save(tmp_path / "t.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(FileError, match="plain numbers"):
        read_columns(tmp_path / "t.npy")
    np.save(tmp_path / "flat.npy", np.zeros(3))
    with pytest.raises(DataError, match="n_columns"):
        read_columns(tmp_path / "flat.npy")


def columns(**values):
    return Columns("t", tuple(values), tuple(np.array(value) for value in values.values()))


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        ([0, 1, 1], "classification", ("0", "1")),
        ([3, -1, 3], "classification", ("-1", "3")),
        ([True, False, True], "classification", ("False", "True")),
        (np.array(["b", "a", "b"], dtype=object), "classification", ("a", "b")),
        ([0.0, 1.0, 1.0], "regression", ()),
        (list(range(21)), "regression", ()),
        (list(range(20)), "classification", tuple(map(str, range(20)))),
    ],
)
def test_what_the_target_asks_for(values, task, names):
    found = columns(y=values).target("y")
    assert found.task == task
    assert found.class_names == names
    assert found.y.dtype == (np.int64 if names else np.float32)


def test_the_task_can_be_said():
    assert columns(y=[0.0, 1.5, 0.0]).target("y", "classification").class_names == ("0.0", "1.5")
    assert columns(y=[0, 1]).target("y", "regression").y.tolist() == [0.0, 1.0]
    assert len(columns(y=range(30)).target("y", "classification").class_names) == 30
    with pytest.raises(ArgumentError, match="did you mean 'regression'"):
        columns(y=[0, 1]).target("y", "regresion")


def test_targets_that_cannot_be_used():
    with pytest.raises(DataError, match=r"two classes.*only 1"):
        columns(y=[1, 1]).target("y")
    with pytest.raises(DataError, match="row 2, column 'y' is empty"):
        columns(y=[1.0, np.nan]).target("y")
    with pytest.raises(DataError, match="row 1, column 'y': 'a' is not a number"):
        columns(y=np.array(["a", "b"], dtype=object)).target("y", "regression")


def test_columns_by_name_and_number():
    table = columns(height=[1], width=[2])
    assert table.index("width") == table.index(-1) == table.index(1) == 1
    with pytest.raises(ArgumentError, match="did you mean 'height'"):
        table.index("heigth")
    for number in (2, -3):
        with pytest.raises(ArgumentError, match="it has 2"):
            table.index(number)
