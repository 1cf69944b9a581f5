"""backlit's `Trainer.fit` with its defaults."""

from collections.abc import Callable
from typing import Any

import backlit
from backlit import nn, optim
from backlit.train import Trainer
from benchmarks.jobs import Job
from benchmarks.peers.torch_style import network


def build(job: Job, X: Any, y: Any, watch: bool = False) -> Callable[[], float]:
    backlit.manual_seed(0)
    model = network(nn, job)
    optimizer = getattr(optim, job.optimizer)(model.parameters(), lr=job.lr)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, watch=watch)
    whole = job.batches * job.batch_size
    rows = X[:whole], y[:whole]

    def fit() -> float:
        trainer.fit(rows, epochs=job.epochs, batch_size=job.batch_size)
        return trainer.last_loss

    return fit
