import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.data import permutation
from backlit.errors import ArgumentError, BacklitError
from backlit.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)


class OneByOne(Dataset):
    """The same rows without arrays, so that loaders have to collate them."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


class Reversed(Sampler):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n - 1, -1, -1))

    def __len__(self):
        return self.n


def table(n):
    return TensorDataset(backlit.arange(3 * n, dtype=backlit.float32).reshape(n, 3), backlit.arange(n))


def values(loader):
    return [batch.tolist() for batch in loader]


def same(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second)
    for ours, theirs in zip(first, second, strict=True):
        assert type(ours) is type(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype
            assert tuple(a.shape) == tuple(b.shape)
            assert a.tolist() == b.tolist()


@given(n=st.integers(0, 20), size=st.integers(1, 7), drop_last=st.booleans(), shuffle=st.booleans())
def test_whole_batches_equal_collated_rows(n, size, drop_last, shuffle):
    fast, slow = (
        DataLoader(
            data, batch_size=size, shuffle=shuffle, drop_last=drop_last, generator=backlit.Generator().manual_seed(n)
        )
        for data in (table(n), OneByOne(table(n)))
    )
    assert fast.arrays() is not None
    assert slow.arrays() is None
    assert len(fast) == len(slow)
    for _ in range(2):
        same(fast, slow)


@pytest.mark.parametrize("make", [lambda n: WeightedRandomSampler(range(1, n + 1), n), Reversed])
def test_whole_batches_with_other_samplers(make):
    backlit.manual_seed(1)
    fast = list(DataLoader(table(10), batch_size=4, sampler=make(10)))
    backlit.manual_seed(1)
    slow = list(DataLoader(OneByOne(table(10)), batch_size=4, sampler=make(10)))
    same(fast, slow)


def test_an_overridden_getitem_is_not_passed_by():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            row, label = super().__getitem__(index)
            return 2 * row, label

    data = Doubled(*table(4).tensors)
    loader = DataLoader(data, batch_size=4)
    assert loader.arrays() is None
    assert next(iter(loader))[0].tolist() == (2 * data.tensors[0]).tolist()
    assert DataLoader(Subset(data, [1]), batch_size=1).arrays() is None


def test_an_overridden_sampler_is_not_passed_by():
    class Backwards(RandomSampler):
        def __iter__(self):
            return iter(range(len(self) - 1, -1, -1))

    loader = DataLoader(table(4), batch_size=2, sampler=Backwards(range(4)))
    assert [label.tolist() for _, label in loader] == [[3, 2], [1, 0]]
    assert loader.epoch_order() is None


def test_methods_of_other_peoples_classes_are_not_mistaken():
    class Mine(Reversed):
        def order(self):
            raise RuntimeError("something else")

    class Sheet(OneByOne):
        def rows(self):
            raise RuntimeError("something else")

    assert values(DataLoader(Sheet(range(3)), sampler=Mine(3))) == [[2], [1], [0]]


def test_batches_do_not_share_memory_with_the_data():
    data = table(4)
    batch, _ = next(iter(DataLoader(data, batch_size=4)))
    batch.numpy()[:] = -1
    assert data.tensors[0].numpy().min() == 0


def test_gradients_flow_through_rows():
    weight = backlit.ones(3, 2, requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(weight), batch_size=2)))
    batch.sum().backward()
    assert weight.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


def test_full_batch():
    (batch,) = DataLoader(table(7), batch_size="full", shuffle=True)
    assert sorted(batch[1].tolist()) == list(range(7))
    assert len(DataLoader(table(7), batch_size="full", drop_last=True)) == 1
    assert list(DataLoader(table(0), batch_size="full")) == []


def test_epoch_order_is_what_the_pass_would_draw():
    first, second = (
        DataLoader(table(9), batch_size=2, shuffle=True, generator=backlit.Generator().manual_seed(3)) for _ in range(2)
    )
    for _ in range(2):
        order = first.epoch_order()
        assert [row for _, label in second for row in label.tolist()] == order.tolist()
    features, labels = first.arrays()
    assert labels.tolist() == list(range(9))
    assert features.shape == (9, 3)
    assert DataLoader(Count(3)).epoch_order() is None


def test_a_pass_is_settled_by_the_generators_state():
    generator = backlit.Generator().manual_seed(5)
    loader = DataLoader(table(9), batch_size=2, shuffle=True, generator=generator)
    state = generator.get_state()
    whole = list(loader)
    generator.set_state(state)
    late = iter(loader)
    permutation(9, generator)  # draws made after the pass has begun do not touch it
    same(late, whole)
    for start in (0, 2, 5):
        generator.set_state(state)
        same(loader.iterate(start), whole[start:])


def test_iterating_from_a_later_batch_makes_no_earlier_one():
    made = []

    class Watched(OneByOne):
        def __getitem__(self, index):
            made.append(index)
            return index

    assert values(DataLoader(Watched(range(6)), batch_size=2).iterate(2)) == [[4, 5]]
    assert made == [4, 5]
    assert values(DataLoader(Count(5), batch_size=2).iterate(1)) == [[2, 3], [4]]


def test_iterable():
    assert values(DataLoader(Count(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert values(DataLoader(Count(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Count(3), batch_size=None)) == [0, 1, 2]
    with pytest.raises(TypeError):
        len(DataLoader(Count(3)))


def test_without_batches():
    rows = list(DataLoader(OneByOne([np.zeros(2, np.float32), np.ones(2, np.float32)]), batch_size=None))
    assert [row.tolist() for row in rows] == [[0, 0], [1, 1]]
    assert len(DataLoader(table(3), batch_size=None)) == 3


def test_collate_and_batch_sampler():
    assert list(DataLoader(OneByOne("abc"), batch_size=2, collate_fn="".join)) == ["ab", "c"]
    loader = DataLoader(table(5), batch_sampler=[[4, 0], [2]])
    assert [label.tolist() for _, label in loader] == [[4, 0], [2]]
    assert len(loader) == 2
    assert loader.batch_size is None
    assert DataLoader(table(5), collate_fn=default_collate).arrays() is not None
    assert DataLoader(table(5), collate_fn=list).arrays() is None


def test_many_rows_at_once_where_the_data_set_offers_it():
    class Many(OneByOne):
        def __getitems__(self, indices):
            return [10 * index for index in indices]

    assert next(iter(DataLoader(Many(range(5)), batch_size=3))).tolist() == [0, 10, 20]


def test_the_same_seed_gives_the_same_batches():
    runs = []
    for _ in range(2):
        backlit.manual_seed(7)
        runs.append(list(itertools.chain(*(DataLoader(table(8), batch_size=3, shuffle=True) for _ in range(2)))))
    same(*runs)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"batch_size": -2},
        {"batch_size": 2.5},
        {"batch_size": "all"},
        {"num_workers": -1},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"prefetch_factor": 2},
        {"prefetch_factor": 0, "num_workers": 1},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
    ],
)
def test_settings_that_do_not_fit(settings):
    with pytest.raises(ArgumentError, match="|".join(settings)):
        DataLoader(table(3), **settings)


@pytest.mark.parametrize(
    "settings",
    [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}, {"batch_size": "full"}, {"batch_size": 0}],
)
def test_settings_that_do_not_fit_iterables(settings):
    with pytest.raises(ArgumentError):
        DataLoader(Count(3), **settings)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"dataset": None}, "expected a data set with numbered rows, got NoneType"),
        ({"collate_fn": "list"}, "collate_fn must be a function, got str"),
        ({"num_workers": 1.5}, "num_workers must be an integer of at least 0, got 1.5"),
    ],
)
def test_settings_of_other_types_are_refused(settings, word):
    with pytest.raises(BacklitError, match=re.escape(f"DataLoader: {word}")):
        DataLoader(**{"dataset": table(3), **settings})
