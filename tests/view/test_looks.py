"""No word of a picture is cut off or stands on another one, and every page works without a network."""

from collections import OrderedDict

import numpy as np
import pytest
from matplotlib.figure import Figure

import backlit
from backlit import nn, view
from tests.view.looks import BOXES, faults, faults_of_figure
from tests.view.programs import squares, sum_times


def network_and_loss():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 3), nn.Tanh()))
    with backlit.record():
        loss = nn.functional.cross_entropy(model(backlit.randn(6, 4)), backlit.tensor([0, 1, 2, 0, 1, 2]))
        loss.backward()
    return model, loss


GRAPHS = {
    "to the right": lambda: view.graph(squares()["f"]),
    "downward": lambda: view.graph(squares()["f"], direction="down"),
    "arrays": lambda: view.graph(network_and_loss()[1]),
    "arrays downward": lambda: view.graph(network_and_loss()[1], direction="down", theme="dark"),
    "closed and coloured": lambda: view.graph(network_and_loss()[1], collapse=0, color_by="memory"),
    "not recorded": lambda: view.graph(network_and_loss()[0](backlit.ones(2, 4)).sum()),
}
PRICES = np.linspace(44_307, 411_346, 30)
FIGURES = {
    "network": lambda: view.network(network_and_loss()[0], [1.0, -2.0, 0.5, 3.0], neuron=(2, 3)),
    "weights": lambda: view.weights(nn.Linear(64, 12)),
    "kernels": lambda: view.kernels(nn.Conv2d(1, 12, 5)),
    "kernels of many channels": lambda: view.kernels(nn.Conv2d(30, 40, 3)),
    "kernels over one dimension": lambda: view.kernels(nn.Conv1d(3, 2, 7)),
    "feature maps": lambda: view.feature_maps(
        nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2))), np.eye(9)
    ),
    "feature maps of layers with long names": lambda: view.feature_maps(
        nn.Sequential(OrderedDict(a_part_of_a_network_with_a_long_name=nn.Conv2d(1, 2, 3))),
        np.eye(9),
    ),
    "feature maps of one channel": lambda: view.feature_maps(nn.ReLU(), np.eye(9, 20)),
    "attention": lambda: view.attention(
        nn.TransformerEncoderLayer(8, 4, batch_first=True), backlit.ones(1, 7, 8), list("queries")
    ),
    "weights of a long attention": lambda: view.attention(np.full((2, 300, 90), 1 / 90)),
    "pixels": lambda: view.pixels(np.arange(-40, 41).reshape(9, 9) * 37.5),
    "activations": lambda: view.activations(["Sigmoid", "ReLU", "GELU", nn.LeakyReLU(0.1)]),
    "approximation": lambda: view.approximation(np.sin, units=(1, 2)),
    "pieces of one input": lambda: view.pieces(nn.Sequential(nn.Linear(1, 5), nn.ReLU(), nn.Linear(5, 1))),
    "pieces of two inputs": lambda: view.pieces(nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1))),
    "function": lambda: view.function(nn.Linear(2, 3), np.eye(2), [0, 2]),
    "landscape": lambda: view.landscape(
        nn.Linear(1, 1), nn.MSELoss(), (np.eye(3, 1), np.ones((3, 1))), epochs=4, resolution=9
    ),
    "residuals": lambda: view.residuals(PRICES, PRICES[::-1] + 2e3, "price"),
    "agreement": lambda: view.agreement(PRICES, PRICES[::-1], "price"),
    "interpolation": lambda: view.interpolation(
        nn.Linear(1, 1), nn.Linear(1, 1), nn.MSELoss(), (np.eye(3, 1), np.ones((3, 1)))
    ),
}


@pytest.mark.parametrize("draw", GRAPHS.values(), ids=GRAPHS)
def test_words_of_graphs_have_room(draw, opened):
    assert faults(*opened(draw().html).evaluate(BOXES)) == []


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_words_of_figures_have_room(draw):
    assert faults_of_figure(draw()._figure) == []


def test_words_without_room_are_caught(opened):
    text = '<text x="{}" y="20" font-size="16">{}</text>'
    body = "".join(text.format(x, words) for x, words in ((10, "one"), (20, "two"), (92, "three")))
    found = faults(*opened(f'<!DOCTYPE html><svg width="100" height="30">{body}</svg>').evaluate(BOXES))
    assert found == ["'three' is cut off", "'one' stands on 'two'"]
    figure = Figure(figsize=(2, 1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.text(0.5, 0.5, "some words")
    axes.text(0.6, 0.5, "others")
    found = faults_of_figure(figure)
    assert "'some words' stands on 'others'" in found
    assert any(fault.endswith("is cut off") for fault in found)


PAGES = {
    "graph": lambda theme: view.graph(sum_times()["f"], theme=theme),
    "steps": lambda theme: view.steps(sum_times()["f"], theme=theme),
    "explain": lambda theme: view.explain(sum_times()["f"], theme=theme),
    "node": lambda theme: view.node(sum_times()["f"], theme=theme),
    "network": lambda theme: view.network(nn.Linear(2, 2), [1.0, 2.0], theme=theme),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_pages_load_nothing_and_read_well(make, theme, opened):
    page = opened(make(theme).html)
    assert page.title()
    style = "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    brightness = [sum(map(int, c[4:-1].split(","))) / 765 for c in page.eval_on_selector("body", style)]
    assert abs(brightness[0] - brightness[1]) > 0.75
