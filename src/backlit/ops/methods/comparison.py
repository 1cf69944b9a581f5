"""Methods and operators of comparison, logic and choice."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import choice, comparison
from backlit.ops.methods.scheme import assign, in_place, operate, reflect

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


class ComparisonMethods(TensorBase):
    """Comparison, logic and choice; each method is the function of its name with the tensor as first argument."""

    def eq(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.eq`."""
        return comparison.eq(self, other)

    def ne(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.ne`."""
        return comparison.ne(self, other)

    not_equal = ne

    def lt(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.lt`."""
        return comparison.lt(self, other)

    less = lt

    def le(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.le`."""
        return comparison.le(self, other)

    less_equal = le

    def gt(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.gt`."""
        return comparison.gt(self, other)

    greater = gt

    def ge(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.ge`."""
        return comparison.ge(self, other)

    greater_equal = ge

    def logical_not(self: "Tensor") -> "Tensor":
        """See `backlit.logical_not`."""
        return comparison.logical_not(self)

    def logical_and(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.logical_and`."""
        return comparison.logical_and(self, other)

    def logical_or(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.logical_or`."""
        return comparison.logical_or(self, other)

    def logical_xor(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.logical_xor`."""
        return comparison.logical_xor(self, other)

    def bitwise_not(self: "Tensor") -> "Tensor":
        """See `backlit.bitwise_not`."""
        return comparison.bitwise_not(self)

    def bitwise_and(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.bitwise_and`."""
        return comparison.bitwise_and(self, other)

    def bitwise_or(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.bitwise_or`."""
        return comparison.bitwise_or(self, other)

    def bitwise_xor(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.bitwise_xor`."""
        return comparison.bitwise_xor(self, other)

    def bitwise_left_shift(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.bitwise_left_shift`."""
        return comparison.bitwise_left_shift(self, other)

    def bitwise_right_shift(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.bitwise_right_shift`."""
        return comparison.bitwise_right_shift(self, other)

    def isnan(self: "Tensor") -> "Tensor":
        """See `backlit.isnan`."""
        return comparison.isnan(self)

    def isinf(self: "Tensor") -> "Tensor":
        """See `backlit.isinf`."""
        return comparison.isinf(self)

    def isposinf(self: "Tensor") -> "Tensor":
        """See `backlit.isposinf`."""
        return comparison.isposinf(self)

    def isneginf(self: "Tensor") -> "Tensor":
        """See `backlit.isneginf`."""
        return comparison.isneginf(self)

    def isfinite(self: "Tensor") -> "Tensor":
        """See `backlit.isfinite`."""
        return comparison.isfinite(self)

    def signbit(self: "Tensor") -> "Tensor":
        """See `backlit.signbit`."""
        return comparison.signbit(self)

    def isclose(
        self: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> "Tensor":
        """See `backlit.isclose`."""
        return comparison.isclose(self, other, rtol, atol, equal_nan)

    def allclose(
        self: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> bool:
        """See `backlit.allclose`."""
        return comparison.allclose(self, other, rtol, atol, equal_nan)

    def equal(self: "Tensor", other: "Tensor") -> bool:
        """See `backlit.equal`."""
        return comparison.equal(self, other)

    def maximum(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.maximum`."""
        return choice.maximum(self, other)

    def minimum(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.minimum`."""
        return choice.minimum(self, other)

    def clamp(self: "Tensor", min: "Tensor | Number | None" = None, max: "Tensor | Number | None" = None) -> "Tensor":
        """See `backlit.clamp`."""
        return choice.clamp(self, min, max)

    clip = clamp

    def clamp_min(self: "Tensor", min: "Tensor | Number") -> "Tensor":
        """See `backlit.clamp_min`."""
        return choice.clamp_min(self, min)

    def clamp_max(self: "Tensor", max: "Tensor | Number") -> "Tensor":
        """See `backlit.clamp_max`."""
        return choice.clamp_max(self, max)

    def nan_to_num(
        self: "Tensor", nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> "Tensor":
        """See `backlit.nan_to_num`."""
        return choice.nan_to_num(self, nan, posinf, neginf)

    def heaviside(self: "Tensor", values: "Tensor") -> "Tensor":
        """See `backlit.heaviside`."""
        return choice.heaviside(self, values)

    def where(self: "Tensor", condition: "Tensor", other: "Tensor | Number") -> "Tensor":
        """`self` where `condition` holds, else `other`."""
        return choice.where(condition, self, other)

    # A tensor is compared by its elements, and found in sets and dictionaries by its identity.
    __hash__ = object.__hash__

    def __eq__(self: "Tensor", other: Any) -> "Tensor":  # type: ignore[override]
        return operate(comparison.eq, self, other)

    def __ne__(self: "Tensor", other: Any) -> "Tensor":  # type: ignore[override]
        return operate(comparison.ne, self, other)

    def __lt__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.lt, self, other)

    def __le__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.le, self, other)

    def __gt__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.gt, self, other)

    def __ge__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.ge, self, other)

    def __invert__(self: "Tensor") -> "Tensor":
        return comparison.bitwise_not(self)

    def __and__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.bitwise_and, self, other)

    def __rand__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(comparison.bitwise_and, self, other)

    def __iand__(self: "Tensor", other: Any) -> "Tensor":
        return assign(comparison.bitwise_and, self, other)

    def __or__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.bitwise_or, self, other)

    def __ror__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(comparison.bitwise_or, self, other)

    def __ior__(self: "Tensor", other: Any) -> "Tensor":
        return assign(comparison.bitwise_or, self, other)

    def __xor__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.bitwise_xor, self, other)

    def __rxor__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(comparison.bitwise_xor, self, other)

    def __ixor__(self: "Tensor", other: Any) -> "Tensor":
        return assign(comparison.bitwise_xor, self, other)

    def __lshift__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.bitwise_left_shift, self, other)

    def __rlshift__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(comparison.bitwise_left_shift, self, other)

    def __ilshift__(self: "Tensor", other: Any) -> "Tensor":
        return assign(comparison.bitwise_left_shift, self, other)

    def __rshift__(self: "Tensor", other: Any) -> "Tensor":
        return operate(comparison.bitwise_right_shift, self, other)

    def __rrshift__(self: "Tensor", other: Any) -> "Tensor":
        return reflect(comparison.bitwise_right_shift, self, other)

    def __irshift__(self: "Tensor", other: Any) -> "Tensor":
        return assign(comparison.bitwise_right_shift, self, other)

    eq_ = in_place(comparison.eq)
    ne_ = not_equal_ = in_place(comparison.ne)
    lt_ = less_ = in_place(comparison.lt)
    le_ = less_equal_ = in_place(comparison.le)
    gt_ = greater_ = in_place(comparison.gt)
    ge_ = greater_equal_ = in_place(comparison.ge)
    logical_not_ = in_place(comparison.logical_not)
    logical_and_ = in_place(comparison.logical_and)
    logical_or_ = in_place(comparison.logical_or)
    logical_xor_ = in_place(comparison.logical_xor)
    bitwise_not_ = in_place(comparison.bitwise_not)
    bitwise_and_ = in_place(comparison.bitwise_and)
    bitwise_or_ = in_place(comparison.bitwise_or)
    bitwise_xor_ = in_place(comparison.bitwise_xor)
    bitwise_left_shift_ = in_place(comparison.bitwise_left_shift)
    bitwise_right_shift_ = in_place(comparison.bitwise_right_shift)
    clamp_ = clip_ = in_place(choice.clamp)
    clamp_min_ = in_place(choice.clamp_min)
    clamp_max_ = in_place(choice.clamp_max)
    nan_to_num_ = in_place(choice.nan_to_num)
    heaviside_ = in_place(choice.heaviside)
