"""The shape of a tensor as PyTorch's programs know it: a tuple with a product."""

import math
from collections.abc import Iterable
from typing import Any, SupportsIndex, overload

import numpy as np

from backlit.errors import ShapeError

__all__ = ["Size", "broadcast_shapes"]


class Size(tuple[int, ...]):
    """A tensor's shape: a tuple of its dimensions' sizes."""

    __slots__ = ()

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return math.prod(self)

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Size": ...
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: tuple[Any, ...]) -> Any:
        return Size(super().__add__(other))

    def __repr__(self) -> str:
        return f"backlit.Size([{', '.join(map(str, self))}])"


def broadcast_shapes(*shapes: Iterable[int]) -> Size:
    """The shape to which tensors of these shapes are broadcast together.

    Raises:
        ShapeError: They do not fit.
    """
    given = [tuple(shape) for shape in shapes]
    try:
        return Size(np.broadcast_shapes(*given))
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes: {given} do not broadcast: counted from the right, sizes must be equal, or one of them 1"
        ) from None
