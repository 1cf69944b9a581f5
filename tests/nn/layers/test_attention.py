"""Attention in several heads."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, DtypeError, ShapeError
from tests.nn.attention_checks import built, compare, entries
from tests.nn.attention_table import CAUSAL, LATER, PADDED
from tests.nn.layer_table import inputs

ENTRIES = entries("MultiheadAttention")
X = backlit.tensor(inputs([(2, 3, 4)])[0])
OTHER = backlit.tensor(inputs([(2, 2, 4)])[0])
TEXT = "MultiheadAttention(4, 2, batch_first=True)"


@pytest.mark.parametrize(("call", "expected"), ENTRIES, ids=lambda value: str(value)[:80])
def test_results_and_gradients_are_pytorchs(call, expected):
    compare(call, expected)


def same(one, other):
    np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-13, atol=1e-14)


def test_one_tensor_in_three_roles_is_three_equal_tensors():
    # One, two and three products, which must be the same map.
    attention = built(TEXT)
    for key in (X, OTHER):
        expected = attention(X.clone(), key.clone(), key.clone())
        for found, wanted in zip(attention(X, key, key), expected, strict=True):
            same(found, wanted)


def test_the_order_of_dimensions_changes_nothing_else():
    first, (out, weights) = (
        built(TEXT)(X, OTHER, OTHER),
        built("MultiheadAttention(4, 2)")(X.transpose(0, 1), *[OTHER.transpose(0, 1)] * 2),
    )
    same(out.transpose(0, 1), first[0])
    same(weights, first[1])
    single = built(TEXT)(X[1], OTHER[1], OTHER[1])
    same(single[0], first[0][1])
    same(single[1], first[1][1])


def test_separate_weights_are_the_parts_of_the_packed_one():
    packed, separate = built(TEXT), nn.MultiheadAttention(4, 2, batch_first=True, kdim=4, vdim=3).double()
    assert list(separate.state_dict()) == [
        *(f"{part}_proj_weight" for part in "qkv"),
        "in_proj_bias",
        "out_proj.weight",
        "out_proj.bias",
    ]
    weights = dict(
        zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), packed.in_proj_weight.chunk(3), strict=True)
    )
    weights["v_proj_weight"] = weights["v_proj_weight"][:, :3]
    separate.load_state_dict({**packed.state_dict(), **weights}, strict=False)
    widened = backlit.cat([X[..., :3], backlit.zeros(2, 3, 1)], -1)
    same(separate(X, X, X[..., :3])[0], packed(X, X, widened)[0])


def test_weights_add_up_to_one_and_are_the_mean_of_the_heads():
    attention = built(TEXT)
    _, each = attention(X, OTHER, OTHER, average_attn_weights=False)
    _, mean = attention(X, OTHER, OTHER)
    assert each.shape == (2, 2, 3, 2)
    same(each.sum(-1), backlit.ones(2, 2, 3, dtype=backlit.float64))
    same(each.mean(1), mean)


def test_nobody_looks_at_padding_or_later():
    _, weights = built(TEXT)(X, X, X, key_padding_mask=backlit.tensor(PADDED), attn_mask=backlit.tensor(LATER))
    assert (weights.detach().numpy()[0][:, PADDED[0]] == 0).all()
    assert (weights.detach().numpy()[:, LATER] == 0).all()


def test_a_sequence_of_padding_gives_zeros_and_finite_gradients():
    attention, padded = built(TEXT), backlit.tensor([[True] * 3, [False] * 3])
    out, weights = attention(X, X, X, key_padding_mask=padded)
    assert weights[0].abs().max() == 0
    same(out[0], attention.out_proj.bias.expand(3, 4))
    out.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in attention.parameters())


def test_dropout_is_for_training_and_shows_in_the_weights():
    backlit.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)
    x = X.float()
    _, weights = attention(x, x, x, average_attn_weights=False)
    assert (weights == 0).any()
    _, weights = attention.eval()(x, x, x, average_attn_weights=False)
    assert not (weights == 0).any()


def test_initial_values():
    backlit.manual_seed(0)
    attention = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = (6 / (64 + 3 * 64)) ** 0.5
    assert bound * 0.95 < attention.in_proj_weight.abs().max() <= bound
    assert attention.in_proj_bias.abs().max() == attention.out_proj.bias.abs().max() == 0
    assert attention.bias_k.shape == (1, 1, 64)
    assert attention.bias_k.std() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"embed_dim": 5, "num_heads": 2}, "embed_dim=5 and num_heads=2"),
        ({"embed_dim": 0, "num_heads": 2}, "both above 0"),
        ({"embed_dim": 4, "num_heads": 0}, "both above 0"),
        ({"embed_dim": 4, "num_heads": 2, "kdim": -1}, "kdim must be an integer and not negative"),
        ({"embed_dim": 4, "num_heads": 2, "dropout": 2}, "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        nn.MultiheadAttention(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"query": X[..., :3]}, ShapeError, r"got query \(2, 3, 3\), .* expected \(n, L, 4\), \(n, S, 4\)"),
        ({"query": X[0]}, ShapeError, r"query \(3, 4\), key \(2, 3, 4\)"),
        ({"key": OTHER}, ShapeError, r"key \(2, 2, 4\) and value \(2, 3, 4\)"),
        ({"query": X[:1]}, ShapeError, "with batch_first=True"),
        ({"query": X[0, 0], "key": X[0, 0], "value": X[0, 0]}, ShapeError, "without n, for one sequence"),
        ({"query": X.long()}, DtypeError, "MultiheadAttention: query must be a floating-point tensor"),
        ({"attn_mask": backlit.zeros(3, 2)}, ShapeError, r"\(3, 2\), expected \(3, 3\) or \(4, 3, 3\)"),
        ({"attn_mask": backlit.zeros(2, 3, 3)}, ShapeError, r"attn_mask has shape \(2, 3, 3\)"),
        ({"key_padding_mask": backlit.zeros(3, 2)}, ShapeError, r"key_padding_mask has shape \(3, 2\), .* \(2, 3\)"),
        ({"key_padding_mask": backlit.zeros(2, 3).long()}, DtypeError, "key_padding_mask must be bool"),
        ({"is_causal": True}, ArgumentError, "generate_square_subsequent_mask"),
    ],
)
def test_what_does_not_fit_is_said(change, error, words):
    with pytest.raises(error, match=words):
        built(TEXT)(**({"query": X, "key": X, "value": X} | change))


def test_the_layer_is_named_by_its_path():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.MultiheadAttention(4, 2)

        def forward(self, x):
            return self.first(x, x, x)

    with pytest.raises(ShapeError, match=r"MultiheadAttention \(first\)"):
        Model()(backlit.zeros(2, 3, 5))


def test_the_causal_hint_needs_and_takes_its_mask():
    attention, mask = built(TEXT), backlit.tensor(CAUSAL)
    for needed in (True, False):
        hinted = attention(X, X, X, attn_mask=mask, is_causal=True, need_weights=needed)
        same(hinted[0], attention(X, X, X, attn_mask=mask)[0])
