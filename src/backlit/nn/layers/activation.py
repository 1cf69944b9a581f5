"""Activations: one small class each, with PyTorch's settings, over the functions of their names."""

from collections.abc import Callable
from typing import Any, ClassVar

from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, not_a_tensor, require_tensors
from backlit.nn.layers.linear import Linear
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty, relu
from backlit.ops.tensor import Tensor


class _Activation(Module):
    """An activation; its settings, kept as attributes, are handed to `function` in their order."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        self.__dict__.update(settings)

    def forward(self, input: Tensor) -> Tensor:
        """The activation of each element, or along `dim`."""
        require_tensors(self, input=input)
        return type(self).function(input, *[self.__dict__[name] for name in self._settings])

    def extra_repr(self) -> str:
        """The settings; `inplace` only where it is set."""
        shown = [(name, self.__dict__[name]) for name in self._settings]
        return ", ".join(f"{name}={value!r}" for name, value in shown if name != "inplace" or value)


class ReLU(_Activation):
    """max(0, x), with slope 0 at 0."""

    function = staticmethod(F.relu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, input: Tensor) -> Tensor:
        """max(0, x) of each element."""
        # Written out, because every training step passes here several times.
        if not isinstance(input, Tensor):
            raise not_a_tensor(self, input)
        return F.relu(input, True) if self.inplace else relu(input)


class LeakyReLU(_Activation):
    """x where x > 0, else `negative_slope` x (Maas et al., 2013)."""

    function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class ELU(_Activation):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert et al., 2016)."""

    function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class SELU(_Activation):
    """`ELU` with the scales at which values keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    function = staticmethod(F.selu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class CELU(_Activation):
    """x where x > 0, else alpha (exp(x / alpha) - 1) (Barron, 2017)."""

    function = staticmethod(F.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class GELU(_Activation):
    """x Phi(x), with the normal distribution function or, `approximate="tanh"`, nearly (Hendrycks, Gimpel, 2016)."""

    function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class SiLU(_Activation):
    """x sigmoid(x), also called swish (Elfwing et al., 2017)."""

    function = staticmethod(F.silu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Mish(_Activation):
    """x tanh(softplus(x)) (Misra, 2019)."""

    function = staticmethod(F.mish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above `threshold`."""

    function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_Activation):
    """log(1 / (1 + exp(-x)))."""

    function = staticmethod(F.logsigmoid)


class Tanh(_Activation):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    function = staticmethod(F.tanhshrink)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    function = staticmethod(F.softsign)


class Hardtanh(_Activation):
    """x, bounded by `min_val` and `max_val`."""

    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)


class ReLU6(_Activation):
    """min(max(0, x), 6)."""

    function = staticmethod(F.relu6)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Hardsigmoid(_Activation):
    """(x + 3) / 6, bounded by 0 and 1."""

    function = staticmethod(F.hardsigmoid)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Hardswish(_Activation):
    """x hardsigmoid(x) (Howard et al., 2019)."""

    function = staticmethod(F.hardswish)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Softshrink(_Activation):
    """x moved towards 0 by `lambd`."""

    function = staticmethod(F.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """The distance."""
        return str(self.lambd)


class Hardshrink(_Activation):
    """x where |x| > `lambd`, else 0."""

    function = staticmethod(F.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """The distance."""
        return str(self.lambd)


class Threshold(_Activation):
    """x where it is above `threshold`, else `value`."""

    function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


class Step(_Activation):
    """1 where x >= 0, else 0: a neuron that is active or not (Rosenblatt, 1958). Its slope is 0 everywhere."""

    function = staticmethod(F.step)


class Softmax(_Activation):
    """exp(x_i) / sum_j exp(x_j) along `dim`."""

    function = staticmethod(F.softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class LogSoftmax(_Activation):
    """The logarithm of softmax along `dim`."""

    function = staticmethod(F.log_softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class Softmin(_Activation):
    """Softmax of -x along `dim`."""

    function = staticmethod(F.softmin)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class GLU(_Activation):
    """a sigmoid(b), where a and b are the halves of x along `dim` (Dauphin et al., 2016)."""

    function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class PReLU(Module):
    """x where x > 0, else `weight` x, with a slope that is learnt (He et al., 2015).

    Args:
        num_parameters: 1, or one slope for each channel.
        init: The slope at the start.
        device: "cpu" or None.
        dtype: Type of the slopes, the default type if None.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        check_sizes("PReLU", num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to their start."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, ...) to the same shape."""
        require_tensors(self, input=input)
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class Maxout(Module):
    """max(w1 x + b1, ..., wk x + bk) for each output: a convex function that is learnt (Goodfellow et al., 2013).

    Args:
        in_features: Size of the last dimension of the input.
        out_features: Size of the last dimension of the output.
        num_pieces: How many affine pieces an output has.
        bias: Whether the pieces have biases.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        linear: All pieces of all outputs, those of one output side by side.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_pieces: int = 2,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("Maxout", in_features=in_features, out_features=out_features, num_pieces=num_pieces)
        self.in_features = in_features
        self.out_features = out_features
        self.num_pieces = num_pieces
        self.linear = Linear(in_features, out_features * num_pieces, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in_features) to (*, out_features)."""
        return F.maxout(self.linear(input), self.num_pieces)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, num_pieces={self.num_pieces}"
