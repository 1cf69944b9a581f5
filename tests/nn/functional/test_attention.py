"""The scaled dot product of queries, keys and values."""

import copy

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn.functional import scaled_dot_product_attention
from tests.nn.attention_checks import compare, entries
from tests.nn.attention_table import ALLOWED
from tests.nn.layer_table import inputs

ENTRIES = entries("scaled_dot_product_attention")
QUERY, KEY, VALUE = (backlit.tensor(a) for a in inputs([(2, 3), (3, 3), (3, 4)]))


@pytest.mark.parametrize(("call", "expected"), ENTRIES, ids=lambda value: str(value)[:80])
def test_results_and_gradients_are_pytorchs(call, expected):
    compare(call, expected)


def test_a_planted_fault_is_seen():
    call, expected = copy.deepcopy(ENTRIES[2])
    expected["inputs"][1][0] *= 1 + 1e-7
    with pytest.raises(AssertionError, match="input 1"):
        compare(call, expected)


@pytest.mark.parametrize("mask", [ALLOWED, np.where(ALLOWED, 0.5, -np.inf)], ids=["bool", "numbers"])
def test_who_may_look_at_nothing_gets_zeros_and_finite_gradients(mask):
    given = [t.clone().requires_grad_() for t in (QUERY, KEY, VALUE)]
    found = scaled_dot_product_attention(*given, attn_mask=backlit.tensor(mask))
    assert found[1].tolist() == [0] * 4
    assert found[0].abs().min() > 0
    found.sum().backward()
    assert all(bool(t.grad.isfinite().all()) for t in given)
    assert given[0].grad[1].tolist() == [0] * 3


def test_what_is_not_allowed_has_no_influence():
    mask = backlit.tensor(ALLOWED)
    changed = VALUE.clone()
    changed[1] = 1e6
    before, after = (scaled_dot_product_attention(QUERY, KEY, v, mask) for v in (VALUE, changed))
    assert before.tolist() == after.tolist()


def test_a_mask_of_numbers_is_learnt():
    mask = backlit.zeros(2, 3, dtype=backlit.float64, requires_grad=True)
    assert backlit.autograd.gradcheck(lambda mask: scaled_dot_product_attention(QUERY, KEY, VALUE, mask), (mask,))


def test_the_largest_scores_do_not_overflow():
    found = scaled_dot_product_attention(QUERY * 1e6, KEY * 1e6, VALUE)
    assert bool(found.isfinite().all())


def test_dropout_leaves_out_weights_and_keeps_the_mean():
    backlit.manual_seed(0)
    query, key = backlit.zeros(2000, 1), backlit.zeros(10, 1)
    found = scaled_dot_product_attention(query, key, backlit.ones(10, 1), dropout_p=0.5)
    assert found.mean().item() == pytest.approx(1, abs=0.03)
    assert found.std().item() == pytest.approx(10**-0.5, abs=0.03)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"key": KEY[:, :2]}, ShapeError, r"query \(2, 3\), key \(3, 2\) and value|query \(2, 3\), key \(3, 2\)"),
        ({"value": VALUE[:2]}, ShapeError, r"expected query \(\*, L, E\).* value \(2, 4\)"),
        ({"query": QUERY[0]}, ShapeError, r"got query \(3,\)"),
        ({"key": KEY.expand(2, 3, 3), "value": VALUE.expand(5, 3, 4)}, ShapeError, r"value \(5, 3, 4\)"),
        ({"query": QUERY.long()}, DtypeError, "query must be a floating-point tensor"),
        ({"attn_mask": backlit.ones(3, 2).bool()}, ShapeError, r"attn_mask of shape \(3, 2\) .* \(2, 3\)"),
        ({"attn_mask": backlit.ones(4, 2, 3).bool()}, ShapeError, r"attn_mask of shape \(4, 2, 3\)"),
        ({"attn_mask": backlit.ones(2, 3)}, DtypeError, "bool, or of the query's type float64, got float32"),
        ({"attn_mask": backlit.ones(2, 3).bool(), "is_causal": True}, ArgumentError, "not both"),
        ({"dropout_p": 1.5}, ArgumentError, "between 0 and 1"),
        ({"enable_gqa": True}, ShapeError, "third dimension from the end"),
    ],
)
def test_what_does_not_fit_is_said(change, error, words):
    with pytest.raises(error, match=words):
        scaled_dot_product_attention(**({"query": QUERY, "key": KEY, "value": VALUE} | change))
