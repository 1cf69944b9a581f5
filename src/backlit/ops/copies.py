"""A tensor in memory of its own, and a tensor without history."""

from typing import TYPE_CHECKING, Any

from backlit.core.dtypes import dtype
from backlit.ops.creation import as_tensor, finish, tensor
from backlit.ops.devices import Device

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["asarray", "clone", "detach"]


def clone(input: "Tensor") -> "Tensor":
    """A copy of `input` in memory of its own, through which gradients flow."""
    return input.clone()


def detach(input: "Tensor") -> "Tensor":
    """`input` without its history; the memory is shared."""
    return input.detach()


def asarray(
    obj: Any,
    *,
    dtype: dtype | None = None,
    device: Device = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> "Tensor":
    """`obj` as a tensor without history: copied if `copy`, else sharing memory where that is possible."""
    made = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device).detach()
    return finish(made, requires_grad)
