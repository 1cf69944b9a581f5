"""Methods and operators of products."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.ops import product

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ProductMethods(TensorBase):
    """Products, as methods and operators; each is the function of its name with the tensor as first argument."""

    def matmul(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.matmul`."""
        return product.matmul(self, other)

    def __matmul__(self: "Tensor", other: "Tensor") -> "Tensor":
        if not isinstance(other, TensorBase):
            return NotImplemented
        return product.matmul(self, other)
