"""The jobs: which network learns which data, with which batches and which optimizer."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package dataset-fashion-mnist puts it
IDX_IMAGES_HEADER, IDX_LABELS_HEADER = 16, 8


@dataclass(frozen=True)
class Job:
    """One training job: layer `sizes` from input to output (ReLU between), and how `rows` examples are visited.

    `bar`: what backlit's time may be at most, in that of the best peer. `table`: data of `benchmarks.table_jobs`.
    `network`: one of `benchmarks.peers.layers` in place of the linear layers.
    """

    name: str
    sizes: tuple[int, ...]
    rows: int
    batch_size: int
    epochs: int
    optimizer: str
    images: bool = False
    bar: float = 1.2
    table: str = ""
    dtype: str = "float32"
    network: str = ""

    @property
    def lr(self) -> float:
        return {"SGD": 1e-2, "Adam": 1e-3}[self.optimizer]

    @property
    def batches(self) -> int:
        """Whole batches in an epoch; the rows that would make a smaller one are left out."""
        return self.rows // self.batch_size


_IMAGES = {"sizes": (784, 512, 512, 10), "rows": 60_000, "epochs": 1, "optimizer": "SGD", "images": True}

JOBS = {
    job.name: job
    for job in (
        Job("tiny", (2, 16, 16, 2), rows=1_000, batch_size=16, epochs=20, optimizer="SGD", bar=0.15),
        Job("digits", (64, 32, 10), rows=1_437, batch_size=32, epochs=20, optimizer="Adam", bar=0.25),
        Job("tabular", (54, 100, 7), rows=100_000, batch_size=200, epochs=1, optimizer="Adam", bar=0.35),
        Job("fashion", batch_size=256, bar=0.8, **_IMAGES),
        Job("fashion64", batch_size=64, bar=0.75, **_IMAGES),
    )
}


def load(job: Job) -> tuple[NDArray[np.floating], NDArray[Any]]:
    """The job's inputs (rows, sizes[0]) and class labels or numbers (rows,), made without large temporaries.

    A peer's memory is counted above the peak of this call, so a temporary here would hide some of it.
    """
    if job.table:
        from benchmarks.table_jobs import TABLES

        return TABLES[job.table](job)
    if job.images and FASHION_MNIST.is_dir():
        return _fashion_mnist(job)
    rng = np.random.default_rng(0)
    inputs, classes = job.sizes[0], job.sizes[-1]
    X = rng.standard_normal((job.rows, inputs), dtype=np.float32)
    scores = X @ rng.standard_normal((inputs, classes), dtype=np.float32)
    scores += 2 * rng.standard_normal((job.rows, classes), dtype=np.float32)
    return X, scores.argmax(1).astype(np.int64)


def _fashion_mnist(job: Job) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    X = np.empty((job.rows, job.sizes[0]), np.float32)
    with gzip.open(FASHION_MNIST / "train-images-idx3-ubyte.gz") as file:
        file.read(IDX_IMAGES_HEADER)
        for row in X:
            row[:] = np.frombuffer(file.read(row.size), np.uint8)
    X /= 255
    with gzip.open(FASHION_MNIST / "train-labels-idx1-ubyte.gz") as file:
        file.read(IDX_LABELS_HEADER)
        y = np.frombuffer(file.read(job.rows), np.uint8).astype(np.int64)
    return X, y
