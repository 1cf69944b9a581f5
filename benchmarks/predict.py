"""python -m benchmarks.predict: a trained network's answers, for one row of the digits and for all, from Python.

Each library is given its own kind of array and gives back its own; the results are there when the clock stops.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from rich.table import Table

from benchmarks.command import installed, names, number, report_failures, screen
from benchmarks.jobs import JOBS
from benchmarks.machine import describe
from benchmarks.peers import Peer
from benchmarks.report import against
from benchmarks.runner import Result, Worker, interleave

ONE_ROW_BAR = 10.0  # microseconds
CALLS = {1: 2000, JOBS["digits"].rows: 50}

_TORCH, _OTHERS = "benchmarks.peers.predict_torch_style:build", "benchmarks.peers.predict_others"
PREDICTORS = {
    peer.name: peer
    for peer in (
        Peer("backlit", "backlit", _TORCH, {"library": "backlit", "compiled": True}),
        Peer("backlit-eager", "backlit", _TORCH, {"library": "backlit", "mode": "no_grad"}),
        Peer("torch", "torch", _TORCH, {"library": "torch"}),
        Peer("torch-no-grad", "torch", _TORCH, {"library": "torch", "mode": "no_grad"}),
        Peer("torch-inference", "torch", _TORCH, {"library": "torch", "mode": "inference_mode"}),
        Peer("jax-jit", "jax", f"{_OTHERS}:jax"),
        Peer("sklearn", "sklearn", f"{_OTHERS}:sklearn"),
    )
}


def with_rows(peer: Peer, rows: int) -> Peer:
    return Peer(peer.name, peer.library, peer.builder, {**peer.settings, "rows": rows, "calls": CALLS[rows]})


def table(times: Mapping[int, Mapping[str, float]]) -> Table:
    """`times`: microseconds of a call, by rows and peer."""
    view = Table(caption="ratio: over the fastest other library")
    for column in ("rows", "peer", "microseconds a call", "ratio"):
        view.add_column(column, justify="left" if column == "peer" else "right")
    for rows, by_peer in times.items():
        others = [time for name, time in by_peer.items() if PREDICTORS[name].library != "backlit"]
        best = min(others or by_peer.values())
        for name, time in by_peer.items():
            own = name == "backlit"
            view.add_row(
                str(rows),
                name,
                against(time, ONE_ROW_BAR) if own and rows == 1 else f"{time:.1f}",
                against(time / best, 1.0 if own and rows > 1 and others else None),
            )
        view.add_section()
    return view


def microseconds(results: Mapping[str, Result], rows: int) -> dict[str, float]:
    return {name: result.median_s * 1e6 / CALLS[rows] for name, result in results.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.predict", description="Time predictions on backlit and its peers.")
    parser.add_argument("--peers", type=names(PREDICTORS), default=list(PREDICTORS))
    parser.add_argument("--rounds", type=number(1), default=9, help="rounds after the first one, default 9")
    options = parser.parse_args(arguments)

    console = screen()
    peers = installed([PREDICTORS[name] for name in options.peers], console)
    console.print(describe(peer.library for peer in peers), highlight=False)
    times, failed = {}, False
    for rows in CALLS:
        with ExitStack() as stack, console.status(f"{rows} rows"):
            workers = {peer.name: stack.enter_context(Worker(with_rows(peer, rows))) for peer in peers}
            outcome = interleave({name: (worker, JOBS["digits"]) for name, worker in workers.items()}, options.rounds)
        report_failures(f"{rows} rows", outcome.failures, console)
        failed |= bool(outcome.failures)
        times[rows] = microseconds(outcome.results, rows)
    console.print(table(times))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
