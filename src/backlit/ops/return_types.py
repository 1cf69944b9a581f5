"""What operations with values and indices return: named pairs, printed as PyTorch prints them."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class ValuesAndIndices(NamedTuple):
    """Picked values, and the places along the dimension in question at which they stood."""

    values: "Tensor"
    indices: "Tensor"

    def __repr__(self) -> str:
        return f"backlit.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


class max(ValuesAndIndices):
    """What `backlit.max` along a dimension returns."""


class min(ValuesAndIndices):
    """What `backlit.min` along a dimension returns."""


class median(ValuesAndIndices):
    """What `backlit.median` along a dimension returns."""


class kthvalue(ValuesAndIndices):
    """What `backlit.kthvalue` returns."""


class sort(ValuesAndIndices):
    """What `backlit.sort` returns."""


class topk(ValuesAndIndices):
    """What `backlit.topk` returns."""


class cummax(ValuesAndIndices):
    """What `backlit.cummax` returns."""


class cummin(ValuesAndIndices):
    """What `backlit.cummin` returns."""
