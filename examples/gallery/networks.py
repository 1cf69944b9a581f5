"""Networks."""

import functools
from typing import Any

from graphs import nested

import backlit
from backlit import nn, optim, view
from backlit.data import datasets
from backlit.train import Trainer


def circles(theme: str) -> Any:
    """A network as circles.

    Blue edges are positive weights, orange and dashed ones negative; thick is large.
    """
    backlit.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    return view.network(model, [1.0, -2.0, 0.5], theme=theme)


def picked_neuron(theme: str) -> Any:
    """One neuron's formula.

    In symbols and with its numbers; its edges carry their weights.
    """
    backlit.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    return view.network(model, [1.0, -2.0, 0.5], neuron=(2, 1), theme=theme)


@functools.cache
def digits_network() -> tuple[nn.Module, Any, Any]:
    X, y = datasets.digits().X, datasets.digits().y
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.005), seed=0).fit((X, y), epochs=20)
    return model, X, y


def large_layers(theme: str) -> Any:
    """Large layers.

    The first and last neurons are drawn, and how many are left out is said.
    """
    model, X, _ = digits_network()
    return view.network(model, X[0], most=8, theme=theme)


def first_layer(theme: str) -> Any:
    """What the first layer looks for.

    The weights of each neuron as an image.
    """
    return view.weights(digits_network()[0], theme=theme)


def pixels(theme: str) -> Any:
    """An image is a matrix.

    Each pixel with its number.
    """
    return view.pixels(datasets.digits().X[0].reshape(8, 8), theme=theme)


def summary(theme: str) -> Any:
    """The summary.

    Layers with output, parameters, floating-point operations, memory and share of time.
    """
    del theme
    model, inputs = nested()
    return view.summary(model, inputs)
