"""The results as tables: what was measured, and how it stands to the bars."""

from collections.abc import Mapping

from rich.table import Table

from benchmarks.jobs import JOBS
from benchmarks.peers import PEERS
from benchmarks.runner import Result

FIRST_BAR, MEMORY_BAR, FLOOR_BAR = 0.3, 0.5, 2.0
FLOOR_COUNTS = ("tabular", "fashion", "fashion64")  # the jobs whose arithmetic is what they are about


def is_peer(name: str) -> bool:
    """Whether the ratio is over this one too: another library, as it is today."""
    return name in PEERS and PEERS[name].library != "backlit"


def best_peer(results: Mapping[str, Result]) -> float:
    """The smallest median of any other library, or of backlit where it ran alone."""
    others = [result.median_s for name, result in results.items() if is_peer(name)]
    return min(others or [result.median_s for result in results.values()])


def table(jobs: Mapping[str, Mapping[str, Result]], floors: Mapping[str, float]) -> Table:
    view = Table(
        caption="ratio: median over that of the fastest peer other than backlit; floors: median over the job's floor; "
        "first above later: seconds of the first fit less the median of the later ones"
    )
    for column in ("job", "peer"):
        view.add_column(column)
    for column in ("median s", "ratio", "floors", "first above later s", "peak MiB", "loss"):
        view.add_column(column, justify="right")
    for job, results in jobs.items():
        for name, result in results.items():
            view.add_row(
                job,
                name,
                f"{result.median_s:.4f}",
                f"{result.median_s / best_peer(results):.2f}",
                f"{result.median_s / floors[job]:.1f}",
                f"{result.extra_s:.3f}",
                f"{result.peak_mib:.0f}",
                f"{result.loss:.3f}",
            )
        view.add_row(job, "(floor)", f"{floors[job]:.4f}", f"{floors[job] / best_peer(results):.2f}", "1.0")
        view.add_section()
    return view


def bars(jobs: Mapping[str, Mapping[str, Result]], floors: Mapping[str, float]) -> Table:
    """How backlit stands to what is asked of it, job by job; what is above its bar is marked."""
    view = Table(title="backlit and its bars")
    view.add_column("job")
    for column in ("time over best peer", "first above later s", "memory over PyTorch's", "time over floor"):
        view.add_column(column, justify="right")
    view.add_column("time over jax-old", justify="right")
    for job, results in jobs.items():
        own = results.get("backlit")
        if own is None:
            continue
        torch = [results[name].peak_mib for name in results if is_peer(name) and PEERS[name].library == "torch"]
        others = any(map(is_peer, results))
        old = results.get("jax-old")
        view.add_row(
            job,
            against(own.median_s / best_peer(results), JOBS[job].bar) if others else "",
            against(own.extra_s, FIRST_BAR),
            against(own.peak_mib / min(torch), MEMORY_BAR) if torch else "",
            against(own.median_s / floors[job], FLOOR_BAR if job in FLOOR_COUNTS else None),
            against(own.median_s / old.median_s, None) if old else "",
        )
    return view


def against(value: float, bar: float | None) -> str:
    """A number with its bar, marked where it is above."""
    if bar is None:
        return f"{value:.2f}"
    text = f"{value:.3g} (bar {bar:g})"
    return text if value <= bar else f"[red]{text} !"
