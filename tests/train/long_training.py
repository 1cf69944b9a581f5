"""A training that goes on from its checkpoint where there is one, for the test that kills it.

usage: long_training.py FOLDER [--slow]
"""

import sys
import time
from pathlib import Path

import numpy as np

import backlit
from backlit import nn, optim
from backlit.optim.lr_scheduler import CosineAnnealingLR
from backlit.train import BestWeights, Trainer
from backlit.train.storage import write_state

ROWS, BATCH, EPOCHS = 320, 8, 70  # 2,800 steps, more than twenty slow lives can make


class Slow:
    """Says when training is under way, and waits after each update, so that a kill finds it so."""

    said = False

    def on_batch_end(self, trainer):
        if not self.said:
            self.said = True
            print("training", flush=True)
        time.sleep(0.002)


def main(folder: Path, slow: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, 3)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics=["accuracy"],
        scheduler=CosineAnnealingLR(optimizer, EPOCHS),
        callbacks=[BestWeights(), *([Slow()] if slow else [])],
    )
    state = folder / "state"
    run = trainer.fit(
        (X, y),
        (X[:64], y[:64]),
        epochs=EPOCHS,
        batch_size=BATCH,
        compile=False,  # each life would compile anew; checkpoints are made by the same code
        checkpoint=state,
        checkpoint_every=5,
        resume=state if state.exists() else None,
    )
    end = {"model": dict(model.state_dict()), "optimizer": optimizer.state_dict(), "history": run.history}
    write_state(folder / "end", end)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--slow" in sys.argv)
