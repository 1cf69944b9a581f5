"""Dropout: leaving out values at random while training."""

import math
from typing import Any

from backlit.errors import ArgumentError, ShapeError
from backlit.nn.checks import require_floats, where
from backlit.ops import rand
from backlit.ops.tensor import Tensor

# The limit of `selu` towards minus infinity.
_SELU_LEAST = -1.7580993408473766


def check_probability(p: Any, operation: str) -> None:
    """Raise unless `p` is a number from 0 to 1.

    Raises:
        ArgumentError: It is not.
    """
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ArgumentError(f"{operation}: dropout probability has to be between 0 and 1, but got {p!r}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability `p` and scale the others by 1 / (1 - p) (Srivastava et al., 2014).

    The mask comes from the default generator, so that `manual_seed` repeats it.

    Args:
        input: Any shape, floating-point.
        p: Probability of a zero.
        training: Without it, the input is returned unchanged.
        inplace: Whether to change `input` itself.

    Raises:
        ArgumentError: `p` is not from 0 to 1.
    """
    check_probability(p, "dropout")
    require_floats("dropout", input=input)
    return _dropped(input, p, training, inplace, tuple(input._array.shape))


def _dropped(input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    """The input times a mask of `shape`, scaled."""
    if not training or p == 0:
        return input
    noise: Any = 0.0 if p == 1 else _kept(shape, p).to(input.dtype) * (1 / (1 - p))
    return input.mul_(noise) if inplace else input * noise


def _kept(shape: tuple[int, ...], p: float) -> Any:
    return rand(*shape) >= p


def _channels(operation: str, input: Tensor, sizes: tuple[str, ...]) -> tuple[int, ...]:
    """The shape of a mask with an element a channel, of an input with `sizes` behind its channels, with rows or not."""
    require_floats(operation, input=input)
    shape = tuple(input._array.shape)
    lead = len(shape) - len(sizes)
    if lead not in (1, 2):
        names = ", ".join(sizes)
        raise ShapeError(
            f"{where(operation)}: got an input of shape {shape}, expected (n, channels, {names}) or (channels, {names})"
        )
    return shape[:lead] + (1,) * len(sizes)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (n, channels, length) or (channels, length) (Tompson et al., 2015)."""
    check_probability(p, "dropout1d")
    return _dropped(input, p, training, inplace, _channels("dropout1d", input, ("length",)))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (n, channels, height, width) (Tompson et al., 2015).

    Three dimensions are (n, channels, length) in PyTorch and will be (channels, height, width); here they are refused.

    Raises:
        ShapeError: The input has other than four dimensions.
    """
    check_probability(p, "dropout2d")
    shape = _channels("dropout2d", input, ("height", "width"))
    if len(shape) == 3:
        raise ShapeError(
            f"{where('dropout2d')}: got an input of shape {tuple(input._array.shape)}, expected (n, channels, height, "
            "width); use dropout1d for (n, channels, length), and .unsqueeze(0) for one image"
        )
    return _dropped(input, p, training, inplace, shape)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (n, channels, depth, height, width) or of one such row (Tompson et al., 2015)."""
    check_probability(p, "dropout3d")
    return _dropped(input, p, training, inplace, _channels("dropout3d", input, ("depth", "height", "width")))


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`dropout` for self-normalising networks, which keeps mean 0 and variance 1 (Klambauer et al., 2017).

    What is left out takes the least value of `selu`, and everything is then scaled and shifted.
    """
    check_probability(p, "alpha_dropout")
    require_floats("alpha_dropout", input=input)
    return _alpha_dropped(input, p, training, inplace, tuple(input._array.shape))


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (n, channels, *sizes)."""
    check_probability(p, "feature_alpha_dropout")
    require_floats("feature_alpha_dropout", input=input)
    shape = tuple(input._array.shape)
    return _alpha_dropped(input, p, training, inplace, shape[:2] + (1,) * (len(shape) - 2))


def _alpha_dropped(input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    if not training or p in (0, 1):
        return _dropped(input, p, training, inplace, shape)
    scale = 1 / math.sqrt((1 + p * _SELU_LEAST**2) * (1 - p))
    kept = _kept(shape, p).to(input.dtype)
    shift = (1 - kept) * (_SELU_LEAST * scale) - _SELU_LEAST * scale * p
    return input.mul_(kept * scale).add_(shift) if inplace else input * (kept * scale) + shift
