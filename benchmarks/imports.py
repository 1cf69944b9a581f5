"""python -m benchmarks.imports: the time of `import backlit` against `import numpy`, each in fresh interpreters."""

import subprocess
import sys
from statistics import median

BAR = 1.5
ROUNDS = 15
PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_seconds(library: str) -> float:
    """Seconds that one import takes in a new interpreter, its start excluded."""
    command = [sys.executable, "-c", PROGRAM.format(library)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def medians(libraries: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Median seconds per library over interleaved rounds, after one round that fills the file cache."""
    seconds: dict[str, list[float]] = {library: [] for library in libraries}
    for _ in range(rounds + 1):
        for library in libraries:
            seconds[library].append(import_seconds(library))
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
