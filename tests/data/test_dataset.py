import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from backlit.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Squares(Dataset):
    def __init__(self, first, last):
        self.numbers = range(first, last)

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        return self.numbers[index] ** 2


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def test_tensor_dataset_rows():
    X, y = backlit.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), backlit.tensor([0, 1, 2])
    data = TensorDataset(X, y)
    assert len(data) == 3
    row, label = data[-1]
    assert row.tolist() == [5.0, 6.0]
    assert label.item() == 2


def test_tensor_dataset_refuses():
    with pytest.raises(ShapeError, match=r"\(2, 3\), \(4,\)"):
        TensorDataset(backlit.zeros(2, 3), backlit.zeros(4))
    with pytest.raises(ShapeError, match="none"):
        TensorDataset()
    with pytest.raises(ShapeError):
        TensorDataset(backlit.tensor(1.0))
    with pytest.raises(ArgumentTypeError, match="from_numpy"):
        TensorDataset(np.zeros(3))


def test_adding_concatenates():
    data = Squares(0, 3) + Squares(3, 5) + Squares(5, 6)
    assert isinstance(data, ConcatDataset)
    assert [data[i] for i in range(len(data))] == [0, 1, 4, 9, 16, 25]
    assert data[-1] == 25
    assert data[-6] == 0
    for index in (6, -7):
        with pytest.raises(IndexError, match="6 rows"):
            data[index]


def test_concat_refuses():
    with pytest.raises(DataError):
        ConcatDataset([])
    with pytest.raises(ArgumentTypeError, match="ChainDataset"):
        ConcatDataset([Count(2)])


def test_adding_iterables_chains():
    data = Count(2) + Count(3)
    assert isinstance(data, ChainDataset)
    assert list(data) == [0, 1, 0, 1, 2]
    assert len(data) == 5
    with pytest.raises(ArgumentTypeError, match="Squares"):
        list(Count(1) + Squares(0, 1))


def test_subset():
    data = Subset(Squares(0, 10), [7, 1, 1])
    assert [data[i] for i in range(len(data))] == [49, 1, 1]
    nested = Subset(Subset(TensorDataset(backlit.arange(10)), [9, 5, 2]), [2, 0])
    assert [batch.tolist() for (batch,) in DataLoader(nested, batch_size=2)] == [[2, 9]]


@pytest.mark.parametrize(
    ("lengths", "sizes"), [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.34, 0.33, 0.33], [4, 3, 3]), ([10, 0], [10, 0])]
)
def test_random_split(lengths, sizes):
    parts = random_split(Squares(0, 10), lengths, generator=backlit.Generator().manual_seed(0))
    assert [len(part) for part in parts] == sizes
    assert sorted(row for part in parts for row in part.indices) == list(range(10))
    again = random_split(Squares(0, 10), lengths, generator=backlit.Generator().manual_seed(0))
    assert [part.indices for part in parts] == [part.indices for part in again]


@pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.6], [11, -1], [1.5, -0.5], []])
def test_random_split_refuses(lengths):
    with pytest.raises(ArgumentError, match="random_split"):
        random_split(Squares(0, 10), lengths)


def test_missing_methods_are_named():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())
