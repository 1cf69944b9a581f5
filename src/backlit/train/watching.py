"""`Trainer(watch=…)`: how values, weights, gradients and updates are distributed, measured at every k-th step.

In compiled training such a step runs a program of its own, which computes the measures too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from backlit.core.modes import no_grad
from backlit.core.namespace import MOMENTS
from backlit.core.tape import Binding, now
from backlit.core.tensor_base import tape_of
from backlit.errors import ArgumentError, GradientError
from backlit.nn import Module
from backlit.ops import Tensor, activation, arange, cat, piecewise, tensor, zeros
from backlit.ops.statistics import at_least, moments
from backlit.train.kinds import kind_of, kinds_of
from backlit.train.loop import Sums, Work
from backlit.train.step import CompiledStep, training_step
from backlit.train.through_time import StepGradients

Kind = Literal[
    "loss", "input", "output", "units", "early", "late", "values", "weights", "gradients", "updates", "carried"
]
FIGURES = ("step", *MOMENTS)
# At most so rarely; even where a step takes microseconds, one that measures too then costs little beside the others.
EVERY = (1, 2, 5, 10, 20, 50, 100)
# A short training is looked at more often, so many times at least.
_LEAST = 8
# Marks between which elements are counted: in standard deviations from the mean; for the ratio of an update to its
# weight in powers of ten.
_MARKS = 16
_FIRST_DEVIATION, _DEVIATIONS = -3.0, 0.4
_FIRST_POWER, _POWERS = -6.0, 0.5
_FUNCTIONS = {*activation.__all__, *piecewise.__all__}


@dataclass
class Part:
    """Watched steps in which the same things were measured.

    Attributes:
        places: What: a kind and a name each.
        steps: The steps' numbers, counted from 0.
        rows: For each step (places, 21): `MOMENTS`, then the shares of elements that reach each mark.
    """

    places: list[tuple[str, str]]
    steps: list[int]
    rows: list[NDArray[np.floating[Any]]]


class Watched:
    """What was measured in a training.

    Kinds are "values" (by the path of the module that gives them, or where a function such as `relu` was called in a
    module, that path and `relu()`), "weights", "gradients" (after clipping) and "updates" (what a step adds to a
    weight), each by the parameter's name; "units" by the path of a ReLU, the largest value in a batch of each column,
    or channel of a convolution; "early" and "late" by the path of a recurrent layer, the gradient at the first and the
    last quarter of the steps that it takes; and by the name "" the "loss", the network's "input" and its "output", and
    by the name "differences" the output less its mean over a batch's rows.

    Attributes:
        every: Each step whose number, counted from 0, is a multiple of this was watched.
        parts: The measures.
    """

    def __init__(self, every: int, parts: list[Part] | None = None) -> None:
        self.every = every
        self.parts: list[Part] = [] if parts is None else parts

    def add(self, step: int, places: list[tuple[str, str]], rows: NDArray[np.floating[Any]]) -> None:
        """Note what was measured in a step."""
        if not self.parts or self.parts[-1].places != places:
            self.parts.append(Part(places, [], []))
        self.parts[-1].steps.append(step)
        self.parts[-1].rows.append(rows)

    def names(self, kind: Kind) -> list[str]:
        """What was watched, in the order of the network."""
        found = (name for part in self.parts for of, name in part.places if of == kind)
        return list(dict.fromkeys(found))

    def series(self, kind: Kind, name: str) -> NDArray[np.float64]:
        """Statistics over time, (steps, 6), the columns being `FIGURES`; "zeros" is a share of the elements."""
        return self._rows(kind, name)[:, : len(FIGURES)]

    def histogram(self, kind: Kind, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How the elements were distributed over time: edges of bins (steps, 18), shares of elements (steps, 17).

        For values, weights, gradients and updates. Bins lie between the minimum, marks 0.4 standard deviations apart,
        and the maximum. Those of "updates" count the size of an element's update divided by that of the weight, between
        0, powers of ten half a power apart, and infinity.
        """
        rows = self._rows(kind, name)
        mean, std, low, high = rows[:, 1:5, None].transpose(1, 0, 2)
        # Means of float32 over very many elements are above 1 by rounding.
        reached = np.minimum(rows[:, len(FIGURES) :], 1)
        zero = np.zeros((len(rows), 1))
        shares = np.hstack([zero + 1, reached]) - np.hstack([reached, zero])
        places = np.arange(_MARKS)
        if kind == "updates":
            marks = zero + 10.0 ** (_FIRST_POWER + _POWERS * places)
            return np.hstack([zero, marks, zero + np.inf]), shares
        marks = np.clip(mean + std * (_FIRST_DEVIATION + _DEVIATIONS * places), low, high)
        return np.hstack([low, marks, high]), shares

    def ratios(self, name: str) -> NDArray[np.float64]:
        """Steps, and the root mean square of a weight's update divided by that of the weight, (steps, 2)."""
        update, weight = (self.series(kind, name) for kind in ("updates", "weights"))
        with np.errstate(all="ignore"):
            ratio = np.hypot(update[:, 1], update[:, 2]) / np.hypot(weight[:, 1], weight[:, 2])
        return np.column_stack([update[:, 0], ratio])

    def _rows(self, kind: str, name: str) -> NDArray[np.float64]:
        found = [np.empty((0, len(FIGURES) + _MARKS))]
        for part in self.parts:
            if (kind, name) in part.places:
                place = part.places.index((kind, name))
                found.append(np.column_stack([part.steps, np.array([rows[place] for rows in part.rows], np.float64)]))
        return np.concatenate(found)

    def thinned(self, most: int) -> "Watched":
        """The same with at most so many steps: each second, third, … of them."""
        stride = -(-sum(len(part.steps) for part in self.parts) // most)
        if stride < 2:
            return self
        return Watched(
            self.every * stride, [Part(part.places, part.steps[::stride], part.rows[::stride]) for part in self.parts]
        )

    def state_dict(self) -> dict[str, Any]:
        """The measures, fit for a file."""
        parts = [{"places": p.places, "steps": p.steps, "rows": np.array(p.rows)} for p in self.parts]
        return {"every": self.every, "parts": parts}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Watched":
        """What `state_dict` gave, from a file."""
        parts = [Part([*map(tuple, p["places"])], p["steps"], [*p["rows"].numpy()]) for p in state["parts"]]
        return cls(state["every"], parts)


class Probe:
    """Measures the steps of a fit.

    Args:
        model: The network.

    Attributes:
        watched: Where the measures are noted; a fit puts one of its own here.
    """

    def __init__(self, model: Module) -> None:
        self.watched = Watched(EVERY[-1])
        self._model = model
        self._places: list[tuple[str, str]] = []

    def until_due(self, step: int) -> int:
        """How many steps come before the next one that is to be watched."""
        return -step % self.watched.every

    @contextmanager
    def attached(self) -> Iterator[Callable[..., Any]]:
        """Look at a step that runs inside; the function given returns what was measured.

        It takes the step's loss and, where they are known apart from what parameters hold after the step, the gradients
        that arrived, and those carried over from earlier steps, by the parameter's name.
        """
        values: dict[str, tuple[int, Any]] = {}
        ends: dict[str, dict[str, Any]] = {}
        leaves = [(path, module) for path, module in self._model.named_modules() if not list(module.children())]
        own = {path for path, module in leaves if type(module).__module__.startswith("backlit.")}
        handles = [
            module.overhear(lambda _, __, output, path=path: _keep(values, path, output)) for path, module in leaves
        ]
        steps = StepGradients(self._model)
        handles += steps.handles
        handles.append(self._model.overhear(lambda _, __, output: _keep_functions(values, own, output)))
        handles.append(self._model.overhear(lambda _, args, output: _keep_ends(ends, args, output)))
        with no_grad():
            before = {name: parameter.detach().clone() for name, parameter in self._model.named_parameters()}
        try:
            yield lambda loss, arrived=None, carried=None: self._measured(
                {"loss": {"": loss}, **ends, "carried": carried or {}, **steps.found()}, values, before, arrived or {}
            )
        finally:
            for handle in handles:
                handle.remove()

    @no_grad()
    def _measured(
        self,
        ends: dict[str, dict[str, Any]],
        values: dict[str, tuple[int, Any]],
        before: dict[str, Any],
        arrived: dict[str, Any],
    ) -> Any:
        """A row for each place, as in `Part`."""
        ordered = {name: value for name, (_, value) in sorted(values.items(), key=lambda v: v[1][0])}
        ends = ends | {"units": self._units(ordered)}
        found = ends | {"values": ordered} | {kind: {} for kind in ("weights", "gradients", "updates")}
        ratios: list[Any] = []
        for name, parameter in self._model.named_parameters():
            if not parameter.numel():
                continue
            found["weights"][name] = before[name]
            gradient = arrived.get(name, parameter.grad)
            if gradient is not None:
                found["gradients"][name] = gradient
                found["updates"][name] = parameter.detach() - before[name]
                ratios.append(found["updates"][name].abs() / before[name].abs())
        self._places = [(kind, name) for kind, tensors in found.items() for name in tensors]
        tensors = [one.detach() for of_kind in found.values() for one in of_kind.values()]
        moment = moments(*tensors)
        # Of the network's ends the moments are enough.
        first, last = sum(map(len, ends.values())), len(tensors) - len(ratios)
        places = arange(_MARKS)
        marks = moment[first:last, :1] + moment[first:last, 1:2] * (_FIRST_DEVIATION + _DEVIATIONS * places)
        shares = [zeros(first, _MARKS, dtype=moment.dtype), at_least(marks, *tensors[first:last])]
        if ratios:
            powers = (10.0 ** (_FIRST_POWER + _POWERS * places)).to(moment.dtype).expand(len(ratios), _MARKS)
            shares.append(at_least(powers, *ratios))
        return cat([moment, cat(shares)], 1)

    def _units(self, values: dict[str, Any]) -> dict[str, Any]:
        """The largest value of each unit that can be dead, over rows and places."""
        kinds = kinds_of(self._model)
        channels_first = "Conv1d" in kinds.values()
        found = {}
        for name, value in values.items():
            if value.ndim > 1 and kind_of(name, kinds) == "ReLU":
                # Of sequences the units are last, unless convolutions made them channels.
                unit = 1 if value.ndim != 3 or channels_first else 2
                found[name] = value.amax([dim for dim in range(value.ndim) if dim != unit])
        return found

    def note(self, step: int, measured: NDArray[np.floating[Any]]) -> None:
        """Add what was measured in a step."""
        self.watched.add(step, self._places, measured.copy())


def watched_step(step: Callable[[Any, Any], Any], probe: Probe) -> Callable[[Any, Any], Any]:
    """A training step whose last result is what the probe measured in it."""

    def watched(inputs: Any, target: Any) -> Any:
        with probe.attached() as measured:
            results = step(inputs, target)
            return (*results, measured(results[0]))

    return watched


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
        self._step = 0

    def due(self, step: int) -> bool:
        """Whether a step, which runs next, is to be watched."""
        self._step = step
        return not self.probe.until_due(step)

    def _program(self) -> tuple[Callable[[Any, Any], Any], int]:
        plain, guards = training_step(self.work)
        return watched_step(plain, self.probe), guards

    def _has_run(self, results: list[Any]) -> None:
        self.probe.note(self._step, results[-1].numpy())

    def _run_eagerly(self, inputs: Any, target: Any, sums: Sums) -> None:
        with self.probe.attached() as measured:
            super()._run_eagerly(inputs, target, sums)
            self.probe.note(self._step, measured(tensor(self.work.last_loss)).numpy())


def _keep(values: dict[str, tuple[int, Any]], path: str, output: Any) -> None:
    # Recurrent layers give their states after what they give at each step.
    while isinstance(output, tuple) and output:
        output = output[0]
    if _is_measurable(output):
        values[path] = now(), output.detach()


def _is_measurable(value: Any) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.is_floating_point() and value.numel() > 0


def _keep_ends(ends: dict[str, dict[str, Any]], args: tuple[Any, ...], output: Any) -> None:
    """Keep what a network is given, what it gives, and how that differs from row to row."""
    given = args[0] if args else None
    if _is_measurable(given):
        ends["input"] = {"": given.detach()}
    if _is_measurable(output):
        ends["output"] = {"": output.detach()}
        if output.ndim:
            with no_grad():
                ends["output"]["differences"] = output.detach() - output.detach().mean(0)


def _keep_functions(values: dict[str, tuple[int, Any]], modules: set[str], output: Any) -> None:
    """Keep results of activations that were called as functions, found on the tape behind the network's output.

    Args:
        values: Where to keep them.
        modules: Paths of modules whose own functions are known by the module's output.
        output: The network's output; nothing is found behind what is no tensor.
    """
    waiting = [tape_of(output)[0]] if isinstance(output, Tensor) else []
    seen: dict[int, Binding] = {}
    while waiting:
        binding = waiting.pop()
        if binding is not None and binding.sequence not in seen:
            seen[binding.sequence] = binding
            waiting += [edge[0] for edge in binding.edges if isinstance(edge, tuple)]
    for sequence, binding in sorted(seen.items()):
        if binding.primitive.name not in _FUNCTIONS or binding.path in modules:
            continue
        # An in-place operation may have changed what was kept.
        with suppress(GradientError), no_grad():
            given, result = binding.kept()
            if result is None:
                result = binding.primitive.bind(*given, **binding.settings)
            name = f"{binding.path}.{binding.primitive.name}()".removeprefix(".")
            twins = sum(key.startswith(name) for key in values)
            values[f"{name} {twins + 1}" if twins else name] = sequence, result.detach()


def check_watch(watch: Any) -> None:
    """Raise `ArgumentError` unless a trainer's `watch` is a truth value or a positive whole number."""
    if not isinstance(watch, bool) and (not isinstance(watch, int | np.integer) or watch < 1):
        raise ArgumentError(f"Trainer: watch must be True, False or a positive number of steps, got {watch!r}")


def every_for(watch: bool | int, steps: int | None) -> int:
    """Every how many steps to look, where `watch` is not False.

    Args:
        watch: True leaves the choice to this function.
        steps: How many steps there will be, if that is known.
    """
    if not isinstance(watch, bool):
        return int(watch)
    return max((k for k in EVERY if steps is None or k * _LEAST <= steps), default=1)
