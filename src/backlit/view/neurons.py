"""A fully connected network as numbers: its layers of neurons, read from one recorded pass of one example.

Conventions are the lecture's: layer 1 is the input, and w_ij^(k) connects neuron i of layer k with neuron j of layer
k + 1, so that a_j^(k+1) = g(sum_i w_ij^(k) a_i^(k) + b_j).
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.core.modes import no_grad
from backlit.core.recording import Value, record
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, IndexRangeError, ShapeError
from backlit.nn import Module
from backlit.ops import Tensor
from backlit.train.modes import in_mode
from backlit.view.calling import no_linear, tensors_for
from backlit.view.theme import number

# In a formula, terms shown before the dots; the last one follows them.
_TERMS = 4
_ONLY_CHAINS = "only fully connected layers in a chain are drawn, see view.graph for others"


@dataclass(frozen=True)
class Neurons:
    """A layer of neurons.

    Attributes:
        number: From 1, the input layer.
        values: What they give, a, (n,).
        sums: What they give before the activation, z, (n,); None for the input layer.
        weights: From the layer before, (n, n before), as `Linear.weight`; None for the input layer.
        biases: (n,), or None.
        activation: Names of what is between sum and value, such as "relu" or "BatchNorm1d, relu"; "identity" for none.
            Of the first layer, "" where it is the network's input, else what is before it, such as "after Conv2d (4)".
        path: The module that holds the weights.
        joint: Whether a value depends on all sums of the layer, as with softmax.
    """

    number: int
    values: Array
    sums: Array | None = None
    weights: Array | None = None
    biases: Array | None = None
    activation: str = ""
    path: str = ""
    joint: bool = False


@dataclass(frozen=True)
class Formula:
    """How a neuron comes by its value.

    Attributes:
        symbols: `a_1^(2) = g(w_11^(1) x_1 + … + b_1)`.
        numbers: The same with the numbers put in.
        latex: The symbols as LaTeX.
    """

    symbols: str
    numbers: str
    latex: str

    def __str__(self) -> str:
        return f"{self.symbols}\n{self.numbers}"


def read_layers(model: Any, x: Any) -> list[Neurons]:
    """The layers of a fully connected network for one example.

    Args:
        model: Linear layers one after the other, with anything between that keeps the number of neurons.
        x: One example, without a batch dimension or with one of size 1; a tuple of them for several inputs.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: Several examples, another number of inputs, or a network that is no chain of fully connected
            layers.
    """
    parts = tensors_for(model, x, "view.network")
    parts = tuple(part.unsqueeze(0) if part.ndim == 1 or part.shape[0] != 1 else part for part in parts)
    output, bindings = _run(model, parts)
    places = [i for i, binding in enumerate(bindings) if binding.primitive.name == "linear"]
    if not places:
        raise ArgumentError("view.network: the model runs no fully connected layer; nn.Linear makes one")
    modules = dict(model.named_modules())
    # Embeddings and convolutions may make what the fully connected layers take; others run `linear` themselves.
    for place in places:
        other = no_linear(bindings[place].path, modules.get(bindings[place].path, model))
        if other:
            raise ArgumentError(f"view.network: {other}")
    layers: list[Neurons] = []
    before = 0
    for number_, (place, following) in enumerate(zip(places, [*places[1:], None], strict=True), start=2):
        given, weight, bias = (_array(value) for value in _inputs(bindings[place]))
        if given is None or weight is None or given.size != given.shape[-1]:
            rows = "no" if given is None else given.size // max(given.shape[-1], 1)
            raise ArgumentError(f"view.network: one example at a time is shown, got {rows}; pick one, x[0]")
        if not layers:
            paths = [b.path for b in bindings[:place] if b.path in modules and no_linear(b.path, modules[b.path])]
            source = f"after {type(modules[paths[-1]]).__name__} ({paths[-1]})" if paths else ""
            layers.append(Neurons(1, given.reshape(-1), activation=source))
        elif layers[-1].values.size != given.size:
            raise ArgumentError(
                f"view.network: layer {number_ - 1} gives {layers[-1].values.size} values and the next takes "
                f"{given.size}; {_ONLY_CHAINS}"
            )
        elif not _reaches(bindings[before : place + 1]):
            raise ArgumentError(
                f"view.network: layer {number_} does not take what layer {number_ - 1} gives; {_ONLY_CHAINS}"
            )
        before = place
        sums = _outputs(bindings[place])[0].reshape(-1)
        after = bindings[place + 1 : following]
        values = sums if not after else _after(bindings, following, output).reshape(-1)
        names = _activations(model, after)
        if values.size != sums.size:
            values, names = sums, []
        biases = None if bias is None else np.broadcast_to(bias, sums.shape)
        shown = ", ".join(dict.fromkeys(names)) or "identity"
        joint = any(not (binding.primitive.elementwise or binding.primitive.view) for binding in after) and bool(names)
        layers.append(Neurons(number_, values, sums, weight, biases, shown, bindings[place].path, joint))
    return layers


def _run(model: Module, parts: tuple[Tensor, ...]) -> tuple[Any, list[Binding]]:
    """What the model gives for one example, and the operations that it ran."""
    one_channel = [part.ndim == 3 for part in parts]
    try:
        with in_mode(model, training=False), no_grad(), record() as recording:
            return model(*parts), recording.bindings
    except ShapeError:
        # A first dimension of 1 may have been that of a single channel.
        if not any(one_channel):
            raise
    return _run(model, tuple(part.unsqueeze(0) if one else part for part, one in zip(parts, one_channel, strict=True)))


def _reaches(bindings: list[Binding]) -> bool:
    """Whether what the first operation gave is in what the last one takes.

    Told by the numbers: of an operation in place, the result has been copied elsewhere.
    """
    reached = _outputs(bindings[0])
    for binding in bindings[1:-1]:
        if any(_is_among(value, reached) for value in _inputs(binding)):
            reached += _outputs(binding)
    return _is_among(_inputs(bindings[-1])[0], reached)


def _is_among(value: Any, arrays: list[Array]) -> bool:
    own = _array(value)
    return own is not None and any(np.array_equal(own, array, equal_nan=own.dtype.kind == "f") for array in arrays)


def _activations(model: Module, after: list[Binding]) -> list[str]:
    """What happens between two layers: a module of several operations by its class, else each operation by its name."""
    kinds = {path: type(module).__name__ for path, module in model.named_modules() if not list(module.children())}
    names: list[str] = []
    for path, group in itertools.groupby((b for b in after if not b.primitive.view), key=lambda b: b.path):
        own = [binding.primitive.name for binding in group]
        names += [kinds[path]] if len(own) > 1 and path in kinds else own
    return names


def _inputs(binding: Binding) -> tuple[Any, ...]:
    return () if binding.record is None else binding.record.inputs


def _outputs(binding: Binding) -> list[Array]:
    return [] if binding.record is None else [value.array for value in binding.record.outputs]


def _array(value: Any) -> Array | None:
    return value.array if isinstance(value, Value) else None


def _after(bindings: list[Binding], following: int | None, output: Any) -> Array:
    """What the next layer takes, or the network gives."""
    if following is None:
        result = output[0] if isinstance(output, tuple) else output
        return np.asarray(result.numpy() if isinstance(result, Tensor) else result)
    return np.asarray(_array(_inputs(bindings[following])[0]))


def check_neuron(layers: list[Neurons], layer: int, neuron: int) -> None:
    """Raise unless there is such a neuron, and it is not an input."""
    if not 2 <= layer <= len(layers):
        raise IndexRangeError(
            f"view.network: layers with formulas are 2 to {len(layers)} (1 is the input), got {layer}"
        )
    size = layers[layer - 1].values.size
    if not 1 <= neuron <= size:
        raise IndexRangeError(f"view.network: layer {layer} has neurons 1 to {size}, got {neuron}")


def formula(layers: list[Neurons], layer: int, neuron: int) -> Formula:
    """The formula of a neuron; both numbers count from 1, layer 1 is the input.

    Raises:
        IndexRangeError: There is no such neuron.
    """
    check_neuron(layers, layer, neuron)
    own, before = layers[layer - 1], layers[layer - 2]
    weights, sums = np.asarray(own.weights)[neuron - 1], np.asarray(own.sums)
    count = len(weights)
    places = list(range(count)) if count <= _TERMS + 2 else [*range(_TERMS), count - 1]
    power, between = f"^({layer})", f"^({layer - 1})"
    comma = "," if max(count, neuron) > 9 else ""
    symbols: list[str] = []
    numbers: list[str] = []
    latex: list[str] = []
    for i in places:
        if len(places) < count and i == count - 1:
            for terms, dots in ((symbols, "…"), (numbers, f"… ({count - len(places)} more)"), (latex, r"\dots")):
                terms.append(dots)
        value = f"x_{i + 1}" if layer == 2 else f"a_{i + 1}{between}"
        symbols.append(f"w_{i + 1}{comma}{neuron}{between} {value}")
        numbers.append(f"{_signed(weights[i])}·{_signed(before.values[i])}")
        letter = f"x_{{{i + 1}}}" if layer == 2 else f"a_{{{i + 1}}}^{{({layer - 1})}}"
        latex.append(f"w_{{{i + 1}{comma}{neuron}}}^{{({layer - 1})}} {letter}")
    if own.biases is not None:
        symbols.append(f"b_{neuron}")
        numbers.append(_signed(own.biases[neuron - 1]))
        latex.append(f"b_{{{neuron}}}")
    linear = own.activation == "identity"
    # Several functions in a row have no short form with the numbers put in.
    name = own.activation if ", " not in own.activation else "g"
    g, open_, close = ("", "", "") if linear else (name, "(", ")")
    total, value = number(sums[neuron - 1]), number(own.values[neuron - 1])
    if own.joint:
        return _of_all_sums(own, neuron, [" + ".join(terms) for terms in (symbols, numbers, latex)])
    applied = f"{g}({total}) = {value}" if not linear else value
    letter = "" if linear else "g"
    return Formula(
        f"a_{neuron}{power} = {letter}{open_}{' + '.join(symbols)}{close}",
        f"a_{neuron}{power} = {g}{open_}{' + '.join(numbers)}{close} = {applied}",
        f"a_{{{neuron}}}^{{({layer})}} = {letter}{open_}{' + '.join(latex)}{close}",
    )


def _of_all_sums(own: Neurons, neuron: int, terms: list[str]) -> Formula:
    """The formula of a neuron that takes all sums of its layer: what becomes of them, then its own sum."""
    symbols, numbers, latex = terms
    power = f"^({own.number})"
    sums = [number(z) for z in np.asarray(own.sums)]
    total, value = sums[neuron - 1], number(own.values[neuron - 1])
    outer, result, outer_latex = f"g(z)_{neuron}", value, f"g(z)_{{{neuron}}}"
    if own.activation == "softmax":
        powers = [f"exp({z})" for z in sums]
        shown = powers if len(powers) <= _TERMS + 2 else [*powers[:_TERMS], "…", powers[-1]]
        outer = f"exp(z_{neuron}) / sum_j exp(z_j)"
        result = f"exp({total}) / ({' + '.join(shown)}) = {value}"
        outer_latex = rf"\frac{{\exp z_{{{neuron}}}}}{{\sum_j \exp z_j}}"
    return Formula(
        f"a_{neuron}{power} = {outer}, z_{neuron} = {symbols}",
        f"a_{neuron}{power} = {result}, z_{neuron} = {numbers} = {total}",
        rf"a_{{{neuron}}}^{{({own.number})}} = {outer_latex}, \quad z_{{{neuron}}} = {latex}",
    )


def _signed(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text
