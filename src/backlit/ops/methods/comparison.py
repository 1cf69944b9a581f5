"""Methods and operators of comparison and logic."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import comparison
from backlit.ops.methods.scheme import assigning, operator, reflected

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ComparisonMethods(TensorBase):
    """Comparison and logic, as methods and operators; each is the function of its name."""

    eq = comparison.eq
    ne = not_equal = comparison.ne
    lt = less = comparison.lt
    le = less_equal = comparison.le
    gt = greater = comparison.gt
    ge = greater_equal = comparison.ge
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    isclose = comparison.isclose
    allclose = comparison.allclose
    equal = comparison.equal
    logical_not = comparison.logical_not
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    bitwise_not = comparison.bitwise_not
    bitwise_and = comparison.bitwise_and
    bitwise_or = comparison.bitwise_or
    bitwise_xor = comparison.bitwise_xor

    def where(self: "Tensor", condition: "Tensor", other: Any) -> "Tensor":
        """`self` where `condition` holds, else `other`."""
        return comparison.where(condition, self, other)

    # A tensor is compared by its elements, and found in sets and dictionaries by its identity.
    __hash__ = object.__hash__
    __eq__ = operator(comparison.eq)  # type: ignore[assignment]
    __ne__ = operator(comparison.ne)  # type: ignore[assignment]
    __lt__ = operator(comparison.lt)
    __le__ = operator(comparison.le)
    __gt__ = operator(comparison.gt)
    __ge__ = operator(comparison.ge)
    __invert__ = comparison.bitwise_not
    __and__ = operator(comparison.bitwise_and)
    __rand__ = reflected(comparison.bitwise_and)
    __iand__ = assigning(comparison.bitwise_and)
    __or__ = operator(comparison.bitwise_or)
    __ror__ = reflected(comparison.bitwise_or)
    __ior__ = assigning(comparison.bitwise_or)
    __xor__ = operator(comparison.bitwise_xor)
    __rxor__ = reflected(comparison.bitwise_xor)
    __ixor__ = assigning(comparison.bitwise_xor)
