"""The loop a user writes out, PyTorch's way; PyTorch and backlit run this one text."""

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise
from typing import Any

from benchmarks.jobs import Job
from benchmarks.peers.layers import NETWORKS


def network(nn: Any, job: Job) -> Any:
    """The job's network, in the namespace `nn`: linear layers with ReLU between them, unless it names another one."""
    if job.network:
        return NETWORKS[job.network](nn, job)
    layers: list[Any] = []
    for inputs, outputs in pairwise(job.sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def build(
    job: Job,
    X: Any,
    y: Any,
    *,
    library: str,
    fused: bool = False,
    loader: bool = False,
    compiled: bool = False,
    threads: int = 0,
) -> Callable[[], float]:
    torch = import_module(library)
    if threads:
        torch.set_num_threads(threads)
    nn, optim = import_module(f"{library}.nn"), import_module(f"{library}.optim")
    torch.manual_seed(0)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model = network(nn, job)
    settings = {"fused": True} if fused else {}
    optimizer = getattr(optim, job.optimizer)(model.parameters(), lr=job.lr, **settings)
    loss_fn = nn.CrossEntropyLoss()
    forward = torch.compile(model) if compiled else model

    def shuffled() -> Iterator[tuple[Any, Any]]:
        perm = torch.randperm(job.rows)
        for i in range(0, job.batches * job.batch_size, job.batch_size):
            rows = perm[i : i + job.batch_size]
            yield X[rows], y[rows]

    if loader:
        data = import_module(f"{library}.utils.data")
        batches = data.DataLoader(data.TensorDataset(X, y), batch_size=job.batch_size, shuffle=True, drop_last=True)

    def fit() -> float:
        for _ in range(job.epochs):
            for xb, yb in batches if loader else shuffled():
                optimizer.zero_grad()
                loss = loss_fn(forward(xb), yb)
                loss.backward()
                optimizer.step()
        return float(loss.item())

    return fit
