"""What losses do beyond the table: wrong labels, shapes that broadcast, and limits."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from backlit.nn import functional as F

LOGITS = backlit.tensor(np.arange(12.0).reshape(4, 3) % 5)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_a_label_out_of_range_is_named(loss):
    with pytest.raises(IndexRangeError, match=r"label 3 in row 1 is out of range for 3 classes; labels must be 0 to 2"):
        loss(LOGITS, backlit.tensor([0, 3, -1, 2]))
    with pytest.raises(IndexRangeError, match="label -1 in row 2"):
        loss(LOGITS, backlit.tensor([0, 1, -1, 2]))
    with pytest.raises(IndexRangeError, match=r"label 7 in row \(1, 0\)"):
        loss(backlit.ones(2, 3, 2), backlit.tensor([[0, 1], [7, 0]]))
    with pytest.raises(IndexRangeError, match="label 3"):
        loss(LOGITS, backlit.tensor([0, 3, 1, 2]), backlit.ones(3))
    assert np.isfinite(loss(LOGITS, backlit.tensor([0, 1, -100, 2])).item())


@pytest.mark.parametrize("kind", [backlit.uint8, backlit.int8, backlit.int32, backlit.int64])
def test_labels_of_any_integer_type(kind):
    labels = backlit.tensor([0, 1, 2, 1])
    for options in ({}, {"label_smoothing": 0.1}, {"ignore_index": 1}):
        expected = F.cross_entropy(LOGITS, labels, **options).item()
        assert F.cross_entropy(LOGITS, labels.to(kind), **options).item() == expected


def test_labels_that_do_not_fit_are_told():
    with pytest.raises(ShapeError, match=r"input of shape \(4, 3\) and labels of shape \(3,\).*= \(4,\)"):
        F.cross_entropy(LOGITS, backlit.tensor([0, 1, 2]))
    with pytest.raises(DtypeError, match="labels must be integers, got float32"):
        F.cross_entropy(LOGITS, backlit.ones(4))
    with pytest.raises(ShapeError, match=r"weight has shape \(2,\), expected one number a class, \(3,\)"):
        F.cross_entropy(LOGITS, backlit.tensor([0, 1, 2, 0]), backlit.ones(2))
    with pytest.raises(ArgumentError, match="unknown reduction 'meen'; did you mean 'mean'"):
        F.cross_entropy(LOGITS, backlit.tensor([0, 1, 2, 0]), reduction="meen")


def test_large_logits_do_no_harm():
    logits = backlit.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = F.cross_entropy(logits, backlit.tensor([0, 0]), reduction="none")
    assert loss.tolist() == [0, 2e4]
    loss.sum().backward()
    assert logits.grad.tolist() == [[0, 0], [-1, 1]]
    x = backlit.tensor([-1e4, 0.0, 1e4], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, backlit.tensor([1.0, 1.0, 0.0]), reduction="none")
    np.testing.assert_allclose(loss.detach(), [1e4, np.log(2), 1e4], rtol=1e-6)
    loss.sum().backward()
    assert x.grad.tolist() == [-1, -0.5, 1]


def test_ignored_rows_may_hold_anything():
    logits = backlit.tensor([[1.0, 2.0], [np.inf, np.nan]], requires_grad=True)
    loss = F.cross_entropy(logits, backlit.tensor([1, -100]))
    loss.backward()
    assert np.isfinite(loss.item())
    assert logits.grad[1].tolist() == [0, 0]


def test_nothing_to_average_is_not_a_number():
    for labels in ([-100, -100], []):
        logits = backlit.ones(len(labels), 3)
        assert np.isnan(F.cross_entropy(logits, backlit.tensor(labels, dtype=backlit.int64)).item())
        assert F.cross_entropy(logits, backlit.tensor(labels, dtype=backlit.int64), reduction="sum").item() == 0


def test_nothing_to_average_teaches_nothing():
    logits, labels = backlit.randn(2, 3), backlit.tensor([-100, -100])

    def slope(logits, labels):
        logits = logits.detach().requires_grad_()
        F.cross_entropy(logits, labels).backward()
        return logits.grad

    assert slope(logits, labels).tolist() == backlit.compile(slope)(logits, labels).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_saturated_probabilities_have_a_finite_loss_and_a_large_slope():
    p = backlit.tensor([0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, backlit.tensor([1.0, 0.0]), reduction="sum")
    assert loss.item() == 200
    loss.backward()
    np.testing.assert_allclose(p.grad, [-1e12, 1e12], rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"between 0 and 1, got -0.5 to 2.0; apply a sigmoid"):
        F.binary_cross_entropy(backlit.tensor([-0.5, 2.0]), backlit.tensor([1.0, 0.0]))
    with pytest.raises(ArgumentError, match="got nan"):
        F.binary_cross_entropy(backlit.tensor([np.nan]), backlit.tensor([1.0]))


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_shapes_that_broadcast_warn_and_others_are_refused(loss):
    column, row = backlit.ones(3, 1), backlit.zeros(3)
    with pytest.warns(UserWarning, match=r"target size \(\(3,\)\) that is different to the input size \(\(3, 1\)\)"):
        assert loss(column, row, reduction="none").shape == (3, 3)
    with pytest.raises(ShapeError, match=r"input of shape \(3, 1\) and a target of shape \(2, 2\)"):
        loss(column, backlit.zeros(2, 2))


@pytest.mark.parametrize("loss", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits])
def test_labels_of_another_shape_are_refused(loss):
    with pytest.raises(ShapeError, match="must be the same as input size"):
        loss(backlit.ones(3, 1), backlit.ones(3))


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.huber_loss])
def test_factors_of_elements(loss):
    x, y, weight = backlit.tensor([1.0, 2.0]), backlit.tensor([0.0, 5.0]), backlit.tensor([3.0, 1.0])
    single = loss(x, y, reduction="none")
    expected = (single * weight).tolist()
    assert loss(x, y, reduction="none", weight=weight).tolist() == expected
    assert loss(x, y, reduction="sum", weight=weight).item() == sum(expected)
    assert loss(x, y, weight=weight).item() == sum(expected) / 4


def test_labels_are_checked_before_a_trace_and_skipped_within():
    from backlit.graph.trace import trace

    labels = backlit.tensor([0, 1, 2, 0])
    traced = trace(lambda x, y: F.nll_loss(x, y), LOGITS, labels)
    assert traced.run(LOGITS, labels).item() == F.nll_loss(LOGITS, labels).item()


def test_losses_keep_their_weights_as_buffers():
    loss = nn.CrossEntropyLoss(weight=backlit.ones(3)).double()
    assert loss.weight.dtype is backlit.float64
    assert list(loss.state_dict()) == ["weight"]
    assert repr(loss) == "CrossEntropyLoss()"


def test_one_hot_rows_of_integers_are_told_what_they_could_become():
    rows = backlit.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    with pytest.raises(ShapeError, match=r"one-hot rows become labels by \.argmax\(1\)"):
        F.cross_entropy(LOGITS, rows)
    assert F.cross_entropy(LOGITS, rows.argmax(1)).isclose(F.cross_entropy(LOGITS, rows.to(LOGITS.dtype)))
