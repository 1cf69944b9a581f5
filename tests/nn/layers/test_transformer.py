"""Encoders and decoders of attention."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F
from backlit.train import Trainer
from tests.nn.attention_checks import built, compare, entries
from tests.nn.layer_table import inputs

ENTRIES = entries("Transformer")
X, Y = (backlit.tensor(a) for a in inputs([(2, 3, 4), (2, 2, 4)]))
MASK = nn.Transformer.generate_square_subsequent_mask


@pytest.mark.parametrize(("call", "expected"), ENTRIES, ids=lambda value: str(value)[:80])
def test_results_and_gradients_are_pytorchs(call, expected):
    compare(call, expected)


def test_a_planted_fault_is_seen():
    (text, *rest), expected = copy.deepcopy(ENTRIES[1])
    with pytest.raises(AssertionError, match="result 0"):
        compare((text.replace("norm_first=True", "norm_first=False"), *rest), expected)


def test_the_causal_mask():
    assert MASK(3).tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    assert MASK(2, dtype=backlit.float64).dtype is backlit.float64


def test_nothing_comes_from_later():
    layer = built("TransformerEncoderLayer(4, 2, 3, batch_first=True).eval()")
    changed = X.clone()
    changed[:, 2] = 5
    before, after = (layer(x, src_mask=MASK(3, dtype=x.dtype), is_causal=True) for x in (X, changed))
    assert before[:, :2].tolist() == after[:, :2].tolist()
    assert before[:, 2].tolist() != after[:, 2].tolist()


@pytest.mark.parametrize("kind", ["Encoder", "Decoder"])
def test_a_stack_runs_copies_one_after_the_other(kind):
    memory = () if kind == "Encoder" else (Y,)
    layer = built(f"Transformer{kind}Layer(4, 2, 3, batch_first=True).eval()")
    norm = nn.LayerNorm(4).double()
    stack = getattr(nn, f"Transformer{kind}")(layer, 2, norm)
    expected = norm(layer(layer(X, *memory), *memory))
    np.testing.assert_array_equal(stack(X, *memory).detach(), expected.detach())
    assert stack.layers[0] is not layer
    assert not {id(p) for p in layer.parameters()} & {id(p) for p in stack.parameters()}
    for member in stack.layers:
        np.testing.assert_array_equal(member.linear1.weight.detach(), layer.linear1.weight.detach())


def test_a_transformer_is_its_encoder_and_decoder():
    model = built("Transformer(4, 2, 1, 1, 3, batch_first=True).eval()")
    np.testing.assert_array_equal(model(X, Y).detach(), model.decoder(Y, model.encoder(X)).detach())
    other = nn.Transformer(4, custom_encoder=nn.Identity(), custom_decoder=model.decoder, batch_first=True)
    assert isinstance(other.encoder, nn.Identity)
    assert other.decoder is model.decoder


@pytest.mark.parametrize(
    ("activation", "function"),
    [("relu", F.relu), ("gelu", F.gelu), (F.silu, F.silu), (nn.Tanh(), nn.Tanh()), (backlit.tanh, nn.Tanh())],
)
def test_the_activation_is_a_name_a_function_or_a_module(activation, function):
    layer = nn.TransformerEncoderLayer(4, 2, 3, 0.0, activation, batch_first=True).double()
    expected = layer.norm2(
        (x := layer.norm1(X + layer.self_attn(X, X, X)[0])) + layer.linear2(function(layer.linear1(x)))
    )
    for one in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(one(X).detach(), expected.detach(), rtol=1e-13)


def test_what_does_not_fit_is_said():
    with pytest.raises(
        ArgumentError, match=r"TransformerEncoderLayer: activation should be 'relu', 'gelu'.*'rellu'; did"
    ):
        nn.TransformerEncoderLayer(4, 2, activation="rellu")
    with pytest.raises(ArgumentError, match="embed_dim=5 and num_heads=2"):
        nn.TransformerDecoderLayer(5, 2)
    with pytest.raises(ArgumentError, match="TransformerEncoder: num_layers"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), -1)
    model = nn.Transformer(4, 2, 1, 1, 3, batch_first=True).double()
    for src, tgt in [(X, Y[:1]), (X[..., :3], Y), (X, Y[..., :3]), (X, Y[0])]:
        with pytest.raises(
            ShapeError, match="expected as many sequences in both, the first size of three, and d_model=4"
        ):
            model(src, tgt)
    with pytest.raises(
        ShapeError, match=r"MultiheadAttention \(encoder.layers.0.self_attn\): attn_mask has shape \(2, 2\)"
    ):
        model(X, Y, src_mask=MASK(2))


class Classifier(nn.Module):
    """Words, an encoder, and an answer; word 0 is padding."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(6, 4)
        self.encoder = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.2, batch_first=True)
        self.answer = nn.Linear(4, 3)

    def forward(self, x):
        mask = MASK(x.shape[1], dtype=self.words.weight.dtype)
        seen = self.encoder(self.words(x), src_mask=mask, src_key_padding_mask=(x == 0))
        return self.answer(seen.mean(1))


def test_training_runs_as_machine_code_and_equals_eager():
    rng = np.random.default_rng(0)
    # The last batch is smaller, and some sequences are nothing but padding.
    X, y = rng.integers(0, 6, (45, 3)), rng.integers(0, 3, 45)
    X[::9] = 0
    states = []
    for compiled in (True, False):
        backlit.manual_seed(0)
        model = Classifier().double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), seed=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trainer.fit((X, y), epochs=2, batch_size=16, compile=compiled)
        states.append(model.state_dict())
    for name, value in states[0].items():
        np.testing.assert_allclose(value, states[1][name], rtol=1e-9, atol=1e-11, err_msg=name)
