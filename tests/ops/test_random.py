"""Random numbers: the generator against an independent one, distributions, states, refusals."""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats

import backlit
from backlit.core.namespace import NUMPY
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, StateError
from backlit.ops import dropout_mask
from backlit.random import fork_rng

MASK = (1 << 64) - 1


def philox(counter, key, rounds=10):
    """Philox 4x64, written from the paper: one block of four words."""
    c, (k0, k1) = list(counter), key
    for _ in range(rounds):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c[0], 1 << 64)
        high1, low1 = divmod(0xCA5A826395121157 * c[2], 1 << 64)
        c = [high1 ^ c[1] ^ k0, low1, high0 ^ c[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c


def words(seed, stream, draw, count):
    blocks = [philox((block, draw, 0, 0), (seed & MASK, stream)) for block in range(1, count // 4 + 2)]
    return [w for block in blocks for w in block][:count]


def test_the_independent_generator_is_the_papers():
    # The first vector of the known answers that the authors publish with Random123.
    assert [hex(w) for w in philox((0, 0, 0, 0), (0, 0))] == [
        "0x16554d9eca36314c",
        "0xdb20fe9d672d0fdc",
        "0xd7e772cee186176b",
        "0x7e68b68aec7ba23b",
    ]
    assert philox((0, 0, 0, 0), (0, 0), rounds=9) != philox((0, 0, 0, 0), (0, 0))


@pytest.mark.parametrize("state", [(0, 0, 0), (1, 2, 3), (-5, 1, 1 << 40)])
def test_bits_are_philoxs(state):
    found = NUMPY.random_bits(np.array(state), 11)
    assert [int(w) for w in found] == words(*state, 11)


def test_uniform_numbers_are_the_top_bits():
    backlit.manual_seed(7)
    single, double = backlit.rand(2, 3), backlit.rand(5, dtype=backlit.float64)
    assert single.flatten().tolist() == [(w >> 40) * 2.0**-24 for w in words(7, 0, 0, 6)]
    assert double.tolist() == [(w >> 11) * 2.0**-53 for w in words(7, 0, 1, 5)]


def test_a_permutation_is_the_stable_order_of_words():
    backlit.manual_seed(7)
    drawn = words(7, 0, 0, 20)
    assert backlit.randperm(20).tolist() == sorted(range(20), key=drawn.__getitem__)
    assert backlit.randperm(0).tolist() == []
    assert backlit.randperm(3, dtype=backlit.int32).dtype is backlit.int32


def test_equal_seeds_give_equal_numbers_and_draws_differ():
    def numbers():
        backlit.manual_seed(3)
        return backlit.randn(3).tolist(), backlit.rand(3).tolist(), backlit.randint(100, (3,)).tolist()

    assert numbers() == numbers()
    backlit.manual_seed(3)
    assert backlit.rand(4).tolist() != backlit.rand(4).tolist()
    assert backlit.initial_seed() == 3


def fits(sample, distribution):
    """Whether a sample could come from a distribution (Kolmogorov-Smirnov)."""
    return stats.kstest(sample, distribution).pvalue > 1e-3


def test_distributions():
    generator = backlit.Generator().manual_seed(11)
    uniform = backlit.rand(20_000, generator=generator)
    normal = backlit.randn(20_001, generator=generator)
    assert fits(uniform.numpy(), "uniform")
    assert fits(normal.numpy(), "norm")
    assert not fits(normal.numpy() * 1.1, "norm"), "a wrong deviation would be seen"
    assert fits(backlit.empty(20_000).exponential_(2.0, generator=generator).numpy() * 2, "expon")
    assert fits(backlit.empty(20_000).uniform_(-1, 3, generator=generator).numpy() / 4 + 0.25, "uniform")
    assert fits((backlit.empty(20_000).normal_(5, 2, generator=generator).numpy() - 5) / 2, "norm")
    whole = backlit.randint(-2, 4, (60_000,), generator=generator).numpy()
    assert sorted(set(whole.tolist())) == [-2, -1, 0, 1, 2, 3]
    assert stats.chisquare(np.bincount(whole + 2)).pvalue > 1e-3
    p = backlit.tensor([0.0, 0.3, 1.0]).expand(10_000, 3)
    assert backlit.bernoulli(p, generator=generator).mean(0).tolist() == pytest.approx([0.0, 0.3, 1.0], abs=0.02)


def test_a_dropout_mask_keeps_the_mean():
    generator = backlit.Generator().manual_seed(1)
    mask = dropout_mask(backlit.zeros(10_000), 0.25, generator)
    assert set(mask.tolist()) == {0.0, np.float32(1 / 0.75)}
    assert mask.mean().item() == pytest.approx(1, abs=0.02)
    assert dropout_mask(backlit.zeros(5), 0.0).tolist() == [1.0] * 5
    assert dropout_mask(backlit.zeros(5), 1.0).tolist() == [0.0] * 5
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        dropout_mask(backlit.zeros(5), 1.5)


def test_draws_by_weight():
    generator = backlit.Generator().manual_seed(5)
    weights = backlit.tensor([0.0, 1.0, 3.0])
    often = backlit.multinomial(weights, 10_000, replacement=True, generator=generator)
    assert np.bincount(often.numpy()).tolist() == pytest.approx([0, 2500, 7500], abs=200)
    first = [backlit.multinomial(weights, 2, generator=generator).tolist() for _ in range(400)]
    assert {tuple(sorted(pair)) for pair in first} == {(1, 2)}
    assert sum(pair[0] == 2 for pair in first) == pytest.approx(300, abs=40)
    assert backlit.multinomial(weights.expand(4, 3), 2, generator=generator).shape == (4, 2)


def test_normal_numbers_of_given_means():
    generator = backlit.Generator().manual_seed(5)
    mean = backlit.arange(3, dtype=backlit.float64)
    assert backlit.normal(mean, 0.0, generator=generator).tolist() == [0.0, 1.0, 2.0]
    assert backlit.normal(1.0, backlit.zeros(2)).tolist() == [1.0, 1.0]
    assert backlit.normal(0.0, 1.0, (2, 3)).shape == (2, 3)


def test_shapes_by_name():
    assert backlit.randn(size=(2, 3)).shape == backlit.rand(size=[2, 3]).shape == (2, 3)
    assert backlit.randint(high=3, size=(2, 3)).shape == backlit.randint(3, (2, 3)).shape == (2, 3)


def test_like_and_in_place_keep_shape_and_type():
    x = backlit.zeros(2, 3, dtype=backlit.float64)
    for made in (backlit.rand_like(x), backlit.randn_like(x), backlit.randint_like(x, 5)):
        assert (made.shape, made.dtype) == ((2, 3), backlit.float64)
    assert x.bernoulli_(1.0) is x
    assert x.tolist() == [[1.0] * 3] * 2
    assert x.random_(3, 4).tolist() == [[3.0] * 3] * 2
    assert backlit.zeros(4, dtype=backlit.uint8).random_().dtype is backlit.uint8


def test_a_state_goes_on_where_it_was_taken():
    generator = backlit.Generator().manual_seed(9)
    backlit.rand(3, generator=generator)
    state = generator.get_state()
    twins = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), generator.clone_state()]
    expected = backlit.rand(3, generator=generator).tolist()
    assert [backlit.rand(3, generator=twin).tolist() for twin in twins] == [expected] * 3
    assert backlit.rand(3, generator=generator.set_state(state)).tolist() == expected
    with fork_rng():
        inside = backlit.rand(2).tolist()
    assert backlit.rand(2).tolist() == inside
    before = backlit.get_rng_state()
    after = backlit.rand(2).tolist()
    backlit.set_rng_state(before)
    assert backlit.rand(2).tolist() == after


def test_seeds():
    generator = backlit.Generator()
    assert generator.initial_seed() == 67280421310721
    assert generator.seed() == generator.initial_seed()
    assert backlit.Generator().manual_seed(-1).initial_seed() == MASK
    assert generator.manual_seed(backlit.tensor(4)).initial_seed() == 4
    with pytest.raises(ArgumentTypeError, match="integer"):
        backlit.manual_seed("today")
    with pytest.raises(ArgumentError, match="2\\^64"):
        backlit.manual_seed(1 << 64)
    with pytest.raises(StateError, match="get_state"):
        generator.set_state(backlit.zeros(3))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: backlit.rand(2, dtype=backlit.int64), DtypeError),
        (lambda: backlit.randint(3, 3, (2,)), ArgumentError),
        (lambda: backlit.randperm(-1), ArgumentError),
        (lambda: backlit.normal(0.0, -1.0, (2,)), ArgumentError),
        (lambda: backlit.normal(0.0, 1.0), ArgumentError),
        (lambda: backlit.bernoulli(backlit.zeros(2, dtype=backlit.int64)), DtypeError),
        (lambda: backlit.bernoulli(backlit.zeros(2), 2.0), ArgumentError),
        (lambda: backlit.multinomial(backlit.zeros(3), 1), ArgumentError),
        (lambda: backlit.multinomial(backlit.tensor([1.0, -1.0]), 1), ArgumentError),
        (lambda: backlit.multinomial(backlit.tensor([1.0, float("nan")]), 1), ArgumentError),
        (lambda: backlit.multinomial(backlit.tensor([1.0, 0.0]), 2), ArgumentError),
        (lambda: backlit.multinomial(backlit.zeros(1, 1, 1), 1), ShapeError),
        (lambda: backlit.zeros(2).uniform_(1, 0), ArgumentError),
        (lambda: backlit.zeros(2).exponential_(0), ArgumentError),
    ],
)
def test_wrong_requests_are_refused_and_draw_nothing(wrong, error):
    before = backlit.get_rng_state().tolist()
    with pytest.raises(error):
        wrong()
    assert backlit.get_rng_state().tolist() == before
