"""What a multilayer perceptron computes: layers, output and loss, as functions of tensors that hold its parameters."""

import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn import functional as F
from backlit.ops import Generator, cat, embedding, exp, from_numpy, relu, sigmoid, softmax, tanh, where
from backlit.ops.random_numbers import dropout_mask

Activation = str | Callable[[Any], Any]

# scikit-learn's own names; all others are those of functions in `backlit.nn.functional`.
_NAMED: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "logistic": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "softmax": lambda x: softmax(x, 1),
    "exp": exp,
}
# By this share the running averages of batch normalisation move with each batch.
NORMAL_MOMENTUM = 0.1
NORMAL_EPS = 1e-5


def activation(name: Activation) -> Callable[[Any], Any]:
    """The function of an activation: scikit-learn's names, or any function of one tensor in `backlit.nn.functional`.

    Raises:
        ArgumentError: There is none of that name, or it does not keep the shape of what it is given.
    """
    if callable(name):
        return name
    found = _NAMED.get(name) or (getattr(F, name) if name in F.__all__ else None)
    if found is not None and "training" in inspect.signature(found).parameters:
        raise ArgumentError(f"activation: {name!r} is another thing in training; say dropout=0.1, or normalization")
    try:
        probe = None if found is None else found(from_numpy(np.zeros((2, 3))))
    except (TypeError, ShapeError):
        probe = None
    if found is None or probe is None or tuple(probe.shape) != (2, 3):
        raise ArgumentError(f"activation: no activation {name!r}{suggest(str(name), (*_NAMED, *F.__all__))}")
    return found


