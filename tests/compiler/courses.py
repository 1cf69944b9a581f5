"""Programs run twice from the same start, eagerly and compiled, and everything that they leave behind compared."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import backlit
from backlit.compiler.compiled import Compiled, compile

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
# What a program is: a function, and what it changes by name.
Program = tuple[Callable[..., Any], Callable[[], dict[str, Any]]]


def difference(found: Any, expected: Any, tolerance: float, least: float = 0.0) -> str | None:
    """What is wrong with `found`, relative to the largest of the expected magnitudes or `least`; None if nothing."""
    if found is None or expected is None:
        return None if found is expected else f"{found}, expected {expected}"
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return f"{found.dtype}{found.shape}, expected {expected.dtype}{expected.shape}"
    if expected.dtype.kind == "f":
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=least)
        equal = np.allclose(found, expected, rtol=0, atol=tolerance * scale, equal_nan=True)
    else:
        equal = bool((found == expected).all())
    return None if equal else f"{found.ravel()[:5]}, expected {expected.ravel()[:5]}"


def course(
    build: Callable[[], Program], calls: Sequence[Sequence[Any]], kind: str, *, compiled: bool, keep_grads: bool
) -> tuple[list[dict[str, Any]], Any]:
    """What a program left after each of its calls, and the function that ran."""
    backlit.manual_seed(1)
    function, look = build()
    run = compile(function, keep_grads=keep_grads) if compiled else function
    left = []
    for number, arrays in enumerate(calls):
        args = [backlit.from_numpy(_typed(a, kind)) if isinstance(a, np.ndarray) else a for a in arrays]
        for arg in args:
            if isinstance(arg, backlit.Tensor) and arg.is_floating_point():
                arg.requires_grad_()
        found = run(*args)
        tensors = [a for a in args if isinstance(a, backlit.Tensor)]
        results = list(found) if isinstance(found, list | tuple) else [] if found is None else [found]
        seen = look() | {f"argument {i}": t for i, t in enumerate(tensors)}
        if keep_grads:
            seen |= {f"gradient of {name}": t.grad for name, t in seen.items() if t.requires_grad}
        seen |= {f"result {i}": r for i, r in enumerate(results)}
        seen["generator"] = backlit.get_rng_state()
        left.append({f"call {number}, {n}": None if t is None else t.detach().numpy().copy() for n, t in seen.items()})
    return left, run


def _typed(array: Any, kind: str) -> Any:
    """A copy in the type to be tried, in the same layout."""
    return array.astype(kind if array.dtype.kind == "f" else array.dtype, order="K", copy=True)


def same_course(
    build: Callable[[], Program],
    calls: Sequence[Sequence[Any]],
    kind: str = "float64",
    *,
    keep_grads: bool = True,
    slack: float = 1.0,
) -> Compiled:
    """Compare the courses of a program, and return it compiled.

    Args:
        build: Makes the program anew.
        calls: The arguments of each call: arrays, and what else the function takes.
        kind: Type of the floating arrays.
        keep_grads: Whether gradients are kept, and compared.
        slack: How much more than its tolerance a program may differ that makes rounding larger.
    """
    expected, _ = course(build, calls, kind, compiled=False, keep_grads=keep_grads)
    found, compiled = course(build, calls, kind, compiled=True, keep_grads=keep_grads)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, array in one.items():
            # Gradients are sums, in which what cancels leaves rounding.
            wrong = difference(array, other[name], slack * TOLERANCE[kind], 1.0 if "gradient" in name else 0.0)
            assert wrong is None, f"{name}: {wrong}"
    return compiled
