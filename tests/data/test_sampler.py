import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.data import permutation
from backlit.errors import ArgumentError, DataError
from backlit.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed=0):
    return backlit.Generator().manual_seed(seed)


@given(st.integers(0, 200), st.integers(0, 5))
def test_permutation_is_settled_by_the_generator(n, seed):
    first = permutation(n, seeded(seed))
    assert first.dtype == np.int64
    assert sorted(first.tolist()) == list(range(n))
    assert (first == permutation(n, seeded(seed))).all()
    assert list(RandomSampler(range(n), generator=seeded(seed))) == first.tolist()


def test_passes_differ():
    sampler = RandomSampler(range(100), generator=seeded())
    assert list(sampler) != list(sampler)


def test_order_is_drawn_when_a_pass_begins():
    generator = seeded()
    late = iter(RandomSampler(range(50), generator=generator))
    permutation(50, generator)
    assert list(late) == permutation(50, seeded()).tolist()


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


def test_random_with_replacement_and_more_than_there_are():
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=100, generator=seeded()))
    assert len(drawn) == 100
    assert set(drawn) == set(range(5))
    rounds = list(RandomSampler(range(5), num_samples=12, generator=seeded()))
    assert sorted(rounds[:5]) == sorted(rounds[5:10]) == list(range(5))
    assert len(rounds) == 12
    assert list(RandomSampler([])) == []
    assert list(RandomSampler([], replacement=True)) == []
    for number in (-1, 3):
        with pytest.raises(ArgumentError, match="num_samples"):
            RandomSampler([], num_samples=number)


def test_subset():
    assert sorted(SubsetRandomSampler([4, 8, 15], generator=seeded())) == [4, 8, 15]
    assert len(SubsetRandomSampler([4, 8])) == 2


def test_weighted():
    weights = [0.0, 1.0, 3.0, 0.0]
    drawn = np.bincount(list(WeightedRandomSampler(weights, 4000, generator=seeded())), minlength=4)
    assert drawn[0] == drawn[3] == 0
    assert drawn[2] / drawn[1] == pytest.approx(3, rel=0.15)
    assert sorted(WeightedRandomSampler(weights, 2, replacement=False, generator=seeded())) == [1, 2]
    firsts = [next(iter(WeightedRandomSampler([1, 3], 1, False, seeded(seed)))) for seed in range(400)]
    assert np.mean(firsts) == pytest.approx(0.75, abs=0.07)


def test_weighted_refuses():
    with pytest.raises(ArgumentError, match="positive weight"):
        WeightedRandomSampler([0, 1, 1], 3, replacement=False)
    with pytest.raises(ArgumentError, match="num_samples"):
        WeightedRandomSampler([1.0], 0)
    for weights in ([-1.0, 1.0], [np.nan], [[1.0]], [0.0, 0.0]):
        with pytest.raises(DataError, match="weight"):
            WeightedRandomSampler(weights, 1)


@given(st.integers(0, 30), st.integers(1, 8), st.booleans())
def test_batches(n, size, drop_last):
    sampler = BatchSampler(SequentialSampler(range(n)), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert [row for batch in batches for row in batch] == list(range(n - n % size if drop_last else n))
    assert all(len(batch) == size for batch in batches[:-1])


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "8"])
def test_batch_size_is_checked(size):
    with pytest.raises(ArgumentError, match="batch_size"):
        BatchSampler(range(3), size, False)


def test_missing_methods_are_named():
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())
