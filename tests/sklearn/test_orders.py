"""Orders of many rows: machine code draws and swaps as NumPy's legacy generator does."""

import numpy as np
import pytest

from backlit.sklearn.orders import shuffle


@pytest.mark.parametrize("n", [0, 1, 2, 1000, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_003])
@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_orders_and_generators_are_numpys(n, bits):
    own, numpys = (np.random.RandomState(bits(n)) for _ in range(2))
    order, expected = np.arange(n), np.arange(n)
    for _ in range(2):
        shuffle(own, order)
        numpys.shuffle(expected)
        np.testing.assert_array_equal(order, expected)
        # Also what comes next is the same.
        assert own.standard_normal() == numpys.standard_normal()


def test_every_row_is_there_once():
    order = np.arange(100_000)
    shuffle(np.random.RandomState(0), order)
    assert not np.array_equal(order, np.arange(100_000))
    np.testing.assert_array_equal(np.sort(order), np.arange(100_000))
