"""What a recurrent network does at one step of time, and over a whole sequence.

Sources: Elman (1990) for the simple network; Hochreiter and Schmidhuber (1997) and Gers et al. (2000) for the LSTM;
Sak et al. (2014) for its projection; Cho et al. (2014) for the GRU, in the variant of PyTorch and cuDNN, which resets
the state after its product and not before.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from backlit.ops import linear, where
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


def _sum(input: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """W_ih x + b_ih + W_hh h + b_hh."""
    return linear(input, weights.weight_ih, weights.bias_ih) + linear(h, weights.weight_hh, weights.bias_hh)


def _parts(gates: Tensor, count: int) -> tuple[Tensor, ...]:
    """The gates one by one; a dimension of their own keeps their gradients from being gathered element by element."""
    return gates.reshape(gates.shape[0], count, gates.shape[1] // count).unbind(1)


def _tanh_step(input: Tensor, state: State, weights: Weights) -> State:
    """To h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    return (_sum(input, state[0], weights).tanh(),)


def _relu_step(input: Tensor, state: State, weights: Weights) -> State:
    """To h' = relu(W_ih x + b_ih + W_hh h + b_hh)."""
    return (_sum(input, state[0], weights).relu(),)


def _lstm_step(input: Tensor, state: State, weights: Weights) -> State:
    """To c' = f c + i g and h' = o tanh(c'), projected if there is a W_hr.

    The gates i, f, o are sigmoids and g is a tanh of their parts of W_ih x + b_ih + W_hh h + b_hh, in the order i, f,
    g, o.
    """
    h, c = state
    i, f, g, o = _parts(_sum(input, h, weights), 4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h if weights.weight_hr is None else linear(h, weights.weight_hr), c


def _gru_step(input: Tensor, state: State, weights: Weights) -> State:
    """To h' = n + z (h - n).

    The gates r and z are sigmoids of their parts of W_ih x + b_ih + W_hh h + b_hh, and n is the tanh of
    W_in x + b_in + r (W_hn h + b_hn).
    """
    h = state[0]
    r_of_x, z_of_x, n_of_x = _parts(linear(input, weights.weight_ih, weights.bias_ih), 3)
    r_of_h, z_of_h, n_of_h = _parts(linear(h, weights.weight_hh, weights.bias_hh), 3)
    n = (n_of_x + (r_of_x + r_of_h).sigmoid() * n_of_h).tanh()
    return (n + (z_of_x + z_of_h).sigmoid() * (h - n),)


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
    step: Step,
    inputs: Sequence[Tensor],
    state: State,
    weights: Weights,
    backwards: bool = False,
    masks: Sequence[Tensor] | None = None,
) -> tuple[Sequence[Tensor], State]:
    """Run one layer in one direction over a sequence.

    The input's product is taken step by step, not for all steps at once: parts of such a product would send their
    gradients back as so many arrays of its whole size.

    Args:
        step: What happens at each step.
        inputs: What is read at each step, (n, size).
        state: What the first step begins with, each (n, size).
        weights: The layer's weights in this direction.
        backwards: Whether to begin at the end.
        masks: For each step (n, 1), whether a sequence has that step; one that has not keeps its state. None: all have.

    Returns:
        The outputs of all steps in the order of the inputs, and the state after the last step taken.
    """
    outputs = []
    places = range(len(inputs))
    for place in reversed(places) if backwards else places:
        after = step(inputs[place], state, weights)
        if masks is not None:
            after = tuple(where(masks[place], new, old) for new, old in zip(after, state, strict=True))
        state = after
        outputs.append(state[0])
    return outputs[::-1] if backwards else outputs, state
