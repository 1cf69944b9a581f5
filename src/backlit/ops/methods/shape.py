"""Methods of shape."""

from backlit.core.tensor_base import TensorBase


class ShapeMethods(TensorBase):
    """Methods of shape."""
