"""Checks of an estimator's parameters, with words for people; and what an error leaves of an estimator."""

import contextlib
import math
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from backlit.errors import ArgumentError

# Parameter: kind, least, largest, whether these two are allowed themselves.
_NUMBERS: dict[str, tuple[type, float, float, bool, bool]] = {
    "alpha": (Real, 0, math.inf, True, False),
    "learning_rate_init": (Real, 0, math.inf, False, False),
    "power_t": (Real, 0, math.inf, True, False),
    "max_iter": (Integral, 1, math.inf, True, False),
    "tol": (Real, 0, math.inf, True, False),
    "momentum": (Real, 0, 1, True, True),
    "validation_fraction": (Real, 0, 1, True, False),
    "beta_1": (Real, 0, 1, True, False),
    "beta_2": (Real, 0, 1, True, False),
    "epsilon": (Real, 0, math.inf, False, False),
    "max_fun": (Integral, 1, math.inf, True, False),
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "solver": ("lbfgs", "sgd", "adam"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
    "normalization": (None, "batch", "layer"),
    "missing_values": ("error", "impute"),
}
_COUNTS_OR_INFINITY = ("n_iter_no_change",)
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "calibrate", "compile")


def check_parameters(estimator: Any) -> None:
    """Raise unless the parameters of an estimator are in their ranges.

    Raises:
        ArgumentError: One is not; the message names it.
    """
    name = type(estimator).__name__
    given = estimator.get_params(deep=False)
    for parameter, value in given.items():
        if parameter in _NUMBERS:
            _check_number(name, parameter, value)
        elif parameter in _CHOICES and not any(value is c or value == c for c in _CHOICES[parameter]):
            raise ArgumentError(f"{name}: {parameter} must be one of {_CHOICES[parameter]}, got {value!r}")
        elif parameter in _FLAGS and not isinstance(value, bool | np.bool_):
            raise ArgumentError(f"{name}: {parameter} must be True or False, got {value!r}")
        elif parameter in _COUNTS_OR_INFINITY and not (_is_count(value, 1) or value == math.inf):
            raise ArgumentError(f"{name}: {parameter} must be a positive whole number or infinity, got {value!r}")
        elif parameter == "verbose" and not (isinstance(value, bool | np.bool_) or _is_count(value, 0)):
            raise ArgumentError(f"{name}: verbose must be True, False or a whole number, got {value!r}")
    size = given.get("batch_size", "auto")
    if not (_is_count(size, 1) or (isinstance(size, str) and size == "auto")):
        raise ArgumentError(f'{name}: batch_size must be "auto" or a positive whole number, got {size!r}')


def _is_count(value: Any, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _check_number(name: str, parameter: str, value: Any) -> None:
    kind, low, high, low_itself, high_itself = _NUMBERS[parameter]
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if fits:
        fits = (low <= value if low_itself else low < value) and (value <= high if high_itself else value < high)
    if not fits:
        what = "a whole number" if kind is Integral else "a number"
        between = f"{'[' if low_itself else '('}{low}, {high}{']' if high_itself else ')'}"
        raise ArgumentError(f"{name}: {parameter} must be {what} in {between}, got {value!r}")


def hidden_sizes(estimator: Any) -> tuple[int, ...]:
    """The sizes of the hidden layers.

    Raises:
        ArgumentError: One is not a positive whole number.
    """
    given = estimator.hidden_layer_sizes
    sizes = tuple(np.atleast_1d(np.asarray(given, dtype=object)).tolist()) if np.size(given) else ()
    if not all(_is_count(size, 1) for size in sizes):
        raise ArgumentError(f"hidden_layer_sizes must be > 0, got {list(sizes)}.")
    return tuple(map(int, sizes))


def per_layer(what: str, given: Any, layers: int) -> tuple[Any, ...]:
    """A setting for each hidden layer: one for all, or a list of them.

    Raises:
        ArgumentError: The list has another length.
    """
    if isinstance(given, list | tuple):
        if len(given) != layers:
            raise ArgumentError(f"{what}: expected one for each of {layers} hidden layers, got {len(given)}")
        return tuple(given)
    return (given,) * layers


@contextlib.contextmanager
def as_before_after_errors(estimator: Any) -> Iterator[None]:
    """Where the block raises an error, an estimator has the attributes again that it had before."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
