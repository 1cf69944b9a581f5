"""Methods of product."""

from backlit.core.tensor_base import TensorBase


class ProductMethods(TensorBase):
    """Methods of product."""
