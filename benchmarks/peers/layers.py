"""Networks of other layers than linear ones, in the namespace `nn` of PyTorch or backlit.

All of them take flat rows: an image of `side` times `side` pixels, which is also a sequence of its lines.
"""

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any

from benchmarks.jobs import Job

WIDTH = 32


def convolutions(nn: Any, job: Job, normalised: bool = False) -> Any:
    """Two convolutions with pools, as in a first lesson on images."""
    side = isqrt(job.sizes[0])
    layers: list[Any] = [nn.Unflatten(1, (1, side, side))]
    for inputs, outputs in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1)]
        layers += [nn.BatchNorm2d(outputs)] if normalised else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, job.sizes[-1]))


def recurrent(nn: Any, job: Job) -> Any:
    """An LSTM that reads an image line by line."""
    side = isqrt(job.sizes[0])

    class Reader(nn.Module):  # type: ignore[misc]  # the namespace is not known beforehand
        def __init__(self) -> None:
            super().__init__()
            self.cells = nn.LSTM(side, WIDTH, batch_first=True)
            self.head = nn.Linear(WIDTH, job.sizes[-1])

        def forward(self, x: Any) -> Any:
            return self.head(self.cells(x)[0][:, -1])

    return nn.Sequential(nn.Unflatten(1, (side, side)), Reader())


def attention(nn: Any, job: Job) -> Any:
    """A transformer's encoder layer over the lines of an image."""
    side = isqrt(job.sizes[0])

    class Mean(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x.mean(1)

    encoder = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.0, batch_first=True)
    layers = [nn.Unflatten(1, (side, side)), nn.Linear(side, WIDTH), encoder, Mean(), nn.Linear(WIDTH, job.sizes[-1])]
    return nn.Sequential(*layers)


def regularised(nn: Any, job: Job) -> Any:
    """Linear layers with batch normalisation and dropout."""
    layers: list[Any] = []
    inputs = job.sizes[0]
    for outputs in job.sizes[1:-1]:
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.2)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, job.sizes[-1]))


NETWORKS: Mapping[str, Callable[[Any, Job], Any]] = {
    "convolutions": convolutions,
    "normalised convolutions": lambda nn, job: convolutions(nn, job, normalised=True),
    "recurrent": recurrent,
    "attention": attention,
    "regularised": regularised,
}
