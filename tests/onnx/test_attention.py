"""What attention does with masks is the same in ONNX Runtime, for any number of sequences."""

import numpy as np
import onnxruntime
import pytest

import backlit
from backlit import nn
from backlit.onnx import export


class Reader(nn.Module):
    """Words with padding, read from the first to the last."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(6, 4)
        layer = nn.TransformerEncoderLayer(4, 2, 5, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(4))

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.encoder(self.words(x), mask=mask, src_key_padding_mask=(x == 0))


class Weights(nn.Module):
    """The weights of an attention to learnt and empty ends as well."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(6, 4)
        self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)

    def forward(self, x):
        x = self.words(x)
        return self.attention(x, x, x, average_attn_weights=False)[1]


@pytest.mark.parametrize("kind", [Reader, Weights])
def test_onnx_runtime_agrees(kind, tmp_path):
    backlit.manual_seed(0)
    model = kind().eval()
    words = np.random.default_rng(0).integers(0, 6, (5, 3))
    words[1] = 0
    export(model, tmp_path / "model.onnx", example_input=(backlit.tensor(words[:2]),), dynamic_batch=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: words})[0]
    np.testing.assert_allclose(found, model(backlit.tensor(words)).detach(), rtol=1e-5, atol=1e-5)
