"""Exponentials and their kin as polynomials, on vectors and on single numbers alike.

LLVM's own intrinsics for these fall back to a call for each lane. The reductions and coefficients are those of the
Cephes library (S. L. Moshier, "Methods and Programs for Mathematical Functions", 1989).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backlit.compiler.values import Code


def polynomial(code: "Code", kind: str, x: Any, coefficients: list[float]) -> Any:
    """Horner's scheme, highest power first."""
    result = code.constant(coefficients[0], kind)
    for c in coefficients[1:]:
        result = code.fma(result, x, code.constant(c, kind))
    return result


def _power_of_two(code: "Code", kind: str, n: Any) -> Any:
    """2^n for whole numbers n in the range of normal exponents."""
    b, (bits, bias, whole) = code.builder, (23, 127, "i4") if kind == "f4" else (52, 1023, "i8")
    exponent = b.shl(b.add(n, code.constant(bias, whole)), code.constant(bits, whole))
    return b.bitcast(exponent, code.type(kind))


def exp(code: "Code", kind: str, x: Any) -> Any:
    """e^x; exact at 0 and at the infinities, gradual underflow kept."""
    b = code.builder
    low, high = (-104.0, 89.0) if kind == "f4" else (-746.0, 710.0)
    # Compared so that NaN fails both tests and comes through.
    y = b.select(b.fcmp_ordered("<", x, code.constant(low, kind)), code.constant(low, kind), x)
    y = b.select(b.fcmp_ordered(">", x, code.constant(high, kind)), code.constant(high, kind), y)
    n = code.intrinsic("roundeven", b.fmul(y, code.constant(1.4426950408889634, kind)))
    if kind == "f4":
        r = code.fma(n, code.constant(-0.693359375, kind), y)
        r = code.fma(n, code.constant(2.12194440e-4, kind), r)
        p = polynomial(code, kind, r, [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                                       1.6666665459e-1, 5.0000001201e-1])  # fmt: skip
        e = b.fadd(code.fma(p, b.fmul(r, r), r), code.constant(1.0, kind))
    else:
        r = code.fma(n, code.constant(-6.93145751953125e-1, kind), y)
        r = code.fma(n, code.constant(-1.42860682030941723212e-6, kind), r)
        z = b.fmul(r, r)
        p = polynomial(code, kind, z, [1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1])
        p = b.fmul(r, p)
        q = polynomial(code, kind, z, [3.00198505138664455042e-6, 2.52448340349684104192e-3,
                                       2.27265548208155028766e-1, 2.00000000000000000005e0])  # fmt: skip
        e = code.fma(code.constant(2.0, kind), b.fdiv(p, b.fsub(q, p)), code.constant(1.0, kind))
    whole = code.cast(n, kind, "i4" if kind == "f4" else "i8")
    one = code.constant(1, "i4" if kind == "f4" else "i8")
    # In two factors, so that neither overflows nor the result loses its gradual underflow.
    half = b.ashr(whole, one)
    return b.fmul(b.fmul(e, _power_of_two(code, kind, half)), _power_of_two(code, kind, b.sub(whole, half)))


def log(code: "Code", kind: str, x: Any) -> Any:
    """The natural logarithm; -inf at 0, NaN below."""
    b = code.builder
    bits, bias, whole, tiny, scale = (
        (23, 127, "i4", 1.17549435e-38, 8388608.0)
        if kind == "f4"
        else (52, 1023, "i8", 2.2250738585072014e-308, 4503599627370496.0)
    )
    small = b.fcmp_ordered("<", x, code.constant(tiny, kind))
    y = b.select(small, b.fmul(x, code.constant(scale, kind)), x)
    raw = b.bitcast(y, code.type(whole))
    mask = (1 << bits) - 1
    e = b.sub(b.lshr(raw, code.constant(bits, whole)), code.constant(bias - 1, whole))
    mantissa = b.or_(b.and_(raw, code.constant(mask, whole)), code.constant((bias - 1) << bits, whole))
    m = b.bitcast(mantissa, code.type(kind))
    e = b.sub(e, b.select(small, code.constant(bits, whole), code.constant(0, whole)))
    low = b.fcmp_ordered("<", m, code.constant(0.70710678118654752440, kind))
    n = code.cast(b.sub(e, b.zext(low, code.type(whole))), whole, kind)
    m = b.fsub(b.fadd(m, b.select(low, m, code.constant(0.0, kind))), code.constant(1.0, kind))
    z = b.fmul(m, m)
    if kind == "f4":
        p = polynomial(code, kind, m, [7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1,
                                       1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
                                       3.3333331174e-1])  # fmt: skip
    else:
        p = polynomial(code, kind, m, [1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0,
                                       1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0])
        q = polynomial(code, kind, m, [1.0, 1.12873587189167450590e1, 4.52279145837532221105e1,
                                       8.29875266912776603211e1, 7.11544750618563894466e1, 2.31251620126765340583e1])
        p = b.fdiv(p, q)
    y = b.fmul(b.fmul(m, z), p)
    y = code.fma(n, code.constant(-2.12194440e-4 if kind == "f4" else -2.121944400546905827679e-4, kind), y)
    y = code.fma(z, code.constant(-0.5, kind), y)
    result = code.fma(n, code.constant(0.693359375, kind), b.fadd(m, y))
    zero = code.constant(0.0, kind)
    infinity = code.constant(float("inf"), kind)
    result = b.select(b.fcmp_ordered("==", x, infinity), x, result)
    result = b.select(b.fcmp_ordered("==", x, zero), b.fneg(infinity), result)
    bad = b.fcmp_unordered("<", x, zero)
    return b.select(bad, code.constant(float("nan"), kind), result)


def tanh(code: "Code", kind: str, x: Any) -> Any:
    """The hyperbolic tangent."""
    b = code.builder
    size = code.intrinsic("fabs", x)
    z = b.fmul(x, x)
    if kind == "f4":
        p = polynomial(code, kind, z, [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                                       -3.33332819422e-1])  # fmt: skip
    else:
        p = polynomial(code, kind, z, [-9.64399179425052238628e-1, -9.92877231001918586564e1,
                                       -1.61468768441708447952e3])  # fmt: skip
        q = polynomial(code, kind, z, [1.0, 1.12811678491632931402e2, 2.23548839060100448583e3,
                                       4.84406305325125486048e3])  # fmt: skip
        p = b.fdiv(p, q)
    near = code.fma(b.fmul(x, z), p, x)
    one = code.constant(1.0, kind)
    e = exp(code, kind, b.fadd(size, size))
    far = b.fsub(one, b.fdiv(code.constant(2.0, kind), b.fadd(e, one)))
    far = code.intrinsic("copysign", far, x)
    return b.select(b.fcmp_ordered("<", size, code.constant(0.625, kind)), near, far)
