"""Probabilities that mean what they say: one temperature for all.

C. Guo et al., "On calibration of modern neural networks", ICML 2017.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def tempered(outputs: Array, temperature: float, several: bool) -> Array:
    """Probabilities as a network gives them, as if its scores had been divided by a temperature.

    Args:
        outputs: Probabilities, (n, outputs).
        temperature: Above 1 for less certainty.
        several: Whether each row's probabilities add up to 1; otherwise each stands for itself.
    """
    with np.errstate(divide="ignore", over="ignore"):
        if not several:
            odds = (1 / outputs - 1) ** (1 / temperature)
            return (1 / (1 + odds)).astype(outputs.dtype)
        shares = (outputs / outputs.max(1, keepdims=True)) ** (1 / temperature)
    return (shares / shares.sum(1, keepdims=True)).astype(outputs.dtype)


def best_temperature(outputs: Array, targets: Array, weight: Array | None) -> float:
    """The temperature at which held-out targets are most probable.

    Args:
        outputs: Probabilities of held-out rows, (n, outputs).
        targets: Their class numbers, (n,), or zeros and ones, (n, outputs).
        weight: Weights of these rows.
    """
    from scipy.optimize import minimize_scalar

    several = targets.ndim == 1
    exact = outputs.astype(np.float64)
    tiny = np.finfo(np.float64).tiny

    def surprise(log: float) -> float:
        found = tempered(exact, float(np.exp(log)), several)
        right = found[np.arange(len(found)), targets] if several else np.where(targets > 0.5, found, 1 - found).prod(1)
        return float(np.average(-np.log(np.maximum(right, tiny)), weights=weight))

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 5), method="bounded").x))
