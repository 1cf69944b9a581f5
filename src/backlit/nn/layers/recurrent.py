"""Layers that read a sequence step by step and carry a state along.

A program has no loops, so a sequence is unrolled: a trace holds the operations of every step, once for each length
that occurs, and any number of sequences. Long sequences are better cut into pieces, with the state handed from one to
the next (truncated backpropagation through time).
"""

import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError, suggest
from backlit.nn import functional as F
from backlit.nn.checks import where
from backlit.nn.functional.recurrent import MODES, State, Weights, unroll
from backlit.nn.functional.regularization import check_probability
from backlit.nn.layers.recurrent_cells import check_nonlinearity, check_pair, check_read, check_state, spread_evenly
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from backlit.ops import arange, cat, empty, stack, zeros
from backlit.ops.tensor import Tensor


def _check_positive(layer: str, **sizes: Any) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            raise ArgumentTypeError(f"{layer}: {name} must be an integer, got {size!r}")
        if size <= 0:
            raise ArgumentError(f"{layer}: {name} must be greater than zero, got {size}")


def _check_switches(layer: str, **switches: Any) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"{layer}: {name} must be True or False, got {value!r}")


# Padded sequences give a tensor, packed ones packed ones.
Sequences = TypeVar("Sequences", Tensor, PackedSequence)


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: weights, checks, layers above each other, directions.

    All weights begin evenly spread over ±1 / sqrt(hidden_size), PyTorch's rule. A compiled program holds the operations
    of every step, and compiling it takes time in proportion to their number: seconds for a hundred steps. Longer
    sequences are better read in pieces.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: Size of what is read at each step.
        hidden_size: Size of the state.
        num_layers: How many layers stand above each other; each reads what the one below it gives.
        bias: Whether there are biases.
        batch_first: Whether input and output are (n, time, size) and not (time, n, size).
        dropout: Probability of a zero in what a layer hands to the next, while training.
        bidirectional: Whether each layer also reads backwards; its outputs are both directions', side by side.
        proj_size: Size to which an LSTM's h is projected; 0 for none.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight_ih_l0: (gates * hidden_size, size of the layer's input); `_l1` and so on for the layers above, with
            `_reverse` for reading backwards.
        weight_hh_l0: (gates * hidden_size, size of h).
        bias_ih_l0: (gates * hidden_size), only with `bias`.
        bias_hh_l0: Likewise.
        weight_hr_l0: (proj_size, hidden_size), only with `proj_size`.

    Raises:
        ArgumentError: A size is not positive, or an option is unknown.
        ArgumentTypeError: A size is no integer, or a switch is no bool.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in MODES:
            raise ArgumentError(f"{name}: unknown mode {mode!r}{suggest(mode, MODES)}")
        _check_positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        _check_switches(name, bias=bias, batch_first=batch_first, bidirectional=bidirectional)
        check_probability(dropout, name)
        if isinstance(proj_size, bool) or not isinstance(proj_size, int) or not 0 <= proj_size < hidden_size:
            raise ArgumentError(
                f"{name}: proj_size must be an integer from 1 to hidden_size - 1 = {hidden_size - 1}, or 0 for no "
                f"projection, got {proj_size!r}"
            )
        if proj_size and mode != "LSTM":
            raise ArgumentError(f"{name}: proj_size argument is only supported for LSTM, not RNN or GRU")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates = MODES[mode].gates * hidden_size
        for layer in range(num_layers):
            layer_input = self._output_size * self._directions if layer else input_size
            shapes = {
                "weight_ih": (gates, layer_input),
                "weight_hh": (gates, self._output_size),
                "bias_ih": (gates,),
                "bias_hh": (gates,),
                "weight_hr": (proj_size, hidden_size),
            }
            for end in self._ends(layer):
                for kind in self._kinds():
                    values = Parameter(empty(*shapes[kind], device=device, dtype=dtype))
                    self.register_parameter(kind + end, values)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _kinds(self) -> list[str]:
        """What the names of the parameters begin with."""
        biases = ["bias_ih", "bias_hh"] if self.bias else []
        return ["weight_ih", "weight_hh", *biases, *(["weight_hr"] if self.proj_size else [])]

    def _ends(self, layer: int) -> list[str]:
        """What the names of a layer's parameters end with, for each direction."""
        return [f"_l{layer}{end}" for end in ("", "_reverse")[: self._directions]]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        ends = [end for layer in range(self.num_layers) for end in self._ends(layer)]
        return [[getattr(self, kind + end) for kind in self._kinds()] for end in ends]

    def flatten_parameters(self) -> None:
        """Nothing: it serves PyTorch on other devices, and programs call it."""

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        spread_evenly(self, self.hidden_size)

    def _run(self, input: Any, hx: Sequence[Tensor] | None, names: Sequence[str]) -> tuple[Any, State]:
        """All layers, both directions; `names` are the states', for messages."""
        if not isinstance(input, PackedSequence):
            return self._run_padded(input, hx, names)
        padded, lengths = pad_packed_sequence(input, self.batch_first)
        inside = arange(max(lengths.tolist())).unsqueeze(1) < lengths
        output, final = self._run_padded(padded, hx, names, inside.unsqueeze(2).unbind(0))
        # The same order as before: sequences of one length stay in theirs.
        return pack_padded_sequence(output, lengths, self.batch_first, input.sorted_indices is None), final

    def _run_padded(
        self, input: Tensor, hx: Sequence[Tensor] | None, names: Sequence[str], masks: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, State]:
        self._check_input(input)
        is_batched = input.dim() == 3
        time_dim, batch_dim = (1, 0) if self.batch_first else (0, 1)
        if not is_batched:
            input = input.unsqueeze(batch_dim)
        states = self._begin(input, hx, names, () if not is_batched else (input.shape[batch_dim],))
        step, kinds = MODES[self.mode].step, self._kinds()
        weights = [Weights(**dict(zip(kinds, own, strict=True))) for own in self.all_weights]
        read: Sequence[Tensor] = input.unbind(time_dim)
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer:
                read = [F.dropout(h, self.dropout, self.training) for h in read]
            directions = []
            for backwards in (False, True)[: self._directions]:
                place = len(last)
                begin = tuple(state[place] for state in states)
                outputs, end = unroll(step, read, begin, weights[place], backwards, masks)
                directions.append(outputs)
                last.append(end)
            read = [cat(hs, -1) for hs in zip(*directions, strict=True)] if self.bidirectional else directions[0]
        output = stack(read, time_dim)
        final = tuple(stack(parts) for parts in zip(*last, strict=True))
        if is_batched:
            return output, final
        return output.squeeze(batch_dim), tuple(state.squeeze(1) for state in final)

    def _begin(
        self, input: Tensor, hx: Sequence[Tensor] | None, names: Sequence[str], n: tuple[int, ...]
    ) -> Sequence[Tensor]:
        """The states to begin with, (layers * directions, n, size); `n` is empty for one sequence."""
        layers = self.num_layers * self._directions
        sizes = (self._output_size, self.hidden_size)[: len(names)]
        if hx is None:
            # One row stands for all: it broadcasts, and its product costs next to nothing.
            return [zeros(layers, 1, size, dtype=input.dtype) for size in sizes]
        for name, state, size in zip(names, hx, sizes, strict=True):
            check_state(self, name, state, (layers, *n, size), input)
        return hx if n else [state.unsqueeze(1) for state in hx]

    def _check_input(self, input: Tensor) -> None:
        check_read(self, input, self.weight_ih_l0)
        shape = tuple(input._array.shape)
        order = "n, time" if self.batch_first else "time, n"
        if len(shape) not in (2, 3) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{where(self)}: got an input of shape {shape}, expected ({order}, {self.input_size}), or "
                f"(time, {self.input_size}) for one sequence: the last dimension must be input_size={self.input_size}"
            )
        if shape[1 if self.batch_first and len(shape) == 3 else 0] == 0:
            raise ShapeError(f"{where(self)}: got an input of shape {shape}, a sequence needs at least one step")

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the default."""
        words = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        words += [f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value]
        return ", ".join(words)


class RNN(RNNBase):
    """The simple recurrent network of Elman (1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    Arguments and attributes are those of `RNNBase`, with `nonlinearity` in place of `mode` and no `proj_size`.

    Args:
        nonlinearity: "tanh" or "relu".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_nonlinearity("RNN", nonlinearity)
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity

    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        """Read sequences.

        Args:
            input: (time, n, input_size), (n, time, input_size) with `batch_first`, (time, input_size), or packed.
            hx: The state to begin with, (layers * directions, n, hidden_size), without n for one sequence; zeros if
                None.

        Returns:
            The last layer's outputs at all steps, shaped as the input with directions * hidden_size as the last size;
            and the last state of each layer and direction, shaped as `hx`.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,), ("hx",))
        return output, h


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with forget gates and optionally projected.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi), f and o likewise, g = tanh(W_ig x + b_ig + W_hg h + b_hg);
    c' = f c + i g; h' = o tanh(c'), or W_hr times it. The weights hold the parts in the order i, f, g, o. Arguments and
    attributes are those of `RNNBase` without `mode`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read sequences.

        Args:
            input: (time, n, input_size), (n, time, input_size) with `batch_first`, or (time, input_size).
            hx: The states (h, c) to begin with, (layers * directions, n, proj_size or hidden_size) and
                (layers * directions, n, hidden_size), without n for one sequence; zeros if None.

        Returns:
            The last layer's h at all steps, shaped as the input with directions times h's size as the last size; and
            the last (h, c) of each layer and direction, shaped as `hx`.
        """
        output, (h, c) = self._run(input, check_pair(self, hx), ("h_0", "c_0"))
        return output, (h, c)


class GRU(RNNBase):
    """The gated recurrent unit (Cho et al., 2014), in the variant of PyTorch and cuDNN.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h + b_hn));
    h' = (1 - z) n + z h. The weights hold the parts in the order r, z, n. Arguments and attributes are those of
    `RNNBase` without `mode` and `proj_size`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        """Read sequences; shapes as for `RNN.forward`."""
        output, (h,) = self._run(input, None if hx is None else (hx,), ("hx",))
        return output, h
