"""Exponentials, logarithms and their kin, as branch-free formulas on vectors and on single numbers alike.

LLVM's own intrinsics for these fall back to a call for each lane. Where no source is named, the coefficients are
minimax fits made for this file with Remez' exchange algorithm in 60 digits; "Cephes" is S. L. Moshier, "Methods and
Programs for Mathematical Functions", 1989. Errors stay below 2 units in the last place (`erfc` in both kinds and
`sinh`, `log10` in 64 bits: 4), with infinities, NaN, signed zeros and denormal numbers right. Each emits as
`exp(code, kind, x)`, kind "f4" or "f8".
"""

import math

from backlit.compiler.reals import Real, function, two_product, two_sum, wide_function

_INFINITY, _NAN = math.inf, math.nan
# ln 2 in two parts, of which whole multiples of the first are exact.
_LN2 = {
    "f4": (0.693359375, -2.1219444005469058277e-4),
    "f8": (6.93145751953125e-1, 1.42860682030941723212e-6),
}


def _taken_at_infinity(x: Real, result: Real) -> Real:
    return (x == _INFINITY).where(x, result)


# -- exponentials ------------------------------------------------------------------------------------------------------


def _second_order(r: Real) -> Real:
    """(e^r - 1 - r) / r^2 for |r| <= ln(2) / 2."""
    if r.single:
        return r.polynomial(1.9914287e-04, 1.3941241e-03, 8.333273e-03, 4.166635e-02, 1.6666667e-01, 0.5)
    return r.polynomial(
        2.0924662652342825e-09, 2.510931643248484e-08, 2.7557242076192e-07, 2.755724347447539e-06,
        2.4801587361311137e-05, 0.00019841269886782187, 0.001388888888886649, 0.008333333333321405,
        0.0416666666666667, 0.16666666666666677, 0.5,
    )  # fmt: skip


def _exp_near_zero(r: Real, rest: Real | float) -> Real:
    """e^(r + rest) for |r| <= ln(2) / 2 and a `rest` below the rounding of r."""
    one_and, lost = two_sum(r.made(r.raw(1.0)), r)
    return one_and + (r * r).fma(_second_order(r), lost + rest)


def _reduced(x: Real) -> tuple[Real, Real, Real]:
    """(n, r, low) with x = n ln(2) + r + low, n whole, |r| <= ln(2) / 2."""
    high, rest = _LN2[x.kind]
    n = (x * (1 / math.log(2))).nearest()
    first = n.fma(-high, x)
    r = n.fma(-rest, first)
    return n, r, n.fma(-rest, first - r)


def _scaled_exp(x: Real, power: float, low: Real | None = None) -> Real:
    """2^power e^(x + low), for a `low` of the size of the rounding of x."""
    n, r, rest = _reduced(x.clamped(*((-105.0, 90.0) if x.single else (-747.0, 712.0))))
    if low is not None:
        r, lost = two_sum(r, low)
        rest = rest + lost
    return _exp_near_zero(r, rest).times_two_to(n + power if power else n)


@function
def exp(x: Real) -> Real:
    """e^x."""
    return _scaled_exp(x, 0.0)


@function
def exp2(x: Real) -> Real:
    """2^x, exact for whole x."""
    x = x.clamped(*((-151.0, 129.0) if x.single else (-1076.0, 1025.0)))
    n = x.nearest()
    return _exp_near_zero((x - n) * math.log(2), 0.0).times_two_to(n)


@function
def expm1(x: Real) -> Real:
    """e^x - 1, as exact near 0 as elsewhere."""
    n, r, low = _reduced(x.clamped(*((-30.0, 89.0) if x.single else (-50.0, 710.0))))
    # Half of it, since 2^n itself overflows just before the result does.
    half = (n - 1.0).power_of_two()
    result = 2.0 * half.fma(r + (r * r).fma(_second_order(r), low), half - 0.5)
    return (abs(x) < 2.0**-54).where(x, result)


@function
def sigmoid(x: Real) -> Real:
    """1 / (1 + e^-x), a unit more exact than that formula in rounded steps, gradual underflow kept."""
    e = exp.of(-abs(x))
    negative = x < 0.0
    upper = negative.where(e, 1.0)
    lower, lost = two_sum(x.made(x.raw(1.0)), e)
    first = upper / lower
    rest = first.fma(-lost, first.fma(-lower, upper))
    # 1 / lower is the other branch's result.
    return rest.fma(negative.where(1.0 - first, first), first)


