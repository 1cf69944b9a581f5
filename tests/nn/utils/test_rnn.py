"""Sequences of several lengths, filled up."""

import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from backlit.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

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


# Of lengths 2, 3 and 1, filled up with zeros.
PADDED = backlit.tensor([[1.0, 2.0, 0.0], [3.0, 4.0, 5.0], [6.0, 0.0, 0.0]])


def test_packed_sequences_stand_step_by_step_the_longest_first():
    packed = pack_padded_sequence(PADDED, backlit.tensor([2, 3, 1]), batch_first=True, enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 6, 4, 2, 5]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    assert packed.unsorted_indices.tolist() == [1, 0, 2]
    by_hand = pack_sequence([row[:n] for row, n in zip(PADDED, (2, 3, 1), strict=True)], enforce_sorted=False)
    for one, other in zip(packed, by_hand, strict=True):
        assert one.tolist() == other.tolist()
    sorted_already = pack_padded_sequence(PADDED[:2].flip(0).T, [3, 2])
    assert sorted_already.data.tolist() == [3, 1, 4, 2, 5]
    assert sorted_already.sorted_indices is None


@pytest.mark.parametrize("batch_first", [False, True])
def test_what_was_packed_is_filled_up_again(batch_first):
    given = PADDED if batch_first else PADDED.T
    packed = pack_padded_sequence(given, [2, 3, 1], batch_first, enforce_sorted=False)
    padded, lengths = pad_packed_sequence(packed, batch_first)
    assert padded.tolist() == given.tolist()
    assert lengths.tolist() == [2, 3, 1]
    longer, _ = pad_packed_sequence(packed, batch_first, padding_value=-1, total_length=4)
    assert (longer if batch_first else longer.T).tolist() == [[1, 2, -1, -1], [3, 4, 5, -1], [6, -1, -1, -1]]


def test_gradients_go_through_packing():
    given = PADDED.clone().requires_grad_()
    padded, _ = pad_packed_sequence(pack_padded_sequence(given, [2, 3, 1], True, enforce_sorted=False), True)
    (padded * PADDED).sum().backward()
    assert given.grad.tolist() == PADDED.tolist()


def test_what_cannot_be_packed():
    with pytest.raises(ArgumentError, match=r"sorted, the longest first, got \[2, 3, 1\]; pass enforce_sorted=False"):
        pack_padded_sequence(PADDED, [2, 3, 1], True)
    with pytest.raises(ArgumentError, match="every length must be at least 1"):
        pack_padded_sequence(PADDED, [3, 2, 0], True)
    with pytest.raises(ShapeError, match="expected 3 lengths of at most 3"):
        pack_padded_sequence(PADDED, [4, 2, 1], True)
    with pytest.raises(ShapeError, match="expected 3 lengths"):
        pack_padded_sequence(PADDED, [3, 2], True)
    with pytest.raises(ArgumentTypeError, match="must be integers, got float64"):
        pack_padded_sequence(PADDED, [3.0, 2.0, 1.0], True)
    with pytest.raises(ArgumentTypeError, match="input must be a tensor"):
        pack_padded_sequence([[1.0]], [1])
    with pytest.raises(ArgumentError, match="at least the longest length, 3, got 2"):
        pad_packed_sequence(pack_sequence([backlit.ones(3)]), total_length=2)
    with pytest.raises(GraphError, match="test_rnn"):
        backlit.compile(lambda x, n: pack_padded_sequence(x, n).data)(backlit.ones(3, 2), backlit.tensor([3, 2]))


def test_what_is_not_there_is_told():
    with pytest.raises(AttributeError, match=r"nn\.utils\.rnn"):
        nn.utils.rnn.unpack_sequence  # noqa: B018  (asked for on purpose)
    with pytest.raises(ArgumentTypeError, match="pad_sequence: cannot take"):
        nn.utils.rnn.pad_sequence(5)
