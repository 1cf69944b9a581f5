"""python -m benchmarks.scaling: how cost grows with width, depth and batch, for Adam and SGD, against the best peers.

One property varies around a base (128 units, 2 hidden layers, 64 rows); a fit is one epoch of up to 500 steps.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.command import installed, names, number, report_failures, screen
from benchmarks.floor import Rates
from benchmarks.jobs import Job
from benchmarks.machine import describe
from benchmarks.peers import PEERS
from benchmarks.report import against, best_peer, is_peer
from benchmarks.runner import Result, Worker, interleave
from benchmarks.sweeps import along, steps_of

BAR = 1.2
AXES = {
    "width": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
    "depth": (1, 2, 4, 8, 16, 32),
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
}
QUICK = {"width": (16, 128, 1024), "depth": (1, 8, 32), "batch": (1, 64, 1024)}
OPTIMIZERS = ("Adam", "SGD")
COMPARED = ["backlit", "torch-fused", "jax-scan"]


@dataclass(frozen=True)
class Point:
    """A place on an axis and what was measured there, per peer; `floor_s` is the job's floor."""

    optimizer: str
    axis: str
    value: int
    job: Job
    floor_s: float
    results: Mapping[str, Result]

    @property
    def ratio(self) -> float:
        """Backlit's time over that of the best peer; NaN where either is missing."""
        own = self.results.get("backlit")
        return own.median_s / best_peer(self.results) if own and any(map(is_peer, self.results)) else float("nan")


def table(points: Sequence[Point], peers: Sequence[str]) -> Table:
    view = Table(caption=f"microseconds a step; ratio: backlit over the best peer, marked above {BAR}")
    for column in ("optimizer", "axis"):
        view.add_column(column)
    for column in ("value", *peers, "floor", "ratio"):
        view.add_column(column, justify="right")
    for before, point in zip([None, *points], points, strict=False):
        if before and (before.optimizer, before.axis) != (point.optimizer, point.axis):
            view.add_section()
        per_step = 1e6 / steps_of(point.job)
        times = [f"{point.results[p].median_s * per_step:.1f}" if p in point.results else "-" for p in peers]
        floor = f"{point.floor_s * per_step:.1f}"
        view.add_row(point.optimizer, point.axis, str(point.value), *times, floor, against(point.ratio, BAR))
    return view


def plot(points: Sequence[Point], peers: Sequence[str], folder: Path) -> list[Path]:
    """A picture for each axis: time a step over the property, a panel for each optimizer. SVG and PNG."""
    from matplotlib.figure import Figure

    files = []
    for axis in dict.fromkeys(point.axis for point in points):
        optimizers = list(dict.fromkeys(point.optimizer for point in points if point.axis == axis))
        figure = Figure(figsize=(5.5 * len(optimizers), 4), layout="constrained")
        for panel, optimizer in zip(figure.subplots(1, len(optimizers), squeeze=False)[0], optimizers, strict=True):
            shown = [point for point in points if (point.axis, point.optimizer) == (axis, optimizer)]
            for peer in peers:
                there = [point for point in shown if peer in point.results]
                times = [point.results[peer].median_s * 1e6 / steps_of(point.job) for point in there]
                panel.loglog([point.value for point in there], times, marker="o", label=peer)
            floors = [point.floor_s * 1e6 / steps_of(point.job) for point in shown]
            panel.loglog([point.value for point in shown], floors, "k:", label="floor")
            for point in shown:
                if point.ratio > BAR:
                    place = point.value, point.results["backlit"].median_s * 1e6 / steps_of(point.job)
                    panel.annotate(f"{point.ratio:.2f}", place, color="red", ha="center", va="bottom")
            panel.set(title=optimizer, xlabel=axis, ylabel="microseconds a step")
            panel.grid(alpha=0.3)
            panel.legend()
        for ending in ("svg", "png"):
            file = folder / f"scaling-{axis}.{ending}"
            figure.savefig(file)
            files.append(file)
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.scaling", description="How cost grows with width, depth and batch.")
    parser.add_argument("--axes", type=names(AXES), default=list(AXES))
    parser.add_argument("--optimizers", type=names(OPTIMIZERS), default=list(OPTIMIZERS))
    parser.add_argument("--peers", type=names(PEERS), default=COMPARED)
    parser.add_argument("--rounds", type=number(1), default=5, help="fits after the first one, default 5")
    parser.add_argument("--quick", action="store_true", help="three points on each axis, two rounds")
    parser.add_argument("--folder", type=Path, default=Path("scaling"), help="for plots and numbers, default scaling/")
    options = parser.parse_args(arguments)

    console = screen()
    peers = installed([PEERS[name] for name in options.peers], console)
    shown = [peer.name for peer in peers]
    console.print(describe(peer.library for peer in peers), highlight=False)
    rates = Rates.measured()
    console.print(str(rates), highlight=False)
    rounds = 2 if options.quick else options.rounds
    points = []
    with ExitStack() as stack:
        workers = {peer.name: stack.enter_context(Worker(peer)) for peer in peers}
        for optimizer in options.optimizers:
            for axis in options.axes:
                for value in (QUICK if options.quick else AXES)[axis]:
                    job = along(axis, optimizer)(value)
                    with console.status(job.name):
                        outcome = interleave({name: (worker, job) for name, worker in workers.items()}, rounds)
                    report_failures(job.name, outcome.failures, console)
                    points.append(Point(optimizer, axis, value, job, rates.floor(job), outcome.results))
                    console.print(f"{job.name}: {points[-1].ratio:.2f}", highlight=False)
    console.print(table(points, shown))
    options.folder.mkdir(parents=True, exist_ok=True)
    content = [{**asdict(point), "ratio": point.ratio} for point in points]
    (options.folder / "scaling.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for file in plot(points, shown, options.folder):
        console.print(file)
    slower = [point for point in points if not point.ratio <= BAR]
    console.print(f"{len(slower)} of {len(points)} points are above {BAR} times the best peer")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
