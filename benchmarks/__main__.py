"""The command: `python -m benchmarks --jobs tiny,digits --peers backlit,torch-fused --rounds 5 --json FILE`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from benchmarks.jobs import FASHION_MNIST, JOBS
from benchmarks.machine import describe
from benchmarks.peers import PEERS
from benchmarks.report import table
from benchmarks.runner import Result, run_job


def names_in(known: Sequence[str], text: str) -> list[str]:
    """The comma-separated names of `text`; argparse shows the error where one is unknown."""
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
    return names


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks", description="Time training jobs on backlit and its peers.")
    parser.add_argument("--jobs", type=lambda text: names_in(list(JOBS), text), default=list(JOBS))
    parser.add_argument("--peers", type=lambda text: names_in(list(PEERS), text), default=list(PEERS))
    parser.add_argument("--rounds", type=positive, default=5, help="fits after the first one, default 5")
    parser.add_argument("--json", type=Path, help="write job -> peer -> first_s, median_s, peak_mib, loss")
    options = parser.parse_args(arguments)

    console = Console()
    peers = [PEERS[name] for name in options.peers]
    installed = [peer for peer in peers if find_spec(peer.library)]
    console.print(describe(peer.library for peer in installed), highlight=False)
    for peer in peers:
        if peer not in installed:
            console.print(f"{peer.name}: skipped, {peer.library} is not installed")
    jobs = [JOBS[name] for name in options.jobs]
    if any(job.images for job in jobs) and not FASHION_MNIST.is_dir():
        console.print("Fashion-MNIST is not installed (Debian: dataset-fashion-mnist): random images in its place")

    results: dict[str, dict[str, Result]] = {}
    failed = False
    for job in jobs:
        with console.status(f"{job.name}: {len(installed)} peers, {options.rounds} rounds"):
            outcome = run_job(job, installed, options.rounds)
        results[job.name] = outcome.results
        for name, words in outcome.failures.items():
            failed = True
            console.print(f"{job.name}, {name}: failed. {words}", markup=False, highlight=False)
    console.print(table(results))
    if options.json:
        content = {job: {name: asdict(result) for name, result in peers.items()} for job, peers in results.items()}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
