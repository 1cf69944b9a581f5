"""What is written as an ONNX model: a module, with what is done before and after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn
from backlit.compiler.tree import flatten
from backlit.core.tensor_base import Symbol, TensorBase
from backlit.data import StandardScaler
from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.ops import float32, from_numpy


@dataclass(frozen=True)
class Texts:
    """An input of the model that holds texts, in place of one of the program that holds numbers.

    Attributes:
        name: What it is called.
        numbers: The number of each text.
        unknown: The number of all others.
    """

    name: str
    numbers: dict[str, int]
    unknown: int


@dataclass(frozen=True, eq=False)
class Labels:
    """An output of the model that holds labels, in place of one of the program that holds their numbers.

    Attributes:
        name: What it is called.
        values: The label of each number.
    """

    name: str
    values: NDArray[Any]


class Program:
    """A module between its scalers, called with tensors.

    Args:
        model: The module.
        example: A tensor or a tuple of them; None: one row for the first layer.
        scaler: What standardised the columns of the inputs.
        target_scaler: What standardised the targets.

    Attributes:
        model: The module.
        names: Tensors by the names that the model has for them.
        inputs: Shape and type of each input, by its name.
        texts: For inputs by their names, the inputs of texts in their place.
        labels: For outputs by their names, the outputs of labels in their place.

    Raises:
        ArgumentError, ArgumentTypeError, StateError: As `backlit.onnx.export`.
    """

    def __init__(
        self, model: nn.Module, example: Any, scaler: StandardScaler | None, target_scaler: StandardScaler | None
    ) -> None:
        self.model = model
        self.scaling, self.target_scaling = statistics(scaler), statistics(target_scaler)
        self.names: dict[str, Any] = {
            **dict(model.named_parameters()),
            **dict(model.named_buffers()),
            **{f"scaler.{part}": values for part, values in self.scaling.items()},
            **{f"target_scaler.{part}": values for part, values in self.target_scaling.items()},
        }
        examples = self._examples(example)
        self.inputs = dict(zip(numbered("input", len(examples)), examples, strict=True))
        self.texts: dict[str, Texts] = {}
        self.labels: dict[str, Labels] = {}

    def output_names(self, count: int) -> list[str]:
        """The names of the outputs, of which there are so many."""
        return numbered("output", count)

    def __call__(self, *inputs: Any) -> Any:
        """The outputs, of tensors for the inputs: a tensor, or those of a nested tuple one after the other."""
        if self.scaling:
            (table,) = inputs
            dtype = next((p.dtype for p in self.model.parameters()), float32)
            inputs = (scaled(table, self.scaling).to(dtype),)
        found = unscaled(self.model(*inputs), self.target_scaling)
        return flatten(found, "the module's result")[0] if isinstance(found, tuple) else found

    def _examples(self, given: Any) -> list[Symbol]:
        if self.scaling:
            return [Symbol((1, len(self.scaling["mean"])), np.dtype(np.float64))]
        if given is None:
            return [_first_input(self.model)]
        tensors = given if isinstance(given, tuple | list) else (given,)
        if not tensors or not all(isinstance(t, TensorBase) for t in tensors):
            kinds = ", ".join(type(t).__name__ for t in tensors) or "nothing"
            raise ArgumentTypeError(f"export: example_input is {kinds}; expected a tensor or a tuple of tensors")
        return [Symbol(t._array.shape, t._array.dtype) for t in tensors]


def numbered(name: str, count: int) -> list[str]:
    """`name`, or `name_0` and so on where there are several."""
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]


def statistics(scaler: StandardScaler | None) -> dict[str, Any]:
    """A scaler's mean and scale as tensors; empty without one."""
    return {} if scaler is None else {part: from_numpy(np.array(v)) for part, v in scaler.to_dict().items()}


def scaled(table: Any, scaling: dict[str, Any]) -> Any:
    """A table's own values, standardised."""
    return (table - scaling["mean"]) / scaling["scale"]


def unscaled(found: Any, scaling: dict[str, Any]) -> Any:
    """Standardised values on their own scale."""
    return found * scaling["scale"] + scaling["mean"] if scaling else found


def _first_input(model: nn.Module) -> Symbol:
    for module in model.modules():
        weight = module._parameters.get("weight")
        if isinstance(module, nn.Linear):
            return Symbol((1, module.in_features), module.weight._array.dtype)
        if isinstance(module, nn.BatchNorm1d):
            return Symbol((1, module.num_features), np.dtype(np.float32) if weight is None else weight._array.dtype)
        if weight is not None:
            break
    raise ArgumentError(
        "export: the module's first layer does not say what it takes; pass a tensor of the shape and type of an input "
        "as example_input"
    )
