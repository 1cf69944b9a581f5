"""What all plots share: a figure is drawn once for each file, on places that its parts have found once."""

import pytest
from matplotlib.figure import Figure

from backlit import nn, view
from backlit.train import Run
from backlit.view.theme import power_of_ten


def test_a_file_costs_one_drawing_of_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: drawn.append("") or draw(self, renderer))
    picture = view.training(Run({"loss": [3.0, 2.0, 1.0]}, nn.Identity()))
    first = picture.svg
    assert len(drawn) == 1
    assert picture.png
    assert len(drawn) == 2
    assert picture.svg == first


@pytest.mark.parametrize(("exponent", "text"), [(0, "10⁰"), (-12, "10⁻¹²"), (3, "10³")])
def test_powers_of_ten(exponent: int, text: str) -> None:
    assert power_of_ten(exponent) == text
