"""Copies of a tensor in another type, without history, or with another owner of the memory."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.dtypes import as_numpy_dtype, dtype
from backlit.core.primitive import primitive

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


@primitive(
    role="passes on",
    notation="{x}",
    promote=None,
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {"kind": np.dtype("f4")})],
)
def cast(xp: Any, x: Any, *, kind: np.dtype[Any]) -> Any:
    """`x` in the element type `kind`."""
    return x.astype(kind)


# The engine casts a gradient back to its input's type by itself.
cast.gradient(x=lambda g: g)
cast.shape(lambda x, kind: (x.shape, np.dtype(kind)))


@primitive(role="passes on", notation="{x}", promote=None, elementwise=True)
def clone(xp: Any, x: Any) -> Any:
    """A copy of `x` in memory of its own, whose elements lie in row-major order."""
    return x.copy()


clone.gradient(x=lambda g: g)


@primitive(role="stops", notation="{x}", promote=None, view=True, elementwise=True)
def detach(xp: Any, x: Any) -> Any:
    """`x` itself, without history; the memory is shared."""
    return x


def to_dtype(input: "Tensor", kind: dtype) -> "Tensor":
    """`input` in another element type; the tensor itself if it has that type already."""
    target = as_numpy_dtype(kind)
    return input if input._array.dtype == target else cast.bind(input, kind=target)


Helpers.cast = lambda x, kind: cast.bind(x, kind=kind)
Helpers.copy = clone.bind
