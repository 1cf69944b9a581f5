import gzip

import numpy as np
import pytest
from PIL import Image

import backlit
from backlit.data import datasets, rows_of
from backlit.data.datasets import MNIST, FashionMNIST, images
from backlit.data.transforms import Compose, Lambda, Normalize, ToTensor
from backlit.errors import FileError, MissingFileError
from backlit.utils.data import DataLoader, Subset

from .idx_files import idx_bytes, write_mnist


@pytest.fixture(autouse=True)
def no_system_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "_SYSTEM_FOLDER", tmp_path / "system")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["FashionMNIST/raw", "FashionMNIST", "", "../system/fashion-mnist"])
def test_files_are_found(tmp_path, place, packed):
    arrays = write_mnist(tmp_path / "root" / place, packed=packed)
    for train, part in ((True, "train"), (False, "t10k")):
        data = FashionMNIST(tmp_path / "root", train=train)
        np.testing.assert_array_equal(data.data.numpy(), arrays[f"{part}-images-idx3-ubyte"])
        np.testing.assert_array_equal(data.targets.numpy(), arrays[f"{part}-labels-idx1-ubyte"])
        assert data.data.dtype == backlit.uint8
        assert data.targets.dtype == backlit.int64


def test_items_as_torchvision_gives_them(tmp_path):
    arrays = write_mnist(tmp_path)
    image, label = MNIST(tmp_path)[2]
    assert isinstance(image, Image.Image)
    assert image.mode == "L"
    assert image.size == (28, 28)
    assert isinstance(label, int)
    tensor, label = MNIST(tmp_path, transform=ToTensor(), target_transform=str)[-1]
    assert tensor.dtype == backlit.float32
    np.testing.assert_array_equal(tensor.numpy()[0] * 255, arrays["train-images-idx3-ubyte"][-1].astype(np.float32))
    assert label == str(arrays["train-labels-idx1-ubyte"][-1])
    with pytest.raises(IndexError):
        MNIST(tmp_path)[6]


def test_names_and_repr(tmp_path):
    write_mnist(tmp_path)
    data = FashionMNIST(tmp_path, train=False)
    assert data.class_to_idx["Ankle boot"] == 9
    assert repr(data).startswith("Dataset FashionMNIST\n    Number of datapoints: 3\n    Root location: ")
    assert repr(data).endswith("Split: Test")


@pytest.mark.parametrize("transform", [ToTensor(), Compose([ToTensor(), Normalize((0.5,), (0.25,))])])
def test_whole_batches_equal_collated_items(tmp_path, transform):
    write_mnist(tmp_path)
    data = MNIST(tmp_path, transform=transform)
    one_by_one = MNIST(tmp_path, transform=lambda image: transform(image))
    assert rows_of(data) is not None
    assert rows_of(one_by_one) is None
    chosen = [5, 0, 3, 3, 1]
    loaders = [DataLoader(Subset(source, chosen), batch_size=2) for source in (data, one_by_one)]
    for fast, slow in zip(*loaders, strict=True):
        assert type(fast) is type(slow)
        for ours, theirs in zip(fast, slow, strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_items_that_cannot_come_in_batches(tmp_path):
    write_mnist(tmp_path)
    assert rows_of(MNIST(tmp_path)) is None
    assert rows_of(MNIST(tmp_path, transform=ToTensor(), target_transform=float)) is None
    assert rows_of(MNIST(tmp_path, transform=Compose([ToTensor(), Lambda(abs)]))) is None


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(MissingFileError, match="download=True"):
        MNIST(tmp_path)
    write_mnist(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx_bytes(np.zeros(5, np.uint8))))
    with pytest.raises(FileError, match="6 images have labels of shape"):
        MNIST(tmp_path)
    labels.write_bytes(gzip.compress(idx_bytes(np.full(6, 10, np.uint8))))
    with pytest.raises(FileError, match="from 10 to 10"):
        MNIST(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(6, np.uint8))))
    with pytest.raises(FileError, match="height, width"):
        MNIST(tmp_path)


def test_described_as_arrays(tmp_path):
    arrays = write_mnist(tmp_path)
    data = datasets.fashion_mnist(tmp_path)
    assert data.X.shape == (9, 784)
    assert data.image_shape == (28, 28)
    assert data.class_names[0] == "T-shirt/top"
    train, test = data.split()
    assert (len(train.X), len(test.X)) == (6, 3)
    np.testing.assert_array_equal(test.y, arrays["t10k-labels-idx1-ubyte"])
    assert np.shares_memory(test.X, data.X)
    assert [len(part.X) for part in data.split(1 / 3)] == [6, 3]
