"""Methods that make new tensors of this one's type."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.dtypes import dtype
from backlit.core.tensor_base import TensorBase
from backlit.ops import creation
from backlit.ops.devices import Device

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class CreationMethods(TensorBase):
    """New tensors that have the type of this one unless another is named."""

    def new_tensor(
        self: "Tensor", data: Any, *, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
    ) -> "Tensor":
        """See `backlit.tensor`."""
        return creation.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_zeros(
        self: "Tensor", *size: Any, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
    ) -> "Tensor":
        """See `backlit.zeros`."""
        return creation.zeros(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_ones(
        self: "Tensor", *size: Any, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
    ) -> "Tensor":
        """See `backlit.ones`."""
        return creation.ones(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_empty(
        self: "Tensor", *size: Any, dtype: dtype | None = None, device: Device = None, requires_grad: bool = False
    ) -> "Tensor":
        """See `backlit.empty`."""
        return creation.empty(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_full(
        self: "Tensor",
        size: Sequence[int],
        fill_value: Any,
        *,
        dtype: dtype | None = None,
        device: Device = None,
        requires_grad: bool = False,
    ) -> "Tensor":
        """See `backlit.full`."""
        kind = dtype or self.dtype
        return creation.full(size, fill_value, dtype=kind, device=device, requires_grad=requires_grad)
