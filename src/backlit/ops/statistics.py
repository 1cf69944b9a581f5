"""Variances, standard deviations and norms; and measures of whole tensors."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import dtype
from backlit.core.namespace import MOMENTS
from backlit.core.primitive import primitive
from backlit.errors import ArgumentError, ShapeError
from backlit.ops.choice import where
from backlit.ops.dims import reduced_dims
from backlit.ops.reduction import (
    Dims,
    mean,
    reduced_count,
    require_float,
    restore,
    same_dtype_shape,
    to_type,
)
from backlit.ops.reduction import samples as reduction_samples

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["cdist", "norm", "std", "std_mean", "var", "var_mean"]

Number = int | float
Reduced = tuple[int, ...] | None


def _samples(rng: "np.random.Generator") -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    several = [(arrays, settings) for arrays, settings in reduction_samples(rng) if arrays[0].ndim]
    return [(arrays, {**settings, "correction": c}) for arrays, settings in several for c in (0, 1)]


def _freedom(shape: tuple[int, ...], dim: Reduced, correction: Number) -> Number:
    return max(reduced_count(shape, dim) - correction, 0)


@primitive(role="pushes away from the mean", notation="var {x}", promote=None, samples=_samples)
def _var(xp: Any, x: Any, *, dim: Reduced, keepdim: bool, correction: Number) -> Any:
    centred = x - x.mean(axis=dim, keepdims=True)
    return xp.true_divide((centred * centred).sum(axis=dim, keepdims=keepdim), _freedom(x.shape, dim, correction))


def _var_gradient(g: "Tensor", x: "Tensor", dim: Reduced, keepdim: bool, correction: Number) -> "Tensor":
    shape = x._array.shape
    return (x - mean(x, dim, True)) * (restore(g, shape, dim, keepdim) * 2) / _freedom(shape, dim, correction)


_var.gradient(x=_var_gradient)
_var.shape(lambda x, dim, keepdim, correction: same_dtype_shape(x, dim, keepdim))


@primitive(role="pushes away from the mean", notation="std {x}", promote=None, samples=_samples)
def _std(xp: Any, x: Any, *, dim: Reduced, keepdim: bool, correction: Number) -> Any:
    return xp.sqrt(_var.forward(xp, x, dim=dim, keepdim=keepdim, correction=correction))


def _std_gradient(g: "Tensor", ans: "Tensor", x: "Tensor", dim: Reduced, keepdim: bool, correction: Number) -> "Tensor":
    """PyTorch's choice: 0 where all elements are equal."""
    g = g / (where(ans == 0, math.inf, ans) * 2)
    return _var_gradient(g, x, dim, keepdim, correction)


_std.gradient(x=_std_gradient)
_std.shape(lambda x, dim, keepdim, correction: same_dtype_shape(x, dim, keepdim))


