"""The transformer: stacks of layers that encode and decode, and both together.

Source: Vaswani et al., "Attention Is All You Need" (2017).
"""

import copy
import math
from typing import Any

from backlit.errors import ShapeError
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, where
from backlit.nn.layers.containers import ModuleList
from backlit.nn.layers.normalization import LayerNorm
from backlit.nn.layers.transformer_layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer
from backlit.nn.module import Module
from backlit.ops import full
from backlit.ops.tensor import Tensor


class _Stack(Module):
    """Copies of a layer, one after the other, and a norm at the end."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_layers=num_layers)
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def _first(self) -> Module | None:
        return next(iter(self.layers), None)

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

    def _arguments(self) -> dict[str, Any]:
        """What the constructor was given, where no attribute of that name says it."""
        return {"encoder_layer": self._first()}

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

    def _arguments(self) -> dict[str, Any]:
        """What the constructor was given, where no attribute of that name says it."""
        return {"decoder_layer": self._first()}

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

    def _arguments(self) -> dict[str, Any]:
        """What the constructor may be given; beside encoder and decoder the activation has no effect."""
        return {"custom_encoder": self.encoder, "custom_decoder": self.decoder, "activation": "relu"}

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
