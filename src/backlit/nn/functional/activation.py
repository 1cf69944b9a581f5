"""Activations under PyTorch's signatures: the operations, with `inplace`, and softmax with an optional dimension."""

import warnings

from backlit.core.dtypes import dtype as DType
from backlit.core.writing import write
from backlit.errors import ShapeError
from backlit.nn.checks import require_tensors
from backlit.ops import activation, piecewise, softmaxes
from backlit.ops.tensor import Tensor


def _given(input: Tensor, result: Tensor, inplace: bool, operation: str) -> Tensor:
    if not inplace:
        return result
    write(input, result, operation)
    return input


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x)."""
    return _given(input, activation.relu(input), inplace, "relu_")


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Leaky ReLU: x where x > 0, else `negative_slope` x (Maas et al., 2013)."""
    return _given(input, activation.leaky_relu(input, negative_slope), inplace, "leaky_relu_")


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Exponential linear unit: x where x > 0, else alpha (exp(x) - 1) (Clevert et al., 2016)."""
    return _given(input, activation.elu(input, alpha), inplace, "elu_")


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the scales at which values keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    return _given(input, activation.selu(input), inplace, "selu_")


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Continuous `elu`: x where x > 0, else alpha (exp(x / alpha) - 1) (Barron, 2017)."""
    return _given(input, activation.celu(input, alpha), inplace, "celu_")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Sigmoid linear unit, also called swish: x sigmoid(x) (Elfwing et al., 2017)."""
    return _given(input, activation.silu(input), inplace, "silu_")


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit: a sigmoid(b), where a and b are the halves of `input` along `dim` (Dauphin et al., 2016).

    Raises:
        ShapeError: The size along `dim` is odd.
    """
    require_tensors("glu", input=input)
    size = input.size(dim)
    if size % 2:
        raise ShapeError(f"glu: dim {dim} of shape {tuple(input._array.shape)} cannot be halved: {size} is odd")
    value, gate = input.chunk(2, dim)
    return value * gate.sigmoid()


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Mish: x tanh(softplus(x)) (Misra, 2019)."""
    return _given(input, activation.mish(input), inplace, "mish_")


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Let x pass where it is above `threshold`, else `value`."""
    return _given(input, piecewise.threshold(input, threshold, value), inplace, "threshold_")


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, bounded by `min_val` and `max_val`; the slope at the bounds is 0."""
    return _given(input, piecewise.hardtanh(input, min_val, max_val), inplace, "hardtanh_")


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x), 6)."""
    return _given(input, piecewise.relu6(input), inplace, "relu6_")


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6, bounded by 0 and 1."""
    return _given(input, piecewise.hardsigmoid(input), inplace, "hardsigmoid_")


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Hard swish: x hardsigmoid(x) (Howard et al., 2019)."""
    return _given(input, piecewise.hardswish(input), inplace, "hardswish_")


def _chosen_dim(input: Tensor, dim: int | None, operation: str, stacklevel: int) -> int:
    require_tensors(operation, input=input)
    if dim is not None:
        return dim
    chosen = 0 if input._array.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{operation}: without `dim`, dimension {chosen} of {input._array.ndim} was chosen, which is retired in "
        "PyTorch; pass dim=...",
        UserWarning,
        stacklevel=stacklevel + 1,
    )
    return chosen


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """See `backlit.softmax`; without `dim` it is chosen by PyTorch's rule, with a warning."""
    return softmaxes.softmax(input, _chosen_dim(input, dim, "softmax", _stacklevel), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """See `backlit.log_softmax`; without `dim` it is chosen by PyTorch's rule, with a warning."""
    return softmaxes.log_softmax(input, _chosen_dim(input, dim, "log_softmax", _stacklevel), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """`softmax` of -x."""
    return softmaxes.softmin(input, _chosen_dim(input, dim, "softmin", _stacklevel), dtype)


def maxout(pieces: Tensor, num_pieces: int) -> Tensor:
    """The largest of each `num_pieces` neighbours in the last dimension (Goodfellow et al., 2013).

    Args:
        pieces: (*, features num_pieces).
        num_pieces: How many affine pieces a feature has.

    Returns:
        (*, features).

    Raises:
        ShapeError: The last dimension is not a multiple of `num_pieces`.
    """
    shape = tuple(pieces._array.shape)
    if not shape or shape[-1] % num_pieces:
        raise ShapeError(f"maxout: the last dimension of shape {shape} is not a multiple of num_pieces={num_pieces}")
    return pieces.reshape((*shape[:-1], shape[-1] // num_pieces, num_pieces)).max(-1)[0]
