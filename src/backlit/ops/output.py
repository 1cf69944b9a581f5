"""PyTorch's `out=`: a result put into a tensor that exists."""

from typing import TYPE_CHECKING

from backlit.core.modes import STATE
from backlit.core.tensor_base import TensorBase
from backlit.core.writing import write
from backlit.errors import ArgumentTypeError, GradientError, ShapeError

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


def put_out(result: "Tensor", out: "Tensor | None", operation: str) -> "Tensor":
    """`result` itself, or `out` with its values where one is given.

    Raises:
        ArgumentTypeError: `out` is no tensor.
        GradientError: A gradient is required of the result or of `out`, through which none flows.
        ShapeError: `out` has another shape than the result; backlit does not resize memory.
        DtypeError: `out` cannot hold the result's kind of number.
    """
    if out is None:
        return result
    if not isinstance(out, TensorBase):
        raise ArgumentTypeError(f"{operation}: expected a tensor for out, got {type(out).__name__}")
    if result.requires_grad or (out.requires_grad and STATE.grad_enabled):
        raise GradientError(
            f"{operation}: out= takes no part in gradients, and an argument requires one; leave out= away, or compute "
            "inside `with backlit.no_grad():`"
        )
    if out._array.shape != result._array.shape:
        raise ShapeError(
            f"{operation}: out has shape {tuple(out._array.shape)}, the result {tuple(result._array.shape)}; "
            "give a tensor of the result's shape"
        )
    write(out, result, operation)
    return out
