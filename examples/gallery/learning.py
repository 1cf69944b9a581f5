"""Training."""

from typing import Any

import numpy as np
from functions import moons
from networks import digits_network

import backlit
from backlit import nn, optim, view
from backlit.data import datasets
from backlit.train import Trainer


def descent(theme: str) -> Any:
    """The loss landscape.

    Full-batch, stochastic and mini-batch descent on one surface, with the cost of a step and of an epoch.
    """
    x = np.linspace(-1, 1, 128, dtype=np.float32)[:, None]
    y = 2 * x - 1 + 0.4 * np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    backlit.manual_seed(0)
    return view.landscape(nn.Linear(1, 1), nn.MSELoss(), (x, y), lr=0.1, epochs=15, theme=theme)


def between(theme: str) -> Any:
    """The loss between two networks.

    On the straight line from one network's weights to another's.
    """
    X, y = datasets.two_moons(200, noise=0.1, seed=0)
    trained = []
    for seed in (0, 1):
        backlit.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        Trainer(model, nn.CrossEntropyLoss(), optimizer, seed=seed).fit((X, y), epochs=20, batch_size=16)
        trained.append(model)
    return view.interpolation(*trained, nn.CrossEntropyLoss(), (X, y), theme=theme)


def training(theme: str) -> Any:
    """A training, watched.

    Loss, and each layer's values, weights, gradients and update-to-weight ratios over the steps.
    """
    return view.training(moons()[-1], theme=theme)


def confusion(theme: str) -> Any:
    """Right and wrong.

    Which digits are taken for which.
    """
    model, X, y = digits_network()
    predicted = model(backlit.tensor(X)).argmax(1).numpy()
    return view.confusion(y, predicted, "0123456789", theme=theme)
