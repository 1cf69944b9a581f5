"""Methods that apply a function to each element."""

from backlit.core.tensor_base import TensorBase
from backlit.ops import activation, exponential
from backlit.ops.methods.scheme import in_place


class PointwiseMethods(TensorBase):
    """Functions of each element, as methods; each is the function of its name with the tensor as first argument."""

    exp = exponential.exp
    exp2 = exponential.exp2
    expm1 = exponential.expm1
    log = exponential.log
    log2 = exponential.log2
    log10 = exponential.log10
    log1p = exponential.log1p
    sqrt = exponential.sqrt
    rsqrt = exponential.rsqrt
    square = exponential.square
    reciprocal = exponential.reciprocal
    float_power = exponential.float_power
    logaddexp = exponential.logaddexp

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

    relu = activation.relu
    sigmoid = activation.sigmoid
    tanh = activation.tanh

    relu_ = in_place(activation.relu)
    sigmoid_ = in_place(activation.sigmoid)
    tanh_ = in_place(activation.tanh)
