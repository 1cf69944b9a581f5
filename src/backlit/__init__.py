"""Neural networks you can see through, at close to the speed of the machine."""

from backlit.ops.tensor import Tensor

__all__ = ["Tensor"]
