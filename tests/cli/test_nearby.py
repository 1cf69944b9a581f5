"""Predictions of rows of which few columns have changed are those of the whole network."""

import numpy as np
import pytest

from backlit import manual_seed, nn
from backlit.cli.nearby import Nearby
from backlit.train import Run

RNG = np.random.default_rng(0)
NETWORKS = {
    "layers": lambda: nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2)),
    "one layer": lambda: nn.Sequential(nn.Linear(7, 2)),
    "vectors of categories": lambda: nn.Sequential(nn.TableInput(5, [4, 30], [0, 6]), nn.Linear(15, 3), nn.Tanh()),
    "another first layer": lambda: nn.Sequential(nn.Tanh(), nn.Linear(7, 2)),
    "no sequence": lambda: nn.Linear(7, 2),
}


def rows(n=20):
    return np.column_stack([RNG.normal(size=(n, 5)), RNG.integers(0, 4, n), RNG.integers(0, 30, n)]).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_changed_columns_are_seen(name):
    manual_seed(0)
    run = Run({}, NETWORKS[name]())
    near, given = Nearby(run), rows()
    for places in ([], [2], [6], [0, 5], [], list(range(7))):
        changed = given.copy()
        changed[:, places] = changed[::-1, places]
        np.testing.assert_allclose(near.predict(changed).numpy(), run.predict(changed).numpy(), atol=2e-6)
    # Other rows are another beginning.
    other = rows(8)
    np.testing.assert_allclose(near.predict(other).numpy(), run.predict(other).numpy(), atol=2e-6)
