"""Methods of pointwise."""

from backlit.core.tensor_base import TensorBase


class PointwiseMethods(TensorBase):
    """Methods of pointwise."""