@function
def tanh(x: Real) -> Real:
    """The hyperbolic tangent; Cephes near 0."""
    size, z = abs(x), x * x
    if x.single:
        p = z.polynomial(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
    else:
        p = z.polynomial(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
        q = z.polynomial(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
        p = p / q
    far = 1.0 - 2.0 / (exp.of(size + size) + 1.0)
    return (size < 0.625).where((x * z).fma(p, x), far).signed_as(x)


@wide_function
def sinh(x: Real) -> Real:
    """The hyperbolic sine."""
    size = abs(x)
    half = _scaled_exp(size, -1.0)
    t = expm1.of(size)
    return (size < 1.0).where(0.5 * (t + t / (t + 1.0)), half - 0.25 / half).signed_as(x)


@wide_function
def cosh(x: Real) -> Real:
    """The hyperbolic cosine."""
    half = _scaled_exp(abs(x), -1.0)
    return half + 0.25 / half


# -- logarithms --------------------------------------------------------------------------------------------------------


def _log_of_mantissa(f: Real) -> Real:
    """log(1 + f) - f for sqrt(1/2) <= 1 + f < sqrt(2); Cephes."""
    if f.single:
        p = f.polynomial(
            7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
            -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
        )  # fmt: skip
    else:
        p = f.polynomial(
            1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0,
            1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0,
        )  # fmt: skip
        p = p / f.polynomial(
            1.0, 1.12873587189167450590e1, 4.52279145837532221105e1, 8.29875266912776603211e1,
            7.11544750618563894466e1, 2.31251620126765340583e1,
        )  # fmt: skip
    z = f * f
    return z.fma(-0.5, f * z * p)


def _log_domain(x: Real, result: Real) -> Real:
    """`result`, except where x is negative, zero, infinite or NaN."""
    result = _taken_at_infinity(x, result)
    result = (x == 0.0).where(-_INFINITY, result)
    return (x >= 0.0).where(result, _NAN)


def _log(x: Real, correction: Real | float = 0.0) -> Real:
    """The logarithm of a positive number, plus a small correction."""
    high, low = _LN2[x.kind]
    m, n = x.split()
    f = m - 1.0
    return n.fma(high, f + n.fma(low, _log_of_mantissa(f) + correction))


@function
def log(x: Real) -> Real:
    """The natural logarithm; -inf at 0, NaN below."""
    return _log_domain(x, _log(x))


@function
def log1p(x: Real) -> Real:
    """log(1 + x), as exact near 0 as elsewhere."""
    u = 1.0 + x
    result = _log_domain(u, _log(u, (x - (u - 1.0)) / u))
    return (abs(x) < 2.0**-54).where(x, result)


@wide_function
def log2(x: Real) -> Real:
    """The logarithm of base 2, exact for powers of 2."""
    m, n = x.split()
    f = m - 1.0
    y = _log_of_mantissa(f)
    beyond_one = 1 / math.log(2) - 1.0
    return _log_domain(x, n + (f + (y + f.fma(beyond_one, y * beyond_one))))


@wide_function
def log10(x: Real) -> Real:
    """The logarithm of base 10."""
    m, n = x.split()
    f = m - 1.0
    y = _log_of_mantissa(f)
    # log10(2) and log10(e), in two parts of which the first has few digits.
    result = n.fma(2.48745663981195213739e-4, y * 4.34294481903251827651e-1)
    result = f.fma(4.34294481903251827651e-1 - 0.43359375, result) + f * 0.43359375
    return _log_domain(x, n.fma(0.30078125, result))


@function
def logaddexp(x: Real, y: Real) -> Real:
    """log(e^x + e^y) without overflow."""
    larger = (x > y).where(x, y)
    # Equal infinities have no difference.
    distance = (x == y).where(0.0, abs(x - y))
    return larger + log1p.of(exp.of(-distance))


# -- powers ------------------------------------------------------------------------------------------------------------


def _long_log(x: Real) -> tuple[Real, Real]:
    """The logarithm of a positive number in two parts, good to 2^-63 of it, for powers.

    log(m) = 2 artanh(s) with s = (m - 1) / (m + 1); the first terms of its series are summed in two parts.
    """
    m, n = x.split()
    f, d = m - 1.0, m + 1.0
    d_low = m - (d - 1.0)
    s = f / d
    s_low = (s.fma(-d, f) - s * d_low) / d
    z, z_low = two_product(s, s)
    z_low = (s + s).fma(s_low, z_low)
    # artanh(s) / s = 1 + z (1/3 + z (1/5 + ...)), by Taylor, as z <= 0.0295.
    tail = z.polynomial(*(1 / k for k in range(23, 4, -2)))
    c, c_low = two_sum(z.made(z.raw(1 / 3)), z * tail)
    c_low = c_low + 1.850371707708594e-17
    p, p_low = two_product(z, c)
    p_low = z.fma(c_low, z_low.fma(c, p_low))
    u, u_low = two_product(s, p)
    high, low = two_sum(s, u)
    low = low + (s_low + s.fma(p_low, s_low.fma(p, u_low)))
    ln2, ln2_low = _LN2["f8"]
    high, rest = two_sum(n * ln2, high + high)
    return high, n.fma(ln2_low, rest + (low + low))


@wide_function
def power(x: Real, y: Real) -> Real:
    """x^y, with the special cases of IEEE 754's and C's `pow`."""
    size = abs(x)
    log_size, low = _long_log(size)
    log_size = _log_domain(size, log_size)
    product, rest = two_product(y, log_size)
    # Beyond the range of exponents there is no rest, and infinities would make it NaN.
    rest = (abs(product) < 1e3).where(y.fma(low, rest), 0.0)
    result = _scaled_exp(product, 0.0, rest)
    result = ((size == 1.0) & (y == y)).where(1.0, result)
    whole, half = y.floor() == y, y * 0.5
    result = (whole & (half.floor() != half)).where(result.signed_as(x), result)
    result = ((x < 0.0) & (size < _INFINITY) & ~whole).where(_NAN, result)
    return ((x == 1.0) | (y == 0.0)).where(1.0, result)


# -- the error function ------------------------------------------------------------------------------------------------


def _erf_near_zero(x: Real) -> Real:
    """The error function for |x| <= 0.93 (32 bits) or 1 (64 bits)."""
    z = x * x
    if x.single:
        p = z.polynomial(-5.953749e-04, 4.9859416e-03, -2.676172e-02, 1.12816826e-01, -3.761248e-01, 1.2837915e-01)
    else:
        p = z.polynomial(
            5.945256791973049e-11, -1.1365663436097421e-09, 1.4657879303456519e-08, -1.6350025160772114e-07,
            1.6460972812960757e-06, -1.4925593506744804e-05, 0.00012055331036897567, -0.0008548326978742231,
            0.005223977624780868, -0.026866170645072896, 0.11283791670954857, -0.3761263890318375,
            0.1283791670955126,
        )  # fmt: skip
    return p.fma(x, x)


def _erfc_of_size(x: Real) -> Real:
    """Its complement for x >= 0.

    (1 + 2x) e^(x^2) erfc(x) as a polynomial in (x - k) / (x + k), after Shepherd and Laframboise, "Chebyshev
    approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf", Mathematics of Computation 36, 1981.
    """
    middle, last = (2.0, 10.2) if x.single else (3.75, 28.0)
    x = (x > last).where(last, x)
    t = (x - middle) / (x + middle)
    if x.single:
        scaled = t.polynomial(
            -3.994278e-04, -1.2279861e-03, 1.3132815e-03, 8.630082e-03, -8.060129e-03,
            -5.420388e-02, 1.6405542e-01, -1.6603146e-01, -9.276398e-02, 1.2769784e00,
        )  # fmt: skip
    else:
        scaled = t.polynomial(
            -2.298175614386434e-09, -5.689651906481203e-10, 3.2773573083352164e-08, 1.5126161095072905e-08,
            -2.5295741021968714e-07, -4.71302730339661e-08, 1.7487948490976802e-06, -9.808272523659546e-07,
            -1.1443551911598146e-05, 2.2387508989928043e-05, 5.1649175194716034e-05, -0.0002901550207889389,
            0.00029371359277662593, 0.0017556260239708725, -0.009746579540989836, 0.028362277400090716,
            -0.05869339859151476, 0.09230432116152959, -0.10880393014165302, 0.08227673849011273,
            0.003585415485462643, -0.1402405985855467, 1.2375126308378275,
        )  # fmt: skip
    square, low = two_product(x, x)
    return _scaled_exp(-square, 0.0, -low) * (scaled / (1.0 + 2.0 * x))


@function
def erf(x: Real) -> Real:
    """The error function; in 32 bits, -log(erfc) is a polynomial away from 0."""
    size = abs(x)
    if x.single:
        t = (size > 4.0).where(4.0, size)
        p = t.polynomial(-2.1396112e-04, 3.2147802e-03, -2.2889469e-02, 1.0526118e-01, 6.3571876e-01, 1.2851425e-01)
        far = 1.0 - exp.of(-p.fma(t, t))
    else:
        far = 1.0 - _erfc_of_size(size)
    return (size < (0.93 if x.single else 1.0)).where(_erf_near_zero(x), far.signed_as(x))


@function
def erfc(x: Real) -> Real:
    """1 - erf(x), as exact where it is small as elsewhere; in 32 bits to 4 units in the last place."""
    size = abs(x)
    far = _erfc_of_size(size)
    return (size < 0.5).where(1.0 - _erf_near_zero(x), (x < 0.0).where(2.0 - far, far))
