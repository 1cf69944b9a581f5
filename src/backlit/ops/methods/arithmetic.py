"""Methods and operators of arithmetic."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.core.writing import write
from backlit.ops import arithmetic

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


class ArithmeticMethods(TensorBase):
    """Arithmetic, as methods and operators; each is the function of its name with the tensor as first argument."""

    def add(self: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
        """See `backlit.add`."""
        return arithmetic.add(self, other, alpha=alpha)

    def add_(self: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
        """`add`, in place."""
        write(self, arithmetic.add(self, other, alpha=alpha), "add_")
        return self

    def __add__(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        return arithmetic.add(self, other)

    __radd__ = __add__

    def __mul__(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        return arithmetic.mul(self, other)

    __rmul__ = __mul__
