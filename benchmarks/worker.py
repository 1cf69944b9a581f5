"""One peer in a process of its own: `python -m benchmarks.worker`, driven by the runner over its pipes.

A line with a JSON object describes job and peer; any other line asks for one fit. Each is answered by one line of JSON,
a description once data and model are ready, so that imports and loading are in no measured time.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from benchmarks.jobs import Job, load
from benchmarks.memory import peak_mib


def prepare(job: Mapping[str, Any], peer: Mapping[str, Any]) -> Callable[[], dict[str, float]]:
    """Load the data, build the peer's fit, and return a function that times one fit."""
    the_job = Job(**{**job, "sizes": tuple(job["sizes"])})
    X, y = load(the_job)
    data_mib = peak_mib()
    module, function = peer["builder"].split(":")
    fit = getattr(import_module(module), function)(the_job, X, y, **peer["settings"])

    def timed() -> dict[str, float]:
        start = time.perf_counter()
        loss = fit()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "loss": loss, "peak_mib": peak_mib() - data_mib}

    return timed


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with the answers

    def answer(content: dict[str, Any]) -> None:
        print(json.dumps(content), file=answers, flush=True)

    for line in sys.stdin:
        try:
            if line.startswith("{"):
                timed = prepare(**json.loads(line))
                answer({})
            else:
                answer(timed())
        except Exception as error:  # noqa: BLE001  (what a peer raises is reported by the runner, in the peer's place)
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
