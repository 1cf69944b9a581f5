"""Methods and operators of arithmetic."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import arithmetic, exponential, rounding
from backlit.ops.methods.scheme import assign, in_place, operate, reflect

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


class ArithmeticMethods(TensorBase):
    """Arithmetic; each method is the function of its name with the tensor as first argument."""

    # Tells NumPy to leave `array + tensor` to the tensor.
    __array_priority__ = 1000

    def add(self: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
        """See `backlit.add`."""
        return arithmetic.add(self, other, alpha=alpha)

    def sub(self: "Tensor", other: "Tensor | Number", *, alpha: Number = 1) -> "Tensor":
        """See `backlit.sub`."""
        return arithmetic.sub(self, other, alpha=alpha)

    subtract = sub

    def mul(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.mul`."""
        return arithmetic.mul(self, other)

    multiply = mul

    def neg(self: "Tensor") -> "Tensor":
        """See `backlit.neg`."""
        return arithmetic.neg(self)

    negative = neg

    def positive(self: "Tensor") -> "Tensor":
        """See `backlit.positive`."""
        return arithmetic.positive(self)

    def floor_divide(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.floor_divide`."""
        return arithmetic.floor_divide(self, other)

    def lerp(self: "Tensor", end: "Tensor", weight: "Tensor | Number") -> "Tensor":
        """See `backlit.lerp`."""
        return arithmetic.lerp(self, end, weight)

    def addcmul(self: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: Number = 1) -> "Tensor":
        """See `backlit.addcmul`."""
        return arithmetic.addcmul(self, tensor1, tensor2, value=value)

    def addcdiv(self: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: Number = 1) -> "Tensor":
        """See `backlit.addcdiv`."""
        return arithmetic.addcdiv(self, tensor1, tensor2, value=value)

    def div(self: "Tensor", other: "Tensor | Number", *, rounding_mode: str | None = None) -> "Tensor":
        """See `backlit.div`."""
        return arithmetic.div(self, other, rounding_mode=rounding_mode)

    divide = true_divide = div

    def pow(self: "Tensor", exponent: "Tensor | Number") -> "Tensor":
        """See `backlit.pow`."""
        return exponential.pow(self, exponent)

    def remainder(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.remainder`."""
        return rounding.remainder(self, other)

    def fmod(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.fmod`."""
        return rounding.fmod(self, other)

    def fill_(self: "Tensor", value: "Tensor | Number") -> "Tensor":
        """Put `value`, a number or 0-d tensor, in every place."""
        return assign(arithmetic.fill, self, value)

    def zero_(self: "Tensor") -> "Tensor":
        """Put 0 in every place."""
        return self.fill_(0)

    def __add__(self: "Tensor", other: Any) -> "Tensor":
        return operate(arithmetic.add, self, other)

    def __radd__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(arithmetic.add, self, other)

    def __iadd__(self: "Tensor", other: Any) -> "Tensor":
        return assign(arithmetic.add, self, other)

    def __sub__(self: "Tensor", other: Any) -> "Tensor":
        return operate(arithmetic.sub, self, other)

    def __rsub__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(arithmetic.sub, self, other)

    def __isub__(self: "Tensor", other: Any) -> "Tensor":
        return assign(arithmetic.sub, self, other)

    def __mul__(self: "Tensor", other: Any) -> "Tensor":
        return operate(arithmetic.mul, self, other)

    def __rmul__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(arithmetic.mul, self, other)

    def __imul__(self: "Tensor", other: Any) -> "Tensor":
        return assign(arithmetic.mul, self, other)

    def __truediv__(self: "Tensor", other: Any) -> "Tensor":
        return operate(arithmetic.div, self, other)

    def __rtruediv__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(arithmetic.div, self, other)

    def __itruediv__(self: "Tensor", other: Any) -> "Tensor":
        return assign(arithmetic.div, self, other)

    def __floordiv__(self: "Tensor", other: Any) -> "Tensor":
        return operate(arithmetic.floor_divide, self, other)

    def __rfloordiv__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(arithmetic.floor_divide, self, other)

    def __ifloordiv__(self: "Tensor", other: Any) -> "Tensor":
        return assign(arithmetic.floor_divide, self, other)

    def __mod__(self: "Tensor", other: Any) -> "Tensor":
        return operate(rounding.remainder, self, other)

    def __rmod__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(rounding.remainder, self, other)

    def __imod__(self: "Tensor", other: Any) -> "Tensor":
        return assign(rounding.remainder, self, other)

    def __pow__(self: "Tensor", other: Any) -> "Tensor":
        return operate(exponential.pow, self, other)

    def __rpow__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(exponential.pow, self, other)

    def __ipow__(self: "Tensor", other: Any) -> "Tensor":
        return assign(exponential.pow, self, other)

    def __neg__(self: "Tensor") -> "Tensor":
        return arithmetic.neg(self)

    def __pos__(self: "Tensor") -> "Tensor":
        return self

    add_ = in_place(arithmetic.add)
    sub_ = subtract_ = in_place(arithmetic.sub)
    mul_ = multiply_ = in_place(arithmetic.mul)
    neg_ = negative_ = in_place(arithmetic.neg)
    floor_divide_ = in_place(arithmetic.floor_divide)
    lerp_ = in_place(arithmetic.lerp)
    addcmul_ = in_place(arithmetic.addcmul)
    addcdiv_ = in_place(arithmetic.addcdiv)
    div_ = divide_ = true_divide_ = in_place(arithmetic.div)
    pow_ = in_place(exponential.pow)
    remainder_ = in_place(rounding.remainder)
    fmod_ = in_place(rounding.fmod)
