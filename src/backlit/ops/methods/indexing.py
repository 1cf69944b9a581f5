"""Methods of indexing."""

from typing import TYPE_CHECKING

import numpy as np

from backlit.core.tensor_base import TensorBase
from backlit.core.writing import write
from backlit.errors import ArgumentTypeError, ShapeError
from backlit.ops import gathering, indexing, masking
from backlit.ops.methods.scheme import in_place

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

Number = bool | int | float


class IndexingMethods(TensorBase):
    """Indexing, as operators and methods; each is the function of its name with the tensor as first argument."""

    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    gather = gathering.gather
    scatter = gathering.scatter
    scatter_ = in_place(gathering.scatter)
    scatter_add = gathering.scatter_add
    scatter_add_ = in_place(gathering.scatter_add)
    index_select = gathering.index_select
    index_add = gathering.index_add
    index_add_ = in_place(gathering.index_add)
    index_copy = gathering.index_copy
    index_copy_ = in_place(gathering.index_copy)
    index_fill = gathering.index_fill
    index_fill_ = in_place(gathering.index_fill)
    masked_fill = masking.masked_fill
    masked_fill_ = in_place(masking.masked_fill)
    masked_select = masking.masked_select
    masked_scatter = masking.masked_scatter
    masked_scatter_ = in_place(masking.masked_scatter)
    take = gathering.take
    take_along_dim = gathering.take_along_dim
    nonzero = masking.nonzero
    argwhere = masking.argwhere

    index_put = indexing.index_put
    index_put_ = in_place(indexing.index_put)

    def copy_(self: "Tensor", src: "Tensor", non_blocking: bool = False) -> "Tensor":
        """Put the values of `src` here; it broadcasts and is converted to this tensor's type."""
        if not isinstance(src, TensorBase):
            raise ArgumentTypeError(f"copy_: expected a tensor, got {type(src).__name__}; use fill_ or [...] = ")
        write(self, src, "copy_")
        return self

    def fill_diagonal_(self: "Tensor", fill_value: Number, wrap: bool = False) -> "Tensor":
        """Put a number on the main diagonal.

        Args:
            fill_value: The number.
            wrap: In a matrix taller than wide, start the diagonal anew after each `columns + 1` rows.

        Raises:
            ShapeError: There are less than two dimensions, or more than two that are not of one size.
        """
        shape = self._array.shape
        if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
            raise ShapeError(f"fill_diagonal_: expected a matrix or equal sizes, got shape {shape}")
        if wrap and len(shape) == 2:
            places = np.arange(0, shape[0] * shape[1], shape[1] + 1)
            indexing.setitem(self, (places // max(shape[1], 1), places % max(shape[1], 1)), fill_value)
        else:
            indexing.setitem(self, (np.arange(min(shape)),) * len(shape), fill_value)
        return self
