"""Layers that change shapes only."""

from collections.abc import Sequence

from backlit.nn.checks import require_tensors
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor


class Flatten(Module):
    """Joins the dimensions from `start_dim` to `end_dim`; by default everything but the rows."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(n, a, b, ...) to (n, a b ...)."""
        require_tensors(self, input=input)
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension `dim` into `unflattened_size`."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """(n, a b) to (n, a, b)."""
        require_tensors(self, input=input)
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The dimension and what it becomes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
