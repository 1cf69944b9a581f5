"""python -m benchmarks.recording: an eager training step inside `backlit.record()` against the same step outside."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from statistics import median
from typing import Any

from rich.table import Table

import backlit
from backlit import nn, optim
from benchmarks.command import names, number, screen
from benchmarks.jobs import JOBS, Job, load
from benchmarks.machine import describe
from benchmarks.peers.torch_style import network
from benchmarks.report import against

BAR = 2.0  # a recorded step over one that is not
_WARM = 5


def step_of(job: Job) -> Callable[[AbstractContextManager[Any]], float]:
    """One step on the job's first batch, inside what it is given; returns its microseconds."""
    X, y = (backlit.from_numpy(part[: job.batch_size].copy()) for part in load(job))
    backlit.manual_seed(0)
    model, loss_of = network(nn, job), nn.CrossEntropyLoss()
    optimizer = getattr(optim, job.optimizer)(model.parameters(), lr=job.lr)

    def step(around: AbstractContextManager[Any]) -> float:
        start = time.perf_counter()
        with around:
            optimizer.zero_grad()
            loss_of(model(X), y).backward()
            optimizer.step()
        return (time.perf_counter() - start) * 1e6

    return step


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.recording", description="Time eager steps with and without record().")
    parser.add_argument("--jobs", type=names(JOBS), default=list(JOBS))
    parser.add_argument("--seconds", type=number(1), default=3, help="time for each job, default 3")
    options = parser.parse_args(arguments)
    console = screen()
    console.print(describe(["backlit"]), highlight=False)
    table = Table(caption=f"medians of the steps in {options.seconds} seconds, in turn; ratio: median over pairs")
    for column in ("job", "µs a step", "recorded", "ratio"):
        table.add_column(column, justify="left" if column == "job" else "right")
    ratios = []
    for name in options.jobs:
        step = step_of(JOBS[name])
        pairs: list[tuple[float, float]] = []
        end = time.perf_counter() + options.seconds
        while time.perf_counter() < end or len(pairs) <= _WARM:
            pairs.append((step(nullcontext()), step(backlit.record())))
        plain, recorded = (median(side) for side in zip(*pairs[_WARM:], strict=True))
        # Of neighbours in time, so that a machine that is busy for a while slows both.
        ratios.append(median(two / one for one, two in pairs[_WARM:]))
        table.add_row(name, f"{plain:.0f}", f"{recorded:.0f}", against(ratios[-1], BAR))
    console.print(table)
    return 1 if max(ratios) > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
