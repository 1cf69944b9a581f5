"""Long native calls on a thread of their own: Python hears signals on the main thread alone, and between its calls."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

# Seconds between two looks at what goes on.
_PAUSE = 0.05


def run_aside(work: Callable[[], int], stop: Callable[[], None], look: Callable[[], None] = lambda: None) -> int:
    """What `work` returns, or raises, on another thread.

    Args:
        work: Called there.
        stop: Asks it to end soon; called where this thread is interrupted.
        look: Called on this thread now and then.
    """
    with ThreadPoolExecutor(1, "backlit-epoch") as thread:
        running = thread.submit(work)
        try:
            while not running.done():
                wait((running,), _PAUSE)
                look()
        finally:
            if not running.done():
                stop()
    return running.result()
