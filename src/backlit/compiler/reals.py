"""Real numbers in machine code as Python values with operators, for formulas that read as in a book.

A `Real` is a value in every lane of a `Code`; plain Python numbers mix with it. Comparisons are false where a NaN takes
part, `!=` excepted, and give a `Mask`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from backlit.compiler.values import Code

# Bits of the mantissa, bias of the exponent, and the whole number as wide, by kind.
_LAYOUT = {"f4": (23, 127, "i4"), "f8": (52, 1023, "i8")}


class Mask:
    """One bit in every lane."""

    def __init__(self, code: "Code", value: Any) -> None:
        self.code = code
        self.value = value

    def __and__(self, other: "Mask") -> "Mask":
        return Mask(self.code, self.code.builder.and_(self.value, other.value))

    def __or__(self, other: "Mask") -> "Mask":
        return Mask(self.code, self.code.builder.or_(self.value, other.value))

    def __xor__(self, other: "Mask") -> "Mask":
        return Mask(self.code, self.code.builder.xor(self.value, other.value))

    def __invert__(self) -> "Mask":
        return Mask(self.code, self.code.builder.not_(self.value))

    def where(self, x: Union["Real", float], y: Union["Real", float]) -> "Real":
        """`x` where the bit is set, else `y`; one of them is a `Real`."""
        like = x if isinstance(x, Real) else y
        if not isinstance(like, Real):
            raise TypeError(f"where() of two plain numbers, {x} and {y}, has no kind of float")
        return like.made(self.code.builder.select(self.value, like.raw(x), like.raw(y)))

    def rarely(self, others: Callable[[], Sequence["Real"]], values: Sequence["Real"]) -> list["Real"]:
        """`others()` where the bit is set, else `values`; the others are computed only if a bit is set in any lane."""
        b, before = self.code.builder, self.code.builder.block
        with b.if_then(self.code.any(self.value), likely=False):
            chosen = [self.where(other, value) for other, value in zip(others(), values, strict=True)]
            branch = b.block
        found = []
        for one, value in zip(chosen, values, strict=True):
            phi = b.phi(value.value.type)
            phi.add_incoming(one.value, branch)
            phi.add_incoming(value.value, before)
            found.append(value.made(phi))
        return found


class Real:
    """A float in every lane.

    Attributes:
        code: What emits.
        kind: "f4" or "f8".
        value: The LLVM value.
    """

    __hash__ = None  # type: ignore[assignment]  # == compares lanes

    def __init__(self, code: "Code", kind: str, value: Any) -> None:
        self.code = code
        self.kind = kind
        self.value = value

    @property
    def single(self) -> bool:
        """Whether these are floats of 32 bits."""
        return self.kind == "f4"

    def by_library(self, name: str) -> "Real":
        """A function of the system's C library of every lane."""
        return self.made(self.code.intrinsic(name, self.value))

    def made(self, value: Any) -> "Real":
        """An LLVM value of the same kind as a `Real`."""
        return Real(self.code, self.kind, value)

    def raw(self, other: Union["Real", float]) -> Any:
        """The LLVM value of a `Real` or of a plain number."""
        return other.value if isinstance(other, Real) else self.code.constant(other, self.kind)

    def __add__(self, other: Union["Real", float]) -> "Real":
        return self.made(self.code.builder.fadd(self.value, self.raw(other)))

    def __sub__(self, other: Union["Real", float]) -> "Real":
        return self.made(self.code.builder.fsub(self.value, self.raw(other)))

    def __mul__(self, other: Union["Real", float]) -> "Real":
        return self.made(self.code.builder.fmul(self.value, self.raw(other)))

    def __truediv__(self, other: Union["Real", float]) -> "Real":
        return self.made(self.code.builder.fdiv(self.value, self.raw(other)))

    def __radd__(self, other: float) -> "Real":
        return self.made(self.raw(other)) + self

    def __rsub__(self, other: float) -> "Real":
        return self.made(self.raw(other)) - self

    def __rmul__(self, other: float) -> "Real":
        return self.made(self.raw(other)) * self

    def __rtruediv__(self, other: float) -> "Real":
        return self.made(self.raw(other)) / self

    def __neg__(self) -> "Real":
        return self.made(self.code.builder.fneg(self.value))

    def __abs__(self) -> "Real":
        return self.made(self.code.intrinsic("fabs", self.value))

    def __lt__(self, other: Union["Real", float]) -> Mask:
        return self._compare("<", other)

    def __le__(self, other: Union["Real", float]) -> Mask:
        return self._compare("<=", other)

    def __gt__(self, other: Union["Real", float]) -> Mask:
        return self._compare(">", other)

    def __ge__(self, other: Union["Real", float]) -> Mask:
        return self._compare(">=", other)

    def __eq__(self, other: Union["Real", float]) -> Mask:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: Union["Real", float]) -> Mask:  # type: ignore[override]
        return Mask(self.code, self.code.builder.fcmp_unordered("!=", self.value, self.raw(other)))

    def _compare(self, sign: str, other: Union["Real", float]) -> Mask:
        return Mask(self.code, self.code.builder.fcmp_ordered(sign, self.value, self.raw(other)))

    def fma(self, factor: Union["Real", float], term: Union["Real", float]) -> "Real":
        """`self * factor + term`, rounded once."""
        return self.made(self.code.fma(self.value, self.raw(factor), self.raw(term)))

    def sqrt(self) -> "Real":
        """The square root, rounded correctly."""
        return self.made(self.code.intrinsic("sqrt", self.value))

    def floor(self) -> "Real":
        """The largest whole number that is not larger."""
        return self.made(self.code.intrinsic("floor", self.value))

    def nearest(self) -> "Real":
        """The nearest whole number."""
        return self.made(self.code.intrinsic("roundeven", self.value))

    def signed_as(self, other: "Real") -> "Real":
        """This size with the sign of `other`, that of zeros included."""
        return self.made(self.code.intrinsic("copysign", self.value, other.value))

    def modulo(self, other: "Real") -> "Real":
        """The exact remainder, of the sign of this."""
        return self.made(self.code.builder.frem(self.value, other.value))

    def sign_bit(self) -> Mask:
        """Set for negative numbers, negative zeros included."""
        whole = _LAYOUT[self.kind][2]
        bits = self.code.builder.bitcast(self.value, self.code.type(whole))
        return Mask(self.code, self.code.builder.icmp_signed("<", bits, self.code.constant(0, whole)))

    def clamped(self, low: float, high: float) -> "Real":
        """The number brought between two bounds; NaN stays."""
        above = (self < low).where(low, self)
        return (above > high).where(high, above)

    def polynomial(self, *coefficients: float) -> "Real":
        """The polynomial in this with these coefficients, highest power first, by Horner's scheme."""
        result = self.made(self.raw(coefficients[0]))
        for c in coefficients[1:]:
            result = result.fma(self, c)
        return result

    def power_of_two(self) -> "Real":
        """2^n for whole n, as floats, in the range of normal exponents.

        Adding 1.5 * 2^bits puts a whole number into the low bits of a float, whence a shift makes it the exponent.
        """
        bits, bias, whole = _LAYOUT[self.kind]
        b = self.code.builder
        placed = b.bitcast((self + (1.5 * 2.0**bits + bias)).value, self.code.type(whole))
        return self.made(b.bitcast(b.shl(placed, self.code.constant(bits, whole)), self.code.type(self.kind)))

    def times_two_to(self, n: "Real") -> "Real":
        """`self * 2^n`, rounded once, for numbers from 1 to 2 and whole n that need not be normal exponents.

        In two factors, so that neither overflows nor the result loses its gradual underflow.
        """
        half = (n * 0.5).floor()
        return self * half.power_of_two() * (n - half).power_of_two()

    def split(self) -> tuple["Real", "Real"]:
        """(m, n) with `self = m 2^n`, sqrt(1/2) <= m < sqrt(2), n whole, for positive finite numbers."""
        bits, bias, whole = _LAYOUT[self.kind]
        code, b = self.code, self.code.builder
        denormal = self < 2.0 ** (1 - bias)
        raw = b.bitcast(denormal.where(self * 2.0**bits, self).value, code.type(whole))
        # The exponent's bits become the low bits of a float of 2^bits, and so a whole number.
        high = b.bitcast(code.constant(2.0**bits, self.kind), code.type(whole))
        placed = b.or_(b.lshr(raw, code.constant(bits, whole)), high)
        n = self.made(b.bitcast(placed, code.type(self.kind)))
        n = n - denormal.where(self.made(self.raw(2.0**bits + bias - 1 + bits)), 2.0**bits + bias - 1)
        half = b.or_(b.and_(raw, code.constant((1 << bits) - 1, whole)), code.constant((bias - 1) << bits, whole))
        m = self.made(b.bitcast(half, code.type(self.kind)))
        low = m < 0.5**0.5
        return low.where(m + m, m), low.where(n - 1.0, n)


