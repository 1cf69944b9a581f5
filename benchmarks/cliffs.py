"""python -m benchmarks.cliffs: does one more unit, row or layer ever cost more than 1.2 times in time?

The two of a pair take turns, each in a process of its own. The growth of the work itself is no cliff (a second row
doubles it): where the work grows by more than 1.2 times, its growth is the bar.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.table import Table

from benchmarks.command import names, number, report_failures, screen
from benchmarks.floor import operations
from benchmarks.machine import describe
from benchmarks.peers import PEERS
from benchmarks.runner import Worker, interleave
from benchmarks.sweeps import along, steps_of

BAR = 1.2
SIZES = (15, 16, 31, 32, 45, 46, 63, 64, 100, 127, 128, 255, 256, 512)
AXES = {
    "width": SIZES,
    "batch": (1, 2, 3, 4, 7, 8, *SIZES, 1023, 1024),
    "inputs": SIZES,
    "classes": (2, 7, 8, 10, *SIZES),
    "depth": (1, 2, 3, 4, 7, 8, 15, 16, 31),
}


@dataclass(frozen=True)
class Step:
    """From `value` to one more on an axis: microseconds of a training step at both, and the growth of its work."""

    optimizer: str
    axis: str
    value: int
    times: tuple[float, float]
    work: float

    @property
    def ratio(self) -> float:
        return self.times[1] / self.times[0]

    @property
    def over_bar(self) -> float:
        """The ratio over its bar: above 1, it is a cliff."""
        return self.ratio / max(BAR, self.work)


def measure(
    workers: Sequence[Worker], optimizer: str, axis: str, value: int, rounds: int
) -> tuple[Step | None, dict[str, str]]:
    """The step at a value, and what failed; a cliff is measured a second time, and the smaller ratio counts.

    What else the machine does can make one of the two slow, and both times only if it is at it for long.
    """
    one = along(axis, optimizer)
    first = one(value)
    pair = first, one(value + 1, steps_of(first))
    found: list[Step] = []
    while not found or (len(found) == 1 and found[0].over_bar > 1):
        outcome = interleave({job.name: (worker, job) for worker, job in zip(workers, pair, strict=True)}, rounds)
        if outcome.failures:
            return None, outcome.failures
        before, after = (outcome.results[job.name].median_s * 1e6 / steps_of(job) for job in pair)
        found.append(Step(optimizer, axis, value, (before, after), operations(pair[1]) / operations(first)))
    return min(found, key=lambda step: step.ratio), {}


def table(steps: Sequence[Step]) -> Table:
    view = Table(caption=f"microseconds a step; worst first, marked where above the bar of {BAR}")
    for column in ("optimizer", "axis"):
        view.add_column(column)
    for column in ("from", "to", "time", "time after", "ratio", "of the work"):
        view.add_column(column, justify="right")
    for step in sorted(steps, key=lambda step: -step.over_bar):
        mark = "[red]" if step.over_bar > 1 else ""
        view.add_row(
            step.optimizer,
            step.axis,
            str(step.value),
            str(step.value + 1),
            *(f"{time:.1f}" for time in step.times),
            f"{mark}{step.ratio:.2f}",
            f"{step.work:.2f}",
        )
    return view


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.cliffs", description="Time at w and at w + 1.")
    parser.add_argument("--axes", type=names(AXES), default=list(AXES))
    parser.add_argument("--optimizers", type=names(("Adam", "SGD")), default=["Adam"])
    parser.add_argument("--peer", choices=list(PEERS), default="backlit", help="whose cliffs, default backlit")
    parser.add_argument("--values", type=lambda text: list(map(number(1), text.split(","))), help="in place of all")
    parser.add_argument("--rounds", type=number(1), default=5, help="fits after the first one, default 5")
    options = parser.parse_args(arguments)

    console = screen()
    peer = PEERS[options.peer]
    console.print(describe([peer.library]), highlight=False)
    steps, failed = [], False
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(peer)) for _ in range(2)]
        for optimizer in options.optimizers:
            for axis in options.axes:
                for value in options.values or AXES[axis]:
                    with console.status(f"{optimizer}: {value} and {value + 1} on the axis of {axis}"):
                        step, failures = measure(workers, optimizer, axis, value, options.rounds)
                    report_failures(f"{axis} {value}", failures, console)
                    failed |= step is None
                    steps += [step] if step else []
    console.print(table(steps))
    cliffs = sum(step.over_bar > 1 for step in steps)
    console.print(f"{cliffs} of {len(steps)} steps are above the bar")
    return 1 if cliffs or failed else 0


if __name__ == "__main__":
    sys.exit(main())
