"""Random numbers and permutations. Each draw reads the generator's state and then counts itself there."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import as_numpy_dtype, dtype, get_default_dtype
from backlit.core.primitive import Primitive, primitive
from backlit.errors import ArgumentError, DtypeError
from backlit.ops.creation import _finish, shape_of
from backlit.ops.device import Device, check_device
from backlit.ops.generator import Generator, default_generator

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

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
    return _unit(xp, xp.random_bits(state, int(np.prod(shape, dtype=np.int64))), kind).reshape(shape)


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
    count = int(np.prod(shape, dtype=np.int64))
    half = (count + 1) // 2
    unit = _unit(xp, xp.random_bits(state, 2 * half), np.dtype("float64"))
    radius = xp.sqrt(-2.0 * xp.log(1.0 - unit[:half]))
    angle = 2.0 * np.pi * unit[half:]
    both = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
    return both[:count].reshape(shape).astype(kind)


_normal.shape(lambda state, shape, kind: (shape, kind))


def _float_kind(kind: Any, operation: str) -> np.dtype[Any]:
    chosen = get_default_dtype().numpy if kind is None else as_numpy_dtype(kind)
    if chosen.kind != "f":
        raise DtypeError(f"{operation}: the type must be a floating-point type, got {chosen}")
    return chosen


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Numbers drawn evenly from [0, 1), of shape `size`."""
    check_device(device)
    shape = shape_of(size, "rand")
    return _finish(draw(_uniform, generator, shape=shape, kind=_float_kind(dtype, "rand")), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Device = None,
    requires_grad: bool = False,
) -> "Tensor":
    """Numbers drawn from the standard normal distribution, of shape `size`."""
    check_device(device)
    shape = shape_of(size, "randn")
    return _finish(draw(_normal, generator, shape=shape, kind=_float_kind(dtype, "randn")), requires_grad)


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
