"""The transformer: encoders and decoders of attention.

Sources: Vaswani et al., "Attention Is All You Need" (2017); Xiong et al., "On Layer Normalization in the Transformer
Architecture" (2020) for `norm_first`.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, where
from backlit.nn.layers.attention import MultiheadAttention
from backlit.nn.layers.containers import ModuleList
from backlit.nn.layers.linear import Linear
from backlit.nn.layers.normalization import LayerNorm
from backlit.nn.layers.regularization import Dropout
from backlit.nn.module import Module
from backlit.ops import full
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


class _Stack(Module):
    """Copies of a layer, one after the other, and a norm at the end."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_layers=num_layers)
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def _through(self, x: Tensor, *args: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *args)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of an encoder layer, one after the other; at first all have the same values.

    Args:
        encoder_layer: What is copied, such as a `TransformerEncoderLayer`.
        num_layers: How many copies.
        norm: What the output goes through at the end, such as a `LayerNorm`, or None.
        enable_nested_tensor: Taken for PyTorch's sake, which may pack padded sequences; the result is the same.
        mask_check: Taken for PyTorch's sake, likewise.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """What the last layer makes of `src`; shapes and masks as for `TransformerEncoderLayer`."""
        return self._through(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """Copies of a decoder layer, one after the other; at first all have the same values.

    Args:
        decoder_layer: What is copied, such as a `TransformerDecoderLayer`.
        num_layers: How many copies.
        norm: What the output goes through at the end, such as a `LayerNorm`, or None.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """What the last layer makes of `tgt`; shapes and masks as for `TransformerDecoderLayer`."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self._through(tgt, memory, *masks, bool(tgt_is_causal), memory_is_causal)


class Transformer(Module):
    """An encoder that reads one sequence, and a decoder that reads it and another (Vaswani et al., 2017).

    Args:
        d_model: Size of what is read and given.
        nhead: Number of heads.
        num_encoder_layers: How many layers the encoder has.
        num_decoder_layers: How many layers the decoder has.
        dim_feedforward: Size between the two maps of a layer.
        dropout: As for `TransformerEncoderLayer`, like `activation`, `layer_norm_eps`, `batch_first`, `norm_first` and
            `bias`.
        activation: See there.
        custom_encoder: What stands in the place of the encoder, or None.
        custom_decoder: What stands in the place of the decoder, or None.
        layer_norm_eps: See there.
        batch_first: See there.
        norm_first: See there.
        bias: See there.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Raises:
        ArgumentError: A size does not do, `nhead` does not divide `d_model`, or the activation's name is unknown.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, **made)
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*layer, **made), num_encoder_layers, norm)
        if custom_decoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, **made)
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*layer, **made), num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode `src` and decode `tgt` with it; masks as for the layers.

        Args:
            src: (n, S, d_model) with `batch_first`, else (S, n, d_model), or (S, d_model) for one sequence.
            tgt: Likewise, of length T.
            src_mask: Where positions of `src` must not look at each other.
            tgt_mask: Where positions of `tgt` must not look at each other.
            memory_mask: Where positions of `tgt` must not look at what the encoder made of `src`.
            src_key_padding_mask: Which positions of `src` the encoder does not look at.
            tgt_key_padding_mask: Which positions of `tgt` nobody looks at.
            memory_key_padding_mask: Which positions of `src` the decoder does not look at.
            src_is_causal: Says that `src_mask` is the causal one.
            tgt_is_causal: Says that `tgt_mask` is.
            memory_is_causal: Says that `memory_mask` is.

        Returns:
            The shape of `tgt`.

        Raises:
            ShapeError: The sequences differ in number, or their size is not d_model.
        """
        require_floats(self, src=src, tgt=tgt)
        one, other = tuple(src._array.shape), tuple(tgt._array.shape)
        n = 0 if self.batch_first else 1
        if (
            one[-1:] + other[-1:] != (self.d_model,) * 2
            or len(one) != len(other)
            or (len(one) == 3 and one[n] != other[n])
        ):
            raise ShapeError(
                f"{where(self)}: got src {one} and tgt {other}, expected as many sequences in both, "
                f"{'the first' if self.batch_first else 'the second'} size of three, and d_model={self.d_model} as the "
                "last"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        out: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return out

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask, (sz, sz): -inf where a position would look at a later one, else 0."""
        return full((sz, sz), -math.inf, device=device, dtype=dtype).triu(1)
