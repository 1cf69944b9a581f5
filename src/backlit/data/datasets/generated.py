"""Small two-dimensional problems, drawn from a seed: the same seed gives the same points.

Each function returns `(X, y)`: points, float32 of shape (n_samples, 2), and classes, int64 of shape (n_samples,), in
random order. Classes differ by at most one in size.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentError

Points = tuple[NDArray[np.float32], NDArray[np.int64]]


def two_moons(n_samples: int = 1000, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Two half circles that reach into each other: not linearly separable, but nearly so.

    Args:
        n_samples: Number of points, at least 2.
        noise: Standard deviation of the normal noise added to each coordinate; the circles have radius 1.
        seed: Seed of the noise and of the order.

    Raises:
        ArgumentError: `n_samples` or `noise` is out of range.
    """

    def place(part: NDArray[np.float64], label: int, _: np.random.Generator) -> NDArray[np.float64]:
        angle = np.pi * part
        if label == 0:
            return np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)

    return _points("two_moons", place, n_samples, 2, noise, seed)


def circles(n_samples: int = 1000, *, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Points:
    """A circle of radius 1 (class 0) around one of radius `factor` (class 1).

    Args:
        n_samples: Number of points, at least 2.
        noise: Standard deviation of the normal noise added to each coordinate.
        factor: Radius of the inner circle, between 0 and 1.
        seed: Seed of the noise and of the order.

    Raises:
        ArgumentError: `n_samples`, `noise` or `factor` is out of range.
    """
    if not 0 <= factor < 1:
        raise ArgumentError(f"circles: factor must lie in [0, 1), got {factor}")

    def place(part: NDArray[np.float64], label: int, _: np.random.Generator) -> NDArray[np.float64]:
        angle = 2 * np.pi * part
        return (factor if label else 1.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return _points("circles", place, n_samples, 2, noise, seed)


def spirals(
    n_samples: int = 1000, *, n_classes: int = 2, turns: float = 1.5, noise: float = 0.02, seed: int = 0
) -> Points:
    """Arms of a spiral wound around each other, one class each (after Lang and Witbrock, 1988).

    Args:
        n_samples: Number of points, at least `n_classes`.
        n_classes: Number of arms, at least 2.
        turns: How often an arm winds around the origin; its radius grows from 0 to 1.
        noise: Standard deviation of the normal noise added to each coordinate.
        seed: Seed of the noise and of the order.

    Raises:
        ArgumentError: `n_samples`, `n_classes` or `noise` is out of range.
    """
    if n_classes < 2:
        raise ArgumentError(f"spirals: n_classes must be at least 2, got {n_classes}")

    def place(part: NDArray[np.float64], label: int, _: np.random.Generator) -> NDArray[np.float64]:
        angle = 2 * np.pi * (turns * part + label / n_classes)
        return part[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return _points("spirals", place, n_samples, n_classes, noise, seed)


def xor(n_samples: int = 1000, *, noise: float = 0.0, seed: int = 0) -> Points:
    """Points of the square [-1, 1] x [-1, 1]; class 1 where the signs of the coordinates differ.

    No single neuron separates them (Minsky and Papert, 1969).

    Args:
        n_samples: Number of points, at least 2.
        noise: Standard deviation of the normal noise added to each coordinate after the class is given.
        seed: Seed of the points, the noise and the order.

    Raises:
        ArgumentError: `n_samples` or `noise` is out of range.
    """

    def place(part: NDArray[np.float64], label: int, rng: np.random.Generator) -> NDArray[np.float64]:
        size = rng.random((len(part), 2))
        sign = rng.choice([-1.0, 1.0], len(part))
        return size * np.stack([sign, -sign if label else sign], axis=1)

    return _points("xor", place, n_samples, 2, noise, seed)


def _points(
    name: str,
    place: Callable[[NDArray[np.float64], int, np.random.Generator], NDArray[np.float64]],
    n_samples: int,
    n_classes: int,
    noise: float,
    seed: int,
) -> Points:
    """Spreads each class's points evenly over `place`, whose first argument runs from 0 to 1, and mixes the classes."""
    if not isinstance(n_samples, int | np.integer) or n_samples < n_classes:
        raise ArgumentError(
            f"{name}: n_samples must be a whole number of at least {n_classes}, one for each class, got {n_samples!r}"
        )
    if not 0 <= noise < np.inf:
        raise ArgumentError(f"{name}: noise is a standard deviation, at least 0, got {noise}")
    rng = np.random.default_rng(seed)
    labels = np.arange(n_samples) % n_classes
    points = np.empty((n_samples, 2))
    for label in range(n_classes):
        rows = np.flatnonzero(labels == label)
        points[rows] = place(np.linspace(0, 1, len(rows)), label, rng)
    points += noise * rng.standard_normal(points.shape)
    order = rng.permutation(n_samples)
    return points[order].astype(np.float32), labels[order].astype(np.int64)
