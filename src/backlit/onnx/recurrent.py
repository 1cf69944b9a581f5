"""ONNX's operators that read sequences, step by step; see `onnx.operators`."""

from functools import partial
from typing import Any

from backlit import ops
from backlit.errors import GraphError
from backlit.nn.functional.recurrent import MODES, Weights, unroll
from backlit.onnx.operators import OPERATORS, Attributes, Operator

# Of each operator: by the functions that a node may ask for, the mode of `MODES`; and where each of our gates is.
_LAYERS: dict[str, tuple[dict[tuple[str, ...], str], tuple[int, ...]]] = {
    "GRU": ({("Sigmoid", "Tanh"): "GRU"}, (1, 0, 2)),
    "LSTM": ({("Sigmoid", "Tanh", "Tanh"): "LSTM"}, (0, 2, 3, 1)),
    "RNN": ({("Tanh",): "RNN_TANH", ("Relu",): "RNN_RELU"}, (0,)),
}
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def _read(op: str, a: Attributes, x: Any, weight: Any, recurrence: Any, *more: Any) -> tuple[Any, ...]:
    """The outputs of all steps, and each part of the last states; `more` are the inputs that may be left out."""
    bias, lengths, h, c, peepholes = (*more, *[None] * 5)[:5]
    directions = _DIRECTIONS[a.get("direction", "forward")]
    mode = _mode(op, a, len(directions), lengths, peepholes)
    size, order = recurrence.shape[2], _LAYERS[op][1]

    def ordered(rows: Any) -> Any:
        return ops.cat([rows[gate * size : (gate + 1) * size] for gate in order])

    outputs, ends = [], []
    for number, backwards in enumerate(directions):
        biases = () if bias is None else tuple(map(ordered, bias[number].chunk(2)))
        weights = Weights(ordered(weight[number]), ordered(recurrence[number]), *biases)
        first = [ops.zeros(1, size, dtype=x.dtype) if s is None else s[number] for s in (h, c)]
        begin = tuple(first if op == "LSTM" else first[:1])
        found, state = unroll(MODES[mode].step, x.unbind(0), begin, weights, backwards)
        outputs.append(ops.stack(list(found)))
        ends.append(state)
    return ops.stack(outputs, 1), *(ops.stack(list(parts)) for parts in zip(*ends, strict=True))


def _mode(op: str, a: Attributes, directions: int, lengths: Any, peepholes: Any) -> str:
    """The mode of `MODES` for what a node asks for, after a look at what is not read."""
    modes, _ = _LAYERS[op]
    unread = {
        "lengths of sequences": lengths is not None,
        "peepholes": peepholes is not None,
        "layout 1": a.get("layout", 0),
        "clip": "clip" in a,
        "input_forget": a.get("input_forget", 0),
        "linear_before_reset 0": op == "GRU" and not a.get("linear_before_reset", 0),
    }
    for words, given in unread.items():
        if given:
            raise GraphError(f"{words} cannot be read")
    asked = tuple(a.get("activations", next(iter(modes)) * directions))
    for functions, mode in modes.items():
        if asked == functions * directions:
            return mode
    raise GraphError(f"the activations {', '.join(asked)} cannot be read")


OPERATORS |= {op: Operator(partial(_read, op)) for op in _LAYERS}
