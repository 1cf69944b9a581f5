"""What a data set can know about the worker process in which it runs."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """A worker process of a loader.

    Attributes:
        id: Its number, from 0.
        num_workers: How many there are.
        seed: The seed of its random numbers in this pass, different in each worker.
        dataset: Its copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The worker process that this code runs in; None in the main process."""
    return _info


def set_worker_info(info: WorkerInfo) -> None:
    """Called once by each worker at the start of a pass."""
    global _info
    _info = info
