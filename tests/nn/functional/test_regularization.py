"""What dropout leaves out, and what it keeps as it was."""

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F


@pytest.mark.parametrize(
    ("function", "shape", "mask"),
    [
        (F.dropout1d, (200, 10, 3), (200, 10, 1)),
        (F.dropout1d, (2000, 3), (2000, 1)),
        (F.dropout2d, (200, 10, 2, 3), (200, 10, 1, 1)),
        (F.dropout3d, (200, 10, 2, 1, 2), (200, 10, 1, 1, 1)),
        (F.dropout3d, (2000, 2, 1, 2), (2000, 1, 1, 1)),
    ],
)
def test_whole_channels_are_left_out(function, shape, mask):
    backlit.manual_seed(0)
    found = function(backlit.ones(*shape), 0.25).numpy()
    kept = found.reshape(*mask[: len(shape)][: mask.index(1)], -1)[..., :1].reshape(mask)
    np.testing.assert_array_equal(found, np.broadcast_to(kept, shape))
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((kept == 0).mean() - 0.25) < 0.04


@pytest.mark.parametrize("function", [F.alpha_dropout, F.feature_alpha_dropout])
def test_mean_and_variance_are_kept(function):
    backlit.manual_seed(0)
    x = backlit.randn(300, 200, 2)
    found = function(x, 0.3, training=True)
    assert abs(found.mean()) < 0.02
    assert abs(found.var() - 1) < 0.05
    values, counts = np.unique(found, return_counts=True)
    # PyTorch's value of what is left out at this probability.
    assert values[counts.argmax()] == pytest.approx(-1.0595482, rel=1e-6)
    assert abs(counts.max() / found.numel() - 0.3) < 0.02
    assert function(x, 0.3) is x
    assert not function(x, 1.0, training=True).any()


def test_whole_channels_take_the_least_value():
    backlit.manual_seed(0)
    left_out = np.isclose(F.feature_alpha_dropout(backlit.zeros(20, 30, 4), 0.5, training=True), -1.0, atol=0.3)
    np.testing.assert_array_equal(left_out.all(2), left_out.any(2))
    assert 0.4 < left_out.mean() < 0.6


@pytest.mark.parametrize("function", [F.dropout1d, F.alpha_dropout, F.feature_alpha_dropout])
def test_in_place(function):
    x = backlit.randn(4, 5, 6)
    backlit.manual_seed(3)
    expected = function(x, 0.4, True)
    backlit.manual_seed(3)
    assert function(x, 0.4, True, inplace=True) is x
    np.testing.assert_allclose(x, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: F.dropout1d(backlit.ones(2, 2, 2, 2)), ShapeError, r"dropout1d: .*\(n, channels, length\) or \(chan"),
        (lambda: F.dropout2d(backlit.ones(2, 2, 2)), ShapeError, r"use dropout1d for .* \.unsqueeze\(0\)"),
        (lambda: F.dropout3d(backlit.ones(2, 2, 2)), ShapeError, "depth, height, width"),
        (lambda: F.dropout2d(backlit.ones(2, 2, 2, 2), 1.5), ArgumentError, "dropout2d: dropout probability"),
        (lambda: backlit.nn.AlphaDropout(-1), ArgumentError, "AlphaDropout: dropout probability"),
    ],
)
def test_what_cannot_be_left_out_says_why(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
