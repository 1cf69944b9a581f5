"""Functions."""

import functools
from typing import Any

import numpy as np

import backlit
from backlit import nn, optim, view
from backlit.data import datasets
from backlit.train import Trainer


def activations(theme: str) -> Any:
    """Activations and their derivatives.

    The derivatives are those that the operations pass back.
    """
    return view.activations(theme=theme)


def approximation(theme: str) -> Any:
    """Universal approximation.

    One hidden layer of 1, 3, 10 and 100 units comes closer and closer.
    """
    return view.approximation(lambda x: np.sin(2 * x) + 0.4 * np.abs(x), theme=theme)


def fold() -> list[nn.Module]:
    inner, outer = nn.Linear(1, 2), nn.Linear(2, 1)
    inner.load_state_dict({"weight": backlit.tensor([[1.0], [1.0]]), "bias": backlit.tensor([0.0, -0.5])})
    outer.load_state_dict({"weight": backlit.tensor([[2.0, -4.0]]), "bias": backlit.tensor([0.0])})
    return [inner, nn.ReLU(), outer]


def folds(theme: str) -> Any:
    """Folds multiply.

    Each layer folds the one before it: three layers of two units make eight linear pieces.
    """
    return view.pieces(nn.Sequential(*fold(), *fold(), *fold()), 0, 1, theme=theme)


def regions(theme: str) -> Any:
    """Linear pieces of two inputs.

    Counted exactly: on each piece the network is one linear function.
    """
    backlit.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))
    return view.pieces(model, -3, 3, theme=theme)


@functools.cache
def moons() -> tuple[nn.Module, Any, Any, view.Snapshots, Any]:
    X, y = datasets.two_moons(200, noise=0.1, seed=0)
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    kept = view.Snapshots([0, 2, 5, 20])
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), callbacks=[kept], watch=5, seed=0
    )
    return model, X, y, kept, trainer.fit((X, y), epochs=20, batch_size=16)


def boundary(theme: str) -> Any:
    """A decision boundary over training.

    What the network computed before training and after 2, 5 and 20 epochs.
    """
    model, X, y, kept, _ = moons()
    return view.function(model, X, y, snapshots=kept, theme=theme)
