"""Layers that keep a network from learning its examples by heart."""

from backlit.nn import functional as F
from backlit.nn.functional.regularization import check_probability
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor


class Dropout(Module):
    """Zeroes elements at random while training; see `functional.dropout`.

    Args:
        p: Probability of a zero.
        inplace: Whether to change the input itself.

    Raises:
        ArgumentError: `p` is not from 0 to 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p, "Dropout")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"
