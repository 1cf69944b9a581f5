"""`Module`, in parts: names, hooks, state dicts, and the class that joins them."""

from backlit.nn.module.module import Module

__all__ = ["Module"]
