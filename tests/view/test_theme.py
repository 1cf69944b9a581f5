"""Colours: words stand out from what they are written on, and lines from their ground."""

import numpy as np
import pytest

from backlit.view.coloring import Coloring
from backlit.view.plot import series
from backlit.view.theme import THEMES, blend, number
from tests.view.programs import flow_of, squares


def brightness(color):
    """Relative luminance, as the Web Content Accessibility Guidelines define it."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_stand_out(theme):
    for ground in (theme.ground, *theme.module):
        for ink in (theme.ink, theme.faint, theme.value, theme.gradient):
            assert contrast(ink, ground) > 4.5
    for box in (theme.operation, theme.parameter, theme.input):
        for ink in (theme.ink, theme.faint, theme.value, theme.gradient):
            assert contrast(ink, box) > 4.5
    assert contrast(theme.wrong, theme.operation) > 4.5
    assert contrast(theme.ground, theme.wrong) > 4.5
    # The strongest neuron of a network.
    for color in (theme.positive, theme.negative):
        assert contrast(theme.ink, blend(color, theme.ground, 0.55)) > 4.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("kind", ["value", "gradient", "time", "memory"])
def test_words_stand_out_from_every_fill(kind, theme):
    flow = flow_of(squares()["f"])
    coloring = Coloring(kind, flow)
    boxes = [[node] for node in flow.nodes if node.binding is not None]
    coloring.spread(boxes)
    fills = {coloring.fill(box, theme) for box in boxes}
    assert all(contrast(theme.ink, fill) > 4.5 for fill in fills)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_lines_stand_out(theme):
    assert all(contrast(color, theme.ground) > 3 for color in (*series(theme), theme.line))


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0, "0"), (-1.5, "−1.5"), (float("-inf"), "−∞"), (True, "true"), (-3, "−3")]
)
def test_numbers_as_they_are_read(value, text):
    assert number(value) == text
