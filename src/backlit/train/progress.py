"""The progress bar of a fit, in a terminal."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

# A person sees no more, and drawing takes a millisecond.
_SECONDS_BETWEEN = 0.1


class ProgressBar:
    """Loss, metrics, examples per second and time left, on standard error.

    Args:
        shown: Whether to draw at all; None: where standard error is a terminal.
        epochs: Epochs of the fit.
        batches: Batches in an epoch; None where that is not known beforehand.
        done: Batches of the fit that a resumed run has behind it.
    """

    def __init__(self, shown: bool | None, *, epochs: int, batches: int | None, done: int = 0) -> None:
        self._bar: Any = None
        self._epochs = epochs
        self._due = float("inf")
        self._rows_before, self._rate = 0, 0.0
        self._since = time.perf_counter()
        if sys.stderr.isatty() if shown is None else shown:
            self._bar = _rich_bar()
            self._due = self._since
            self._task = self._bar.add_task("", total=batches and batches * epochs, completed=done, figures="", rate="")

    def __enter__(self) -> "ProgressBar":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def due(self) -> bool:
        """Whether it is time to draw again."""
        return time.perf_counter() >= self._due

    def show(self, epoch: int, step: int, rows: int, figures: Mapping[str, float]) -> None:
        """Draw.

        Args:
            epoch: The epoch, from 0.
            step: Batches done in the whole fit.
            rows: Rows done since the fit began here.
            figures: Numbers to show, by name; none: those shown before.
        """
        now = time.perf_counter()
        if self._bar is None:
            return
        if now > self._since:
            self._rate = (rows - self._rows_before) / (now - self._since)
        self._rows_before, self._since, self._due = rows, now, now + _SECONDS_BETWEEN
        words = {"figures": describe(figures)} if figures else {}
        self._bar.update(
            self._task,
            completed=step,
            description=f"epoch {epoch + 1}/{self._epochs}",
            rate=f"{self._rate:,.0f} examples/s",
            **words,
        )
        self._bar.refresh()


def describe(figures: Mapping[str, float]) -> str:
    """Numbers in words: `loss 0.1234  accuracy 0.9700`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _rich_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
    )
