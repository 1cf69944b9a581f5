"""Circular functions, their inverses and the inverses of the hyperbolic ones, as branch-free formulas.

"fdlibm" is Sun Microsystems' "Freely Distributable LIBM", 1993, "Cephes" is S. L. Moshier, "Methods and Programs for
Mathematical Functions", 1989. All compute in 64 bits, with errors below 4 units in the last place there and half a
unit in 32 bits. Each emits as `sin(code, kind, x)`, kind "f4" or "f8".
"""

import math

from backlit.compiler.functions import log, log1p
from backlit.compiler.reals import Mask, Real, wide_function

_PI_LOW = 1.2246467991473532e-16
# pi / 2 in three parts, the sum of which has 159 bits.
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)


def _turned(x: Real) -> tuple[Real, Real, Real]:
    """(sine, cosine, quarters) with x = quarters pi / 2 + the angle whose sine and cosine these are; fdlibm.

    The reduction (Cody and Waite's, each product exact inside its `fma`) holds to |x| < 1e15; beyond, the C library
    has what it takes.
    """
    n = (x * (2 / math.pi)).nearest()
    r = x
    for part in _HALF_PI:
        r = n.fma(-part, r)
    z = r * r
    p = z.polynomial(
        1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
        -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
    )  # fmt: skip
    q = z.polynomial(
        -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
        2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
    )  # fmt: skip
    half = z * 0.5
    rest = 1.0 - half
    cosine = rest + (z * z).fma(q, (1.0 - rest) - half)

    def library() -> tuple[Real, Real, Real]:
        return x.by_library("sin"), x.by_library("cos"), x.made(x.raw(0.0))

    sine, cosine, quarters = (abs(x) >= 1e15).rarely(library, ((z * r).fma(p, r), cosine, n))
    return sine, cosine, quarters


def _odd(n: Real) -> Mask:
    half = n * 0.5
    return half.floor() != half


def _quarter_turned(sine: Real, cosine: Real, n: Real) -> Real:
    """The sine of an angle and n right angles."""
    result = _odd(n).where(cosine, sine)
    return _odd((n * 0.5).floor()).where(-result, result)


@wide_function
def sin(x: Real) -> Real:
    """The sine."""
    return (x == 0.0).where(x, _quarter_turned(*_turned(x)))


@wide_function
def cos(x: Real) -> Real:
    """The cosine."""
    sine, cosine, n = _turned(x)
    return _quarter_turned(sine, cosine, n + 1.0)


@wide_function
def tan(x: Real) -> Real:
    """The tangent."""
    sine, cosine, n = _turned(x)
    odd = _odd(n)
    return (x == 0.0).where(x, odd.where(-cosine, sine) / odd.where(sine, cosine))


@wide_function
def arctan(x: Real) -> Real:
    """The angle from -pi/2 to pi/2 of a tangent; Cephes."""
    size = abs(x)
    large, middle = size > 2.41421356237309504880, size > 0.66
    t = large.where(-1.0, middle.where(size - 1.0, size)) / large.where(size, middle.where(size + 1.0, 1.0))
    base = large.where(x.made(x.raw(math.pi / 2)), middle.where(x.made(x.raw(math.pi / 4)), 0.0))
    z = t * t
    p = z.polynomial(
        -8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
        -1.228866684490136173410e2, -6.485021904942025371773e1,
    )  # fmt: skip
    q = z.polynomial(
        1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
        4.853903996359136964868e2, 1.945506571482613964425e2,
    )  # fmt: skip
    # What rounding took from pi / 2 or pi / 4.
    lost = base * (_PI_LOW / math.pi)
    return (base + (t + (t * z).fma(p / q, lost))).signed_as(x)


@wide_function
def arctan2(y: Real, x: Real) -> Real:
    """The angle from -pi to pi of the point (x, y), signed zeros and infinities as in C."""
    rise, run = abs(y), abs(x)
    steep = rise > run
    small, large = steep.where(run, rise), steep.where(rise, run)
    # Two zeros lie along an axis, two infinities between the axes.
    ratio = (small == large).where((large == 0.0).where(small, 1.0), small / large)
    angle = arctan.of((y != y).where(y, (x != x).where(x, ratio)))
    angle = steep.where(_HALF_PI[0] - (angle - _HALF_PI[1]), angle)
    return x.sign_bit().where(math.pi - (angle - _PI_LOW), angle).signed_as(y)


def _arcsine(x: Real) -> tuple[Mask, Real, Real]:
    """(near, s, tail): s + tail is the arcsine of |x| if `near`, else that of sqrt((1 - |x|) / 2)."""
    size = abs(x)
    near = size < 0.5
    z = near.where(x * x, (1.0 - size) * 0.5)
    s = near.where(size, z.sqrt())
    p = z.polynomial(
        3.47933107596021167570e-05, 7.91534994289814532176e-04, -4.00555345006794114027e-02,
        2.01212532134862925881e-01, -3.25565818622400915405e-01, 1.66666666666666657415e-01,
    )  # fmt: skip
    q = z.polynomial(
        7.70381505559019352791e-02, -6.88283971605453293030e-01, 2.02094576023350569471e00,
        -2.40339491173441421878e00, 1.0,
    )  # fmt: skip
    # What rounding took from the root.
    low = (near | (z == 0.0)).where(0.0, s.fma(-s, z) / (s + s))
    return near, s, (s * z).fma(p / q, low)


@wide_function
def arcsin(x: Real) -> Real:
    """The angle from -pi/2 to pi/2 of a sine, NaN beyond 1; fdlibm."""
    near, s, tail = _arcsine(x)
    far = _HALF_PI[0] - ((s + s) + ((tail + tail) - _HALF_PI[1]))
    return near.where(s + tail, far).signed_as(x)


@wide_function
def arccos(x: Real) -> Real:
    """The angle from 0 to pi of a cosine, NaN beyond 1; fdlibm."""
    near, s, tail = _arcsine(x)
    twice = (s + s) + (tail + tail)
    angle = (x < 0.0).where(math.pi - ((s + s) + ((tail + tail) - _PI_LOW)), twice)
    return near.where(_HALF_PI[0] - (x - (_HALF_PI[1] - tail.signed_as(x))), angle)


@wide_function
def arcsinh(x: Real) -> Real:
    """The number of which this is the hyperbolic sine."""
    size = abs(x)
    square = size * size
    near = log1p.of(size + square / (1.0 + (1.0 + square).sqrt()))
    return (size < 2.0**28).where(near, log.of(size) + math.log(2)).signed_as(x)


@wide_function
def arccosh(x: Real) -> Real:
    """The positive number of which this is the hyperbolic cosine; NaN below 1."""
    t = x - 1.0
    near = log1p.of(t + t.sqrt() * (t + 2.0).sqrt())
    return (x > 2.0**28).where(log.of(x) + math.log(2), near)


@wide_function
def arctanh(x: Real) -> Real:
    """The number of which this is the hyperbolic tangent; infinite at 1, NaN beyond."""
    size = abs(x)
    return (0.5 * log1p.of((size + size) / (1.0 - size))).signed_as(x)


@wide_function
def hypot(x: Real, y: Real) -> Real:
    """sqrt(x^2 + y^2) without overflow; infinite if either is, a NaN in the other notwithstanding."""
    one, two = abs(x), abs(y)
    swap = one < two
    large, small = swap.where(two, one), swap.where(one, two)
    ratio = small / large
    result = (large == 0.0).where(small, large * ratio.fma(ratio, 1.0).sqrt())
    return ((one == math.inf) | (two == math.inf)).where(math.inf, result)
