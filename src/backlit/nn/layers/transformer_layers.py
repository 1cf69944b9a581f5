"""The layers of which transformers are made.

Sources: Vaswani et al., "Attention Is All You Need" (2017); Xiong et al., "On Layer Normalization in the Transformer
Architecture" (2020) for `norm_first`.
"""

from collections.abc import Callable
from typing import Any

from backlit.errors import ArgumentError, suggest
from backlit.nn import functional as F
from backlit.nn.layers.attention import MultiheadAttention
from backlit.nn.layers.linear import Linear
from backlit.nn.layers.normalization import LayerNorm
from backlit.nn.layers.regularization import Dropout
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class _Layer(Module):
    """What a layer of the encoder and one of the decoder share: attentions, then two maps, each with its own norm."""

    _attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ArgumentError(
                f"{type(self).__name__}: activation should be 'relu', 'gelu' or a function, not {activation!r}"
                f"{suggest(activation, _ACTIVATIONS)}"
            )
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        for name in self._attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        parts = range(1, len(self._attentions) + 2)
        for part in parts:
            setattr(self, f"norm{part}", LayerNorm(d_model, layer_norm_eps, **made))
        for part in parts:
            setattr(self, f"dropout{part}", Dropout(dropout))
        self.activation: Callable[[Tensor], Tensor] = (
            _ACTIVATIONS[activation] if isinstance(activation, str) else activation
        )

    def _arguments(self) -> dict[str, Any]:
        """What the constructor was given, where no attribute of that name says it."""
        names = {function: name for name, function in _ACTIVATIONS.items()}
        return {
            "d_model": self.linear1.in_features,
            "nhead": self.self_attn.num_heads,
            "dim_feedforward": self.linear1.out_features,
            "dropout": self.dropout.p,
            "activation": names.get(self.activation, self.activation),
            "layer_norm_eps": self.norm1.eps,
            "batch_first": self.self_attn.batch_first,
            "bias": self.linear1.bias is not None,
        }

    def _through(self, part: int, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """What comes out of the numbered part, which adds a change to its input."""
        norm, dropout = getattr(self, f"norm{part}"), getattr(self, f"dropout{part}")
        out: Tensor = x + dropout(change(norm(x))) if self.norm_first else norm(x + dropout(change(x)))
        return out

    def _feed_forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return out


class TransformerEncoderLayer(_Layer):
    """A sequence's positions look at each other, then each is mapped by itself (Vaswani et al., 2017).

    Args:
        d_model: Size of what is read and given.
        nhead: Number of heads.
        dim_feedforward: Size between the two maps.
        dropout: Probability of a zero after each part, in the weights of attention and between the maps, in training.
        activation: What is between the maps: "relu", "gelu" or a function of one tensor.
        layer_norm_eps: Added to the variance in the norms.
        batch_first: Whether sequences are (n, length, size) and not (length, n, size).
        norm_first: Whether a part's input is normalised, and not the sum of its input and output.
        bias: Whether maps and norms have biases.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Raises:
        ArgumentError: A size does not do, `nhead` does not divide `d_model`, or the activation's name is unknown.
    """

    _attentions = ("self_attn",)
    self_attn: MultiheadAttention

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(n, S, d_model) with `batch_first`, else (S, n, d_model), or (S, d_model) for one sequence, to the same.

        Args:
            src: The sequences.
            src_mask: As `attn_mask` of `MultiheadAttention`, whose other masks and errors are these too.
            src_key_padding_mask: As its `key_padding_mask`.
            is_causal: Says that `src_mask` is the causal one.
        """

        def attended(x: Tensor) -> Any:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        return self._through(2, self._through(1, src, attended), self._feed_forward)


class TransformerDecoderLayer(_Layer):
    """Positions look at each other, then at the encoder's, then each is mapped by itself (Vaswani et al., 2017).

    Its settings are those of a `TransformerEncoderLayer`, and so are the errors.
    """

    _attentions = ("self_attn", "multihead_attn")
    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(n, T, d_model) with `batch_first`, else (T, n, d_model), or (T, d_model) for one sequence, to the same.

        Args:
            tgt: The sequences.
            memory: What the encoder made of its own, (n, S, d_model) or in the same order as `tgt`.
            tgt_mask: Where positions of `tgt` must not look at each other: `attn_mask` of `MultiheadAttention`.
            memory_mask: Where they must not look at `memory`, likewise.
            tgt_key_padding_mask: Which positions of `tgt` nobody looks at: its `key_padding_mask`.
            memory_key_padding_mask: Which positions of `memory` nobody looks at.
            tgt_is_causal: Says that `tgt_mask` is the causal one.
            memory_is_causal: Says that `memory_mask` is.
        """

        def attended(x: Tensor) -> Any:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def read(x: Tensor) -> Any:
            padding, causal = memory_key_padding_mask, memory_is_causal
            return self.multihead_attn(x, memory, memory, padding, False, memory_mask, is_causal=causal)[0]

        return self._through(3, self._through(2, self._through(1, tgt, attended), read), self._feed_forward)
