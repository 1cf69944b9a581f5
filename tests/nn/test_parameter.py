"""Parameters: tensors that modules learn."""

import copy
import pickle

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError, DtypeError


def test_it_shares_memory_and_needs_a_gradient():
    data = backlit.tensor([1.0, 2.0])
    parameter = nn.Parameter(data)
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert np.shares_memory(parameter.detach().numpy(), data.numpy())
    with backlit.no_grad():
        parameter.add_(1)
    assert data.tolist() == [2.0, 3.0]


def test_a_write_to_its_data_is_seen_by_the_tape():
    data = backlit.tensor([1.0, 2.0])
    loss = nn.Parameter(data).square().sum()
    data.add_(1)
    with pytest.raises(backlit.errors.GradientError, match="add_"):
        loss.backward()


def test_what_operations_make_of_it_is_a_plain_tensor():
    parameter = nn.Parameter(backlit.ones(2, 3))
    for result in (parameter * 2, parameter.t(), parameter.detach(), parameter[0], parameter.clone(), parameter.data):
        assert type(result) is backlit.Tensor
    assert parameter.requires_grad_() is parameter


def test_copies_and_pickles_are_parameters():
    parameter = nn.Parameter(backlit.ones(2, 3), requires_grad=False)
    for other in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(other) is nn.Parameter
        assert not other.requires_grad
        assert other.tolist() == parameter.tolist()
        assert not np.shares_memory(other.numpy(), parameter.numpy())
    twice = copy.deepcopy([parameter, parameter])
    assert twice[0] is twice[1]


def test_it_prints_as_in_pytorch():
    parameter = nn.Parameter(backlit.tensor([1.0, 2.0]))
    assert repr(parameter) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"


def test_without_values_it_is_empty():
    assert nn.Parameter().shape == (0,)


def test_what_cannot_be_a_parameter_is_told():
    with pytest.raises(DtypeError, match=r"int64; use .float\(\)"):
        nn.Parameter(backlit.tensor([1, 2]))
    assert not nn.Parameter(backlit.tensor([1, 2]), requires_grad=False).requires_grad
    with pytest.raises(ArgumentTypeError, match=r"got list; wrap it in backlit.tensor"):
        nn.Parameter([1.0, 2.0])
