"""Small problems and trainers that the tests of training share."""

from itertools import pairwise

import numpy as np

import backlit
from backlit import nn, optim
from backlit.train import Trainer


def line(rows: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of y = 2 x_0 - x_1 + 0.5 with a little noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 2)).astype(np.float32)
    y = X @ np.float32([[2], [-1]]) + np.float32(0.5)
    return X, (y + rng.normal(0, 0.01, y.shape)).astype(np.float32)


def classes(rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    X = rng.standard_normal((rows, 4)) + 3 * np.eye(3, 4)[y]
    return X.astype(np.float32), y


def small_trainer(*sizes: int, loss=None, lr: float = 0.1, seed: int = 0, layers=(), **settings) -> Trainer:
    backlit.manual_seed(seed)
    sizes = sizes or (2, 1)
    model = nn.Sequential(nn.Linear(sizes[0], sizes[1]), *layers, *(nn.Linear(a, b) for a, b in pairwise(sizes[1:])))
    return Trainer(model, loss or nn.MSELoss(), optim.SGD(model.parameters(), lr=lr), seed=seed, **settings)


def weights(trainer: Trainer) -> list[list[float]]:
    return [parameter.tolist() for parameter in trainer.model.parameters()]
