"""Training."""

from typing import Any

import numpy as np
from functions import moons
from networks import digits_network

import backlit
from backlit import nn, optim, view
from backlit.data import datasets
from backlit.train import Trainer, evaluation


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


def calibration(theme: str) -> Any:
    """Calibration.

    How often what was predicted with some probability came true.
    """
    model, X, y = digits_network()
    probabilities = model(backlit.tensor(X)).softmax(1).detach().numpy()
    return view.calibration(y, probabilities, "predicted probability of the predicted digit", theme=theme)


def residuals(theme: str) -> Any:
    """Residuals.

    A straight line leaves a trend behind that a curve would take up.
    """
    x = np.linspace(0, 2, 200)
    y = x**2 + 0.1 * np.random.default_rng(0).normal(size=x.shape)
    return view.residuals(y, 2 * x - 0.7, "height (m)", theme=theme)


def importances(theme: str) -> Any:
    """Which columns matter.

    How much a score falls when one column's values are shuffled over the rows.
    """
    rows = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    wanted = 2 * rows[:, 0] + np.abs(rows[:, 1])

    def score(inputs: Any, numbers: Any) -> float:
        return evaluation.value_scores(wanted[numbers], 2 * inputs[:, 0] + np.abs(inputs[:, 1]))["R²"]

    falls = evaluation.permutation_importances(score, rows, {"size": [0], "age": [1], "noise": [2]})
    return view.importances(falls, "R²", theme=theme)
