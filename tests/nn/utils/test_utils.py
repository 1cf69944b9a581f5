"""Clipping of gradients, and parameters as one vector."""

import math

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, NonFiniteError, ShapeError
from backlit.nn import utils


def parameters(*grads):
    made = []
    for grad in grads:
        parameter = nn.Parameter(backlit.zeros(len(grad)))
        parameter.grad = backlit.tensor(grad)
        made.append(parameter)
    return [*made, nn.Parameter(backlit.ones(3))]


def test_the_total_norm_is_bounded():
    given = parameters([3.0, 0.0], [0.0, 4.0])
    grad = given[0].grad
    assert utils.clip_grad_norm_(given, 2.5).item() == 5
    assert given[0].grad is grad
    np.testing.assert_allclose(grad, [1.5, 0], rtol=1e-5)
    np.testing.assert_allclose(given[1].grad, [0, 2], rtol=1e-5)
    assert given[2].grad is None
    before = grad.tolist()
    utils.clip_grad_norm_(given, 100)
    assert grad.tolist() == before


@pytest.mark.parametrize(("order", "norm"), [(1, 7), (2, 5), (math.inf, 4), (3, 91 ** (1 / 3))])
def test_norms_of_any_order(order, norm):
    assert utils.clip_grad_norm_(parameters([-3.0], [4.0]), 1e9, norm_type=order).item() == pytest.approx(norm)


def test_one_parameter_and_none():
    (parameter, _) = parameters([3.0, 4.0])
    assert utils.clip_grad_norm_(parameter, 1.0).item() == 5
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    assert utils.get_total_norm(backlit.tensor([3.0, 4.0])).item() == 5


def test_norms_that_are_not_finite():
    given = parameters([math.inf, 1.0])
    with pytest.raises(NonFiniteError, match=r"total norm of order 2\.0 of 1 gradients is inf"):
        utils.clip_grad_norm_(given, 1.0, error_if_nonfinite=True)
    assert given[0].grad.tolist() == [math.inf, 1.0]
    with pytest.raises(ArgumentError, match="max_norm"):
        utils.clip_grad_norm_(given, -1.0)


def test_elements_are_bounded():
    given = parameters([-3.0, 0.5, 2.0])
    utils.clip_grad_value_(given, 1.0)
    assert given[0].grad.tolist() == [-1, 0.5, 1]
    with pytest.raises(ArgumentError, match="clip_value"):
        utils.clip_grad_value_(given, -1.0)


def test_parameters_are_a_vector_and_back():
    model = nn.Linear(2, 3)
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (9,)
    assert vector.requires_grad
    utils.vector_to_parameters(backlit.arange(9.0), model.parameters())
    assert model.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert model.bias.tolist() == [6, 7, 8]
    with pytest.raises(ShapeError, match="have 9 elements"):
        utils.vector_to_parameters(backlit.ones(8), model.parameters())
    assert model.bias.tolist() == [6, 7, 8]
    with pytest.raises(ArgumentError, match="no parameters"):
        utils.parameters_to_vector([])
