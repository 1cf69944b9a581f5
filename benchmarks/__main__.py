"""The command: `python -m benchmarks --jobs tiny,digits --peers backlit,torch-fused --rounds 5 --json FILE`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.command import environment, installed, names, number, report_failures, screen
from benchmarks.floor import Rates
from benchmarks.jobs import FASHION_MNIST, JOBS
from benchmarks.machine import describe, version_in
from benchmarks.peers import PEERS, older_jax
from benchmarks.report import bars, table
from benchmarks.runner import Result, run_job


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks", description="Time training jobs on backlit and its peers.")
    parser.add_argument("--jobs", type=names(JOBS), default=list(JOBS))
    parser.add_argument("--peers", type=names(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=number(1), default=5, help="fits after the first one, default 5")
    parser.add_argument("--jax-old", metavar="PYTHON", type=environment("jax"), help="interpreter with another JAX")
    parser.add_argument("--json", type=Path, help="write the rates, and job -> floor_s, peer -> first_s, median_s, …")
    options = parser.parse_args(arguments)

    console = screen()
    peers = installed([PEERS[name] for name in options.peers], console)
    machine = describe(peer.library for peer in peers)
    if options.jax_old:
        machine += f", jax-old {version_in(options.jax_old, 'jax')}"
        peers.append(older_jax(options.jax_old))
    console.print(machine, highlight=False)
    jobs = [JOBS[name] for name in options.jobs]
    if any(job.images for job in jobs) and not FASHION_MNIST.is_dir():
        console.print("Fashion-MNIST is not installed (Debian: dataset-fashion-mnist): random images in its place")
    rates = Rates.measured()
    console.print(str(rates), highlight=False)
    floors = {job.name: rates.floor(job) for job in jobs}

    results: dict[str, dict[str, Result]] = {}
    failed = False
    for job in jobs:
        with console.status(f"{job.name}: {len(peers)} peers, {options.rounds} rounds"):
            outcome = run_job(job, peers, options.rounds)
        results[job.name] = outcome.results
        failed |= bool(outcome.failures)
        report_failures(job.name, outcome.failures, console)
    console.print(table(results, floors))
    console.print(bars(results, floors))
    if options.json:
        content = {
            "machine": machine,
            "rates": asdict(rates),
            "jobs": {
                job: {"floor_s": floors[job], "peers": {name: asdict(result) for name, result in peers.items()}}
                for job, peers in results.items()
            },
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
