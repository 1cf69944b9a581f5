"""Ctrl-C as a wish: the step that runs is finished, then training ends with everything it has learnt."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """Inside, the first Ctrl-C sets `requested`; a second one interrupts at once, as always.

    Only the main thread can receive the signal; elsewhere nothing changes.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._wish)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _wish(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
