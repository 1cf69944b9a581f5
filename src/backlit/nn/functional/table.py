"""Rows picked from tables, products of three, and borders."""

from collections.abc import Sequence
from typing import Any

from backlit.errors import ArgumentError, suggest
from backlit.ops import arrangement
from backlit.ops.tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = x1' W_k x2 + b_k.

    Args:
        input1: (*, in1_features).
        input2: (*, in2_features).
        weight: (out_features, in1_features, in2_features).
        bias: (out_features), or None.

    Returns:
        (*, out_features).
    """
    product = ((input1.unsqueeze(-2).unsqueeze(-2) @ weight).squeeze(-2) * input2.unsqueeze(-2)).sum(-1)
    return product if bias is None else product + bias


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """`input` with a border of `value`, 0 by default.

    Args:
        input: Any shape.
        pad: How wide: before and after the last dimension, then before and after the one before it, and so on.
        mode: "constant".
        value: What the border holds.

    Raises:
        ArgumentError: Another mode.
    """
    if mode != "constant":
        raise ArgumentError(f"pad: unknown mode {mode!r}{suggest(mode, ['constant'])}")
    return arrangement.pad(input, pad, 0 if value is None else value)
