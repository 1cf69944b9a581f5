"""Predictions the way PyTorch's users write them; PyTorch and backlit run this one text."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.jobs import Job
from benchmarks.peers.torch_style import network


def build(
    job: Job, X: Any, y: Any, *, rows: int, calls: int, library: str, mode: str = "enable_grad", compiled: bool = False
) -> Callable[[], float]:
    """`calls` predictions of `rows` rows, under the context manager `mode`."""
    torch = import_module(library)
    torch.manual_seed(0)
    model = network(import_module(f"{library}.nn"), job).eval()
    predict = torch.compile(model) if compiled else model
    given = torch.from_numpy(X[:rows])
    context = getattr(torch, mode)

    def run() -> float:
        with context():
            for _ in range(calls):
                scores = predict(given)
        return float(scores[0, 0])

    return run
