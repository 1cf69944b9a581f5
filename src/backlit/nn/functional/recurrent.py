"""What a recurrent network does at one step of time, and over a whole sequence.

Sources: Elman (1990) for the simple network; Hochreiter and Schmidhuber (1997) and Gers et al. (2000) for the LSTM;
Sak et al. (2014) for its projection; Cho et al. (2014) for the GRU, in the variant of PyTorch and cuDNN, which resets
the state after its product and not before.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backlit.ops import linear, stack
from backlit.ops.tensor import Tensor

# A state is (h) or (h, c): what a step returns for the next one, the output first.
State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """The weights of one layer in one direction; `gates` is 1, 3 or 4 times the hidden size.

    Attributes:
        weight_ih: (gates, input size).
        weight_hh: (gates, size of h).
        bias_ih: (gates), or None.
        bias_hh: (gates), or None.
        weight_hr: (projected size, hidden size), or None.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_hr: Tensor | None = None


Step = Callable[[Tensor, State, Weights], State]


def _tanh_step(driven: Tensor, state: State, weights: Weights) -> State:
    """H' = tanh(driven + W_hh h + b_hh); `driven` is W_ih x + b_ih."""
    return ((driven + linear(state[0], weights.weight_hh, weights.bias_hh)).tanh(),)


def _relu_step(driven: Tensor, state: State, weights: Weights) -> State:
    """H' = relu(driven + W_hh h + b_hh); `driven` is W_ih x + b_ih."""
    return ((driven + linear(state[0], weights.weight_hh, weights.bias_hh)).relu(),)


def _lstm_step(driven: Tensor, state: State, weights: Weights) -> State:
    """C' = f c + i g and h' = o tanh(c'), projected if there is a W_hr.

    The gates i, f, o are sigmoids and g a tanh of their parts, in the order i, f, g, o, of driven + W_hh h + b_hh.
    """
    h, c = state
    i, f, g, o = (driven + linear(h, weights.weight_hh, weights.bias_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h if weights.weight_hr is None else linear(h, weights.weight_hr), c


def _gru_step(driven: Tensor, state: State, weights: Weights) -> State:
    """H' = n + z (h - n).

    The gates r and z are sigmoids of the first parts of driven + W_hh h + b_hh, and n is the tanh of
    driven_n + r (W_hn h + b_hn).
    """
    h = state[0]
    for_r, for_z, for_n = driven.chunk(3, -1)
    of_r, of_z, of_n = linear(h, weights.weight_hh, weights.bias_hh).chunk(3, -1)
    n = (for_n + (for_r + of_r).sigmoid() * of_n).tanh()
    return (n + (for_z + of_z).sigmoid() * (h - n),)


class Mode(NamedTuple):
    """A kind of recurrent network: its number of gates, and what it does at each step."""

    gates: int
    step: Step


MODES = {
    "RNN_TANH": Mode(1, _tanh_step),
    "RNN_RELU": Mode(1, _relu_step),
    "LSTM": Mode(4, _lstm_step),
    "GRU": Mode(3, _gru_step),
}


def unroll(
    step: Step, input: Tensor, state: State, weights: Weights, dim: int, backwards: bool = False
) -> tuple[Tensor, State]:
    """Run one layer in one direction over a sequence.

    What the input contributes is one product for all steps; each step adds one product of the state.

    Args:
        step: What happens at each step.
        input: (time, n, size), or (n, time, size) if `dim` is 1.
        state: What the first step begins with, each (n, size).
        weights: The layer's weights in this direction.
        dim: The dimension of time.
        backwards: Whether to begin at the end.

    Returns:
        The outputs of all steps in the order of the input, and the state after the last step taken.
    """
    driven = linear(input, weights.weight_ih, weights.bias_ih).unbind(dim)
    outputs = []
    for at_step in _ordered(driven, backwards):
        state = step(at_step, state, weights)
        outputs.append(state[0])
    return stack(_ordered(outputs, backwards), dim), state


def _ordered(items: Sequence[Tensor], backwards: bool) -> Sequence[Tensor]:
    return items[::-1] if backwards else items
