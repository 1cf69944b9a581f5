"""Rows picked from tables, and products of three."""

from backlit.core.modes import STATE
from backlit.errors import ArgumentError, suggest
from backlit.ops import embedding, ones_like, zeros
from backlit.ops.tensor import Tensor

_BAGS = ("mean", "sum", "max")


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


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    *,
    mode: str = "mean",
    padding_idx: int | None = None,
) -> Tensor:
    """The rows of `weight` that each bag of numbers picks, as one vector a bag.

    Args:
        input: Integers: (bags, n), a row a bag; or (n,), all bags one after the other, parted by `offsets`.
        weight: (num_embeddings, embedding_dim).
        offsets: (bags): where each bag begins in an input of one dimension; the first begins at 0.
        mode: "mean", "sum", or for bags of one size "max". An empty bag gives zeros.
        padding_idx: A number that is left out of its bag.

    Returns:
        (bags, embedding_dim).

    Raises:
        ArgumentError: An unknown mode, "max" with `offsets` or `padding_idx`, `offsets` where they do not belong or
            that do not begin at 0.
    """
    dims = input.dim()
    if mode not in _BAGS:
        raise ArgumentError(f"embedding_bag: unknown mode {mode!r}{suggest(str(mode), _BAGS)}")
    if dims not in (1, 2) or (dims == 1) != (offsets is not None):
        raise ArgumentError(
            f"embedding_bag: got an input of {dims} dimensions {'with' if offsets is not None else 'without'} offsets; "
            "an input of 2 dimensions has a bag in each row, one of 1 dimension needs offsets"
        )
    if mode == "max" and (offsets is not None or padding_idx is not None):
        raise ArgumentError("embedding_bag: mode 'max' takes bags in rows, without padding_idx; use 'mean' or 'sum'")
    if offsets is not None and STATE.trace is None and offsets._array[:1].any():
        raise ArgumentError(f"embedding_bag: offsets begin at {offsets._array[0]}; the first bag begins at 0")
    rows = embedding(input, weight, padding_idx)
    if offsets is None and padding_idx is None:
        return rows.amax(1) if mode == "max" else rows.sum(1) if mode == "sum" else rows.mean(1)
    counted = ones_like(input) if padding_idx is None else input != padding_idx % weight.size(0)
    counted = counted.to(weight.dtype)
    if padding_idx is not None:
        rows = rows * counted.unsqueeze(-1)
    if offsets is None:
        total, count = rows.sum(1), counted.sum(1)
    else:
        starts = zeros(input.size(0) + 1, dtype=offsets.dtype).index_add(0, offsets, ones_like(offsets))
        bags = starts[:-1].cumsum(0) - 1
        total = zeros(offsets.size(0), weight.size(1), dtype=weight.dtype).index_add(0, bags, rows)
        count = zeros(offsets.size(0), dtype=weight.dtype).index_add(0, bags, counted)
    return total if mode == "sum" else total / count.clamp(min=1).unsqueeze(-1)
