"""Compare an operation's values and gradients with JAX's, an independent library."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import backlit


def beside_jax(
    function: Callable[..., Any], reference: Callable[..., Any], *arrays: np.ndarray, tolerance: float = 1e-12
) -> None:
    """Values, types and gradients of `function` on tensors are those of `reference` on JAX's arrays.

    Args:
        function: Takes tensors; returns a tensor or a tuple of them.
        reference: Takes JAX's arrays; returns what `function` does.
        *arrays: The arguments; gradients are taken with regard to the floating-point ones.
        tolerance: The largest error, relative to the largest element.
    """
    tensors = [backlit.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    results = _several(function(*tensors))
    expected = jax.eval_shape(lambda *given: _several(reference(*given)), *arrays)
    for found, wanted in zip(results, expected, strict=True):
        _same_kind(found, wanted, "value")
    rng = np.random.default_rng(len(arrays))
    arriving = [rng.uniform(0.5, 1.5, r.shape).astype(r.numpy().dtype) for r in (t.detach() for t in results)]

    # Compiled as a whole, which takes JAX less time than operation by operation.
    @jax.jit
    def both(arrays: Any, arriving: Any) -> Any:
        values, pull = jax.vjp(lambda *given: _several(reference(*given)), *arrays)
        given = [
            g if v.dtype.kind == "f" else np.zeros(v.shape, jax.dtypes.float0)
            for g, v in zip(arriving, values, strict=True)
        ]
        return values, [p for p, a in zip(pull(tuple(given)), arrays, strict=True) if a.dtype.kind == "f"]

    values, grads = both(arrays, arriving)
    for found, wanted, g in zip(results, values, arriving, strict=True):
        _close(found, wanted, tolerance, "value")
        if found.requires_grad:
            found.backward(backlit.tensor(g), retain_graph=True)
    leaves = [t for t in tensors if t.requires_grad]
    for position, (leaf, wanted) in enumerate(zip(leaves, grads, strict=True)):
        _close(backlit.zeros_like(leaf) if leaf.grad is None else leaf.grad, wanted, tolerance, f"gradient {position}")


def _several(found: Any) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, tuple | list) else (found,)


def _close(found: Any, wanted: Any, tolerance: float, words: str) -> None:
    _same_kind(found, wanted, words)
    array, wanted = found.detach().numpy(), np.asarray(wanted)
    scale = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
    np.testing.assert_allclose(array, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=words)


def _same_kind(found: Any, wanted: Any, words: str) -> None:
    array = found.detach().numpy()
    assert array.shape == wanted.shape, f"{words}: shape {array.shape}, expected {wanted.shape}"
    assert array.dtype == wanted.dtype, f"{words}: type {array.dtype}, expected {wanted.dtype}"
