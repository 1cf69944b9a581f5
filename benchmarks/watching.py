"""python -m benchmarks.watching: what `Trainer(watch=True)` costs, fits with and without it in turn, in one process."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table

from benchmarks.command import names, number, screen
from benchmarks.jobs import JOBS, Job, load
from benchmarks.machine import describe
from benchmarks.peers.backlit_trainer import build
from benchmarks.report import against

BAR = 1.1  # a watched fit over one that is not


def milliseconds(fit: Callable[[], float]) -> float:
    start = time.perf_counter()
    fit()
    return (time.perf_counter() - start) * 1e3


def measured(job: Job, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each fit after the first, without and with watching."""
    X, y = load(job)
    fits = [build(job, X, y, watch=watch) for watch in (False, True)]
    # The first fit compiles.
    rows = [[milliseconds(fit) for fit in fits] for _ in range(1 + rounds)]
    plain, watched = zip(*rows[1:], strict=True)
    return list(plain), list(watched)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.watching", description="Time fits with and without watch=True.")
    parser.add_argument("--jobs", type=names(JOBS), default=["digits"])
    parser.add_argument("--rounds", type=number(1), default=100, help="pairs of fits after the first, default 100")
    options = parser.parse_args(arguments)
    console = screen()
    console.print(describe(["backlit"]), highlight=False)
    view = Table(caption=f"medians of {options.rounds} fits each, in turn; ratio: median over pairs")
    for column in ("job", "steps", "milliseconds", "watched", "ratio"):
        view.add_column(column, justify="left" if column == "job" else "right")
    missed = False
    for name in options.jobs:
        job, bar = JOBS[name], BAR if name == "digits" else None
        plain, watched = measured(job, options.rounds)
        # Of neighbours in time, so that a machine that is busy for a while slows both.
        ratio = median(two / one for one, two in zip(plain, watched, strict=True))
        missed |= bar is not None and ratio > bar
        view.add_row(
            name,
            str(job.batches * job.epochs),
            f"{median(plain):.2f}",
            f"{median(watched):.2f}",
            against(ratio, bar),
        )
    console.print(view)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
