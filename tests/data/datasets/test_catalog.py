import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from backlit.data import datasets
from backlit.data.datasets import ArrayData
from backlit.errors import ArgumentError, DataError, FileError, MissingFileError, ShapeError

from .idx_files import write_mnist


def test_digits_are_scikit_learns():
    source, data = load_digits(), datasets.load("digits")
    assert data.X.dtype == np.float32
    np.testing.assert_array_equal(data.X * 16, source.data)
    np.testing.assert_array_equal(data.y, source.target)
    assert data.image_shape == (8, 8)
    assert data.task == "classification"
    assert data.feature_names[9] == "pixel_1_1"
    assert data.class_names == tuple("0123456789")


@pytest.mark.parametrize("name", ["two-moons", "two_moons", "Spirals", "circles", "xor"])
def test_names(name):
    data = datasets.load(name)
    assert data.X.shape == (1000, 2)
    assert data.class_names == ("0", "1")


def test_split_keeps_the_classes_shares():
    data = datasets.load("digits")
    train, test = data.split(seed=1)
    assert len(test.X) == 359
    assert np.abs(np.bincount(test.y) - np.bincount(data.y) / 5).max() <= 1
    assert (data.split(seed=1)[1].X == test.X).all()
    assert train.feature_names == data.feature_names
    with pytest.raises(ArgumentError):
        data.split(0)


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text)
        return path

    return write


def test_tables(csv):
    path = csv("a,label,b\n1,x,2\n3,y,4\n")
    data = datasets.load(path)
    assert data.target_name == "label"
    assert data.feature_names == ("a", "b")
    assert data.X.tolist() == [[1, 2], [3, 4]]
    assert datasets.load(csv("a,b\n1,0.5\n2,0.75\n")).task == "regression"
    data = datasets.load(csv("a,b\n0,0.5\n1,0.75\n"), target="a")
    assert (data.target_name, data.task) == ("a", "classification")


def test_tables_that_cannot_be_used(csv):
    with pytest.raises(ArgumentError, match="did you mean 'label'"):
        datasets.load(csv("a,label\n1,x\n2,y\n"), target="labl")
    with pytest.raises(DataError, match="row 2, column 'a': 'x' is not a number"):
        datasets.load(csv("a,b\nx,1\ny,2\n"))
    with pytest.raises(DataError, match="at least one more column"):
        datasets.load(csv("a\n1\n2\n"))


def test_unknown_names_and_files(tmp_path, csv):
    with pytest.raises(ArgumentError, match="did you mean 'digits'"):
        datasets.load("digit")
    with pytest.raises(ArgumentError, match="choose from 'circles'"):
        datasets.load("zzz")
    with pytest.raises(ArgumentError, match="target is given"):
        datasets.load("digits", target="y")
    csv("a,b\n")
    with pytest.raises(MissingFileError, match=r"did you mean .*table\.csv"):
        datasets.load(tmp_path / "tabel.csv")
    with pytest.raises(MissingFileError, match="absent"):
        datasets.load(tmp_path / "absent" / "more")


def test_archives(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, X=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([0, 1]), other=np.zeros(3))
    assert datasets.load(path).X.tolist() == [[1, 2], [3, 4]]
    np.savez(path, images=np.full((2, 3, 4), 255, np.uint8), labels=np.array(["b", "a"]))
    data = datasets.load(path)
    assert data.X.min() == 1
    assert data.image_shape == (3, 4)
    assert data.class_names == ("a", "b")
    assert datasets.load(path, target="labels").y.tolist() == [1, 0]


def test_archives_that_cannot_be_used(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, X=np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match="it has X"):
        datasets.load(path)
    np.savez(path, X=np.zeros((2, 2)), y=np.zeros(3))
    with pytest.raises(ShapeError, match=r"\(2, 2\) do not fit"):
        datasets.load(path)
    np.savez(path, X=np.array([[1.0], [np.nan]]), y=np.zeros(2))
    with pytest.raises(DataError, match="row 2, column 'x0': nan"):
        datasets.load(path)
    np.savez(path, X=np.array([["a"], ["b"]]), y=np.zeros(2))
    with pytest.raises(DataError, match="numbers"):
        datasets.load(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FileError, match="not a readable NumPy file"):
        datasets.load(path)


def test_folders_of_images(tmp_path):
    arrays = write_mnist(tmp_path)
    data = datasets.load(tmp_path)
    assert data.n_test == 3
    np.testing.assert_array_equal(data.y[:6], arrays["train-labels-idx1-ubyte"])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingFileError, match="t10k-labels"):
        datasets.load(tmp_path)
    write_mnist(tmp_path / "other", n_test=4)
    (tmp_path / "other" / "t10k-labels-idx1-ubyte.gz").replace(tmp_path / "t10k-labels-idx1-ubyte.gz")
    with pytest.raises(ShapeError, match="do not fit"):
        datasets.load(tmp_path)


def test_features_alone(tmp_path, csv):
    path = csv("b,a,more\n1,2,x\n3,4,y\n")
    assert datasets.load_features(path, ["a", "b"]).tolist() == [[2, 1], [4, 3]]
    with pytest.raises(ArgumentError, match="no column 'c'"):
        datasets.load_features(path, ["a", "c"])
    assert datasets.load_features("digits", [str(n) for n in range(64)]).shape == (1797, 64)
    with pytest.raises(ArgumentError, match="expected 3 features, got 64"):
        datasets.load_features("digits", ["a", "b", "c"])
    np.savez(tmp_path / "t.npz", X=np.ones((4, 2)))
    assert datasets.load_features(tmp_path / "t.npz", ["x0", "x1"]).shape == (4, 2)
    np.save(tmp_path / "t.npy", np.ones((4, 2)))
    assert datasets.load_features(tmp_path / "t.npy", ["x0", "x1"]).shape == (4, 2)


def test_a_picture_is_one_row(tmp_path):
    data = datasets.load("digits")
    path = tmp_path / "digit.png"
    Image.fromarray((data.X[0].reshape(8, 8) * 255).round().astype(np.uint8)).save(path)
    X = datasets.load_features(path, data.feature_names)
    np.testing.assert_allclose(X, data.X[:1], atol=0.01)
    Image.new("L", (80, 80), 51).save(path)
    X = datasets.load_features(path, data.feature_names, data.image_shape)
    np.testing.assert_allclose(X, np.full((1, 64), 0.2), rtol=1e-6)
    with pytest.raises(ArgumentError, match="expected 64 features, got 6400"):
        datasets.load_features(path, data.feature_names)


def test_a_description_checks_itself():
    X, y = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    with pytest.raises(ShapeError, match="n_features"):
        ArrayData("t", X, y[:1], ("a", "b", "c"))
    with pytest.raises(ShapeError, match="names"):
        ArrayData("t", X, y, ("a",))
    with pytest.raises(DataError, match="at least one row"):
        ArrayData("t", X[:0], y[:0], ("a", "b", "c"))
