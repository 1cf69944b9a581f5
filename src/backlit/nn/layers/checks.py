"""What layers check, and how they are named in messages."""

from typing import Any

from backlit.core.modes import STATE
from backlit.errors import ArgumentError


def where(module: Any) -> str:
    """The name of a running layer in a message: its class, and its path if it is part of a larger module."""
    return f"{type(module).__name__} ({STATE.path})" if STATE.path else type(module).__name__


def check_sizes(layer: str, **sizes: Any) -> None:
    """Raise unless all sizes are integers and not negative.

    Raises:
        ArgumentError: One is not.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not hasattr(size, "__index__") or size < 0:
            raise ArgumentError(f"{layer}: {name} must be an integer and not negative, got {size!r}")
