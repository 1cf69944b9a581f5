"""`Trainer(watch=…)`: statistics of values, weights, gradients and updates, taken at every k-th step.

In compiled training such a step runs a program of its own, which computes the statistics too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backlit.core.modes import no_grad
from backlit.errors import ArgumentError
from backlit.nn import Module
from backlit.ops import Tensor, stack
from backlit.train.loop import Sums, Work
from backlit.train.step import CompiledStep, training_step

Kind = Literal["values", "weights", "gradients", "updates"]
FIGURES = ("step", "mean", "std", "min", "max", "zeros")
# Rare enough for a step that runs alone, measured, to cost little beside the steps between.
EVERY = 50


@dataclass
class Watched:
    """Statistics of a training.

    Attributes:
        every: Each step whose number, counted from 0, is a multiple of this was watched.
        rows: For "values" (by the path of the module that gives them), "weights", "gradients" (after clipping) and
            "updates" (what a step adds to a weight), each by the parameter's name: a row of `FIGURES` for each step,
            where "zeros" is the share of elements that are 0.
    """

    every: int
    rows: dict[str, dict[str, list[list[float]]]] = field(default_factory=dict)

    def names(self, kind: Kind) -> list[str]:
        """What was watched, in the order of the network."""
        return list(self.rows.get(kind, {}))

    def series(self, kind: Kind, name: str) -> NDArray[np.float64]:
        """Statistics over time, (steps, 6), the columns being `FIGURES`."""
        return np.array(self.rows[kind][name], np.float64)

    def ratios(self, name: str) -> NDArray[np.float64]:
        """Steps, and the root mean square of a weight's update divided by that of the weight, (steps, 2)."""
        update, weight = (self.series(kind, name) for kind in ("updates", "weights"))
        with np.errstate(all="ignore"):
            ratio = np.hypot(update[:, 1], update[:, 2]) / np.hypot(weight[:, 1], weight[:, 2])
        return np.column_stack([update[:, 0], ratio])


class Probe:
    """Measures the steps of a fit.

    Args:
        model: The network.
        watched: Where the statistics are noted.
    """

    def __init__(self, model: Module, watched: Watched) -> None:
        self.watched = watched
        self._model = model
        self._leaves = [(path, module) for path, module in model.named_modules() if not list(module.children())]
        self._places: list[tuple[str, str]] = []
        self._step = 0

    def due(self, step: int) -> bool:
        """Whether a step is to be watched."""
        self._step = step
        return step % self.watched.every == 0

    def until_due(self, step: int) -> int:
        """How many steps come before the next one that is to be watched."""
        return -step % self.watched.every

    @contextmanager
    def attached(self) -> Iterator[Callable[[], Any]]:
        """Look at a step that runs inside; the function given, called after the step, returns what was measured."""
        values: dict[str, Any] = {}
        handles = [
            module.register_forward_hook(lambda _, __, output, path=path: _keep(values, path, output))
            for path, module in self._leaves
        ]
        with no_grad():
            before = {name: parameter.detach().clone() for name, parameter in self._model.named_parameters()}
        try:
            yield lambda: self._measured(values, before)
        finally:
            for handle in handles:
                handle.remove()

    @no_grad()
    def _measured(self, values: dict[str, Any], before: dict[str, Any]) -> Any:
        """One row of statistics for each tensor, (tensors, 5) in float64."""
        found: dict[tuple[str, str], Any] = {("values", path): value for path, value in values.items()}
        for name, parameter in self._model.named_parameters():
            found["weights", name] = before[name]
            if parameter.grad is not None:
                found["gradients", name] = parameter.grad
                found["updates", name] = parameter.detach() - before[name]
        found = {place: tensor for place, tensor in found.items() if tensor.numel()}
        self._places = list(found)
        return stack([_statistics(tensor) for tensor in found.values()])

    def note(self, measured: Any) -> None:
        """Add what was measured in the step that `due` was last asked about."""
        for (kind, name), row in zip(self._places, measured.numpy().tolist(), strict=True):
            self.watched.rows.setdefault(kind, {}).setdefault(name, []).append([float(self._step), *row])


class WatchedStep(CompiledStep):
    """Trains on batches that a probe looks at, each with one call of a compiled step that measures too.

    Args:
        work: Model, loss, optimizer and metrics.
        probe: Measures.
        compile: Whether to compile at all.
    """

    def __init__(self, work: Work, probe: Probe, compile: bool) -> None:
        super().__init__(work, compile)
        self.probe = probe

    def _program(self) -> tuple[Callable[[Any, Any], Any], int]:
        plain, guards = training_step(self.work)

        def step(inputs: Any, target: Any) -> Any:
            with self.probe.attached() as measured:
                results = plain(inputs, target)
                return (*results, measured())

        return step, guards

    def _has_run(self, results: list[Any]) -> None:
        self.probe.note(results[-1])

    def _run_eagerly(self, inputs: Any, target: Any, sums: Sums) -> None:
        with self.probe.attached() as measured:
            super()._run_eagerly(inputs, target, sums)
            self.probe.note(measured())


def _keep(values: dict[str, Any], path: str, output: Any) -> None:
    if isinstance(output, Tensor) and output.is_floating_point():
        values[path] = output.detach()


def _statistics(tensor: Any) -> Any:
    flat = tensor.detach().double().reshape(-1)
    zeros = (flat == 0).double()
    return stack([flat.mean(), flat.std(correction=0), flat.min(), flat.max(), zeros.mean()])


def read_every(watch: Any) -> int | None:
    """What a trainer's `watch` asks for: every how many steps to look, or None for never.

    Raises:
        ArgumentError: Neither a truth value nor a positive whole number.
    """
    if isinstance(watch, bool):
        return EVERY if watch else None
    if not isinstance(watch, int | np.integer) or watch < 1:
        raise ArgumentError(f"Trainer: watch must be True, False or a positive number of steps, got {watch!r}")
    return int(watch)
