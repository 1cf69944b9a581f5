"""The largest and the sum of each window that slides over the last dimensions.

A window is pooled along one dimension after the other, the last one first. That gives the pool of the whole window in
as many steps as its sizes added up and not multiplied, and of equal maxima the first in the order of memory.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from backlit.core.composite import composite
from backlit.ops import where as choose
from backlit.ops.tensor import Tensor

# For each of the last dimensions: how many elements a window has, how far apart windows begin, and its elements.
Over = tuple[tuple[int, int, int], ...]


def _parts(x: Any, dim: int, size: int, step: int, gap: int) -> list[Any]:
    """For each place in a window along `dim`, counted from the end, what all windows have there."""
    reach = (x.shape[dim] - gap * (size - 1) - 1) // step * step + 1
    return [x[(..., slice(k * gap, k * gap + reach, step), *[slice(None)] * (-dim - 1))] for k in range(size)]


def _in_turn(over: Over) -> list[tuple[int, int, int, int]]:
    """The dimensions from the last one on, counted from the end, with those windows that change anything."""
    return [(-1 - k, *window) for k, window in enumerate(reversed(over)) if window[:2] != (1, 1)]


def _backward(g: Any, stages: list[Any], over: Over, give: Callable[[Any, list[Any], Any], None]) -> Any:
    """The gradient of the first of `stages`, what each pass pooled; `give` adds a pass's own to the parts of zeros."""
    for stage, (dim, size, step, gap) in zip(reversed(stages), reversed(_in_turn(over)), strict=True):
        grad = np.zeros(stage.shape, g.dtype)
        give(g, _parts(grad, dim, size, step, gap), _parts(stage, dim, size, step, gap))
        g = grad
    return g


def _accumulated(x: Any, over: Over, accumulate: Any) -> list[Any]:
    """What each pass began with, and the last result."""
    stages = [x]
    for dim, size, step, gap in _in_turn(over):
        first, *others = _parts(stages[-1], dim, size, step, gap)
        found = first.copy()
        for part in others:
            accumulate(found, part, out=found)
        stages.append(found)
    return stages


def _pooled(x: Any, over: Over, accumulate: Any) -> Any:
    found = _accumulated(x, over, accumulate)[-1]
    return x.copy() if found is x else found


def _max_kernel(xp: Any, input: Any, *, over: Over) -> Any:
    return _pooled(input, over, np.maximum)


def _give_to_the_first(g: Any, grads: list[Any], parts: list[Any]) -> None:
    best = reduce(np.maximum, parts)
    chosen = np.zeros(best.shape, np.uint16)
    for k in reversed(range(len(parts))):
        chosen = np.where(parts[k] == best, np.uint16(k), chosen)
    if np.isnan(best).any():
        for k, part in enumerate(parts):
            chosen = np.where(part == part, chosen, np.uint16(k))
    for k, grad in enumerate(grads):
        grad += g * (chosen == k)


def _max_gradient(g: Any, input: Any, over: Over) -> Any:
    return (_backward(g, _accumulated(input, over, np.maximum)[:-1], over, _give_to_the_first),)


def first_largest(tensors: tuple[Tensor, ...], over: Over) -> tuple[Tensor, ...]:
    """The largest of the first tensor's windows, and what the others have in its place."""
    for dim, size, step, gap in _in_turn(over):
        best, *others = zip(*[_parts(t, dim, size, step, gap) for t in tensors], strict=True)
        for part in others:
            # A NaN is larger than all numbers.
            larger = (part[0] > best[0]) | (part[0] != part[0])
            best = tuple(choose(larger, x, y) for x, y in zip(part, best, strict=True))
        tensors = best
    return tensors


def _samples(rng: Any) -> Any:
    return [
        ((rng.normal(size=(2, 3, 7)),), {"over": ((3, 2, 1),)}),
        ((rng.normal(size=(2, 6, 5)),), {"over": ((2, 2, 1), (3, 1, 1))}),
        ((rng.normal(size=(1, 2, 7, 6)),), {"over": ((3, 3, 2), (2, 1, 3))}),
        ((rng.normal(size=(2, 4, 4, 3)),), {"over": ((2, 2, 1), (2, 1, 1), (1, 2, 1))}),
        ((rng.normal(size=(2, 3)),), {"over": ((1, 1, 1),)}),
    ]


@composite(
    kernel=_max_kernel,
    gradient=_max_gradient,
    role="passes on to the first largest of each window",
    notation="max of windows({input})",
    promote=None,
    samples=_samples,
)
def max_of_windows(input: Tensor, *, over: Over) -> Tensor:
    """The largest element of each window over the last dimensions."""
    (found,) = first_largest((input,), over)
    return found.clone() if all(size == 1 for size, _, _ in over) else found


def _sum_kernel(xp: Any, input: Any, *, over: Over) -> Any:
    return _pooled(input, over, np.add)


def _give_to_all(g: Any, grads: list[Any], parts: list[Any]) -> None:
    for grad in grads:
        grad += g


def _sum_gradient(g: Any, input: Any, over: Over) -> Any:
    return (_backward(g, _accumulated(input, over, np.add)[:-1], over, _give_to_all),)


@composite(
    kernel=_sum_kernel,
    gradient=_sum_gradient,
    role="passes on to all of each window",
    notation="sum of windows({input})",
    promote=None,
    samples=_samples,
)
def sum_of_windows(input: Tensor, *, over: Over) -> Tensor:
    """The sum of each window over the last dimensions."""
    found = input
    for dim, size, step, gap in _in_turn(over):
        found = reduce(lambda x, y: x + y, _parts(found, dim, size, step, gap))
    return found.clone() if all(size == 1 for size, _, _ in over) else found
