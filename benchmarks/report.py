"""The results as one table."""

from collections.abc import Mapping

from rich.table import Table

from benchmarks.peers import PEERS
from benchmarks.runner import Result


def best_peer(results: Mapping[str, Result]) -> float:
    """The smallest median of any other library, or of backlit where it ran alone."""
    others = [result.median_s for name, result in results.items() if PEERS[name].library != "backlit"]
    return min(others or [result.median_s for result in results.values()])


def table(jobs: Mapping[str, Mapping[str, Result]]) -> Table:
    view = Table(caption="ratio: median over that of the fastest peer other than backlit")
    for column in ("job", "peer"):
        view.add_column(column)
    for column in ("first s", "median s", "ratio", "peak MiB", "loss"):
        view.add_column(column, justify="right")
    for job, results in jobs.items():
        for name, result in results.items():
            ratio = result.median_s / best_peer(results)
            view.add_row(
                job,
                name,
                f"{result.first_s:.3f}",
                f"{result.median_s:.4f}",
                f"{ratio:.2f}",
                f"{result.peak_mib:.0f}",
                f"{result.loss:.3f}",
            )
        view.add_section()
    return view
