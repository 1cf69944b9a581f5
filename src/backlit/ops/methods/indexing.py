"""Methods of indexing."""

from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase
from backlit.ops import indexing

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class IndexingMethods(TensorBase):
    """Indexing, as operators and methods; each is the function of its name with the tensor as first argument."""

    def __getitem__(self: "Tensor", key: Any) -> "Tensor":
        return indexing.getitem(self, key)

    def __setitem__(self: "Tensor", key: Any, value: Any) -> None:
        indexing.setitem(self, key, value)
