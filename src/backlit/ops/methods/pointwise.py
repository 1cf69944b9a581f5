"""Methods that apply a function to each element."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.ops import activation, exponential, rounding, special, trigonometry
from backlit.ops.methods.scheme import in_place

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


class PointwiseMethods(TensorBase):
    """Functions of each element; each is the function of its name with the tensor as first argument."""

    def exp(self: "Tensor") -> "Tensor":
        """See `backlit.exp`."""
        return exponential.exp(self)

    def exp2(self: "Tensor") -> "Tensor":
        """See `backlit.exp2`."""
        return exponential.exp2(self)

    def expm1(self: "Tensor") -> "Tensor":
        """See `backlit.expm1`."""
        return exponential.expm1(self)

    def log(self: "Tensor") -> "Tensor":
        """See `backlit.log`."""
        return exponential.log(self)

    def log2(self: "Tensor") -> "Tensor":
        """See `backlit.log2`."""
        return exponential.log2(self)

    def log10(self: "Tensor") -> "Tensor":
        """See `backlit.log10`."""
        return exponential.log10(self)

    def log1p(self: "Tensor") -> "Tensor":
        """See `backlit.log1p`."""
        return exponential.log1p(self)

    def sqrt(self: "Tensor") -> "Tensor":
        """See `backlit.sqrt`."""
        return exponential.sqrt(self)

    def rsqrt(self: "Tensor") -> "Tensor":
        """See `backlit.rsqrt`."""
        return exponential.rsqrt(self)

    def square(self: "Tensor") -> "Tensor":
        """See `backlit.square`."""
        return exponential.square(self)

    def reciprocal(self: "Tensor") -> "Tensor":
        """See `backlit.reciprocal`."""
        return exponential.reciprocal(self)

    def float_power(self: "Tensor", exponent: "Tensor | Number") -> "Tensor":
        """See `backlit.float_power`."""
        return exponential.float_power(self, exponent)

    def sin(self: "Tensor") -> "Tensor":
        """See `backlit.sin`."""
        return trigonometry.sin(self)

    def cos(self: "Tensor") -> "Tensor":
        """See `backlit.cos`."""
        return trigonometry.cos(self)

    def tan(self: "Tensor") -> "Tensor":
        """See `backlit.tan`."""
        return trigonometry.tan(self)

    def asin(self: "Tensor") -> "Tensor":
        """See `backlit.asin`."""
        return trigonometry.asin(self)

    arcsin = asin

    def acos(self: "Tensor") -> "Tensor":
        """See `backlit.acos`."""
        return trigonometry.acos(self)

    arccos = acos

    def atan(self: "Tensor") -> "Tensor":
        """See `backlit.atan`."""
        return trigonometry.atan(self)

    arctan = atan

    def sinh(self: "Tensor") -> "Tensor":
        """See `backlit.sinh`."""
        return trigonometry.sinh(self)

    def cosh(self: "Tensor") -> "Tensor":
        """See `backlit.cosh`."""
        return trigonometry.cosh(self)

    def asinh(self: "Tensor") -> "Tensor":
        """See `backlit.asinh`."""
        return trigonometry.asinh(self)

    arcsinh = asinh

    def acosh(self: "Tensor") -> "Tensor":
        """See `backlit.acosh`."""
        return trigonometry.acosh(self)

    arccosh = acosh

    def atanh(self: "Tensor") -> "Tensor":
        """See `backlit.atanh`."""
        return trigonometry.atanh(self)

    arctanh = atanh

    def sinc(self: "Tensor") -> "Tensor":
        """See `backlit.sinc`."""
        return trigonometry.sinc(self)

    def deg2rad(self: "Tensor") -> "Tensor":
        """See `backlit.deg2rad`."""
        return trigonometry.deg2rad(self)

    def rad2deg(self: "Tensor") -> "Tensor":
        """See `backlit.rad2deg`."""
        return trigonometry.rad2deg(self)

    def atan2(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.atan2`."""
        return trigonometry.atan2(self, other)

    arctan2 = atan2

    def hypot(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.hypot`."""
        return trigonometry.hypot(self, other)

    def erf(self: "Tensor") -> "Tensor":
        """See `backlit.erf`."""
        return special.erf(self)

    def erfc(self: "Tensor") -> "Tensor":
        """See `backlit.erfc`."""
        return special.erfc(self)

    def erfinv(self: "Tensor") -> "Tensor":
        """See `backlit.erfinv`."""
        return special.erfinv(self)

    def lgamma(self: "Tensor") -> "Tensor":
        """See `backlit.lgamma`."""
        return special.lgamma(self)

    def digamma(self: "Tensor") -> "Tensor":
        """See `backlit.digamma`."""
        return special.digamma(self)

    def logit(self: "Tensor", eps: float | None = None) -> "Tensor":
        """See `backlit.logit`."""
        return special.logit(self, eps)

    def xlogy(self: "Tensor", other: "Tensor | Number") -> "Tensor":
        """See `backlit.xlogy`."""
        return special.xlogy(self, other)

    def floor(self: "Tensor") -> "Tensor":
        """See `backlit.floor`."""
        return rounding.floor(self)

    def ceil(self: "Tensor") -> "Tensor":
        """See `backlit.ceil`."""
        return rounding.ceil(self)

    def round(self: "Tensor", *, decimals: int = 0) -> "Tensor":
        """See `backlit.round`."""
        return rounding.round(self, decimals=decimals)

    def trunc(self: "Tensor") -> "Tensor":
        """See `backlit.trunc`."""
        return rounding.trunc(self)

    fix = trunc

    def frac(self: "Tensor") -> "Tensor":
        """See `backlit.frac`."""
        return rounding.frac(self)

    def sign(self: "Tensor") -> "Tensor":
        """See `backlit.sign`."""
        return rounding.sign(self)

    sgn = sign

    def abs(self: "Tensor") -> "Tensor":
        """See `backlit.abs`."""
        return rounding.abs(self)

    absolute = abs

    def relu(self: "Tensor") -> "Tensor":
        """See `backlit.relu`."""
        return activation.relu(self)

    def sigmoid(self: "Tensor") -> "Tensor":
        """See `backlit.sigmoid`."""
        return activation.sigmoid(self)

    def tanh(self: "Tensor") -> "Tensor":
        """See `backlit.tanh`."""
        return activation.tanh(self)

    def logaddexp(self: "Tensor", other: "Tensor") -> "Tensor":
        """See `backlit.logaddexp`."""
        return exponential.logaddexp(self, other)

    def prelu(self: "Tensor", weight: "Tensor") -> "Tensor":
        """See `backlit.prelu`."""
        return activation.prelu(self, weight)

    def polygamma(self: "Tensor", n: int) -> "Tensor":
        """See `backlit.polygamma`."""
        return special.polygamma(n, self)

    def __abs__(self: "Tensor") -> "Tensor":
        return rounding.abs(self)

    exp_ = in_place(exponential.exp)
    exp2_ = in_place(exponential.exp2)
    expm1_ = in_place(exponential.expm1)
    log_ = in_place(exponential.log)
    log2_ = in_place(exponential.log2)
    log10_ = in_place(exponential.log10)
    log1p_ = in_place(exponential.log1p)
    sqrt_ = in_place(exponential.sqrt)
    rsqrt_ = in_place(exponential.rsqrt)
    square_ = in_place(exponential.square)
    reciprocal_ = in_place(exponential.reciprocal)
    float_power_ = in_place(exponential.float_power)
    sin_ = in_place(trigonometry.sin)
    cos_ = in_place(trigonometry.cos)
    tan_ = in_place(trigonometry.tan)
    asin_ = arcsin_ = in_place(trigonometry.asin)
    acos_ = arccos_ = in_place(trigonometry.acos)
    atan_ = arctan_ = in_place(trigonometry.atan)
    sinh_ = in_place(trigonometry.sinh)
    cosh_ = in_place(trigonometry.cosh)
    asinh_ = arcsinh_ = in_place(trigonometry.asinh)
    acosh_ = arccosh_ = in_place(trigonometry.acosh)
    atanh_ = arctanh_ = in_place(trigonometry.atanh)
    sinc_ = in_place(trigonometry.sinc)
    deg2rad_ = in_place(trigonometry.deg2rad)
    rad2deg_ = in_place(trigonometry.rad2deg)
    atan2_ = arctan2_ = in_place(trigonometry.atan2)
    hypot_ = in_place(trigonometry.hypot)
    erf_ = in_place(special.erf)
    erfc_ = in_place(special.erfc)
    erfinv_ = in_place(special.erfinv)
    lgamma_ = in_place(special.lgamma)
    digamma_ = in_place(special.digamma)
    logit_ = in_place(special.logit)
    xlogy_ = in_place(special.xlogy)
    floor_ = in_place(rounding.floor)
    ceil_ = in_place(rounding.ceil)
    round_ = in_place(rounding.round)
    trunc_ = fix_ = in_place(rounding.trunc)
    frac_ = in_place(rounding.frac)
    sign_ = sgn_ = in_place(rounding.sign)
    abs_ = absolute_ = in_place(rounding.abs)
    relu_ = in_place(activation.relu)
    sigmoid_ = in_place(activation.sigmoid)
    tanh_ = in_place(activation.tanh)
