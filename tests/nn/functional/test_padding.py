"""Borders beside NumPy's."""

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F

# PyTorch's names, and NumPy's.
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("widths", [(1, 2), (0, 3), (2, 0, 1, 3), (0, 0, 2, 1), (0, 0, 0, 0)])
def test_borders_are_numpys(mode, widths):
    x = backlit.tensor(np.random.default_rng(0).normal(size=(2, 4, 5)), requires_grad=True)
    pairs = [(0, 0)] * (3 - len(widths) // 2) + [widths[i : i + 2] for i in range(0, len(widths), 2)][::-1]
    found = F.pad(x, widths, mode)
    np.testing.assert_array_equal(found.detach(), np.pad(x.detach().numpy(), pairs, MODES[mode]))
    assert backlit.autograd.gradcheck(lambda x: F.pad(x, widths, mode), [x])


def test_negative_widths_cut_off_first():
    x = backlit.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert F.pad(x, (1, -1), "circular").tolist() == [[3, 1, 2, 3]]
    assert F.pad(x, (-1, 2), "replicate").tolist() == [[2, 3, 4, 4, 4]]
    assert F.pad(x, (-1, -1), "reflect").tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("widths", "mode", "told"),
    [
        ((4, 0), "reflect", r"mode 'reflect' takes at most 3 elements for a border from dimension 1 of an input of .*"),
        ((0, 5), "circular", "takes at most 4 elements"),
        ((-4, 1), "replicate", "takes at most 0 elements"),
    ],
)
def test_wider_borders_than_there_is_are_told(widths, mode, told):
    with pytest.raises(ShapeError, match=told):
        F.pad(backlit.ones(2, 4), widths, mode)


def test_modes_and_values_that_do_not_fit_are_told():
    x = backlit.ones(2, 4)
    with pytest.raises(ArgumentError, match=r"unknown mode 'relfect'; did you mean 'reflect'\?"):
        F.pad(x, (1, 1), "relfect")
    with pytest.raises(ArgumentError, match="value 1 with mode 'circular'"):
        F.pad(x, (1, 1), "circular", 1)
    for widths in ((1,), (1, 1, 1, 1)):
        with pytest.raises(ArgumentError, match="even number of widths, fewer than 4"):
            F.pad(x, widths, "replicate")
