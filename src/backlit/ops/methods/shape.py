"""Methods of shape."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import shape
from backlit.ops.dims import sizes_of

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ShapeMethods(TensorBase):
    """Other shapes, as methods; each is the function of its name with the tensor as first argument."""

    def reshape(self: "Tensor", *shape_: Any) -> "Tensor":
        """See `backlit.reshape`; the sizes may also be separate arguments."""
        return shape.reshape(self, sizes_of(shape_, "reshape"))

    def view(self: "Tensor", *shape_: Any) -> "Tensor":
        """See `backlit.view`; the sizes may also be separate arguments."""
        return shape.view(self, sizes_of(shape_, "view"))

    def view_as(self: "Tensor", other: "Tensor") -> "Tensor":
        """`view` in the shape of `other`."""
        return shape.view(self, other._array.shape)

    def reshape_as(self: "Tensor", other: "Tensor") -> "Tensor":
        """`reshape` to the shape of `other`."""
        return shape.reshape(self, other._array.shape)

    def flatten(self: "Tensor", start_dim: int = 0, end_dim: int = -1) -> "Tensor":
        """See `backlit.flatten`."""
        return shape.flatten(self, start_dim, end_dim)

    def unflatten(self: "Tensor", dim: int, sizes: Any) -> "Tensor":
        """See `backlit.unflatten`."""
        return shape.unflatten(self, dim, sizes)

    def ravel(self: "Tensor") -> "Tensor":
        """See `backlit.ravel`."""
        return shape.ravel(self)

    def permute(self: "Tensor", *dims: Any) -> "Tensor":
        """See `backlit.permute`; the dimensions may also be separate arguments."""
        return shape.permute(self, sizes_of(dims, "permute"))

    def transpose(self: "Tensor", dim0: int, dim1: int) -> "Tensor":
        """See `backlit.transpose`."""
        return shape.transpose(self, dim0, dim1)

    swapaxes = swapdims = transpose

    def t(self: "Tensor") -> "Tensor":
        """See `backlit.t`."""
        return shape.t(self)

    @property
    def T(self: "Tensor") -> "Tensor":
        """The dimensions in reverse order."""
        return shape.permute(self, range(self._array.ndim)[::-1])

    @property
    def mT(self: "Tensor") -> "Tensor":
        """The last two dimensions exchanged."""
        return shape.transpose(self, -2, -1)

    def movedim(self: "Tensor", source: Any, destination: Any) -> "Tensor":
        """See `backlit.movedim`."""
        return shape.movedim(self, source, destination)

    moveaxis = movedim

    def squeeze(self: "Tensor", dim: Any = None) -> "Tensor":
        """See `backlit.squeeze`."""
        return shape.squeeze(self, dim)

    def unsqueeze(self: "Tensor", dim: int) -> "Tensor":
        """See `backlit.unsqueeze`."""
        return shape.unsqueeze(self, dim)

    def expand(self: "Tensor", *sizes: Any) -> "Tensor":
        """See `backlit.broadcast_to`; the sizes may also be separate arguments."""
        return shape.broadcast_to(self, sizes_of(sizes, "expand"))

    def expand_as(self: "Tensor", other: "Tensor") -> "Tensor":
        """`expand` to the shape of `other`."""
        return shape.broadcast_to(self, other._array.shape)

    def broadcast_to(self: "Tensor", size: Any) -> "Tensor":
        """See `backlit.broadcast_to`."""
        return shape.broadcast_to(self, size)

    def contiguous(self: "Tensor") -> "Tensor":
        """See `backlit.contiguous`."""
        return shape.contiguous(self)
