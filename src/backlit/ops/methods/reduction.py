"""Methods of reduction."""

from typing import TYPE_CHECKING

from backlit.core.dtypes import dtype
from backlit.core.tensor_base import TensorBase
from backlit.ops import reduction, softmax

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Dims = reduction.Dims


class ReductionMethods(TensorBase):
    """Reductions, as methods; each is the function of its name with the tensor as first argument."""

    def sum(self: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
        """See `backlit.sum`."""
        return reduction.sum(self, dim, keepdim, dtype=dtype)

    def mean(self: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None) -> "Tensor":
        """See `backlit.mean`."""
        return reduction.mean(self, dim, keepdim, dtype=dtype)

    def softmax(self: "Tensor", dim: int, dtype: dtype | None = None) -> "Tensor":
        """See `backlit.softmax`."""
        return softmax.softmax(self, dim, dtype)

    def log_softmax(self: "Tensor", dim: int, dtype: dtype | None = None) -> "Tensor":
        """See `backlit.log_softmax`."""
        return softmax.log_softmax(self, dim, dtype)
