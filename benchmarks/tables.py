"""python -m benchmarks.tables: estimators on tables beside scikit-learn's, and PyTorch's through skorch.

Each library with each number of threads lives in a process of its own; round after round each makes one fit in turn,
or some predictions. Its better number of threads counts.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from rich.table import Table

from benchmarks.command import installed, names, number, report_failures, screen
from benchmarks.jobs import Job
from benchmarks.machine import describe
from benchmarks.peers import Peer
from benchmarks.report import against
from benchmarks.runner import Result, Worker, interleave
from benchmarks.table_jobs import LARGE, TABLE_JOBS, california_housing_is_there

_BUILDERS = "benchmarks.peers.estimators"
LIBRARIES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "scikit-learn": ("sklearn", f"{_BUILDERS}:mlp", {"library": "sklearn.neural_network"}),
    "skorch": ("skorch", f"{_BUILDERS}:skorch", {}),
    "backlit": ("backlit", f"{_BUILDERS}:mlp", {"library": "backlit.sklearn"}),
}
WHAT = ("fit", "predict-all", "predict-one")
PREDICT_BAR = 1.0
START_BAR = 0.6
# In a process of its own: seconds from an imported scikit-learn to a first fit's end.
START = """
import time
import numpy as np
import sklearn.neural_network
X, y = np.random.default_rng(0).normal(size=(1797, 64)), np.arange(1797) % 10
start = time.perf_counter()
import backlit.sklearn
backlit.sklearn.MLPClassifier((32,), batch_size=32, max_iter=2, tol=1).fit(X, y)
print(time.perf_counter() - start)
"""


def peers() -> list[Peer]:
    """Each library that is there with one thread, and with one for each core."""
    return [
        Peer(f"{name}, {threads}", library, builder, {**settings, "threads": threads})
        for name, (library, builder, settings) in LIBRARIES.items()
        for threads in sorted({1, os.cpu_count() or 1})
        if find_spec(library)
    ]


def action(what: str, rows: int) -> dict[str, Any]:
    """What a peer is told to do."""
    if what == "fit":
        return {"action": "fit"}
    one = what == "predict-one"
    return {"action": "predict", "rows": 1 if one else rows, "calls": 200 if one else max(1, 50_000 // rows)}


def best(results: Mapping[str, Result], calls: int) -> dict[str, float]:
    """Milliseconds of a call by library, with its better number of threads."""
    found: dict[str, float] = {}
    for name, result in results.items():
        library = name.partition(",")[0]
        found[library] = min(1e3 * result.median_s / calls, found.get(library, math.inf))
    return found


def start(rounds: int) -> dict[str, float]:
    """Seconds from an imported scikit-learn to a first fit, by what the cache of machine code holds: medians.

    A round that does not count fills the file cache and compiles Python's files, as an installer does.
    """
    seconds: dict[str, list[float]] = {"empty cache": [], "filled cache": []}
    with tempfile.TemporaryDirectory() as bytecode:
        surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(rounds + 1):
            with tempfile.TemporaryDirectory() as cache:
                for times in seconds.values():
                    command = [sys.executable, "-W", "ignore", "-c", START]
                    given = {**surroundings, "BACKLIT_CACHE_DIR": cache}
                    run = subprocess.run(command, capture_output=True, text=True, check=True, env=given)
                    times.append(float(run.stdout))
    return {kind: statistics.median(times[1:]) for kind, times in seconds.items()}


def ratio(other: float | None, own: float, bar: float | None) -> str:
    """How many times as long another library takes, with the bar, marked where it is below."""
    if other is None:
        return ""
    text = f"{other / own:.1f}" if bar is None else f"{other / own:.1f} (bar {bar:g})"
    return text if bar is None or other / own >= bar else f"[red]{text} !"


def measured(workers: Sequence[Worker], job: Job, what: str, rounds: int, console: Any) -> dict[str, float]:
    """Milliseconds by library; those that fail are named and missing."""
    told = action(what, job.rows)
    for worker in workers:
        worker.peer = replace(worker.peer, settings={**worker.peer.settings, **told})
    outcome = interleave({worker.peer.name: (worker, job) for worker in workers}, rounds)
    report_failures(f"{job.name}: {what}", outcome.failures, console)
    return best(outcome.results, told.get("calls", 1))


def table(job: str, times: Mapping[str, Mapping[str, float]]) -> Table:
    """`times`: milliseconds by library, for each of what is done."""
    view = Table(title=job, title_justify="left")
    view.add_column("milliseconds")
    for column in (*LIBRARIES, "scikit-learn / backlit", "skorch / backlit"):
        view.add_column(column, justify="right")
    for what, found in times.items():
        numbers = [f"{found[name]:.3f}" if name in found else "" for name in LIBRARIES]
        own = found.get("backlit")
        ratios = own and [ratio(found.get("scikit-learn"), own, bar(job, what)), ratio(found.get("skorch"), own, None)]
        view.add_row(what, *numbers, *(ratios or ()))
    return view


def bar(job: str, what: str) -> float:
    return TABLE_JOBS[job].bar if what == "fit" else PREDICT_BAR


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.tables", description="Time estimators on tables.")
    parser.add_argument("--jobs", type=names(TABLE_JOBS), default=list(TABLE_JOBS))
    parser.add_argument("--what", type=names(WHAT), default=list(WHAT))
    parser.add_argument("--rounds", type=number(1), default=7, help="rounds after the first; a third for the million")
    options = parser.parse_args(arguments)

    console = screen()
    libraries = installed([Peer(name, library, "") for name, (library, _, _) in LIBRARIES.items()], console)
    console.print(describe(peer.library for peer in libraries), highlight=False)
    if "housing" in options.jobs and not california_housing_is_there():
        console.print("housing: California housing cannot be had here; the table is a synthetic one of its shape")
    good = True
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(peer)) for peer in peers()]
        for name in options.jobs:
            job, times = TABLE_JOBS[name], {}
            rounds = options.rounds if job.rows < LARGE else -(-options.rounds // 3)
            for what in options.what:
                with console.status(f"{name}: {what}"):
                    times[what] = measured(workers, job, what, rounds, console)
                good &= met(times[what], libraries, bar(name, what))
            console.print(table(name, times))
    begun = start(3)
    words = ", ".join(f"{kind} {against(seconds, START_BAR)}" for kind, seconds in begun.items())
    console.print(f"seconds from an imported scikit-learn to a first fit: {words}")
    return 0 if good and max(begun.values()) <= START_BAR else 1


def met(found: Mapping[str, float], libraries: Sequence[Peer], least: float) -> bool:
    """Whether no library failed, and scikit-learn took at least so many times as long."""
    return len(found) == len(libraries) and found["scikit-learn"] >= least * found["backlit"]


if __name__ == "__main__":
    sys.exit(main())
