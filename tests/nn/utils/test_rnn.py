"""Sequences of several lengths, filled up."""

import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError
from backlit.nn.utils.rnn import pad_sequence

SEQUENCES = [backlit.tensor([1.0, 2.0, 3.0]), backlit.tensor([4.0])]


def test_sequences_are_filled_up_to_the_longest():
    assert pad_sequence(SEQUENCES, batch_first=True).tolist() == [[1, 2, 3], [4, 0, 0]]
    assert pad_sequence(SEQUENCES, padding_value=-1).tolist() == [[1, 4], [2, -1], [3, -1]]
    assert pad_sequence(SEQUENCES, True, padding_side="left").tolist() == [[1, 2, 3], [0, 0, 4]]
    assert pad_sequence([backlit.ones(2, 3), backlit.ones(1, 3)]).shape == (2, 2, 3)
    assert nn.utils.rnn.pad_sequence is pad_sequence


def test_gradients_reach_each_sequence():
    one = backlit.ones(2, requires_grad=True)
    (pad_sequence([one, backlit.ones(3)]) * 2).sum().backward()
    assert one.grad.tolist() == [2, 2]


def test_what_are_no_sequences():
    with pytest.raises(ArgumentError, match="there is no sequence"):
        pad_sequence([])
    with pytest.raises(ArgumentError, match="unknown side 'middle'"):
        pad_sequence(SEQUENCES, padding_side="middle")
    with pytest.raises(ShapeError, match="alike but for their lengths"):
        pad_sequence([backlit.ones(2), backlit.ones(2, 3)])
    with pytest.raises(ArgumentTypeError, match=r"sequences\[1\] must be a tensor"):
        pad_sequence([backlit.ones(2), [1.0]])


def test_what_is_not_there_is_told():
    with pytest.raises(AttributeError, match=r"nn\.utils\.rnn"):
        nn.utils.rnn.pack_sequence  # noqa: B018  (asked for on purpose)
    with pytest.raises(ArgumentTypeError, match="pad_sequence: cannot take"):
        nn.utils.rnn.pad_sequence(5)
