"""Methods and operators of products."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.ops import product

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ProductMethods(TensorBase):
    """Products, as methods and operators; each is the function of its name with the tensor as first argument."""

    matmul = product.matmul
    mm = product.mm
    mv = product.mv
    dot = product.dot
    bmm = product.bmm
    outer = product.outer
    addmm = product.addmm
    addmv = product.addmv
    baddbmm = product.baddbmm

    def __matmul__(self: "Tensor", other: "Tensor") -> "Tensor":
        return product.matmul(self, other) if isinstance(other, TensorBase) else NotImplemented
