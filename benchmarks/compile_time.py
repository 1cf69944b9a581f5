"""python -m benchmarks.compile_time: from a fresh process's first `fit` to its first native step, and where it goes.

Each job runs in new processes: with an empty cache of machine code, then with the entries that the first one left.
The imports of backlit itself, and loading, are not in the time. Those of the compiler and of LLVM, which the first fit
of a process makes, are in it where the cache is empty; where it is filled, the bar is for what comes after them, and
leaves out the look for NaN and infinities in the data ("data"), which takes as long as there are rows and compiles
nothing.
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from rich.table import Table

from benchmarks.command import names, number, screen
from benchmarks.jobs import JOBS, load
from benchmarks.machine import as_installed, describe
from benchmarks.peers import PEERS
from benchmarks.runner import ROOT

BARS = {"empty": 0.3, "filled": 0.03}  # seconds, by what the cache holds
# Which part of the work a function does ("plan": lowering and passes too; "code": writing LLVM's text, and the wait for
# the threads that make machine code of it). One that runs inside another's takes its time from that one's.
PHASES = {
    "backlit.train.feed:check_finite": "data",
    "backlit.graph.trace:Traced.__init__": "trace",
    "backlit.compiler.lowering:lower": "plan",
    "backlit.compiler.family:agree": "plan",
    "backlit.compiler.family:uniform": "plan",
    "backlit.compiler.passes:improved": "plan",
    "backlit.compiler.executable:plan": "plan",
    "backlit.compiler.llvm:target_machine": "code",
    "backlit.compiler.llvm:side_by_side": "code",
    "backlit.compiler.llvm:Library.__init__": "link",
    "backlit.compiler.cache:load": "disk",
    "backlit.compiler.cache:save": "disk",
}
PARTS = ("imports", *dict.fromkeys(PHASES.values()), "other")
FIRST_STEP = "backlit.compiler.executable:Executable.run_epoch"


class Reached(BaseException):
    """The first native step would begin now."""


class Clock:
    """Seconds of this thread by phase; a phase that begins inside another stops that one's clock."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._running = ["other"]
        self._thread = threading.get_ident()
        self._since = time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def stop(self) -> dict[str, float]:
        self._switch()
        return self.seconds

    def timed(self, function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        """The function, whose time counts as the phase's."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return function(*args, **kwargs)
            self._switch()
            self._running.append(phase)
            try:
                return function(*args, **kwargs)
            finally:
                self._switch()
                self._running.pop()

        return run


def owner_of(place: str) -> tuple[Any, str]:
    """The module or class that a function of `PHASES` is found in, and its name there."""
    module, path = place.split(":")
    owner: Any = import_module(module)
    *holders, name = path.split(".")
    for holder in holders:
        owner = getattr(owner, holder)
    return owner, name


def measured(job_name: str) -> dict[str, float]:
    """In this process, which must be fresh: seconds by part up to the first native step of a job."""
    job = JOBS[job_name]
    builder, name = owner_of(PEERS["backlit"].builder)
    fit = getattr(builder, name)(job, *load(job))
    clock = Clock()

    def reached(*_: object) -> None:
        raise Reached

    def watch() -> None:
        for place, phase in PHASES.items():
            owner, name = owner_of(place)
            setattr(owner, name, clock.timed(getattr(owner, name), phase))
        owner, name = owner_of(FIRST_STEP)
        setattr(owner, name, reached)

    clock.timed(watch, "imports")()
    try:
        fit()
    except Reached:
        return clock.stop()
    raise RuntimeError(f"{job_name}: the fit ended without a native step")


def in_a_new_process(job_name: str, cache: str, bytecode: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.compile_time", "--measure", job_name]
    surroundings = as_installed(BACKLIT_CACHE_DIR=cache, PYTHONPYCACHEPREFIX=bytecode)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=surroundings)
    return json.loads(done.stdout.splitlines()[-1])


def parts(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The run of median length: its parts add up."""
    return dict(sorted(runs, key=lambda run: sum(run.values()))[len(runs) // 2])


def counted(kind: str, seconds: Mapping[str, float]) -> float:
    """The seconds that a bar is for."""
    return sum(seconds.values()) - (seconds["imports"] + seconds["data"] if kind == "filled" else 0.0)


def table(times: Mapping[tuple[str, str], Mapping[str, float]]) -> Table:
    """`times`: seconds by part, for each job and kind of run."""
    view = Table(caption=f"milliseconds to the first native step; bars in seconds: {BARS}")
    for column in ("job", "cache"):
        view.add_column(column)
    for column in ("counted", *PARTS):
        view.add_column(column, justify="right")
    for (job, kind), seconds in times.items():
        total = counted(kind, seconds)
        mark = "[red]" if total > BARS[kind] else ""
        view.add_row(job, kind, f"{mark}{1000 * total:.0f}", *(f"{1000 * seconds[part]:.1f}" for part in PARTS))
    return view


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "benchmarks.compile_time", description="Time from the first fit to its first step."
    )
    parser.add_argument("--jobs", type=names(JOBS), default=list(JOBS))
    parser.add_argument("--rounds", type=number(1), default=5, help="processes of each kind, default 5")
    parser.add_argument("--measure", choices=list(JOBS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(measured(options.measure)))
        return 0

    console = screen()
    console.print(describe(["backlit", "llvmlite"]), highlight=False)
    times = {}
    for job in options.jobs:
        runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in BARS}
        with console.status(job), tempfile.TemporaryDirectory() as bytecode:
            # Python's own bytecode is there, as an installation leaves it.
            in_a_new_process(job, "", bytecode)
            for _ in range(options.rounds):
                with tempfile.TemporaryDirectory() as cache:
                    for kind in BARS:
                        runs[kind].append(in_a_new_process(job, cache, bytecode))
        times.update({(job, kind): parts(runs[kind]) for kind in BARS})
    console.print(table(times))
    slow = [kind for (_, kind), seconds in times.items() if counted(kind, seconds) > BARS[kind]]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
