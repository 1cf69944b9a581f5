"""Methods and operators of arithmetic."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.ops import arithmetic, exponential
from backlit.ops.methods.scheme import assigning, in_place, operator, reflected

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ArithmeticMethods(TensorBase):
    """Arithmetic, as methods and operators; each is the function of its name with the tensor as first argument."""

    # Tells NumPy to leave `array + tensor` to the tensor.
    __array_priority__ = 1000

    add = arithmetic.add
    sub = subtract = arithmetic.sub
    mul = multiply = arithmetic.mul
    div = divide = true_divide = arithmetic.div
    neg = negative = arithmetic.neg
    pow = exponential.pow

    add_ = in_place(arithmetic.add)
    sub_ = subtract_ = in_place(arithmetic.sub)
    mul_ = multiply_ = in_place(arithmetic.mul)
    div_ = divide_ = true_divide_ = in_place(arithmetic.div)
    neg_ = negative_ = in_place(arithmetic.neg)
    pow_ = in_place(exponential.pow)
    fill_ = in_place(arithmetic.fill)

    def zero_(self: "Tensor") -> "Tensor":
        """Put 0 in every place."""
        return self.fill_(0)

    __add__ = operator(arithmetic.add)
    __radd__ = reflected(arithmetic.add)
    __iadd__ = assigning(arithmetic.add)
    __sub__ = operator(arithmetic.sub)
    __rsub__ = reflected(arithmetic.sub)
    __isub__ = assigning(arithmetic.sub)
    __mul__ = operator(arithmetic.mul)
    __rmul__ = reflected(arithmetic.mul)
    __imul__ = assigning(arithmetic.mul)
    __truediv__ = operator(arithmetic.div)
    __rtruediv__ = reflected(arithmetic.div)
    __itruediv__ = assigning(arithmetic.div)
    __pow__ = operator(exponential.pow)
    __rpow__ = reflected(exponential.pow)
    __ipow__ = assigning(exponential.pow)
    __neg__ = arithmetic.neg
    __pos__ = arithmetic.positive
