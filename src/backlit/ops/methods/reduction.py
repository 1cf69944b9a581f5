"""Methods of reduction."""

from backlit.core.tensor_base import TensorBase


class ReductionMethods(TensorBase):
    """Methods of reduction."""
