"""The table of layers and losses as float32 modules with their inputs."""

import numpy as np

import backlit
from tests.nn.layer_table import LAYERS, LOSSES, inputs, state
from tests.nn.names import NAMES

MODULES = [*LAYERS, *((text, [shape, target]) for text, shape, target in LOSSES)]


def built(text):
    module = eval(text, NAMES)
    if "Loss" not in text:
        named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
        values = {name: backlit.tensor(v, dtype=backlit.float32) for name, v in state(named).items()}
        module.load_state_dict({**module.state_dict(), **values})
    return module


def tensors(specs):
    return tuple(backlit.tensor(a.astype(np.float32) if a.dtype.kind == "f" else a) for a in inputs(specs))
