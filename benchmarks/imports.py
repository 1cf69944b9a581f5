"""python -m benchmarks.imports: the time of `import backlit` against `import numpy`, each in fresh interpreters."""

import subprocess
import sys
import tempfile
from statistics import median

from benchmarks.machine import as_installed

BAR = 1.5
ROUNDS = 15
PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_seconds(library: str, bytecode: str) -> float:
    """Seconds that one import takes in a new interpreter, its start excluded; compiled files lie in `bytecode`."""
    command = [sys.executable, "-c", PROGRAM.format(library)]
    environment = as_installed(PYTHONPYCACHEPREFIX=bytecode)
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def medians(libraries: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Median seconds per library over interleaved rounds, after one round that fills the file cache and compiles."""
    seconds: dict[str, list[float]] = {library: [] for library in libraries}
    with tempfile.TemporaryDirectory() as bytecode:
        for _ in range(rounds + 1):
            for library in libraries:
                seconds[library].append(import_seconds(library, bytecode))
    return {library: median(times[1:]) for library, times in seconds.items()}


def main() -> int:
    times = medians(("numpy", "backlit"), ROUNDS)
    ratio = times["backlit"] / times["numpy"]
    for library, time in times.items():
        print(f"import {library}: {time * 1000:.1f} ms (median of {ROUNDS})")
    print(f"ratio {ratio:.2f}, bar {BAR}")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
