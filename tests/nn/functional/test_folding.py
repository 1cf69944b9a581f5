"""Windows as columns, and columns folded back."""

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn import functional as F

GEOMETRIES = [{}, {"stride": 2}, {"padding": (1, 0)}, {"dilation": 2, "stride": (1, 2), "padding": 1}]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_convolution_is_a_product_with_the_columns(geometry):
    rng = np.random.default_rng(0)
    x, weight = (backlit.tensor(rng.normal(size=s)) for s in ((2, 3, 6, 7), (4, 3, 2, 3)))
    expected = F.conv2d(x, weight, **geometry)
    found = (weight.reshape(4, -1) @ F.unfold(x, (2, 3), **geometry)).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_folding_adds_up_what_unfolding_took(geometry):
    x = backlit.tensor(np.random.default_rng(0).normal(size=(2, 3, 6, 7)), requires_grad=True)
    back = F.fold(F.unfold(x, (2, 3), **geometry), (6, 7), (2, 3), **geometry)
    times = F.fold(F.unfold(backlit.ones_like(x), (2, 3), **geometry), (6, 7), (2, 3), **geometry)
    np.testing.assert_allclose(back.detach(), (x * times).detach(), atol=1e-12)
    assert backlit.autograd.gradcheck(lambda x: F.fold(F.unfold(x, 2, **geometry), (6, 7), 2, **geometry), [x])


def test_a_single_image_needs_no_batch():
    x = backlit.tensor(np.arange(24.0).reshape(2, 3, 4))
    columns = F.unfold(x, 2)
    assert columns.tolist() == F.unfold(x.unsqueeze(0), 2)[0].tolist()
    assert F.fold(columns, (3, 4), 2).tolist() == F.fold(columns.unsqueeze(0), (3, 4), 2)[0].tolist()


def test_what_does_not_fit_is_told():
    with pytest.raises(ShapeError, match=r"unfold: got an input of shape \(2, 3\), expected \(n, channels, height"):
        F.unfold(backlit.ones(2, 3), 2)
    with pytest.raises(ShapeError, match=r"unfold: windows of \(5, 5\), dilation .* do not fit into an image of"):
        F.unfold(backlit.ones(1, 1, 4, 8), 5)
    with pytest.raises(ShapeError, match=r"fold: .* expected \(n, channels x 4, 9\).*: an image of \(4, 4\) has 3 x 3"):
        F.fold(backlit.ones(1, 4, 8), 4, 2)
    with pytest.raises(ShapeError, match="channels x 4"):
        F.fold(backlit.ones(1, 5, 9), 4, 2)
    with pytest.raises(ArgumentError, match="fold: kernel_size must be an integer or 2 integers, at least 1"):
        F.fold(backlit.ones(1, 4, 9), 4, 0)
    with pytest.raises(DtypeError, match="unfold: input must be a floating-point tensor"):
        F.unfold(backlit.ones(1, 1, 4, 4).long(), 2)
