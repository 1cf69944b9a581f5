"""Layers that put borders around inputs."""

from collections.abc import Sequence
from typing import Any, ClassVar

from backlit.errors import ArgumentError
from backlit.nn import functional as F
from backlit.nn.checks import require_tensors
from backlit.nn.module import Module
from backlit.ops.dims import sizes_of
from backlit.ops.tensor import Tensor


class _Pad(Module):
    """A border.

    Args:
        padding: How wide on all sides; or before and after the last dimension, before and after the one before it, and
            so on. Negative numbers cut off.

    Raises:
        ArgumentError: `padding` has another number of widths.
    """

    _dims: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        name = type(self).__name__
        sides = sizes_of(tuple(padding) if isinstance(padding, Sequence) else (padding,) * 2 * self._dims, name)
        if len(sides) != 2 * self._dims:
            raise ArgumentError(f"{name}: padding must be an integer or {2 * self._dims} of them, got {padding!r}")
        self.padding = sides

    def forward(self, input: Tensor) -> Tensor:
        """(*, *sizes) to (*, *sizes with the border)."""
        require_tensors(self, input=input)
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    _mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: Any) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """(*, *sizes) to (*, *sizes with the border)."""
        require_tensors(self, input=input)
        return F.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    _mode = "reflect"


class _ReplicationPad(_Pad):
    _mode = "replicate"


class _CircularPad(_Pad):
    _mode = "circular"


class ConstantPad1d(_ConstantPad):
    """A border of `value` around the length."""

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """A border of `value` around height and width."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """A border of `value` around depth, height and width."""

    _dims = 3


class ZeroPad1d(_ZeroPad):
    """A border of zeros around the length."""

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros around height and width."""

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros around depth, height and width."""

    _dims = 3


class ReflectionPad1d(_ReflectionPad):
    """A border around the length that mirrors what is inside, without the edge."""

    _dims = 1


class ReflectionPad2d(_ReflectionPad):
    """A border around height and width that mirrors what is inside, without the edge."""

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """A border around depth, height and width that mirrors what is inside, without the edge."""

    _dims = 3


class ReplicationPad1d(_ReplicationPad):
    """A border around the length that repeats the edge."""

    _dims = 1


class ReplicationPad2d(_ReplicationPad):
    """A border around height and width that repeats the edge."""

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """A border around depth, height and width that repeats the edge."""

    _dims = 3


class CircularPad1d(_CircularPad):
    """A border around the length that repeats the other end."""

    _dims = 1


class CircularPad2d(_CircularPad):
    """A border around height and width that repeats the other end."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """A border around depth, height and width that repeats the other end."""

    _dims = 3
