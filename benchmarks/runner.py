"""Interleaves the peers of a job, each in a fresh process of its own: round after round, every peer makes one fit."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.jobs import Job
from benchmarks.machine import as_installed
from benchmarks.peers import Peer

ROOT = Path(__file__).resolve().parent.parent
SETTLE = 0.1  # seconds; idle threads of the last peer's libraries spin for some milliseconds before they sleep


class PeerFailed(Exception):
    """A peer could not be built or could not finish a fit."""


@dataclass(frozen=True)
class Result:
    """Seconds of the first fit, median seconds of the later ones, peak memory above data loading, the last loss."""

    first_s: float
    median_s: float
    peak_mib: float
    loss: float

    @property
    def extra_s(self) -> float:
        """Seconds that the first fit took above the later ones."""
        return self.first_s - self.median_s


@dataclass
class JobResults:
    """What each peer did, and in words why others did nothing."""

    results: dict[str, Result] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Worker:
    """The process of one peer, for one job after the other; use as a context manager, which ends the process."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  (closed in __exit__)
        self.process = subprocess.Popen(
            [peer.python or sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env=as_installed(),
        )
        self.fits: list[dict[str, float]] = []

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def prepare(self, job: Job) -> None:
        self.fits.clear()
        peer = {"builder": self.peer.builder, "settings": dict(self.peer.settings)}
        self._ask(json.dumps({"job": asdict(job), "peer": peer}))

    def fit(self) -> None:
        self.fits.append(self._ask("fit"))

    def result(self) -> Result:
        seconds = [fit["seconds"] for fit in self.fits]
        last = self.fits[-1]
        return Result(seconds[0], median(seconds[1:]), last["peak_mib"], last["loss"])

    def _ask(self, line: str) -> Any:
        with suppress(OSError):  # a process that has ended takes no line, and gives an empty answer below
            print(line, file=self.process.stdin, flush=True)
        text = self.process.stdout.readline() if self.process.stdout else ""
        if not text:
            self.process.wait()
            self.errors.seek(0)
            last_words = self.errors.read().strip()[-500:]
            raise PeerFailed(f"its process ended with status {self.process.returncode}. {last_words}")
        answer = json.loads(text)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer


def interleave(work: Mapping[str, tuple[Worker, Job]], rounds: int) -> JobResults:
    """One first fit and `rounds` later fits of every worker on its job; one that fails leaves the others alone."""
    outcome, left = JobResults(), dict(work)

    def turn(act: Callable[[Worker, Job], None]) -> None:
        for name, (worker, job) in list(left.items()):
            try:
                act(worker, job)
            except PeerFailed as failure:
                outcome.failures[name] = str(failure)
                del left[name]
            time.sleep(SETTLE)

    turn(Worker.prepare)
    for _ in range(1 + rounds):
        turn(lambda worker, _: worker.fit())
    outcome.results = {name: worker.result() for name, (worker, _) in left.items()}
    return outcome


def run_job(job: Job, peers: Sequence[Peer], rounds: int) -> JobResults:
    """Every peer on a job, in a process that has done nothing else."""
    with ExitStack() as stack:
        return interleave({peer.name: (stack.enter_context(Worker(peer)), job) for peer in peers}, rounds)