@dataclass(frozen=True)
class Design:
    """All that a network's machine code depends on.

    Attributes:
        sizes: Units of the input, of each hidden layer and of the output.
        hidden: The activation of each hidden layer.
        output: The activation of the output.
        loss: "log_loss", "squared_error", "poisson", or a function of (output, target) that gives each row's loss or
            the mean over the rows; of (scores, target) for classes.
        dtype: The type of all parameters, "float32" or "float64".
        dropout: The share of values dropped after each hidden layer while training.
        normalization: "batch", "layer" or None; before each hidden activation.
        embeddings: (categories, size) for each categorical column; those columns come last in the input.
        classes: Whether the targets are classes.
    """

    sizes: tuple[int, ...]
    hidden: tuple[Activation, ...]
    output: Activation
    loss: str | Callable[[Any, Any], Any]
    dtype: str
    dropout: tuple[float, ...] = ()
    normalization: str | None = None
    embeddings: tuple[tuple[int, int], ...] = ()
    classes: bool = False

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The shape of each layer's weights, (inputs, outputs)."""
        first = self.sizes[0] + sum(size - 1 for _, size in self.embeddings)
        sizes = (first, *self.sizes[1:])
        return list(itertools.pairwise(sizes))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of all parameters: weights, biases, scales and shifts of normalisation, embeddings."""
        normal: list[tuple[int, ...]] = [(n,) for n in self.sizes[1:-1]] if self.normalization else []
        return [*self.pairs, *((n,) for n in self.sizes[1:]), *normal, *normal, *self.embeddings]

    @property
    def buffer_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of what training keeps besides: the running means and variances of batch normalisation."""
        normal: list[tuple[int, ...]] = [(n,) for n in self.sizes[1:-1]] if self.normalization == "batch" else []
        return normal + normal

    @property
    def work(self) -> int:
        """Multiply-adds of one row, forward."""
        return sum(map(math.prod, self.pairs))

    @property
    def several_labels(self) -> bool:
        """Whether each row has several labels."""
        return self.classes and self.output == "logistic" and self.sizes[-1] > 1

    @property
    def plain(self) -> bool:
        """Whether parts of it are values that can be compared, so that machine code can be shared."""
        return not any(callable(part) for part in (*self.hidden, self.output, self.loss))

    def scores(
        self,
        parameters: Sequence[Any],
        buffers: Sequence[Any],
        x: Any,
        generator: Generator | None,
        momentum: float = NORMAL_MOMENTUM,
    ) -> Any:
        """What the last layer gives before its activation, (n, outputs).

        Args:
            parameters: Tensors of `shapes`.
            buffers: Tensors of `buffer_shapes`.
            x: (n, inputs).
            generator: Draws what dropout leaves out, while training; None: for prediction.
            momentum: The share by which the running averages of batch normalisation move.
        """
        layers, depth = len(self.sizes) - 1, len(self.hidden)
        weights, biases, rest = parameters[:layers], parameters[layers : 2 * layers], parameters[2 * layers :]
        if self.embeddings:
            x = self._embedded(rest[len(rest) - len(self.embeddings) :], x)
        for layer in range(layers):
            x = x @ weights[layer] + biases[layer]
            if layer == depth:
                break
            if self.normalization == "batch":
                mean, var = buffers[layer], buffers[depth + layer]
                training = generator is not None
                x = F.batch_norm(x, mean, var, rest[layer], rest[depth + layer], training, momentum, NORMAL_EPS)
            elif self.normalization == "layer":
                x = F.layer_norm(x, (self.sizes[layer + 1],), rest[layer], rest[depth + layer], NORMAL_EPS)
            x = activation(self.hidden[layer])(x)
            if generator is not None and self.dropout and self.dropout[layer]:
                x = x * dropout_mask(x, self.dropout[layer], generator)
        return x

    def _embedded(self, tables: Sequence[Any], x: Any) -> Any:
        plain = self.sizes[0] - len(self.embeddings)
        rows = [embedding(x[:, plain + n].long(), table) for n, table in enumerate(tables)]
        return cat([x[:, :plain], *rows] if plain else rows, 1)

    def outputs(self, parameters: Sequence[Any], buffers: Sequence[Any], x: Any) -> Any:
        """The network's outputs, (n, outputs)."""
        return activation(self.output)(self.scores(parameters, buffers, x, None))

    def shown(self, scores: Any) -> Any:
        """What losses of one's own and metrics are given: the scores of classes, or the outputs."""
        return scores if self.classes else activation(self.output)(scores)

    def losses(self, scores: Any, target: Any, weight: Any | None) -> tuple[Any, Any]:
        """What is minimised, and what is shown as the loss: added up over the rows, without the penalty.

        They differ for several targets of regression, where scikit-learn's gradient is that of the sum over targets
        and its loss their mean.
        """
        rows = self._rows(scores, target)
        if rows.ndim == 0:
            if weight is not None:
                raise ArgumentError("weights of rows need a loss that gives the loss of each row, not their mean")
            objective = rows * scores.shape[0]
        elif rows.shape[0] != scores.shape[0]:
            raise ShapeError(
                f"loss: gives shape {tuple(rows.shape)} for {scores.shape[0]} rows; expected the loss of each row"
            )
        else:
            rows = rows.sum(1) if rows.ndim == 2 else rows
            objective = (rows if weight is None else rows * weight).sum()
        if self.loss == "squared_error" and self.sizes[-1] > 1:
            return objective, objective * (1 / self.sizes[-1])
        return objective, objective

    def _rows(self, scores: Any, target: Any) -> Any:
        """The loss of each row, and of each output where they add up."""
        if callable(self.loss):
            return self.loss(self.shown(scores), target)
        if self.loss == "squared_error":
            return 0.5 * (activation(self.output)(scores) - target).square()
        if self.loss == "poisson":
            known = where(target > 0, target * target.clamp(min=np.finfo(self.dtype).tiny).log(), 0.0) - target
            return scores.exp() - target * scores + known
        if self.output == "softmax":
            return F.cross_entropy(scores, target, reduction="none")
        return F.binary_cross_entropy_with_logits(scores, target, reduction="none")


def initial(design: Design, draw: np.random.RandomState, asked: Any) -> Iterator[tuple[Any, Any]]:
    """Weights and biases of each layer, drawn as scikit-learn draws them (Glorot and Bengio, AISTATS 2010).

    Args:
        design: The network.
        draw: Draws them.
        asked: The hidden activation that was asked for, which counts where there is no hidden layer.
    """
    hidden = design.hidden or (asked,)
    for number, (inputs, outputs) in enumerate(design.pairs):
        # scikit-learn goes by the hidden activation for the last layer too.
        factor = 2.0 if hidden[min(number, len(hidden) - 1)] == "logistic" else 6.0
        bound = math.sqrt(factor / (inputs + outputs))
        weight = draw.uniform(-bound, bound, (inputs, outputs)).astype(design.dtype)
        yield weight, draw.uniform(-bound, bound, outputs).astype(design.dtype)


def beginning(design: Design, draw: np.random.RandomState) -> Iterator[Any]:
    """Where the other parameters and buffers begin, in their order."""
    hidden = design.sizes[1:-1] if design.normalization else ()
    for value in (1.0, 0.0):
        yield from (np.full(n, value, design.dtype) for n in hidden)
    for shape in design.embeddings:
        table = draw.normal(scale=0.1, size=shape).astype(design.dtype)
        # What was never seen lies in the middle.
        table[-1] = 0
        yield table
    if design.normalization == "batch":
        for value in (0.0, 1.0):
            yield from (np.full(n, value, design.dtype) for n in hidden)
