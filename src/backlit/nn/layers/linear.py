"""Affine maps of features."""

import math
from typing import Any

from backlit.errors import ShapeError
from backlit.nn import init
from backlit.nn.checks import check_sizes, not_a_tensor, other_type, where
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import empty, linear
from backlit.ops.tensor import Tensor


class Identity(Module):
    """The input itself; any arguments are accepted and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Linear(Module):
    """The affine map y = x W' + b.

    Weight and bias begin evenly spread over ±1 / sqrt(in_features), PyTorch's rule.

    Args:
        in_features: Size of the last dimension of the input.
        out_features: Size of the last dimension of the output.
        bias: Whether there is a b.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features), or None.

    Raises:
        ArgumentError: A size is negative or no integer.
        ShapeError: When called: the input's last dimension is not in_features.
        DtypeError: When called: the input's type is not the weight's.
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in_features) to (*, out_features)."""
        parameters = self._parameters
        weight: Any = parameters["weight"]
        try:
            array = input._array
        except AttributeError:
            raise not_a_tensor(self, input) from None
        if array.shape[-1:] != weight._array.shape[1:] or array.dtype != weight._array.dtype:
            self._refuse(input)
        return linear(input, weight, parameters["bias"])

    def _refuse(self, input: Tensor) -> None:
        shape = tuple(input._array.shape)
        if shape[-1:] != (self.in_features,):
            advice = ""
            if len(shape) > 2 and math.prod(shape[1:]) == self.in_features:
                advice = "; put nn.Flatten() before it"
            raise ShapeError(
                f"{where(self)}: got an input of shape {shape}, expected (*, {self.in_features}): the last dimension "
                f"must be in_features={self.in_features}{advice}"
            )
        raise other_type(self, input, self.weight._array.dtype, "its weight is")

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
