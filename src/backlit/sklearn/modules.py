"""A fitted perceptron as a module."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn, optim
from backlit.core.modes import no_grad
from backlit.ops import default_generator, from_numpy
from backlit.sklearn.design import NORMAL_EPS, NORMAL_MOMENTUM, Activation, Design, activation

Array = NDArray[Any]
_NAMED: dict[str, Callable[[], nn.Module]] = {"identity": nn.Identity, "logistic": nn.Sigmoid}
_CLASSES = {name.lower(): getattr(nn, name) for name in nn.__all__}


class Applied(nn.Module):
    """A function of a tensor as a module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, input: Any) -> Any:
        """The function of the input."""
        return self.function(input)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The default generator at a seed, and afterwards where it was."""
    before = default_generator.get_state()
    default_generator.manual_seed(seed)
    try:
        yield
    finally:
        default_generator.set_state(before)


@contextmanager
def as_before_after_errors_in(module: nn.Module, optimizer: optim.Optimizer) -> Iterator[None]:
    """Where the block raises an error, a module and its optimizer have the values again that they had before."""
    tensors = [*module.parameters(), *module.buffers()]
    before, state = [tensor.detach().clone() for tensor in tensors], copy.deepcopy(optimizer.state_dict())
    try:
        yield
    except BaseException:
        with no_grad():
            for tensor, values in zip(tensors, before, strict=True):
                tensor.copy_(values)
                tensor.grad = None
        optimizer.load_state_dict(state)
        raise


def module_of(design: Design, arrays: Sequence[Array], scale: float, output: Activation) -> nn.Sequential:
    """The layers of a network with copies of its arrays.

    Args:
        design: The network.
        arrays: Its parameters and buffers in the order of the design.
        scale: What the last layer's values are multiplied by.
        output: The activation of the output.
    """
    with seeded(0), no_grad():
        module = nn.Sequential(*_layers(design, output)).to(from_numpy(np.empty(0, design.dtype)).dtype).eval()
        linear = [layer for layer in module if isinstance(layer, nn.Linear)]
        normal = [layer for layer in module if isinstance(layer, nn.LayerNorm | nn.BatchNorm1d)]
        embeddings = [table for layer in module if isinstance(layer, nn.TableInput) for table in layer.embeddings]
        # In the order of the design; its weights are (inputs, outputs).
        tensors = [
            *(layer.weight.T for layer in linear),
            *(layer.bias for layer in linear),
            *(layer.weight for layer in normal),
            *(layer.bias for layer in normal),
            *(table.weight for table in embeddings),
            *(layer.running_mean for layer in normal if isinstance(layer, nn.BatchNorm1d)),
            *(layer.running_var for layer in normal if isinstance(layer, nn.BatchNorm1d)),
        ]
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.copy_(from_numpy(array))
        if scale != 1:
            for parameter in linear[-1].parameters():
                parameter.mul_(scale)
    return module


def _layers(design: Design, output: Activation) -> Iterator[nn.Module]:
    if design.embeddings:
        plain = design.sizes[0] - len(design.embeddings)
        yield nn.TableInput(plain, [rows - 1 for rows, _ in design.embeddings], [size for _, size in design.embeddings])
    for layer, (inputs, outputs) in enumerate(design.pairs):
        yield nn.Linear(inputs, outputs)
        if layer == len(design.hidden):
            break
        if design.normalization == "batch":
            yield nn.BatchNorm1d(outputs, NORMAL_EPS, NORMAL_MOMENTUM)
        elif design.normalization == "layer":
            yield nn.LayerNorm(outputs, NORMAL_EPS)
        yield _activation(design.hidden[layer])
        if design.dropout and design.dropout[layer]:
            yield nn.Dropout(design.dropout[layer])
    if output != "identity":
        yield _activation(output)


def _activation(name: Activation) -> nn.Module:
    """The module of an activation, of its own class where it has one."""
    if isinstance(name, str):
        if name == "softmax":
            return nn.Softmax(1)
        made = _NAMED.get(name) or _CLASSES.get(name.replace("_", ""))
        if made is not None:
            return made()
    return Applied(activation(name))
