"""`backlit train`: from a data set's name or a file to a trained network in a folder."""

import itertools
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn
from backlit.cli.arguments import TrainRequest
from backlit.cli.judging import Judged, Problem
from backlit.cli.preprocessing import Preprocessing
from backlit.cli.report import draw, print_table
from backlit.cli.settings import TrainSettings
from backlit.data.datasets import ArrayData, load
from backlit.errors import ArgumentError
from backlit.ops import manual_seed
from backlit.optim.lr_scheduler import OneCycleLR
from backlit.train import Head, Run, Trainer
from backlit.train.progress import describe
from backlit.train.run import CONFIG_FILE, make_folder
from backlit.train.storage import read_json

CHECKPOINT_FILE = "checkpoint.safetensors"


def train(request: TrainRequest) -> Run:
    """Train, print a table, and leave the run in its folder.

    Raises:
        BacklitError: Something cannot be used: see the message.
    """
    if request.settings is not None:
        settings, folder = request.settings, request.out or _new_folder(request.settings.data)
        if (folder / CONFIG_FILE).exists():
            raise ArgumentError(f"{folder} holds a run; go on with it by --resume {folder}, or name another --out")
    else:
        folder = request.resume or Path()
        place = folder / CONFIG_FILE
        config = read_json(place)
        settings = TrainSettings.from_dict(config.get("command") if isinstance(config, dict) else None, str(place))
    return _Command(settings, folder).run()


class _Command:
    """One training run: its data, network and trainer."""

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder = folder
        data = load(settings.data, settings.target)
        self.parts = data.split(settings.val, seed=settings.seed)
        self.settings = settings = settings.filled(len(self.parts[0].X), data.n_features)
        self.data, self.head = data, Head(data.class_names)
        self.preprocessing = Preprocessing.fitted(self.parts[0])
        manual_seed(settings.seed)
        self.model = network(data.n_features, settings, self.head)
        optimizer = settings.optimizer_class(self.model.parameters(), lr=settings.lr)
        self.rows = [self._rows(part) for part in self.parts]
        self.trainer = Trainer(
            self.model,
            self.head.loss(),
            optimizer,
            metrics=[self.head.metric],
            scheduler=OneCycleLR(
                optimizer,
                settings.lr or 0.0,
                total_steps=self._steps() + 1,
                cycle_momentum="betas" in optimizer.defaults,
            ),
            callbacks=[] if sys.stderr.isatty() else [EpochLines(settings.epochs or 0)],
        )

    def _steps(self) -> int:
        """Updates in the whole run."""
        n_rows, size = len(self.rows[0][0]), self.settings.batch_size
        return (self.settings.epochs or 0) * (1 if size == "full" else math.ceil(n_rows / int(size or n_rows)))

    def run(self) -> Run:
        """Train and report."""
        settings, folder = self.settings, self.folder
        make_folder(folder)
        Run({}, self.model, self._config()).save_config(folder)
        rows = self.rows
        checkpoint = folder / CHECKPOINT_FILE
        begin = time.perf_counter()
        run = self.trainer.fit(
            *rows,
            epochs=settings.epochs or 1,
            batch_size=settings.batch_size,  # type: ignore[arg-type]
            checkpoint=checkpoint,
            resume=checkpoint if checkpoint.exists() else None,
        )
        seconds = time.perf_counter() - begin
        results = [self.trainer.evaluate(part) for part in rows]
        run.config |= self._config() | {"results": {"train": results[0], "test": results[1]}, "seconds": seconds}
        run.save(folder)
        judged = Judged.of(run, Problem.of(self.parts, self.preprocessing))
        print_table(judged, folder, results, seconds, draw(judged, folder))
        return run

    def _rows(self, part: ArrayData) -> tuple[NDArray[np.float32], NDArray[Any]]:
        return self.preprocessing.features(part.X), self.head.targets(self.preprocessing.scaled_target(part.y))

    def _config(self) -> dict[str, Any]:
        return {
            "command": self.settings.to_dict(),
            "data": {
                "name": self.data.name,
                "target_name": self.data.target_name,
                "feature_names": list(self.data.feature_names),
                "class_names": list(self.data.class_names),
                "image_shape": list(self.data.image_shape),
                "rows": [len(part.X) for part in self.parts],
            },
            "preprocessing": self.preprocessing.to_dict(),
        }


class EpochLines:
    """Says each epoch's values in a line, where no progress bar can be drawn."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the line."""
        values = {name: numbers[-1] for name, numbers in trainer.history.items()}
        sys.stderr.write(f"epoch {trainer.epoch + 1}/{self.epochs}  {describe(values)}\n")


def network(n_features: int, settings: TrainSettings, head: Head) -> nn.Sequential:
    """A fully connected network with the sizes and the activation of the settings and the outputs of the head."""
    sizes = (n_features, *(settings.hidden or ()))
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), settings.activation_class()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], head.out_features))


def _new_folder(data: str) -> Path:
    """A folder below `runs` that does not exist yet, named after the data."""
    name = Path(data).stem or "run"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in (Path("runs") / name for name in names) if not folder.exists())
