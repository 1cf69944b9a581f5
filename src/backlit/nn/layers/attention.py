"""Layers that let the positions of a sequence look at each other."""

import math
from typing import Any

from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, require_tensors, where
from backlit.nn.functional.attention import attention_weights
from backlit.nn.functional.regularization import check_probability
from backlit.nn.layers.linear import Linear
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import cat, empty, linear, zeros
from backlit.ops.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear`, under the name by which PyTorch prints the one at the end of an attention."""


class MultiheadAttention(Module):
    """Lets each query take from the values what its likeness to the keys suggests, in several heads at once.

    Query, key and value are mapped by weights, cut into heads, attended to (see
    `functional.scaled_dot_product_attention`), put side by side again and mapped once more (Vaswani et al., 2017). A
    query that may look at no key contributes zeros.

    Args:
        embed_dim: Size of the queries and of the output.
        num_heads: How many heads share `embed_dim`, which must be a multiple of it.
        dropout: Probability with which a weight of attention is left out, while training.
        bias: Whether the maps have biases.
        add_bias_kv: Whether a learnt key and value stand at the end of every sequence.
        add_zero_attn: Whether a key and value of zeros stand at the end of every sequence.
        kdim: Size of the keys, `embed_dim` if None.
        vdim: Size of the values, `embed_dim` if None.
        batch_first: Whether sequences are (n, length, size) and not (length, n, size).
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        in_proj_weight: (3 embed_dim, embed_dim), the maps of query, key and value; None if kdim or vdim differ.
        q_proj_weight: (embed_dim, embed_dim), in its place; likewise k_proj_weight, (embed_dim, kdim), and
            v_proj_weight, (embed_dim, vdim).
        in_proj_bias: (3 embed_dim), or None.
        bias_k: (1, 1, embed_dim), or None; likewise bias_v.
        out_proj: The map at the end.

    Raises:
        ArgumentError: A size is not positive, `embed_dim` is no multiple of `num_heads`, or `dropout` is not from 0
            to 1.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        check_sizes("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads, kdim=self.kdim, vdim=self.vdim)
        check_probability(dropout, "MultiheadAttention")
        if not embed_dim or not num_heads or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim must be a multiple of num_heads, and both above 0; got embed_dim="
                f"{embed_dim} and num_heads={num_heads}"
            )
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        alike = self.kdim == self.vdim == embed_dim
        shapes = {
            "q_proj_weight": None if alike else (embed_dim, embed_dim),
            "k_proj_weight": None if alike else (embed_dim, self.kdim),
            "v_proj_weight": None if alike else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if alike else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            values = None if shape is None else Parameter(empty(*shape, device=device, dtype=dtype))
            self.register_parameter(name, values)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.add_zero_attn = add_zero_attn
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values: Glorot's for the maps of query, key and value, biases 0."""
        self.out_proj.reset_parameters()
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for end in (self.bias_k, self.bias_v):
            if end is not None:
                init.xavier_normal_(end)

    def _arguments(self) -> dict[str, Any]:
        """What the constructor was given, where no attribute of that name says it."""
        return {"bias": self.in_proj_bias is not None, "add_bias_kv": self.bias_k is not None}

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            query: (n, L, embed_dim) with `batch_first`, else (L, n, embed_dim); (L, embed_dim) for one sequence.
            key: Likewise, of length S and size kdim.
            value: Likewise, of length S and size vdim.
            key_padding_mask: (n, S), or (S) for one sequence: True at keys not to look at; or numbers to add to the
                scores of each key.
            need_weights: Whether to return the weights as well.
            attn_mask: (L, S), or (n num_heads, L, S): True where a query must not look at a key, unlike in
                `functional.scaled_dot_product_attention`; or numbers to add to the scores.
            average_attn_weights: Whether the weights are the mean over the heads.
            is_causal: Says that `attn_mask` is the causal one. It must be given all the same.

        Returns:
            The output, of the query's shape; and the weights, (n, L, S), or (n, num_heads, L, S) for each head; without
            n for one sequence; None without `need_weights`.

        Raises:
            ShapeError: The shapes do not fit the layer or each other.
            DtypeError: A type is not floating-point, or a mask's neither that nor bool.
            ArgumentError: `is_causal` without `attn_mask`.
        """
        require_floats(self, query=query, key=key, value=value)
        self._check_shapes(query, key, value)
        if is_causal and attn_mask is None:
            raise ArgumentError(
                f"{where(self)}: is_causal says that attn_mask is causal, so attn_mask must be given; "
                "Transformer.generate_square_subsequent_mask(length) makes it"
            )
        single, time_first = query._array.ndim == 2, not self.batch_first
        q, k, v = self._projected(query, key, value)
        if single:
            q, k, v = q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0)
        elif time_first:
            q, k, v = q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)
        mask = self._merged_masks(q, k, key_padding_mask, attn_mask, single)
        extra = (self.bias_k is not None) + self.add_zero_attn
        if extra:
            k, v = self._extended(k, self.bias_k), self._extended(v, self.bias_v)
            mask = None if mask is None else F.pad(mask, (0, extra))
        q, k, v = (t.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2) for t in (q, k, v))
        weights = F.dropout(attention_weights(q, k, mask), self.dropout, self.training)
        out: Tensor = self.out_proj((weights @ v).transpose(1, 2).flatten(-2))
        if single:
            out = out.squeeze(0)
        elif time_first:
            out = out.transpose(0, 1)
        if not need_weights:
            return out, None
        shown = weights.mean(1) if average_attn_weights else weights
        return out, shown.squeeze(0) if single else shown

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value after their maps; those that are one tensor go through one product."""
        weight, bias, size = self.in_proj_weight, self.in_proj_bias, self.embed_dim
        if weight is not None and query is key is value:
            return linear(query, weight, bias).chunk(3, -1)
        if weight is not None and key is value:
            of_query = linear(query, weight[:size], None if bias is None else bias[:size])
            return of_query, *linear(key, weight[size:], None if bias is None else bias[size:]).chunk(2, -1)
        separate = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        weights: Any = separate if weight is None else weight.chunk(3)
        biases: Any = (None, None, None) if bias is None else bias.chunk(3)
        return tuple(linear(*each) for each in zip((query, key, value), weights, biases, strict=True))

    def _extended(self, sequence: Tensor, learnt: Tensor | None) -> Tensor:
        """The (n, S, embed_dim) sequence with what stands at the end of each."""
        ends = [] if learnt is None else [learnt]
        if self.add_zero_attn:
            ends.append(zeros(1, 1, self.embed_dim, dtype=sequence.dtype))
        n = sequence._array.shape[0]
        return cat([sequence, *(end.expand(n, 1, self.embed_dim) for end in ends)], 1)

    def _merged_masks(
        self, q: Tensor, k: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None, single: bool
    ) -> Tensor | None:
        """Both masks as numbers to add, of a shape that broadcasts to (n, num_heads, L, S)."""
        (n, length, _), keys, heads = q._array.shape, k._array.shape[1], self.num_heads
        merged = None
        if attn_mask is not None:
            merged = self._numbers(attn_mask, q, "attn_mask", (length, keys), (n * heads, length, keys))
            if attn_mask._array.ndim == 3:
                merged = merged.unflatten(0, (n, heads))
        if key_padding_mask is not None:
            shape = (keys,) if single else (n, keys)
            padding = self._numbers(key_padding_mask, q, "key_padding_mask", shape).reshape(n, 1, 1, keys)
            merged = padding if merged is None else merged + padding
        return merged

    def _numbers(self, mask: Tensor, q: Tensor, name: str, *shapes: tuple[int, ...]) -> Tensor:
        """A mask of one of these shapes as numbers to add to the scores."""
        require_tensors(self, **{name: mask})
        shape, kind = tuple(mask._array.shape), mask._array.dtype.kind
        if shape not in shapes:
            raise ShapeError(f"{where(self)}: {name} has shape {shape}, expected {' or '.join(map(str, shapes))}")
        if kind not in "bf":
            raise DtypeError(
                f"{where(self)}: {name} must be bool, True where not to look, or floating-point numbers to add to the "
                f"scores, got {mask._array.dtype}"
            )
        return zeros((), dtype=q.dtype).masked_fill(mask, -math.inf) if kind == "b" else mask.to(q.dtype)

    def _check_shapes(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        q, k, v = (tuple(t._array.shape) for t in (query, key, value))
        sizes = (self.embed_dim, self.kdim, self.vdim)
        n = 0 if self.batch_first else 1
        fits = len(q) in (2, 3) and len(q) == len(k) == len(v) and (q[-1], k[-1], v[-1]) == sizes and k[:-1] == v[:-1]
        if not fits or (len(q) == 3 and q[n] != k[n]):
            order = "n, {}, {}" if self.batch_first else "{}, n, {}"
            wanted = [f"({order.format(*each)})" for each in zip("LSS", sizes, strict=True)]
            raise ShapeError(
                f"{where(self)}: got query {q}, key {k} and value {v}, expected {wanted[0]}, {wanted[1]} and "
                f"{wanted[2]}, with batch_first={self.batch_first}; or all three without n, for one sequence"
            )
