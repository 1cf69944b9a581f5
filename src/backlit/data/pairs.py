"""Where a class offers a slow and a fast way to the same results, whether the fast one still holds in a subclass."""

from typing import Any


def in_step(kind: type, slow: str, fast: str) -> bool:
    """Whether method `fast` of class `kind` speaks for its method `slow`.

    It does not where a subclass has overridden `slow` alone: the fast way then knows nothing of the change.
    """
    definer: Any = next((vars(cls) for cls in kind.__mro__ if slow in vars(cls) or fast in vars(cls)), {})
    return fast in definer
