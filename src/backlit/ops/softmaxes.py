"""Softmax, its logarithm and log-sum-exp, shifted by the largest input so that no exponential overflows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.composite import composite
from backlit.core.dtypes import dtype
from backlit.core.primitive import primitive
from backlit.ops.dims import one_dim, reduced_dims
from backlit.ops.reduction import reduced_shape, require_float, restore, to_type
from backlit.ops.reduction import samples as reduction_samples

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["log_softmax", "logsumexp", "softmax", "softmin"]


def _samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [
        ((rng.normal(size=(3, 4)),), {"dim": 1}),
        ((rng.normal(size=(2, 3, 4)),), {"dim": 1}),
        ((rng.normal(size=5),), {"dim": 0}),
    ]


def over(operation: np.ufunc, x: Any, dim: int, initial: float) -> Any:
    """`operation` (np.add, np.maximum) over dimension `dim` of an array, which stays in place with size 1.

    NumPy reduces short rows one by one; over a transposed copy it takes them all at once, many times faster.
    """
    if x.ndim == 2 and dim == 1 and x.shape[1] <= 32:
        return operation.reduce(np.ascontiguousarray(x.T), axis=0, initial=initial)[:, None]
    return operation.reduce(x, axis=dim if x.ndim else None, keepdims=True, initial=initial)


def _shifted(x: Any, dim: int) -> Any:
    return np.subtract(x, over(np.maximum, x, dim, -np.inf))


def _softmax_kernel(xp: Any, x: Any, *, dim: int) -> Any:
    out = _shifted(x, dim)
    if not x.ndim:
        return np.exp(out)
    np.exp(out, out=out)
    return np.divide(out, over(np.add, out, dim, 0), out=out)


def _softmax_gradient(g: Any, ans: Any, dim: int) -> Any:
    part = g * ans
    return (part - ans * over(np.add, part, dim, 0),)


def _below_the_top(x: "Tensor", dim: int) -> "Tensor":
    return x - x.amax(dim, keepdim=True).detach() if x._array.size else x


@composite(
    kernel=_softmax_kernel,
    gradient=_softmax_gradient,
    role="competes: what one gains, the others lose",
    notation="softmax {x}",
    promote=None,
    samples=_samples,
)
def _softmax(x: "Tensor", *, dim: int) -> "Tensor":
    e = _below_the_top(x, dim).exp()
    return e / e.sum(dim, keepdim=True)


def softmax(input: "Tensor", dim: int, dtype: dtype | None = None) -> "Tensor":
    """exp(x_i) / sum_j exp(x_j) over `dim`: positive numbers that add up to 1.

    Args:
        input: Any shape, floating-point.
        dim: The dimension along which the results add up to 1.
        dtype: The type to convert to first.

    Raises:
        DtypeError: `input` is not floating-point and no `dtype` is given.
    """
    return _softmax.bind(*_checked(input, dtype, "softmax"), dim=one_dim(dim, input._array.ndim, "softmax"))


def softmin(input: "Tensor", dim: int, dtype: dtype | None = None) -> "Tensor":
    """`softmax` of `-input`."""
    return softmax(-input, dim, dtype)


def _log_softmax_kernel(xp: Any, x: Any, *, dim: int) -> Any:
    out = _shifted(x, dim)
    return out - np.log(over(np.add, np.exp(out), dim, 0))


def _log_softmax_gradient(g: Any, ans: Any, dim: int) -> Any:
    return (g - np.exp(ans) * over(np.add, g, dim, 0),)


@composite(
    kernel=_log_softmax_kernel,
    gradient=_log_softmax_gradient,
    role="competes: what one gains, the others lose",
    notation="log softmax {x}",
    promote=None,
    samples=_samples,
)
def _log_softmax(x: "Tensor", *, dim: int) -> "Tensor":
    shifted = _below_the_top(x, dim)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def log_softmax(input: "Tensor", dim: int, dtype: dtype | None = None) -> "Tensor":
    """The logarithm of `softmax`, computed as x_i - log sum_j exp(x_j), so that it stays finite; arguments as there."""
    (x,) = _checked(input, dtype, "log_softmax")
    return _log_softmax.bind(x, dim=one_dim(dim, input._array.ndim, "log_softmax"))


@primitive(role="shares out by softmax", notation="log sum exp {x}", promote="float", samples=reduction_samples)
def _logsumexp(xp: Any, x: Any, *, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    top = x.max(axis=dim, keepdims=True, initial=-np.inf)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    total = xp.log(xp.exp(x - top).sum(axis=dim, keepdims=True)) + top
    return total if keepdim else total.reshape(reduced_shape(x.shape, dim, False))


_logsumexp.gradient(
    x=lambda g, ans, x, x_shape, dim, keepdim: (
        restore(g, x_shape, dim, keepdim) * (x - restore(ans, x_shape, dim, keepdim)).exp()
    )
)


def logsumexp(input: "Tensor", dim: int | Sequence[int], keepdim: bool = False) -> "Tensor":
    """Log sum exp(x) over `dim`, without overflow; integers are converted to the default floating-point type.

    Args:
        input: Any shape.
        dim: Dimension or dimensions to reduce; () for all.
        keepdim: Leave the reduced dimensions in place, with size 1.
    """
    return _logsumexp.bind(input, dim=reduced_dims(dim, input._array.ndim, "logsumexp"), keepdim=keepdim)


def _checked(input: "Tensor", kind: dtype | None, operation: str) -> "tuple[Tensor]":
    input = to_type(input, kind)
    if input._array.dtype.kind != "f":
        require_float(input, operation)
    return (input,)
