"""Layers that keep a network from learning its examples by heart."""

from collections.abc import Callable
from typing import ClassVar

from backlit.nn import functional as F
from backlit.nn.functional.regularization import check_probability
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor


class _Dropout(Module):
    """Leaves out values at random while training, with the settings of `Dropout`."""

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p, type(self).__name__)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The input's shape to the same shape."""
        return type(self)._function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zeroes elements at random while training; see `functional.dropout`.

    Args:
        p: Probability of a zero.
        inplace: Whether to change the input itself.

    Raises:
        ArgumentError: `p` is not from 0 to 1.
    """

    _function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """Zeroes whole channels of (n, channels, length) while training; see `functional.dropout1d`."""

    _function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """Zeroes whole channels of (n, channels, height, width) while training; see `functional.dropout2d`."""

    _function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """Zeroes whole channels of (n, channels, depth, height, width) while training; see `functional.dropout3d`."""

    _function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Leaves out elements and keeps mean 0 and variance 1 while training; see `functional.alpha_dropout`."""

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """Leaves out whole channels and keeps mean 0 and variance 1 while training; see `alpha_dropout`."""

    _function = staticmethod(F.feature_alpha_dropout)
