"""Functions that users hang onto tensors and modules, and the handles that take them off again."""

import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Any

_numbers = itertools.count()


class RemovableHandle:
    """Takes a hook off again, by `remove()` or at the end of a `with` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self.id = next(_numbers)
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook off; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