def _settings(
    input: "Tensor", dim: Any, unbiased: bool | None, correction: Number | None, operation: str
) -> dict[str, Any]:
    """PyTorch's two ways to say it: `unbiased`, also as the only positional argument, or `correction`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{operation}: give `unbiased` or `correction`, not both")
    require_float(input, operation)
    chosen = 1 if unbiased is None and correction is None else (correction if unbiased is None else int(unbiased))
    return {"dim": reduced_dims(dim, input._array.ndim, operation), "correction": chosen}


def var(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> "Tensor":
    """Variance over `dim`, or of all: the squared distances from the mean, added up, over n - `correction`.

    Args:
        input: Any shape, floating-point.
        dim: Dimension or dimensions to reduce; None or () for all.
        unbiased: True for `correction=1`, False for 0; may also be the only positional argument.
        keepdim: Leave the reduced dimensions in place, with size 1.
        correction: What to take off the number of elements; 1 (Bessel's) by default.

    Returns:
        NaN where fewer than `correction` + 1 elements are at hand.

    Raises:
        DtypeError: `input` is not floating-point.
        ArgumentError: Both `unbiased` and `correction` are given.
    """
    return _var.bind(input, keepdim=keepdim, **_settings(input, dim, unbiased, correction, "var"))


def std(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> "Tensor":
    """Standard deviation, the square root of `var`; arguments as there."""
    return _std.bind(input, keepdim=keepdim, **_settings(input, dim, unbiased, correction, "std"))


def var_mean(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> "tuple[Tensor, Tensor]":
    """`var` and `mean`; arguments as in `var`."""
    settings = _settings(input, dim, unbiased, correction, "var_mean")
    return _var.bind(input, keepdim=keepdim, **settings), mean(input, settings["dim"], keepdim)


def std_mean(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
) -> "tuple[Tensor, Tensor]":
    """`std` and `mean`; arguments as in `var`."""
    settings = _settings(input, dim, unbiased, correction, "std_mean")
    return _std.bind(input, keepdim=keepdim, **settings), mean(input, settings["dim"], keepdim)


@primitive(
    role="points along the input",
    notation="|{x}|",
    promote=None,
    samples=lambda rng: [
        (arrays, {**settings, "p": p})
        for arrays, settings in reduction_samples(rng)[1:4]
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf, -math.inf)
    ],
)
def _norm(xp: Any, x: Any, *, p: float, dim: Reduced, keepdim: bool) -> Any:
    if p == 2:
        return xp.sqrt((x * x).sum(axis=dim, keepdims=keepdim))
    if p == 0:
        return (x != 0).sum(axis=dim, keepdims=keepdim).astype(x.dtype)
    size = xp.abs(x)
    if math.isinf(p):
        return (size.max if p > 0 else size.min)(axis=dim, keepdims=keepdim)
    return xp.power(xp.power(size, p).sum(axis=dim, keepdims=keepdim), 1 / p)


def _norm_gradient(g: "Tensor", ans: "Tensor", x: "Tensor", p: float, dim: Reduced, keepdim: bool) -> "Tensor":
    """PyTorch's choices: 0 where the norm is 0, ties share evenly for p = inf, nothing flows for p = 0."""
    shape = x._array.shape
    g, length = restore(g, shape, dim, keepdim), restore(ans, shape, dim, keepdim)
    if p == 0:
        return (g * 0).expand(shape)
    if p == 1:
        return g * x.sign()
    if math.isinf(p):
        reached = (x.abs() == length).to(x.dtype)
        return x.sign() * reached * (g / reached.sum(dim, keepdim=True))
    g, length = where(length == 0, 0.0, g), where(length == 0, 1.0, length)
    if p == 2:
        return x * (g / length)
    # |x|^(p-1) with 1 in place of 0, whose sign makes it 0: at p < 1 the power itself would be infinite there.
    power = where(x == 0, 1.0, x.abs()) ** (p - 1)
    return x.sign() * power * (g / length ** (p - 1))


_norm.gradient(x=_norm_gradient)
_norm.shape(lambda x, p, dim, keepdim: same_dtype_shape(x, dim, keepdim))


def norm(
    input: "Tensor",
    p: float | str = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> "Tensor":
    """The p-norm over `dim`, or of all elements: (sum |x|^p)^(1/p).

    Args:
        input: Any shape, floating-point.
        p: A number; inf and -inf give the largest and smallest size, 0 counts what is not 0; "fro" is 2.
        dim: Dimension or dimensions to reduce; None or () for all.
        keepdim: Leave the reduced dimensions in place, with size 1.
        dtype: The type to convert to first.

    Raises:
        ArgumentError: `p` is another word.
        DtypeError: `input` is not floating-point.
    """
    if isinstance(p, str):
        if p != "fro":
            raise ArgumentError(f"norm: p must be a number or 'fro', got {p!r}")
        p = 2.0
    input = to_type(input, dtype)
    require_float(input, "norm")
    return _norm.bind(input, p=float(p), dim=reduced_dims(dim, input._array.ndim, "norm"), keepdim=keepdim)


def cdist(x1: "Tensor", x2: "Tensor", p: float = 2.0) -> "Tensor":
    """The distance of each row of `x1` from each row of `x2`, as the p-norm of their difference.

    Args:
        x1: (*, n, features).
        x2: (*, m, features).
        p: See `norm`.

    Returns:
        (*, n, m). The differences take n m features elements.

    Raises:
        ShapeError: The inputs have less than two dimensions, or rows of different lengths.
    """
    first, second = x1._array.shape, x2._array.shape
    if len(first) < 2 or len(second) < 2 or first[-1] != second[-1]:
        raise ShapeError(
            f"cdist: expected rows of one length, (n, features) and (m, features), got {first} and {second}"
        )
    return norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


# -- measures of whole tensors, for those who watch a training; they have no gradients -------------------------------


@primitive(
    role="stops",
    notation="moments of {tensors}",
    samples=lambda rng: [((rng.normal(size=(3, 70)), rng.normal(size=4)), {})],
)
def _moments(xp: Any, *tensors: Any) -> Any:
    return xp.moments(*tensors)


_moments.shape(lambda *tensors: ((len(tensors), len(MOMENTS)), tensors[0].dtype))


def moments(*tensors: "Tensor") -> "Tensor":
    """A row for each tensor, (n, 5): mean, standard deviation (over n), minimum, maximum, share of zeros.

    Args:
        tensors: Floating-point numbers, at least one in each, of any shapes.
    """
    return _moments.bind(*tensors)


@primitive(
    role="stops",
    notation="shares that reach {marks}",
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(3, 70)), rng.normal(size=4)), {})],
)
def _at_least(xp: Any, marks: Any, *tensors: Any) -> Any:
    return xp.at_least(marks, *tensors)


_at_least.shape(lambda marks, *tensors: (marks.shape, marks.dtype))


def at_least(marks: "Tensor", *tensors: "Tensor") -> "Tensor":
    """For each tensor, and each mark in its row, the share of elements as large or larger, 0 to 1; NaN reaches none.

    Args:
        marks: (n, k).
        tensors: n of them, floating-point numbers, at least one in each, of any shapes.

    Returns:
        (n, k).
    """
    return _at_least.bind(marks, *tensors)
