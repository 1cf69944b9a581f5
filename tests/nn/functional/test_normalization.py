"""Normalisation by row and by group, beside the formulas in NumPy."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F

X = np.random.default_rng(0).normal(2.0, 3.0, (4, 6, 3, 5))
GIVEN = backlit.tensor(X)


def standardized(x, dims):
    return (x - x.mean(dims, keepdims=True)) / np.sqrt(x.var(dims, keepdims=True) + 1e-5)


def test_each_row_by_itself():
    np.testing.assert_allclose(F.instance_norm(GIVEN), standardized(X, (2, 3)), rtol=1e-12)


def test_each_group_by_itself():
    grouped = standardized(X.reshape(4, 3, 2, 3, 5), (2, 3, 4)).reshape(X.shape)
    np.testing.assert_allclose(F.group_norm(GIVEN, 3), grouped, rtol=1e-12)
    scale, shift = np.arange(1.0, 7.0), np.arange(6.0) - 3
    expected = grouped * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(
        F.group_norm(GIVEN, 3, backlit.tensor(scale), backlit.tensor(shift)), expected, rtol=1e-12
    )


def test_neighbours_that_are_there_count():
    sums = [sum(X[:, j] ** 2 for j in range(max(i - 2, 0), min(i + 2, 6))) for i in range(6)]
    expected = X / (1.5 + 0.3 * np.stack(sums, 1) / 4) ** 0.6
    np.testing.assert_allclose(F.local_response_norm(GIVEN, 4, 0.3, 0.6, 1.5), expected, rtol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_running_values_are_means_of_the_rows(compiled):
    layer = nn.InstanceNorm2d(6, momentum=0.25, track_running_stats=True, affine=True).double()
    (backlit.compile(layer) if compiled else layer)(GIVEN)
    np.testing.assert_allclose(layer.running_mean, 0.25 * X.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * X.var((2, 3), ddof=1).mean(0), rtol=1e-12)
    assert layer.num_batches_tracked == 0
    by_hand = (X - layer.running_mean.numpy()[:, None, None]) / np.sqrt(layer.running_var.numpy() + 1e-5)[:, None, None]
    np.testing.assert_allclose(layer.eval()(GIVEN).detach(), by_hand, rtol=1e-12)


@pytest.mark.parametrize("kind", [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d])
def test_one_row_alone(kind):
    shape = (3, 2, 4, 5)[: int(kind.__name__[-2]) + 1]
    layer, row = kind(3, affine=True), backlit.randn(*shape)
    np.testing.assert_allclose(layer(row).detach(), layer(row.unsqueeze(0))[0].detach())


IMAGES = backlit.zeros(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nn.BatchNorm2d(3)(IMAGES[0]), ShapeError, r"BatchNorm2d: .*expected \(n, 3, height, width\)$"),
        (lambda: nn.BatchNorm2d(4)(IMAGES), ShapeError, r"BatchNorm2d: got .* \(2, 3, 4, 4\), expected \(n, 4, height"),
        (lambda: nn.BatchNorm3d(3)(IMAGES), ShapeError, r"\(n, 3, depth, height, width\)"),
        (lambda: nn.BatchNorm1d(3)(IMAGES), ShapeError, r"expected \(n, 3\) or \(n, 3, length\)"),
        (lambda: nn.InstanceNorm2d(4)(IMAGES), ShapeError, r"\(n, 4, height, width\) or \(4, height, width\)"),
        (lambda: F.instance_norm(IMAGES[..., :1, :1]), ShapeError, "more than 1 spatial element"),
        (lambda: F.instance_norm(IMAGES[:, :, 0, 0]), ShapeError, r"expected \(n, features, \*sizes\)"),
        (lambda: F.instance_norm(IMAGES, use_input_stats=False), ArgumentError, "instance_norm: .*running_mean"),
        (lambda: F.instance_norm(IMAGES, weight=backlit.ones(2)), ShapeError, r"weight has shape \(2,\).* 3 features"),
        (lambda: F.group_norm(IMAGES, 2), ShapeError, "group_norm: 3 features do not share out evenly to 2 groups"),
        (lambda: F.group_norm(IMAGES, 3, backlit.ones(2)), ShapeError, r"group_norm: weight has shape \(2,\)"),
        (lambda: F.group_norm(backlit.zeros(3), 3), ShapeError, r"expected \(n, features, ...\)"),
        (lambda: nn.GroupNorm(2, 5), ShapeError, "GroupNorm: 5 features do not share out"),
        (lambda: F.local_response_norm(backlit.zeros(3, 2), 3), ShapeError, r"expected \(n, features, \*sizes\)"),
    ],
)
def test_what_cannot_be_normalised_says_why(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
