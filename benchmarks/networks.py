"""python -m benchmarks.networks: networks of other layers than linear ones, beside PyTorch.

The same text builds each network in both. PyTorch runs with one thread and with one for each core; the better counts.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from rich.table import Table

from benchmarks.command import installed, names, number, report_failures, screen
from benchmarks.jobs import Job
from benchmarks.machine import describe
from benchmarks.peers import PEERS, Peer
from benchmarks.report import against
from benchmarks.runner import run_job

BAR = 1.0
_DIGITS = {"sizes": (64, 128, 128, 10), "rows": 1797, "batch_size": 32, "epochs": 5, "optimizer": "Adam"}
_FASHION = {**_DIGITS, "sizes": (784, 10), "rows": 4096, "epochs": 1, "images": True}

NETWORK_JOBS = {
    job.name: job
    for job in (
        Job("convolutions 8x8", network="convolutions", table="digits", **_DIGITS),
        Job("convolutions 28x28", network="convolutions", **_FASHION),
        Job("normalised convolutions 28x28", network="normalised convolutions", **_FASHION),
        Job("LSTM over 8 lines", network="recurrent", table="digits", **_DIGITS),
        Job("LSTM over 28 lines", network="recurrent", **_FASHION),
        Job("attention over 8 lines", network="attention", table="digits", **_DIGITS),
        Job("attention over 28 lines", network="attention", **_FASHION),
        Job("batch normalisation and dropout", network="regularised", table="digits", **_DIGITS),
    )
}


def peers() -> list[Peer]:
    """backlit, and PyTorch with one thread and with one for each core."""
    torch = PEERS["torch-fused"]
    several = [
        Peer(f"torch, {threads}", torch.library, torch.builder, {**torch.settings, "threads": threads})
        for threads in sorted({1, os.cpu_count() or 1})
    ]
    return [PEERS["backlit"], *several]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.networks", description="Time networks of other layers.")
    parser.add_argument("--jobs", type=names(NETWORK_JOBS), default=list(NETWORK_JOBS))
    parser.add_argument("--rounds", type=number(1), default=5, help="fits after the first one, default 5")
    options = parser.parse_args(arguments)
    console = screen()
    runners = installed(peers(), console)
    console.print(describe(peer.library for peer in runners), highlight=False)
    view = Table(
        caption="milliseconds a fit, medians; ratio: backlit over PyTorch; first: of the first fit above later ones, s"
    )
    for column in ("network", "steps", "backlit", "PyTorch", "ratio", "first", "PyTorch's first"):
        view.add_column(column, justify="left" if column == "network" else "right")
    good = True
    for name in options.jobs:
        job = NETWORK_JOBS[name]
        with console.status(name):
            outcome = run_job(job, runners, options.rounds)
        report_failures(name, outcome.failures, console)
        own, others = outcome.results.get("backlit"), [r for n, r in outcome.results.items() if n != "backlit"]
        good &= own is not None and not outcome.failures
        if own is None or not others:
            continue
        best = min(others, key=lambda result: result.median_s)
        ratio = own.median_s / best.median_s
        good &= ratio <= BAR
        times = [f"{1e3 * result.median_s:.1f}" for result in (own, best)]
        firsts = [f"{result.extra_s:.2f}" for result in (own, best)]
        view.add_row(name, str(job.batches * job.epochs), *times, against(ratio, BAR), *firsts)
    console.print(view)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
