"""Calls of attention with masks and settings, for reference/make_attention.py and the tests beside it.

Entries are texts that mean the same in PyTorch and in backlit.
"""

import numpy as np

CAUSAL = np.triu(np.full((3, 3), -np.inf), 1)
LATER = np.triu(np.ones((3, 3), bool), 1)
PADDED = np.array([[False, False, True], [False, False, False]])
NUMBERS = np.linspace(-1, 2, 36).reshape(4, 3, 3)
# The second query may look at nothing.
ALLOWED = np.array([[True, False, True], [False, False, False]])

# What is called, the shapes of its inputs, and what else it is called with.
_DOT = "scaled_dot_product_attention"
_ONE, _OTHER = (2, 3, 4), (3, 2, 4)
_HEADS = "MultiheadAttention(4, 2"
_LAYER = "(4, 2, 3, dropout=0.0"
CALLS = [
    (_DOT, [(2, 2, 3), (2, 3, 3), (2, 3, 4)], {}),
    (_DOT, [(2, 3), (3, 3), (3, 1)], {"is_causal": True, "scale": 0.3}),
    (_DOT, [(2, 3), (3, 3), (3, 2)], {"attn_mask": ALLOWED}),
    (_DOT, [(2, 2, 3), (3, 3), (2, 3, 2)], {"attn_mask": np.where(ALLOWED, 0.7, -np.inf)}),
    (_DOT, [(4, 2, 3), (2, 3, 3), (2, 3, 2)], {"enable_gqa": True}),
    (f"{_HEADS}, batch_first=True)", [_ONE] * 3, {}),
    (f"{_HEADS}, batch_first=True)", [_ONE] * 3, {"key_padding_mask": PADDED, "attn_mask": LATER}),
    (f"{_HEADS})", [_OTHER] * 3, {"attn_mask": NUMBERS, "average_attn_weights": False}),
    (f"{_HEADS})", [(3, 4)] * 3, {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False}),
    (f"{_HEADS})", [(3, 4)] * 3, {"key_padding_mask": PADDED[0], "attn_mask": np.stack([LATER, LATER & False])}),
    (f"{_HEADS}, kdim=3, vdim=1, bias=False)", [(2, 2, 4), (3, 2, 3), (3, 2, 1)], {}),
    (
        f"{_HEADS}, add_bias_kv=True, add_zero_attn=True)",
        [_OTHER] * 3,
        {"key_padding_mask": PADDED, "attn_mask": LATER},
    ),
    (
        f"TransformerEncoderLayer{_LAYER}, batch_first=True)",
        [_ONE],
        {"src_mask": LATER, "src_key_padding_mask": PADDED},
    ),
    (f"TransformerEncoderLayer{_LAYER}, norm_first=True)", [(3, 4)], {"src_mask": CAUSAL, "is_causal": True}),
    (f"TransformerEncoder(TransformerEncoderLayer{_LAYER}, activation='gelu'), 2)", [_OTHER], {"mask": CAUSAL}),
    (
        f"TransformerDecoderLayer{_LAYER}, norm_first=True, bias=False)",
        [_OTHER, (2, 2, 4)],
        {"tgt_mask": LATER, "memory_key_padding_mask": PADDED[:, :2]},
    ),
    (
        f"TransformerDecoder(TransformerDecoderLayer{_LAYER}, batch_first=True), 1, LayerNorm(4))",
        [_ONE, (2, 2, 4)],
        {"tgt_key_padding_mask": PADDED, "memory_mask": np.linspace(-1, 1, 6).reshape(3, 2)},
    ),
    (
        "Transformer(4, 1, 1, 1, 3, dropout=0.0)",
        [(2, 2, 4), _OTHER],
        {"tgt_mask": CAUSAL, "src_key_padding_mask": PADDED[:, 1:], "memory_key_padding_mask": PADDED[:, 1:]},
    ),
]
