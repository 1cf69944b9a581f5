"""Methods of comparison."""

from backlit.core.tensor_base import TensorBase


class ComparisonMethods(TensorBase):
    """Methods of comparison."""
