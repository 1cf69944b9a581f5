"""Functions that users hang onto tensors and modules, and the handles that take them off again."""

import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Any

_numbers = itertools.count()


class RemovableHandle:
    """Takes a hook off again, by `remove()` or at the end of a `with` block.

    Args:
        hooks: Where the hook is kept from now on.
        hook: The hook.
        edited: Told when the hook comes and when it goes.
    """

    def __init__(
        self, hooks: dict[int, Any], hook: Callable[..., Any], edited: Callable[[], object] | None = None
    ) -> None:
        self.id = next(_numbers)
        self._hooks = hooks
        self._edited = edited
        hooks[self.id] = hook
        if edited is not None:
            edited()

    def remove(self) -> None:
        """Take the hook off; a second time does nothing."""
        if self._hooks.pop(self.id, None) is not None and self._edited is not None:
            self._edited()

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
