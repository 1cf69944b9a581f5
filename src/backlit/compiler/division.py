"""Division with remainders and what looks at signs, on floats and integers, with NumPy's results.

Each emits as `remainder(code, kind, x, y)`. Integers divided by zero give 0 and a status.
"""

from typing import TYPE_CHECKING, Any

from backlit.compiler.failures import DIVISION
from backlit.compiler.reals import Real, function

if TYPE_CHECKING:
    from backlit.compiler.values import Code


def _whole_division(code: "Code", kind: str, x: Any, y: Any) -> tuple[Any, Any]:
    """(quotient, remainder) of integers, rounded towards zero, of the divisors that processors trap at 0 and -1 too."""
    b, zero, one = code.builder, code.constant(0, kind), code.constant(1, kind)
    by_zero = b.icmp_unsigned("==", y, zero)
    code.fail(by_zero, DIVISION)
    if kind[0] in "ub":
        safe = b.select(by_zero, one, y)
        return b.select(by_zero, zero, b.udiv(x, safe)), b.select(by_zero, zero, b.urem(x, safe))
    by_minus_one = b.icmp_signed("==", y, code.constant(-1, kind))
    safe = b.select(b.or_(by_zero, by_minus_one), one, y)
    quotient = b.select(by_minus_one, b.neg(x), b.sdiv(x, safe))
    return b.select(by_zero, zero, quotient), b.select(by_zero, zero, b.srem(x, safe))


def _borrows(code: "Code", kind: str, rest: Any, y: Any) -> Any:
    """Whether a remainder and a divisor are of opposite signs, so that the floor is one below."""
    b, zero = code.builder, code.constant(0, kind)
    if kind[0] in "ub":
        return code.constant(0, "b1")
    return b.and_(b.icmp_signed("!=", rest, zero), b.icmp_signed("<", b.xor(rest, y), zero))


def _float_division(x: Real, y: Real) -> tuple[Real, Real]:
    """(floor of the quotient, remainder of the divisor's sign), as Python defines them."""
    rest = x.modulo(y)
    quotient = (x - rest) / y
    borrows = (rest != 0.0) & ((rest < 0.0) ^ (y < 0.0))
    quotient = borrows.where(quotient - 1.0, quotient)
    floor = quotient.floor()
    floor = (quotient - floor > 0.5).where(floor + 1.0, floor)
    # Zeros take the sign of the exact quotient, and of the divisor.
    floor = (quotient == 0.0).where((x / y) * 0.0, floor)
    rest = (rest == 0.0).where(rest.signed_as(y), borrows.where(rest + y, rest))
    return (y == 0.0).where(x / y, floor), rest


@function
def _float_floor_divide(x: Real, y: Real) -> Real:
    return _float_division(x, y)[0]


@function
def _float_remainder(x: Real, y: Real) -> Real:
    return _float_division(x, y)[1]


def floor_divide(code: "Code", kind: str, x: Any, y: Any) -> Any:
    """The largest whole number not above x / y."""
    if kind[0] == "f":
        return _float_floor_divide(code, kind, x, y)
    quotient, rest = _whole_division(code, kind, x, y)
    b = code.builder
    return b.select(_borrows(code, kind, rest, y), b.sub(quotient, code.constant(1, kind)), quotient)


def remainder(code: "Code", kind: str, x: Any, y: Any) -> Any:
    """What remains of x when whole multiples of y are taken away; of the sign of y."""
    if kind[0] == "f":
        return _float_remainder(code, kind, x, y)
    rest = _whole_division(code, kind, x, y)[1]
    b = code.builder
    return b.select(_borrows(code, kind, rest, y), b.add(rest, y), rest)


def fmod(code: "Code", kind: str, x: Any, y: Any) -> Any:
    """What remains of x when whole multiples of y are taken away; of the sign of x."""
    return code.builder.frem(x, y) if kind[0] == "f" else _whole_division(code, kind, x, y)[1]


def signbit(code: "Code", kind: str, x: Any) -> Any:
    """Whether a number is negative; a negative zero is."""
    if kind[0] == "f":
        return Real(code, kind, x).sign_bit().value
    if kind[0] in "ub":
        return code.constant(0, "b1")
    return code.builder.icmp_signed("<", x, code.constant(0, kind))


@function
def copysign(x: Real, y: Real) -> Real:
    """The size of x with the sign of y."""
    return x.signed_as(y)


@function
def heaviside(x: Real, at_zero: Real) -> Real:
    """0 below 0, 1 above, `at_zero` at 0; NaN stays."""
    step = (x > 0.0).where(1.0, (x < 0.0).where(0.0, x))
    return (x == 0.0).where(at_zero, step)
