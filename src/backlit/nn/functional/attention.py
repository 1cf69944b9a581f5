"""Attention: each position of a sequence takes a weighted mean of what is found at others.

Source: Vaswani et al., "Attention Is All You Need" (2017).
"""

import math
from typing import Any

import numpy as np

from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn.checks import require_floats, require_tensors
from backlit.nn.functional.regularization import check_probability, dropout
from backlit.ops import ones, repeat_interleave, softmax
from backlit.ops.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The values' mean, weighted by softmax(scale * query key' + mask) (Vaswani et al., 2017).

    A query that may look at no key gets zeros.

    Args:
        query: (*, L, E).
        key: (*, S, E).
        value: (*, S, Ev).
        attn_mask: What broadcasts to (*, L, S): True where a query may look at a key; or numbers to add, -inf where it
            may not.
        dropout_p: Probability with which a weight is left out, always and not only in training.
        is_causal: Whether query i may look only at the keys up to the i-th.
        scale: Factor of the products, 1 / sqrt(E) if None.
        enable_gqa: Whether several heads of the query, the third dimension from the end, share one of key and value
            (Ainslie et al., 2023).

    Returns:
        (*, L, Ev).

    Raises:
        ShapeError: The shapes do not fit each other.
        DtypeError: A type is not floating-point, or the mask is neither bool nor of the query's type.
        ArgumentError: There is a mask and `is_causal`, or `dropout_p` is not from 0 to 1.
    """
    name = "scaled_dot_product_attention"
    require_floats(name, query=query, key=key, value=value)
    check_probability(dropout_p, name)
    if enable_gqa:
        key, value = _for_all_heads(query, key), _for_all_heads(query, value)
    _check_shapes(query, key, value)
    if is_causal:
        if attn_mask is not None:
            raise ArgumentError(f"{name}: give attn_mask or is_causal=True, not both")
        attn_mask = ones(query.shape[-2], key.shape[-2]).bool().tril()
    elif attn_mask is not None:
        require_tensors(name, attn_mask=attn_mask)
        _check_mask(query, key, attn_mask)
    weights = attention_weights(query, key, attn_mask, scale)
    return (dropout(weights, dropout_p) if dropout_p > 0 else weights) @ value


def attention_weights(
    query: Tensor, key: Tensor, attn_mask: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """How much each query looks at each key, (*, L, S); see `scaled_dot_product_attention`."""
    factor = 1 / math.sqrt(query._array.shape[-1] or 1) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if attn_mask is None:
        return softmax(scores, -1)
    # Minus infinity everywhere in a row would make it NaN, and so every gradient; with a finite number in its place
    # the others of a row win just as surely, and the rows without others are found by themselves.
    lowest = float(np.finfo(scores._array.dtype).min)
    if attn_mask._array.dtype.kind == "b":
        allowed, added = attn_mask, (~attn_mask).to(scores.dtype) * lowest
    else:
        allowed, added = attn_mask > lowest, attn_mask.clamp(min=lowest)
    return softmax(scores + added, -1) * allowed.any(-1, keepdim=True).to(scores.dtype)


def _for_all_heads(query: Tensor, shared: Tensor) -> Tensor:
    heads, groups = (t._array.shape[-3] if t._array.ndim > 2 else 0 for t in (query, shared))
    if not groups or heads % groups:
        raise ShapeError(
            f"scaled_dot_product_attention: with enable_gqa, the heads of the query, {heads}, must be a multiple of "
            f"those of key and value, {groups}; they are the third dimension from the end"
        )
    return repeat_interleave(shared, heads // groups, -3)


def _shapes(**tensors: Tensor) -> str:
    return ", ".join(f"{name} {tuple(tensor._array.shape)}" for name, tensor in tensors.items())


def _check_shapes(query: Tensor, key: Tensor, value: Tensor) -> None:
    q, k, v = (tuple(t._array.shape) for t in (query, key, value))
    try:
        fits = min(len(q), len(k), len(v)) > 1 and q[-1] == k[-1] and k[-2] == v[-2]
        np.broadcast_shapes(q[:-2], k[:-2], v[:-2])
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            "scaled_dot_product_attention: expected query (*, L, E), key (*, S, E) and value (*, S, Ev), got "
            + _shapes(query=query, key=key, value=value)
        )


def _check_mask(query: Tensor, key: Tensor, mask: Tensor) -> None:
    kind: Any = mask._array.dtype
    if kind.kind != "b" and kind != query._array.dtype:
        raise DtypeError(
            f"scaled_dot_product_attention: attn_mask must be bool, or of the query's type {query._array.dtype}, got "
            f"{kind}"
        )
    lead = np.broadcast_shapes(query._array.shape[:-2], key._array.shape[:-2])
    scores = (*lead, query._array.shape[-2], key._array.shape[-2])
    try:
        fits = np.broadcast_shapes(mask._array.shape, scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"scaled_dot_product_attention: attn_mask of shape {tuple(mask._array.shape)} does not broadcast to "
            f"{scores}, the queries by the keys"
        )
