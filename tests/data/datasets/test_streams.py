import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import backlit
from backlit.data import rows_of, worker_info
from backlit.data.datasets import ArrayFiles, TableStream
from backlit.data.worker_info import WorkerInfo
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError, ShapeError
from backlit.utils.data import DataLoader, TensorDataset


def save(tmp_path, n=10):
    X, y = np.arange(3 * n, dtype=np.float32).reshape(n, 3), np.arange(n)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    return ArrayFiles(tmp_path / "X.npy", tmp_path / "y.npy"), X, y


def test_files_give_the_batches_of_arrays(tmp_path):
    files, X, y = save(tmp_path)
    arrays = TensorDataset(backlit.from_numpy(X), backlit.from_numpy(y))
    loaders = [
        DataLoader(data, batch_size=4, shuffle=True, generator=backlit.Generator().manual_seed(0))
        for data in (files, arrays)
    ]
    for ours, theirs in zip(*loaders, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert isinstance(rows_of(files).arrays[0], np.memmap)
    row, label = files[3]
    assert row.tolist() == [9.0, 10.0, 11.0]
    assert label.item() == 3


def test_files_travel_as_paths(tmp_path):
    files, X, _ = save(tmp_path, 5000)
    content = pickle.dumps(files)
    assert len(content) < 1000
    np.testing.assert_array_equal(rows_of(pickle.loads(content)).arrays[0], X)


def test_files_that_cannot_be_used(tmp_path):
    save(tmp_path)
    np.save(tmp_path / "short.npy", np.zeros(3))
    with pytest.raises(ShapeError, match=r"\(10, 3\), \(3,\)"):
        ArrayFiles(tmp_path / "X.npy", tmp_path / "short.npy")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    with pytest.raises(DataError, match="expected numbers"):
        ArrayFiles(tmp_path / "text.npy")
    with pytest.raises(MissingFileError):
        ArrayFiles(tmp_path / "absent.npy")
    (tmp_path / "X.npy").write_bytes((tmp_path / "X.npy").read_bytes()[:-4])
    with pytest.raises(FileError):
        ArrayFiles(tmp_path / "X.npy")


@pytest.fixture(params=["csv", "parquet", "arrow"])
def stream_file(request, tmp_path):
    n = 50
    table = pa.table({"a": list(range(n)), "b": [n / 2 for n in range(n)], "kind": ["xy"[n % 2] for n in range(n)]})
    path = tmp_path / f"t.{request.param}"
    if request.param == "csv":
        pa.csv.write_csv(table, path)
    elif request.param == "parquet":
        pq.write_table(table, path, row_group_size=8)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=8)
    return path


def test_a_stream_has_every_row(stream_file):
    rows = list(TableStream(stream_file, "b", features=["a"]))
    assert [x.tolist() for x, _ in rows] == [[float(n)] for n in range(50)]
    assert [y.item() for _, y in rows] == [n / 2 for n in range(50)]
    batches = list(DataLoader(TableStream(stream_file, "kind", class_names="xy", batch_size=20), batch_size=None))
    assert np.concatenate([x.numpy() for x, _ in batches]).tolist() == [[n, n / 2] for n in range(50)]
    assert np.concatenate([y.numpy() for _, y in batches]).tolist() == [n % 2 for n in range(50)]
    assert batches[0][1].dtype == backlit.int64
    rows = DataLoader(TableStream(stream_file, "kind", class_names="xy"), batch_size=20)
    assert [tuple(x.shape) for x, _ in rows] == [(20, 2), (20, 2), (10, 2)]


def test_workers_share_the_blocks(stream_file, monkeypatch):
    stream = TableStream(stream_file, "kind", class_names="xy")
    seen = []
    for number in range(2):
        monkeypatch.setattr(worker_info, "_info", WorkerInfo(number, 2, 0, stream))
        seen += [x.tolist()[0] for x, _ in stream]
    assert sorted(seen) == list(range(50))


def test_streams_that_cannot_be_used(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,kind\n1,x\n2,z\nbad,x\n")
    with pytest.raises(DataError, match="row 3, column 'kind': 'z' is no known class"):
        list(TableStream(path, "kind", features=[], class_names="xy"))
    with pytest.raises(FileError, match=r"Row #4.*'bad'"):
        list(TableStream(path, "kind", class_names="xyz"))
    with pytest.raises(ArgumentError, match="no column 'knd'; did you mean 'kind'"):
        TableStream(path, "knd")
    with pytest.raises(ArgumentError, match="batch_size"):
        TableStream(path, "kind", batch_size=0)
    with pytest.raises(MissingFileError):
        TableStream(tmp_path / "absent.csv", "kind")
    path.write_text("a,kind\n1,x\n,y\n")
    with pytest.raises(DataError, match="row 3, column 'a' is empty"):
        list(TableStream(path, "kind", class_names="xy"))
    path.write_text("a,kind\n")
    with pytest.raises(DataError, match="no rows"):
        TableStream(path, "kind")


def test_a_column_may_change_its_looks_later_in_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "1,0\n" * 400_000 + "1.5,0.5\n")
    *_, (x, y) = TableStream(path, "y", batch_size=100_000)
    assert (x.tolist()[-1], y.tolist()[-1]) == ([1.5], 0.5)
