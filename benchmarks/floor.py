"""What a job cannot be faster than on this machine: its arithmetic at the rate of `sgemm`, its bytes at that of a copy.

Counted are the products alone, forward and backward, and the bytes that have to move: every row of the data once an
epoch, and the parameters with the optimizer's state, read and written once a step.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.jobs import Job

FLOAT, LABEL = 4, 8  # bytes
ALONE = 2**22  # bytes; copies of fewer are made by one thread, as their rows are in a core's own cache
LARGE = 2**27
STATE = {"SGD": 1, "Adam": 3}  # numbers kept for a parameter, itself included


def parameters(job: Job) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(job.sizes))


def operations(job: Job) -> int:
    """Floating-point operations of a fit's products: 2 for each weight and row, forward and in both gradients.

    The gradient at the network's input is asked for by nobody.
    """
    products = [inputs * outputs for inputs, outputs in pairwise(job.sizes)]
    return (6 * sum(products) - 2 * products[0]) * job.batch_size * job.batches * job.epochs


def row_bytes(job: Job) -> int:
    """Bytes of the data that a fit reads."""
    return (job.sizes[0] * FLOAT + LABEL) * job.batch_size * job.batches * job.epochs


def step_bytes(job: Job) -> int:
    """Bytes of parameters and optimizer state that a step reads and writes."""
    return 2 * FLOAT * STATE[job.optimizer] * parameters(job)


def best_seconds(work: Callable[[], object], times: int = 7) -> float:
    """The shortest time of a call, after one that is not counted; many calls at once where one is too short."""
    begin = time.perf_counter()
    work()
    calls = max(1, int(2e-3 / (time.perf_counter() - begin)))
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        for _ in range(calls):
            work()
        seconds.append((time.perf_counter() - begin) / calls)
    return min(seconds)


def product_rate() -> float:
    """Operations a second of NumPy's float32 product on all cores: the best of square ones."""
    rates = []
    for n in (1024, 1536, 2048):
        a, out = np.full((n, n), 0.5, np.float32), np.empty((n, n), np.float32)
        rates.append(2 * n**3 / best_seconds(lambda a=a, out=out: np.matmul(a, a, out=out), times=4))
    return max(rates)


def copy_rate(moved: int) -> float:
    """Bytes a second, read and written, of copies that move so many bytes; on all cores where they are large."""
    size = max(moved // 2, 1)
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    if moved < ALONE:
        return 2 * size / best_seconds(lambda: np.copyto(target, source))
    cores = os.cpu_count() or 1
    parts = [slice(size * i // cores, size * (i + 1) // cores) for i in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        return (
            2 * size / best_seconds(lambda: list(pool.map(lambda part: np.copyto(target[part], source[part]), parts)))
        )


@dataclass(frozen=True)
class Rates:
    """Of this machine: operations a second of products, bytes a second of a large copy."""

    operations: float
    bytes: float

    @classmethod
    def measured(cls) -> "Rates":
        return cls(product_rate(), copy_rate(LARGE))

    def __str__(self) -> str:
        return f"sgemm {self.operations / 1e9:.0f} GFLOP/s, copy {self.bytes / 1e9:.1f} GB/s"

    def floor(self, job: Job) -> float:
        """Seconds of a fit that does nothing but its products, and moves nothing but what it must."""
        steps = job.batches * job.epochs
        state = step_bytes(job) * steps / copy_rate(step_bytes(job))
        return operations(job) / self.operations + row_bytes(job) / self.bytes + state
