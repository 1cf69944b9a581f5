"""Weights of attention: those of the layers, labelled, one matrix a head."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ShapeError
from backlit.view import attention, network


@pytest.fixture
def encoder():
    backlit.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
    return nn.TransformerEncoder(layer, 2)


def test_weights_are_those_of_the_layer():
    backlit.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    query, memory = backlit.randn(1, 3, 8), backlit.randn(1, 5, 8)
    picture = attention(layer, (query, memory, memory))
    _, expected = layer(query, memory, memory, average_attn_weights=False)
    np.testing.assert_array_equal(picture.data[""], expected[0].detach().numpy())
    panels = picture._figure.axes[:2]
    assert [axes.get_title() for axes in panels] == ["head 1", "head 2"]
    for axes, weights in zip(panels, picture.data[""], strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), weights)
        assert [text.get_text() for text in axes.texts] == [f"{100 * weight:.0f}" for weight in weights.flat]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("key", "query")


def test_attention_inside_transformers_is_drawn(encoder):
    x = backlit.randn(1, 4, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    picture = attention(encoder, (x, mask), "abcd")
    assert list(picture.data) == ["layers.0.self_attn", "layers.1.self_attn"]
    for weights in picture.data.values():
        assert weights.shape == (2, 4, 4)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)
        # Nobody looks ahead.
        assert not np.triu(weights, 1).any()
    axes = picture._figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == list("abcd")
    assert encoder.training
    assert not any(module._hooks_of("forward") for module in encoder.modules())


def test_one_layer_and_the_first_heads(encoder):
    x = backlit.randn(4, 8)
    picture = attention(encoder, x, layer="layers.1.self_attn", most=1)
    assert list(picture.data) == ["layers.1.self_attn"]
    assert picture._figure.get_suptitle() == "Where each query looks, in percent, the first 1 of 2 heads"


def test_weights_by_themselves_with_labels():
    weights = backlit.tensor([[0.25, 0.75, 0.0], [0.1, 0.2, 0.7]])
    picture = attention(weights, labels=(["was", "war"], ["what", "was", "there"]))
    axes = picture._figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["was", "war"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["what", "was", "there"]
    assert picture.data["weights"].shape == (1, 2, 3)
    # Of long sequences every few positions are named, and no cell holds a number.
    long = attention(np.full((50, 50), 0.02))._figure.axes[0]
    assert [label.get_text() for label in long.get_xticklabels()][:3] == ["1", "4", "7"]
    assert not long.texts


def test_a_decoder_has_labels_of_two_sequences():
    layer = nn.TransformerDecoderLayer(8, 1, 16, batch_first=True)
    picture = attention(layer, (backlit.randn(1, 2, 8), backlit.randn(1, 3, 8)), (list("ab"), list("xyz")))
    labels = [
        [label.get_text() for axis in (axes.yaxis, axes.xaxis) for label in axis.get_ticklabels()]
        for axes in picture._figure.axes[:2]
    ]
    assert list(map("".join, labels)) == ["abab", "abxyz"]
    whole = nn.Transformer(8, 1, 1, 1, 16, batch_first=True)
    picture = attention(whole, (backlit.randn(1, 2, 8), backlit.randn(1, 3, 8)))
    assert [axes.get_title() for axes in picture._figure.axes[:3]] == [
        "encoder.layers.0.self_attn",
        "decoder.layers.0.self_attn",
        "decoder.layers.0.\nmultihead_attn",
    ]


def test_bad_input(encoder):
    with pytest.raises(
        ArgumentError, match=r"no nn\.MultiheadAttention; of an attention of your own, give its weights"
    ):
        attention(nn.Linear(2, 2), backlit.zeros(1, 2))
    with pytest.raises(ArgumentError, match="give one, x"):
        attention(encoder)
    with pytest.raises(ArgumentError, match=r"layer 'layers\.0' is no .* there is 'layers\.0\.self_attn'"):
        attention(encoder, backlit.zeros(1, 2, 8), layer="layers.0")
    with pytest.raises(ShapeError, match=r"one sequence at a time is shown, got 3; pick one, x\[:1\]"):
        attention(encoder, backlit.zeros(3, 2, 8))
    with pytest.raises(ShapeError, match=r"expected the weights as \(heads, L, S\)"):
        attention([0.5, 0.5])
    with pytest.raises(ArgumentError, match="3 labels for 2 queries"):
        attention(encoder, backlit.zeros(2, 8), "abc")
    with pytest.raises(ArgumentError, match="number of heads"):
        attention(encoder, backlit.zeros(2, 8), most=0)
    with pytest.raises(
        ArgumentError, match=r"MultiheadAttention \(self_attn\) is not fully connected; view\.attention"
    ):
        network(encoder.layers[0], backlit.zeros(1, 2, 8))
    assert not any(module._hooks_of("forward") for module in encoder.modules())


def test_an_attention_that_is_not_used():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1)

        def forward(self, x):
            return x

    with pytest.raises(ArgumentError, match="did not use its attention"):
        attention(Unused(), backlit.zeros(2, 4))
