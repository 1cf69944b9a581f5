"""Networks as machine code: training steps that run a whole epoch at once, loss and gradient, and prediction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.compiler.aside import run_aside
from backlit.core.modes import no_grad
from backlit.errors import DataError
from backlit.ops import Generator, cat, from_numpy
from backlit.ops.gradients import grad
from backlit.sklearn.blocks import BLOCK, WORTH_SHARING, Blocks, compiled, threads
from backlit.sklearn.design import Design, activation

Array = NDArray[Any]
# Epochs of more multiply-adds than this run on a thread of their own, so that Ctrl-C is heard.
_LONG = 200_000_000
_MOST_KEPT = 8


class Network:
    """The tensors of a network.

    Attributes:
        design: What it computes.
        parameters: Tensors of `design.shapes`.
        buffers: Tensors of `design.buffer_shapes`.
    """

    def __init__(self, design: Design, arrays: Sequence[Array]) -> None:
        self.design = design
        tensors = [from_numpy(array) for array in arrays]
        count = len(design.shapes)
        self.parameters, self.buffers = tensors[:count], tensors[count:]
        for parameter in self.parameters:
            parameter.requires_grad_()

    @property
    def arrays(self) -> list[Array]:
        """The arrays of parameters and buffers."""
        return [tensor.detach().numpy() for tensor in (*self.parameters, *self.buffers)]


@dataclass
class Progress:
    """Where a solver stands.

    Attributes:
        solver: "adam" or "sgd".
        rate: The learning rate.
        count: Steps made.
        slots: Its running averages, one after the other for each parameter.
    """

    solver: str
    rate: float
    count: float = 0.0
    slots: list[Array] = field(default_factory=list)


class Stepper:
    """A network's training step as machine code, for one solver and batch size.

    Args:
        design: The network.
        solver: "adam", "sgd" or "nesterov".
        rows: Rows of a typical batch.
        likes: Arrays such as those of the data: inputs, targets, and weights of rows if there are any.
        collects: Whether what metrics look at is collected.

    Attributes:
        collected: It, (rows, outputs), in the order of the epoch that ran last.
    """

    def __init__(self, design: Design, solver: str, rows: int, likes: Sequence[Array], collects: bool) -> None:
        self.design, self.solver, self.collects, self.batch_size = design, solver, collects, 0
        shapes = design.shapes
        arrays = [np.zeros(shape, design.dtype) for shape in (*shapes, *design.buffer_shapes)]
        self.network = Network(design, arrays)
        slots = 2 if solver == "adam" else 1
        self._slots = [from_numpy(np.zeros(shape, design.dtype)) for _ in range(slots) for shape in shapes]
        # Numbers live in tensors, so that other numbers need no other code.
        self._numbers = {name: from_numpy(np.zeros(())) for name in ("rate", "count", "first", "second", "eps")}
        self._alpha = from_numpy(np.zeros((), design.dtype))
        self._generator = Generator()
        self._code = compiled(self._step, likes, rows, guards=1)
        self.evaluate = Evaluator(self.network)

    def _step(self, x: Any, target: Any, weight: Any | None = None) -> Any:
        network = self.network
        scores = self.design.scores(network.parameters, network.buffers, x, self._generator)
        objective, shown = self.design.losses(scores, target, weight)
        share = 1 / x.shape[0] if weight is None else 1 / weight.sum()
        weights = network.parameters[: len(self.design.sizes) - 1]
        penalty = sum((w.square().sum() for w in weights[1:]), weights[0].square().sum()) * (self._alpha * 0.5)
        gradients = grad((objective + penalty) * share, network.parameters)
        with no_grad():
            self._update(gradients)
        loss = (shown + penalty) * share
        return (loss, self.design.shown(scores)) if self.collects else (loss,)

    def _update(self, gradients: Sequence[Any]) -> None:
        """scikit-learn's updates: velocities hold the rate, and Adam's epsilon is not corrected for bias."""
        rate, first, second = (self._numbers[name] for name in ("rate", "first", "second"))
        parameters = self.network.parameters
        moments = self._slots[: len(parameters)]
        if self.solver != "adam":
            for parameter, velocity, gradient in zip(parameters, moments, gradients, strict=True):
                velocity.copy_(first * velocity - rate * gradient)
                parameter.add_(first * velocity - rate * gradient if self.solver == "nesterov" else velocity)
            return
        count = self._numbers["count"]
        count.add_(1)
        size = rate * (1 - second**count).sqrt() / (1 - first**count)
        squares = self._slots[len(parameters) :]
        for parameter, moment, square, gradient in zip(parameters, moments, squares, gradients, strict=True):
            moment.copy_(first * moment + (1 - first) * gradient)
            square.copy_(second * square + (1 - second) * (gradient * gradient))
            parameter.sub_(size * moment / (square.sqrt() + self._numbers["eps"]))

    def begin(
        self, arrays: Sequence[Array], data: Sequence[Array], batch_size: int, progress: Progress, **numbers: float
    ) -> None:
        """Take over parameters, data, and where the solver stands.

        Args:
            batch_size: Rows of a batch.
            arrays: Parameters and buffers, copied.
            data: Inputs, targets, and weights of rows if there are any.
            progress: Of the solver; without slots it begins.
            numbers: `alpha`, `seed`, `first` (momentum or beta_1), `second` (beta_2) and `eps`.
        """
        self.data = [np.ascontiguousarray(array) for array in data]
        for position, array in enumerate(self.data):
            self._code.executable.put(("data", position), array.ctypes.data)
        if batch_size != self.batch_size:
            self.batch_size = batch_size
            self._batch = [np.empty((batch_size, *array.shape[1:]), array.dtype) for array in self.data]
            for position, array in enumerate(self._batch):
                self._code.executable.put(("input", position), array.ctypes.data)
        if self.collects:
            self.collected = np.empty((len(data[0]), self.design.sizes[-1]), self.design.dtype)
            self._code.executable.put(("collect", 1), self.collected.ctypes.data)
        for own, array in zip(self.network.arrays, arrays, strict=True):
            np.copyto(own, array)
        for position, slot in enumerate(self._slots):
            slot.detach().numpy()[...] = progress.slots[position] if progress.slots else 0
        self._generator.manual_seed(int(numbers.pop("seed")))
        self._alpha.fill_(numbers.pop("alpha"))
        for name, value in {"count": progress.count, "rate": progress.rate, **numbers}.items():
            self._numbers[name].fill_(value)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate."""
        self._numbers["rate"].fill_(rate)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self._numbers["rate"].item()

    def progress(self, solver: str) -> Progress:
        """Where the solver stands, of that name."""
        slots = [slot.numpy().copy() for slot in self._slots]
        return Progress(solver, self.rate, self._numbers["count"].item(), slots)

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> tuple[float, int]:
        """Run batches of an epoch, from `first` up to `last`.

        Args:
            order: The rows in order.
            first: The batch to begin with.
            last: The batch to end before; None: all.

        Returns:
            The losses of the batches times their rows, added up, and these rows.

        Raises:
            DataError: The loss is not finite; the batch has changed nothing.
            KeyboardInterrupt: Ctrl-C was pressed; batches until then are made.
        """
        executable, size, rows = self._code.executable, self.batch_size, len(order)
        last = -(-rows // size) if last is None else last
        losses = np.empty(last)
        count = threads() if self.design.work * rows > WORTH_SHARING else 1
        executable.prepare(size, count)
        executable.control.begin(order, rows, size, first, last, losses, None, None)
        executable.status[0] = 0
        self._code.about_to_run()
        if self.design.work * rows < _LONG:
            status = executable.run_epoch(count)
        else:
            status = run_aside(lambda: executable.run_epoch(count), executable.control.stop)
        self._code.has_run()
        executable.raise_error()
        if status:
            raise DataError(
                f"the loss is not finite in batch {executable.control.done}: the data may hold large values and need "
                "scaling, for example by StandardScaler, or the learning rate is too high"
            )
        counts = np.minimum(size, rows - size * np.arange(first, last))
        return float(losses[first:] @ counts), int(counts.sum())


class Objective:
    """Loss and gradient of all rows at parameters that lie one after the other in a vector.

    Args:
        design: The network.
        data: Inputs, targets, and weights of rows if there are any.
        alpha: The penalty's factor.

    Attributes:
        network: The network at the parameters that were looked at last.
        evaluate: Looks at that network.
        shown: The loss there as it is shown.
    """

    def __init__(self, design: Design, data: Sequence[Array], alpha: float) -> None:
        sizes = [int(np.prod(shape)) for shape in design.shapes]
        self._vector = np.zeros(sum(sizes), design.dtype)
        self._at: Array | None = None
        parts = np.split(self._vector, np.cumsum(sizes)[:-1])
        parameters = [part.reshape(shape) for part, shape in zip(parts, design.shapes, strict=True)]
        buffers = [np.zeros(shape, design.dtype) for shape in design.buffer_shapes]
        self.network = Network(design, [*parameters, *buffers])
        self.evaluate = Evaluator(self.network)
        # The penalty is on the weights of layers, which come first.
        self._penalised = sum(sizes[: len(design.sizes) - 1])
        self._alpha = alpha
        self._data = [np.ascontiguousarray(array) for array in data]
        self._total = self._data[2].sum(dtype=np.float64) if len(data) > 2 else len(data[0])
        self._generator = Generator()
        # Batch normalisation looks at all rows together.
        self._blocks = Blocks(self._evaluate, data, design.work, whole=design.normalization == "batch")

    def _evaluate(self, x: Any, target: Any, weight: Any | None = None) -> Any:
        network, design = self.network, self.network.design
        # The averages of batch normalisation are those of all rows at the parameters that were looked at last.
        scores = design.scores(network.parameters, network.buffers, x, self._generator, momentum=1.0)
        objective, shown = design.losses(scores, target, weight)
        gradients = grad(objective, network.parameters)
        return objective, shown, cat([g.reshape(-1) for g in gradients])

    def __call__(self, vector: Array) -> tuple[float, NDArray[np.float64]]:
        """What is minimised at a vector, and its gradient."""
        self._at, self._vector[:] = vector.copy(), vector
        count = threads()
        losses, gradients = np.zeros((count, 2)), np.zeros((count, len(vector)))

        def take(thread: int, place: slice, found: Any) -> None:
            losses[thread] += found[0].item(), found[1].item()
            gradients[thread] += found[2].numpy()

        self._blocks.run(self._data, take)
        weights = self._vector[: self._penalised].astype(np.float64)
        value, shown = (losses.sum(0) + 0.5 * self._alpha * (weights @ weights)) / self._total
        gradient = gradients.sum(0)
        gradient[: self._penalised] += self._alpha * weights
        self.shown = float(shown)
        return float(value), gradient / self._total

    def look(self, vector: Array) -> None:
        """Look at a vector, unless it was looked at last."""
        if self._at is None or not np.array_equal(self._at, vector):
            self(vector)


class Evaluator:
    """What a network that is being trained says of rows."""

    def __init__(self, network: Network) -> None:
        self._network = network
        # By the number of arrays: with and without weights.
        self._blocks: dict[int, Blocks] = {}

    def __call__(self, data: Sequence[Array]) -> tuple[Array, Array, float]:
        """The outputs, (n, outputs), what metrics look at, alike, and the loss without the penalty.

        Args:
            data: Inputs, targets, and weights of rows if there are any.
        """
        design = self._network.design
        if len(data) not in self._blocks:
            self._blocks[len(data)] = Blocks(self._measured, data, design.work)
        outputs = np.empty((len(data[0]), design.sizes[-1]), design.dtype)
        shown = np.empty_like(outputs) if design.classes else outputs
        losses = np.zeros(threads())

        def take(thread: int, place: slice, found: Any) -> None:
            outputs[place] = found[0].numpy()
            if design.classes:
                shown[place] = found[2].numpy()
            losses[thread] += found[1].item()

        with no_grad():
            self._blocks[len(data)].run(data, take)
        total = data[2].sum(dtype=np.float64) if len(data) > 2 else len(data[0])
        return outputs, shown, float(losses.sum() / total) if total else np.nan

    def _measured(self, x: Any, target: Any, weight: Any | None = None) -> Any:
        network, design = self._network, self._network.design
        scores = design.scores(network.parameters, network.buffers, x, None)
        outputs, loss = activation(design.output)(scores), design.losses(scores, target, weight)[1]
        return (outputs, loss, design.shown(scores)) if design.classes else (outputs, loss)


class Predictor:
    """A fitted network's outputs as machine code, on arrays that it shares with the estimator."""

    def __init__(self, design: Design, arrays: Sequence[Array], n_columns: int) -> None:
        self.arrays = list(arrays)
        self._shape = (design.sizes[-1],)
        network = Network(design, arrays)
        like = np.empty((1, n_columns), design.dtype)
        with no_grad():
            self._blocks = Blocks(lambda x: design.outputs(network.parameters, network.buffers, x), [like], design.work)

    def __call__(self, x: Array) -> Array:
        """The outputs for rows, (n, outputs)."""
        if len(x) <= BLOCK:
            return self._blocks.at_once([x])[0].numpy()
        outputs = np.empty((len(x), *self._shape), x.dtype)

        def take(thread: int, place: slice, found: Any) -> None:
            outputs[place] = found[0].numpy()

        with no_grad():
            self._blocks.run([x], take)
        return outputs


_kept: dict[Any, list[Stepper]] = {}


def take_stepper(
    design: Design, solver: str, batch_size: int, likes: Sequence[Array], collects: bool
) -> tuple[Any, Stepper]:
    """A stepper for these, made before if possible; give it back under the key that comes with it."""
    kinds = tuple((like.shape[1:], like.dtype.str) for like in likes)
    rows = max(32, 1 << (batch_size - 1).bit_length())
    key = (design, solver, rows, kinds, collects) if design.plain else None
    try:
        return key, _kept[key].pop()
    except (KeyError, IndexError):
        return key, Stepper(design, solver, rows, likes, collects)


def give_back(key: Any, stepper: Stepper) -> None:
    """Keep a stepper for the next fit of the same kind."""
    if key is not None:
        stepper.data, stepper.collected = [], np.empty((0, 0))
        if key not in _kept and len(_kept) >= _MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept.setdefault(key, []).append(stepper)