def two_sum(x: Real, y: Real) -> tuple[Real, Real]:
    """The sum x + y and what its rounding lost, for |x| >= |y| or x = 0."""
    total = x + y
    return total, y - (total - x)


def two_product(x: Real, y: Real) -> tuple[Real, Real]:
    """The product x y and what its rounding lost."""
    product = x * y
    return product, x.fma(y, -product)


class Function:
    """An elementwise function of floats.

    Calling it with (code, kind, LLVM values) emits it on them; `of` is its formula on `Real` numbers. Those that are
    `wide` are computed in 64 bits for floats of 32 bits and rounded once, which leaves an error of half a unit.
    """

    def __init__(self, formula: Callable[..., Real], wide: bool) -> None:
        self.of = formula
        self.wide = wide
        self.__name__ = formula.__name__
        self.__doc__ = formula.__doc__

    def __call__(self, code: "Code", kind: str, *values: Any) -> Any:
        """Emit the function on LLVM values of a kind of float: a call of it, as its code is long and used often."""
        known = code.function(self.__name__, kind, len(values))
        if known is None:
            known, inside, arguments = code.begin_function(self.__name__, kind, len(values))
            within = "f8" if self.wide else kind
            result = self.of(*(Real(inside, within, inside.cast(a, kind, within)) for a in arguments))
            inside.builder.ret(inside.cast(result.value, within, kind))
        return code.builder.call(known, values)


def function(formula: Callable[..., Real]) -> Function:
    """An elementwise function that is computed in the kind of its arguments."""
    return Function(formula, wide=False)


def wide_function(formula: Callable[..., Real]) -> Function:
    """An elementwise function that is computed in 64 bits."""
    return Function(formula, wide=True)
