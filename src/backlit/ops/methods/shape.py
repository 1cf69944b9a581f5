"""Methods of shape."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import arrangement, joining, shape
from backlit.ops.dims import sizes_of
from backlit.ops.methods.scheme import in_place

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

    flatten = shape.flatten
    unflatten = shape.unflatten
    ravel = shape.ravel

    def permute(self: "Tensor", *dims: Any) -> "Tensor":
        """See `backlit.permute`; the dimensions may also be separate arguments."""
        return shape.permute(self, sizes_of(dims, "permute"))

    transpose = shape.transpose
    swapaxes = swapdims = transpose

    t = shape.t

    @property
    def T(self: "Tensor") -> "Tensor":
        """The dimensions in reverse order."""
        return shape.permute(self, range(self._array.ndim)[::-1])

    @property
    def mT(self: "Tensor") -> "Tensor":
        """The last two dimensions exchanged."""
        return shape.transpose(self, -2, -1)

    movedim = shape.movedim
    moveaxis = movedim

    squeeze = shape.squeeze
    unsqueeze = shape.unsqueeze

    def expand(self: "Tensor", *sizes: Any) -> "Tensor":
        """See `backlit.broadcast_to`; the sizes may also be separate arguments."""
        return shape.broadcast_to(self, sizes_of(sizes, "expand"))

    def expand_as(self: "Tensor", other: "Tensor") -> "Tensor":
        """`expand` to the shape of `other`."""
        return shape.broadcast_to(self, other._array.shape)

    broadcast_to = shape.broadcast_to
    contiguous = shape.contiguous

    def flip(self: "Tensor", *dims: Any) -> "Tensor":
        """See `backlit.flip`; the dimensions may also be separate arguments."""
        return arrangement.flip(self, sizes_of(dims, "flip"))

    rot90 = arrangement.rot90
    roll = arrangement.roll
    tril = arrangement.tril
    tril_ = in_place(arrangement.tril)
    triu = arrangement.triu
    triu_ = in_place(arrangement.triu)
    diagonal = arrangement.diagonal
    diag = arrangement.diag
    diag_embed = arrangement.diag_embed
    repeat = arrangement.repeat

    def tile(self: "Tensor", *dims: Any) -> "Tensor":
        """See `backlit.tile`; the numbers may also be separate arguments."""
        return arrangement.tile(self, sizes_of(dims, "tile"))

    repeat_interleave = arrangement.repeat_interleave
    select = joining.select
    narrow = joining.narrow
    unbind = joining.unbind
    split = joining.split
    chunk = joining.chunk
    tensor_split = joining.tensor_split
