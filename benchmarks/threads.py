"""python -m benchmarks.threads: is a second thread taken where it pays, and only there?

The compiler's cost rule says whether threads share a training step. Here whole epochs on two threads take turns with
epochs on one, each in the code that is made for it, and the rule's choice is held against the better one.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
WIDTHS, BATCHES, OPTIMIZERS = (16, 32, 64, 128, 256), (1, 16, 32, 64, 256, 1024), ("SGD", "Adam")
THREADS = 2
WORK, STEPS = 3e8, (4, 100)  # operations and steps of an epoch: a few milliseconds, in which both cores may be free


@dataclass(frozen=True)
class Choice:
    """A training step: the rule's choice, and microseconds of a step on one thread and on two."""

    job: Job
    threads: int
    one: float
    two: float

    @property
    def ratio(self) -> float:
        """The step's time over that with the better choice."""
        return (self.one if self.threads == 1 else self.two) / min(self.one, self.two)


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


def choice(job: Job, rounds: int) -> Choice:
    """What a job's step costs on one thread and on two, and which the rule takes."""
    from backlit.compiler.costs import alone, shared_ways
    from backlit.compiler.executable import Code

    X, y = load(job)
    own = specialised(job, X, y)
    code = own.executable.code
    shared = shared_ways(code.plan, job.batch_size)
    ways = (alone(shared), shared)
    codes = [Code(code.plan, ways=some, guards=code.guards, arguments=code.arguments) for some in ways]
    found = in_turn(*(Epochs(some, own, job, X, y) for some in codes), rounds)
    return Choice(job, 1 + (code.threads > 1), *(1e6 * seconds / job.batches for seconds in found))


def in_turn(one: Epochs, other: Epochs, rounds: int) -> tuple[float, float]:
    """The shortest epochs of both: what else the machine does only ever makes one longer."""
    pairs = [(one.seconds(), other.seconds()) for _ in range(rounds + 1)]
    firsts, seconds = zip(*pairs[1:], strict=True)
    return min(firsts), min(seconds)


def table(found: Sequence[Choice]) -> Table:
    view = Table(caption=f"microseconds a step; the rule's choice over the better one is marked above {BAR}")
    for column in ("step of", "chosen threads", "one thread", "two", "over best"):
        view.add_column(column, justify="left" if column == "step of" else "right")
    for one in found:
        view.add_row(
            f"{one.job.optimizer}, {one.job.sizes[1]} units, {one.job.batch_size} rows",
            str(one.threads),
            *(f"{value:.1f}" for value in (one.one, one.two)),
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
    for optimizer, width, batch in product(OPTIMIZERS, options.widths, options.batches):
        one = shaped(optimizer, width=width, batch=batch, steps=1)
        steps = min(max(round(WORK / operations(one)), STEPS[0]), STEPS[1])
        job = shaped(optimizer, width=width, batch=batch, steps=steps)
        with console.status(job.name):
            found.append(choice(job, options.rounds))
    console.print(table(found))
    wrong = [one for one in found if one.ratio > BAR]
    console.print(f"{len(wrong)} of {len(found)} choices cost more than {BAR} times the better one")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
