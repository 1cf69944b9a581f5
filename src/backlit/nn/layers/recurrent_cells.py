"""Cells: one step of a recurrent network at a time, and what they check together with the layers of whole sequences."""

import math
from collections.abc import Sequence
from typing import Any

from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, suggest
from backlit.nn import init
from backlit.nn.checks import check_sizes, other_type, require_floats, where
from backlit.nn.functional.recurrent import MODES, State, Weights
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty, zeros
from backlit.ops.tensor import Tensor


def check_nonlinearity(layer: str, nonlinearity: str) -> None:
    """Raise unless it is "tanh" or "relu".

    Raises:
        ArgumentError: It is not.
    """
    if nonlinearity not in ("tanh", "relu"):
        words = suggest(str(nonlinearity), ("tanh", "relu"))
        raise ArgumentError(f"{layer}: unknown nonlinearity {nonlinearity!r}{words}")


def check_read(layer: Any, input: Tensor, weight: Parameter) -> None:
    """Raise unless `input` is a tensor of the weight's type.

    Raises:
        ArgumentTypeError: It is no tensor.
        DtypeError: It is of another type.
    """
    require_floats(layer, input=input)
    if input._array.dtype != weight._array.dtype:
        raise other_type(layer, input, weight._array.dtype, "its weights are")


def check_pair(layer: Any, hx: Any) -> Sequence[Tensor] | None:
    """The two states of an LSTM, or None.

    Raises:
        ArgumentTypeError: These are not two.
    """
    if hx is not None and (not isinstance(hx, tuple | list) or len(hx) != 2):
        raise ArgumentTypeError(f"{where(layer)}: hx must be two tensors (h_0, c_0), got {type(hx).__name__}")
    return hx


def check_state(layer: Any, name: str, state: Tensor, shape: tuple[int, ...], input: Tensor) -> None:
    """Raise unless a state has the shape, and the type of the input.

    Raises:
        ArgumentTypeError: It is no tensor.
        ShapeError: It has another shape.
        DtypeError: It is of another type.
    """
    require_floats(layer, **{name: state})
    if tuple(state._array.shape) != shape:
        raise ShapeError(
            f"{where(layer)}: {name} has shape {tuple(state._array.shape)}, expected {shape} with an input of shape "
            f"{tuple(input._array.shape)}"
        )
    if state._array.dtype != input._array.dtype:
        raise DtypeError(
            f"{where(layer)}: {name} is {state._array.dtype} and the input {input._array.dtype}; bring them to one type"
        )


def spread_evenly(module: Module, hidden_size: int) -> None:
    """Draw all parameters evenly over ±1 / sqrt(hidden_size)."""
    bound = 1 / math.sqrt(hidden_size) if hidden_size else 0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


class _Cell(Module):
    """What the cells share."""

    def __init__(self, mode: str, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any) -> None:
        super().__init__()
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = MODES[mode].gates * hidden_size
        self.weight_ih = Parameter(empty(gates, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(gates, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(gates, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        spread_evenly(self, self.hidden_size)

    def _step(self, input: Tensor, hx: Sequence[Tensor] | None, names: Sequence[str]) -> State:
        """The state after one step; `names` are the states', for messages."""
        check_read(self, input, self.weight_ih)
        shape = tuple(input._array.shape)
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{where(self)}: got an input of shape {shape}, expected (n, {self.input_size}) or "
                f"({self.input_size}): the last dimension must be input_size={self.input_size}"
            )
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        rows = input if len(shape) == 2 else input.unsqueeze(0)
        if hx is None:
            # One row stands for all: it broadcasts.
            states = [zeros(1, self.hidden_size, dtype=input.dtype)] * len(names)
        else:
            states = list(hx)
            for name, state in zip(names, states, strict=True):
                check_state(self, name, state, (*shape[:-1], self.hidden_size), input)
            states = states if len(shape) == 2 else [state.unsqueeze(0) for state in states]
        after = MODES[self.mode].step(rows, tuple(states), weights)
        return after if len(shape) == 2 else tuple(state.squeeze(0) for state in after)

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the default."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(_Cell):
    """One step of the simple recurrent network (Elman, 1990): h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    Args:
        input_size: Size of what is read.
        hidden_size: Size of the state.
        bias: Whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight_ih: (hidden_size, input_size), with 3 times as many rows in a `GRUCell`, 4 in an `LSTMCell`.
        weight_hh: (hidden_size, hidden_size), likewise.
        bias_ih: (hidden_size), likewise, or None.
        bias_hh: (hidden_size), likewise, or None.

    Raises:
        ArgumentError: A size is negative or no integer, or the nonlinearity is unknown.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_nonlinearity("RNNCell", nonlinearity)
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The state after (n, input_size) or (input_size) was read in state `hx`, (n, hidden_size) or (hidden_size).

        Without `hx`, the state before is zero.
        """
        return self._step(input, None if hx is None else (hx,), ("hx",))[0]

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the default."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(_Cell):
    """One step of an `LSTM`; arguments, attributes and errors are those of `RNNCell`, without the nonlinearity."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The states (h, c) after (n, input_size) or (input_size) was read in states `hx`, zero if None."""
        h, c = self._step(input, check_pair(self, hx), ("h_0", "c_0"))
        return h, c


class GRUCell(_Cell):
    """One step of a `GRU`; arguments, attributes and errors are those of `RNNCell`, without the nonlinearity."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The state after (n, input_size) or (input_size) was read in state `hx`, zero if None."""
        return self._step(input, None if hx is None else (hx,), ("hx",))[0]
