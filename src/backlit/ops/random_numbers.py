"""Random numbers and permutations. Each draw reads the generator's state and then counts itself there."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import as_numpy_dtype, dtype
from backlit.core.primitive import Primitive, primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.ops.creation import chosen_kind, finish, full, shape_of
from backlit.ops.devices import Device, check_device
from backlit.ops.generator import Generator, default_generator

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "bernoulli",
    "dropout_mask",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]

_STATE = np.array([1, 0, 5])


def draw(operation: Primitive, generator: Generator | None, *args: Any, **settings: Any) -> Any:
    """Apply a random operation to the generator's state (and further inputs), and count the draw."""
    source = default_generator if generator is None else generator
    result = operation.bind(source.state, *args, **settings)
    source.advance()
    return result


def _unit(xp: Any, words: Any, kind: np.dtype[Any]) -> Any:
    """Numbers of [0, 1) from 64-bit words: the top 24 bits for float32 and smaller, the top 53 for float64."""
    if kind.itemsize == 8:
        return (words >> np.uint64(11)).astype("float64") * 2.0**-53
    return ((words >> np.uint64(40)).astype("float32") * np.float32(2.0**-24)).astype(kind)


@primitive(
    role="constant",
    notation="uniform",
    promote=None,
    samples=lambda rng: [((_STATE,), {"shape": (2, 3), "kind": np.dtype("f8")})],
)
def _uniform(xp: Any, state: Any, *, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    return _unit(xp, xp.random_bits(state, math.prod(shape)), kind).reshape(shape)


_uniform.shape(lambda state, shape, kind: (shape, kind))


@primitive(
    role="constant",
    notation="normal",
    promote=None,
    samples=lambda rng: [((_STATE,), {"shape": (2, 3), "kind": np.dtype("f8")})],
)
def _normal(xp: Any, state: Any, *, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    """Standard normal numbers.

    Box and Muller, "A note on the generation of random normal deviates", Ann. Math. Statist. 29 (1958): of n numbers
    the first half are r cos(t), the others r sin(t), computed in float64, with r from the first ceil(n/2) words of the
    draw and t from the rest.
    """
    count = math.prod(shape)
    half = (count + 1) // 2
    unit = _unit(xp, xp.random_bits(state, 2 * half), np.dtype("float64"))
    radius = xp.sqrt(-2.0 * xp.log(1.0 - unit[:half]))
    angle = 2.0 * np.pi * unit[half:]
    both = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
    return both[:count].reshape(shape).astype(kind)


_normal.shape(lambda state, shape, kind: (shape, kind))


def float_kind(kind: Any, operation: str) -> np.dtype[Any]:
    """The NumPy type of an optional `dtype` argument that must be a floating-point type.

    Raises:
        DtypeError: It is another type.
    """
    chosen = chosen_kind(kind)
    if chosen.kind != "f":
        raise DtypeError(f"{operation}: the type must be a floating-point type, got {chosen}")
    return chosen


def rand(
    *sizes: Any,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Numbers drawn evenly from [0, 1), of shape `size`."""
    check_device(device)
    shape = shape_of(sizes, "rand", size)
    return finish(draw(_uniform, generator, shape=shape, kind=float_kind(dtype, "rand")), requires_grad)


def randn(
    *sizes: Any,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Numbers drawn from the standard normal distribution, of shape `size`."""
    check_device(device)
    shape = shape_of(sizes, "randn", size)
    return finish(draw(_normal, generator, shape=shape, kind=float_kind(dtype, "randn")), requires_grad)


@primitive(
    role="constant",
    notation="permutation({n})",
    promote=None,
    samples=lambda rng: [((_STATE,), {"n": 5})],
)
def _permutation(xp: Any, state: Any, *, n: int) -> Any:
    return xp.argsort(xp.random_bits(state, n), stable=True)


_permutation.shape(lambda state, n: ((n,), np.dtype("int64")))


def randperm(
    n: int, *, generator: Generator | None = None, dtype: dtype | None = None, device: Device = None
) -> "Tensor":
    """The integers from 0 to n - 1 in random order: the stable order of n 64-bit draws.

    Raises:
        ArgumentError: `n` is negative.
    """
    check_device(device)
    if n < 0:
        raise ArgumentError(f"randperm: the number of elements must not be negative, got {n}")
    order = draw(_permutation, generator, n=n)
    return order if dtype is None else order.to(dtype)


@primitive(
    role="constant",
    notation="integers from {low} to {high} - 1",
    promote=None,
    samples=lambda rng: [((_STATE,), {"low": -2, "high": 5, "shape": (2, 3), "kind": np.dtype("i8")})],
)
def _integers(xp: Any, state: Any, *, low: int, high: int, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    """The remainder of a 64-bit word, which prefers no integer by more than one part in 2^64 / (high - low)."""
    words = xp.random_bits(state, math.prod(shape))
    return ((words % np.uint64(high - low)).astype("int64") + low).reshape(shape).astype(kind)


_integers.shape(lambda state, low, high, shape, kind: (shape, kind))


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Integers drawn evenly from `low` up to but without `high`, of shape `size`; `randint(high, size)` begins at 0.

    Raises:
        ArgumentError: The range is empty.
    """
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    low, high = int(low), int(high)
    if low >= high:
        raise ArgumentError(f"randint: there is no integer from {low} up to but without {high}")
    kind = np.dtype("int64") if dtype is None else as_numpy_dtype(dtype)
    shape = shape_of((size,), "randint")
    return finish(draw(_integers, generator, low=low, high=high, shape=shape, kind=kind), requires_grad)


def rand_like(
    input: "Tensor", *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
) -> "Tensor":
    """Numbers drawn evenly from [0, 1), of the shape and type of `input`."""
    return rand(*input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def randn_like(
    input: "Tensor", *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
) -> "Tensor":
    """Numbers drawn from the standard normal distribution, of the shape and type of `input`."""
    return randn(*input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def randint_like(
    input: "Tensor",
    low: int,
    high: int | None = None,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Integers drawn evenly from `low` up to but without `high`, of the shape and type of `input`."""
    first, last = (0, low) if high is None else (low, high)
    kind = dtype or input.dtype
    return randint(first, last, input.shape, dtype=kind, device=device, requires_grad=requires_grad)


def normal(
    mean: "Tensor | float" = 0.0,
    std: "Tensor | float" = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
) -> "Tensor":
    """Numbers drawn from normal distributions.

    Args:
        mean: The mean, or a tensor of means.
        std: The standard deviation, or a tensor of them.
        size: The shape, if neither `mean` nor `std` is a tensor.
        generator: Where the numbers come from; by default the default generator.
        dtype: The type of the result.
        device: None or the processor.

    Raises:
        ArgumentError: `std` is negative, or the shape is not known.
    """
    given = [v for v in (mean, std) if isinstance(v, TensorBase)]
    if not given and size is None:
        raise ArgumentError("normal: give `size`, or a tensor as `mean` or `std`")
    if not isinstance(std, TensorBase) and std < 0:
        raise ArgumentError(f"normal: the standard deviation must not be negative, got {std}")
    shape = shape_of((size,), "normal") if size is not None else np.broadcast_shapes(*(v._array.shape for v in given))
    kind = dtype or (given[0].dtype if given else None)
    return randn(shape, generator=generator, dtype=kind, device=device) * std + mean


@primitive(
    role="constant",
    notation="bernoulli({p})",
    promote=None,
    samples=lambda rng: [((_STATE, np.array([0.0, 0.5, 1.0])), {})],
)
def _bernoulli(xp: Any, state: Any, p: Any) -> Any:
    unit = _unit(xp, xp.random_bits(state, p.size), np.dtype("float64")).reshape(p.shape)
    return (unit < p).astype(p.dtype)


_bernoulli.shape(lambda state, p: (p.shape, p.dtype))


def bernoulli(input: "Tensor", p: float | None = None, *, generator: Generator | None = None) -> "Tensor":
    """Ones with the probabilities in `input` (or with `p`, in the shape and type of `input`), zeros otherwise.

    Raises:
        DtypeError: `input` holds no floating-point numbers and `p` is not given.
        ArgumentError: `p` is not between 0 and 1.
    """
    if p is None:
        float_kind(input.dtype, "bernoulli")
        return draw(_bernoulli, generator, input.detach())
    return bernoulli(_constant_like(input, _probability(p, "bernoulli")), generator=generator).to(input.dtype)


def _constant_like(input: "Tensor", value: float) -> "Tensor":
    return full(input.shape, value, dtype=input.dtype if input.is_floating_point() else None)


def _probability(p: float, operation: str) -> float:
    if not 0 <= p <= 1:
        raise ArgumentError(f"{operation}: a probability lies between 0 and 1, got {p}")
    return float(p)


@primitive(
    role="constant",
    notation="dropout mask",
    promote=None,
    samples=lambda rng: [((_STATE,), {"p": 0.25, "shape": (2, 3), "kind": np.dtype("f8")})],
)
def _dropout_mask(xp: Any, state: Any, *, p: float, shape: tuple[int, ...], kind: np.dtype[Any]) -> Any:
    words = xp.random_bits(state, math.prod(shape))
    kept = (words >> np.uint64(11)) >= np.uint64(int(p * 2.0**53))
    return (kept.astype(kind) * kind.type(1 / (1 - p) if p < 1 else 0)).reshape(shape)


_dropout_mask.shape(lambda state, p, shape, kind: (shape, kind))


def dropout_mask(input: "Tensor", p: float, generator: Generator | None = None) -> "Tensor":
    """Zeros with probability `p`, else 1 / (1 - p), in the shape and type of `input`.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).

    Raises:
        ArgumentError: `p` is not between 0 and 1.
    """
    settings = {"p": _probability(p, "dropout"), "shape": input._array.shape, "kind": input._array.dtype}
    return draw(_dropout_mask, generator, **settings)


@primitive(
    role="constant",
    notation="multinomial({weights})",
    promote=None,
    samples=lambda rng: [
        ((_STATE, np.array([[0.1, 0.0, 2.0]])), {"count": 4, "replacement": True}),
        ((_STATE, np.array([0.1, 0.5, 2.0])), {"count": 2, "replacement": False}),
    ],
)
def _multinomial(xp: Any, state: Any, weights: Any, *, count: int, replacement: bool) -> Any:
    """With replacement by the inverse of the distribution function; without, by the smallest of exponential times.

    Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Inf. Process. Lett. 97 (2006).
    """
    rows = weights.astype("float64").reshape(-1, weights.shape[-1])
    categories = rows.shape[-1]
    kind = np.dtype("float64")
    if replacement:
        unit = _unit(xp, xp.random_bits(state, len(rows) * count), kind).reshape(len(rows), count, 1)
        sums = xp.cumsum(rows, axis=-1)
        chosen = xp.sum(unit * sums[:, None, -1:] >= sums[:, None, :], axis=-1)
    else:
        unit = _unit(xp, xp.random_bits(state, rows.size), kind).reshape(rows.shape)
        times = xp.where(rows > 0, -xp.log1p(-unit) / xp.where(rows > 0, rows, 1.0), np.inf)
        chosen = xp.argsort(times, axis=-1, stable=True)[:, :count]
    return xp.clip(chosen, 0, categories - 1).reshape(*weights.shape[:-1], count).astype("int64")


_multinomial.shape(lambda state, weights, count, replacement: ((*weights.shape[:-1], count), np.dtype("int64")))


def multinomial(
    input: "Tensor", num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> "Tensor":
    """Indices drawn with probabilities proportional to the weights in `input`.

    Args:
        input: (n) or (rows, n), not negative.
        num_samples: How many to draw of each row.
        replacement: Whether an index may be drawn again.
        generator: Where the numbers come from; by default the default generator.

    Returns:
        (num_samples) or (rows, num_samples), int64.

    Raises:
        ShapeError: `input` has no or more than two dimensions.
        ArgumentError: A weight is negative or not finite, a row has no or too few weights above 0.
    """
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"multinomial: weights are (n) or (rows, n) with n > 0, got shape {tuple(input.shape)}")
    float_kind(input.dtype, "multinomial")
    weights = input.detach().numpy()
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ArgumentError("multinomial: weights must be finite and not negative")
    fewest = int((weights > 0).sum(-1).min(initial=weights.shape[-1]))
    if num_samples <= 0 or fewest < (1 if replacement else num_samples):
        raise ArgumentError(
            f"multinomial: cannot draw {num_samples} {'' if replacement else 'different '}indices from a row with "
            f"{fewest} weights above 0"
        )
    return draw(_multinomial, generator, input.detach(), count=num_samples, replacement=replacement)
