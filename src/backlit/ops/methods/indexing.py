"""Methods of indexing."""

from backlit.core.tensor_base import TensorBase


class IndexingMethods(TensorBase):
    """Methods of indexing."""
