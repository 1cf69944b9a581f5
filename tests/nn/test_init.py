"""Initial values: their spread, their bounds, and that a seed repeats them."""

import math

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import init

SHAPE = (200, 300)


def filled(fill, *args, shape=SHAPE, **options):
    tensor = backlit.empty(*shape, requires_grad=True)
    generator = backlit.Generator().manual_seed(5)
    assert fill(tensor, *args, **options, generator=generator) is tensor
    return tensor.detach().numpy()


@pytest.mark.parametrize(
    ("fill", "options", "std"),
    [
        (init.uniform_, {"a": -1, "b": 3}, 4 / math.sqrt(12)),
        (init.normal_, {"mean": 1.0, "std": 0.5}, 0.5),
        (init.xavier_uniform_, {"gain": 2.0}, 2 * math.sqrt(2 / 500)),
        (init.xavier_normal_, {}, math.sqrt(2 / 500)),
        (init.kaiming_uniform_, {"a": math.sqrt(5)}, math.sqrt(1 / 3) / math.sqrt(300)),
        (init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(2 / 200)),
        (init.kaiming_normal_, {"nonlinearity": "tanh"}, 5 / 3 / math.sqrt(300)),
        (init.trunc_normal_, {"std": 0.5, "a": -5, "b": 5}, 0.5),
        (init.orthogonal_, {"shape": (20, 30)}, 1 / math.sqrt(30)),
    ],
)
def test_the_spread(fill, options, std):
    values = filled(fill, **options)
    assert abs(values.std() - std) < 0.02 * std
    np.testing.assert_array_equal(values, filled(fill, **options))


def test_the_bounds():
    bound = math.sqrt(6 / 500)
    values = filled(init.xavier_uniform_)
    assert 0.99 * bound < np.abs(values).max() <= bound
    values = filled(init.trunc_normal_, 0.0, 1.0, -0.5, 1.0)
    assert values.min() >= -0.5
    assert values.max() <= 1.0
    # The mean of the normal distribution cut off there.
    assert abs(values.mean() - 0.206) < 0.01


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (2, 3, 4)])
def test_orthogonal_rows_or_columns(shape):
    matrix = filled(init.orthogonal_, shape=shape, gain=2.0).reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_constants():
    assert init.constant_(backlit.empty(2), 3.5).tolist() == [3.5, 3.5]
    assert init.zeros_(backlit.empty(2)).tolist() == [0, 0]
    assert init.ones_(backlit.empty(2)).tolist() == [1, 1]
    assert init.eye_(backlit.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_fans_count_what_lies_behind_the_first_dimensions():
    values = filled(init.kaiming_uniform_, shape=(50, 30, 3, 3), nonlinearity="linear")
    assert np.abs(values).max() <= math.sqrt(3 / 270)


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert init.calculate_gain("tanh") == 5 / 3


def test_wrong_arguments_are_told():
    with pytest.raises(ArgumentError, match="did you mean 'relu'"):
        init.calculate_gain("rleu")
    with pytest.raises(ArgumentError, match="'fan_in' or 'fan_out'"):
        init.kaiming_uniform_(backlit.empty(2, 3), mode="fan")
    for fill in (init.xavier_normal_, init.kaiming_normal_, init.orthogonal_):
        with pytest.raises(ShapeError, match="2 dimensions"):
            fill(backlit.empty(3))
    with pytest.raises(ShapeError, match="2 dimensions"):
        init.eye_(backlit.empty(3))
