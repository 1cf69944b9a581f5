"""PyTorch's paths: `backlit.utils.data`."""

from backlit.utils import data

__all__ = ["data"]
