"""python -m benchmarks.threads: is a second thread taken where it pays, and only there?

The compiler's cost rule says which kernels of a training step threads share. Here the choice for each size of kernel is
turned round while all others stay, and whole epochs of both kinds take turns on two threads: what a kernel costs its
neighbours, whose memory is then another core's, counts too.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.command import number, screen
from benchmarks.floor import operations
from benchmarks.jobs import Job, load
from benchmarks.machine import describe
from benchmarks.peers.torch_style import network
from benchmarks.sweeps import shaped

BAR = 1.1
WIDTHS, BATCHES = (32, 64, 128, 256), (16, 64, 256, 1024)
THREADS = 2
LEAST, MOST = 1.0, 200.0  # microseconds; what takes less or more is no question
WORK, STEPS = 3e8, (4, 100)  # operations and steps of an epoch: a few milliseconds, in which both cores may be free


@dataclass(frozen=True)
class Choice:
    """Kernels of one size in a step: the rule's choice, and microseconds of a step with it and with the other.

    `expected` and `measured`: microseconds of one such kernel on one thread.
    """

    job: Job
    kernel: str
    count: int
    shared: bool
    expected: float
    measured: float
    chosen: float
    other: float

    @property
    def ratio(self) -> float:
        """The step's time over that with the better choice."""
        return self.chosen / min(self.chosen, self.other)


class Epochs:
    """Epochs of a training step in one way, on arrays of their own."""

    def __init__(self, code: Any, specialised: Any, job: Job, X: Any, y: Any) -> None:
        from backlit.compiler.executable import Executable

        self.executable, self.job = Executable(code), job
        self.losses, self.order = np.empty(job.batches), np.arange(job.rows)
        states = [np.array(t._array) for t in specialised.states]
        batch = [np.array(a[: job.batch_size]) for a in (X, y)]
        self.arrays = [X, y, *batch, *states]
        for place, array in enumerate((*batch, *states)):
            self.executable.put(("input", place), array.ctypes.data)
        for place, array in enumerate((X, y)):
            self.executable.put(("data", place), array.ctypes.data)
        self.executable.prepare(job.batch_size, THREADS)

    def seconds(self) -> float:
        """Of an epoch."""
        job = self.job
        used = job.batches * job.batch_size
        self.executable.control.begin(self.order, used, job.batch_size, 0, job.batches, self.losses, None, None)
        begin = perf_counter()
        self.executable.run_epoch(THREADS)
        return perf_counter() - begin


def specialised(job: Job, X: Any, y: Any) -> Any:
    """The compiled training step of a job."""
    import backlit
    from backlit import nn, optim
    from backlit.compiler.specialised import Specialised

    model, loss_fn = network(nn, job), nn.CrossEntropyLoss()
    optimizer = getattr(optim, job.optimizer)(model.parameters(), lr=job.lr)
    optimizer.prepare()

    def step(x: Any, y: Any) -> Any:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    rows = (backlit.from_numpy(a[: job.batch_size]) for a in (X, y))
    return Specialised(step, tuple(rows), False, guards=1)


def choices(job: Job, rounds: int) -> Iterator[Choice]:
    """The kernels of a job's step for which threads are a question, and what each choice costs."""
    from backlit.compiler.costs import Share, work
    from backlit.compiler.executable import Code
    from backlit.compiler.explain import Explanation

    X, y = load(job)
    own = specialised(job, X, y)
    code = own.executable.code
    plan, batch = code.plan, job.batch_size
    reports = Explanation(own, batch).kernels
    costs = [work(plan, kernel, batch).microseconds for kernel in plan.kernels]
    sizes = [f"{r.kind} {' x '.join(map(str, r.shape))}, {r.flops / 1e6:.2f} Mflop" for r in reports]
    rule = Epochs(code, own, job, X, y)
    for size in dict.fromkeys(sizes):
        places = [p for p, s in enumerate(sizes) if s == size]
        first = places[0]
        if not reports[first].shape or not LEAST <= costs[first] <= MOST:
            continue
        other = Share.ALONE if code.ways[first].shared else Share.SPREAD
        ways = [replace(w, share=other) if p in places else w for p, w in enumerate(code.ways)]
        turned = Code(plan, ways=tuple(ways), guards=code.guards, arguments=code.arguments)
        found = in_turn(rule, Epochs(turned, own, job, X, y), rounds)
        steps = [1e6 * seconds / job.batches for seconds in found]
        measured = 1e6 * min(reports[p].seconds for p in places)
        yield Choice(job, size, len(places), code.ways[first].shared, costs[first], measured, *steps)


def in_turn(one: Epochs, other: Epochs, rounds: int) -> tuple[float, float]:
    """The shortest epochs of both: what else the machine does only ever makes one longer."""
    pairs = [(one.seconds(), other.seconds()) for _ in range(rounds + 1)]
    firsts, seconds = zip(*pairs[1:], strict=True)
    return min(firsts), min(seconds)


def table(found: Sequence[Choice]) -> Table:
    view = Table(caption=f"microseconds; the step with the rule's choice over the better one is marked above {BAR}")
    for column in ("step of", "kernels"):
        view.add_column(column)
    for column in ("expected", "measured", "threads", "step", "other way", "over best"):
        view.add_column(column, justify="right")
    for before, one in zip([None, *found], found, strict=False):
        if before and before.job is not one.job:
            view.add_section()
        view.add_row(
            f"{one.job.sizes[1]} units, {one.job.batch_size} rows",
            f"{one.count} {one.kernel}",
            *(f"{value:.1f}" for value in (one.expected, one.measured)),
            str(THREADS if one.shared else 1),
            *(f"{value:.1f}" for value in (one.chosen, one.other)),
            f"{'[red]' if one.ratio > BAR else ''}{one.ratio:.2f}",
        )
    return view


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.threads", description="The rule for threads against measurement.")
    counts = {"type": lambda text: [number(1)(part) for part in text.split(",")]}
    parser.add_argument("--widths", default=list(WIDTHS), **counts)
    parser.add_argument("--batches", default=list(BATCHES), **counts)
    parser.add_argument("--rounds", type=number(1), default=100, help="epochs each way, default 100")
    options = parser.parse_args(arguments)

    console = screen()
    console.print(describe(["backlit"]), highlight=False)
    found: list[Choice] = []
    for width, batch in product(options.widths, options.batches):
        one = shaped("Adam", width=width, batch=batch, steps=1)
        steps = min(max(round(WORK / operations(one)), STEPS[0]), STEPS[1])
        job = shaped("Adam", width=width, batch=batch, steps=steps)
        with console.status(job.name):
            found += choices(job, options.rounds)
    console.print(table(found))
    wrong = [one for one in found if one.ratio > BAR]
    console.print(f"{len(wrong)} of {len(found)} choices cost more than {BAR} times the better one")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
