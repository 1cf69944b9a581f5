"""Functions of rows on blocks of them: every row once, by any number of threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn.neural_network

from backlit.core.threads import get_num_threads, set_num_threads
from backlit.errors import BacklitError
from backlit.ops import from_numpy
from backlit.sklearn import MLPRegressor
from backlit.sklearn.blocks import BLOCK, WORTH_SHARING, Blocks

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(2 * BLOCK + 37, 3))


@pytest.fixture(params=[1, 3])
def threads(request):
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


@pytest.mark.parametrize("count", [1, BLOCK, BLOCK + 1, len(ROWS)])
def test_every_row_is_taken_once(threads, count):
    blocks = Blocks(lambda x, y: (x.sum(1) * y,), [ROWS, ROWS[:, 0]], WORTH_SHARING)
    found, seen = np.full(count, np.nan), []

    def take(thread, place, results):
        found[place] = results[0].numpy()
        seen.append(thread)

    blocks.run([ROWS[:count], ROWS[:count, 0]], take)
    np.testing.assert_allclose(found, ROWS[:count].sum(1) * ROWS[:count, 0])
    assert set(seen) == set(range(min(threads, -(-count // BLOCK))))


def test_callers_on_several_threads_get_their_own_rows():
    weight = from_numpy(RNG.normal(size=(3, 2000)))
    blocks = Blocks(lambda x: ((x @ weight).sum(1),), [ROWS], 0)
    parts = [ROWS[at : at + 200] for at in range(0, 2000, 200)]
    wanted = [blocks.at_once([part])[0].numpy() for part in parts]

    def is_right(call):
        return np.array_equal(blocks.at_once([parts[call % len(parts)]])[0].numpy(), wanted[call % len(parts)])

    with ThreadPoolExecutor(4) as callers:
        assert all(callers.map(is_right, range(400)))


def test_an_error_in_a_thread_is_raised(threads):
    table = from_numpy(np.zeros((2, 1)))
    labels = np.zeros(len(ROWS), np.int64)
    blocks = Blocks(lambda y: (table[y],), [labels], WORTH_SHARING)
    labels[BLOCK + 1] = 7
    with pytest.raises(BacklitError, match="out of range"):
        blocks.run([labels], lambda *_: None)


# A few steps are enough to compare.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradient_of_many_rows_are_scikit_learns(threads, weighted):
    y = np.sin(ROWS[:, 0]) + ROWS[:, 1]
    weight = np.where(np.arange(len(ROWS)) < BLOCK, 0.0, 1.0 + (ROWS[:, 2] > 0)) if weighted else None
    options = {"hidden_layer_sizes": (7,), "solver": "lbfgs", "max_iter": 8, "alpha": 10.0, "random_state": 0}
    theirs = sklearn.neural_network.MLPRegressor(**options).fit(ROWS, y, weight)
    ours = MLPRegressor(**options).fit(ROWS, y, weight)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
