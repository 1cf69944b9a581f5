"""`backlit train`: from a data set's name or a file to a trained network in a folder."""

import itertools
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backlit import nn
from backlit.cli.arguments import TrainRequest
from backlit.cli.columns import print_columns
from backlit.cli.judging import Judged
from backlit.cli.preparing import prepare
from backlit.cli.report import draw, print_table
from backlit.cli.settings import TABLE_PATIENCE, TrainSettings
from backlit.errors import ArgumentError
from backlit.ops import manual_seed
from backlit.optim import LBFGS, Optimizer
from backlit.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from backlit.train import EarlyStopping, Head, Run, Trainer
from backlit.train.progress import describe
from backlit.train.run import CONFIG_FILE, make_folder
from backlit.train.storage import read_json

# What the learning rate is multiplied by where the validation loss no longer falls.
_FALL = 0.3
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
        command = _Command(settings, folder)
        command.prepared.check_same(config, folder)
        return command.run()
    return _Command(settings, folder).run()


class _Command:
    """One training run: its data, network and trainer."""

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.folder = folder
        self.prepared = prepared = prepare(settings)
        self.problem = problem = prepared.problem
        is_table = problem.about is not None
        n_rows, n_inputs = problem.train_inputs.shape
        self.settings = settings = settings.filled(n_rows, n_inputs, table=is_table)
        manual_seed(settings.seed)
        self.model = network(n_inputs, settings, problem.head, prepared.preprocessing.first_layers())
        optimizer = settings.optimizer_class(self.model.parameters(), lr=settings.lr)
        callbacks: list[Any] = [] if sys.stderr.isatty() else [EpochLines(settings.epochs or 0)]
        self.stopping = EarlyStopping(patience=settings.patience) if settings.patience else None
        if self.stopping is not None:
            callbacks.append(self.stopping)
        self.trainer = Trainer(
            self.model,
            problem.head.loss(),
            optimizer,
            metrics=[problem.head.metric],
            scheduler=self._falling(optimizer) if is_table else self._one_cycle(optimizer),
            callbacks=callbacks,
            # L-BFGS decides in Python, so its watched steps would run in another way than the rest.
            watch=not isinstance(optimizer, LBFGS),
        )

    def _one_cycle(self, optimizer: Optimizer) -> OneCycleLR:
        return OneCycleLR(
            optimizer,
            self.settings.lr or 0.0,
            total_steps=self._steps() + 1,
            cycle_momentum="betas" in optimizer.defaults,
        )

    def _falling(self, optimizer: Optimizer) -> ReduceLROnPlateau:
        """The rate falls well before the loss has not fallen for so long that training ends."""
        return ReduceLROnPlateau(optimizer, factor=_FALL, patience=(self.settings.patience or TABLE_PATIENCE) // 3)

    def _steps(self) -> int:
        """Updates in the whole run."""
        n_rows, size = len(self.problem.train_inputs), self.settings.batch_size
        return (self.settings.epochs or 0) * (1 if size == "full" else math.ceil(n_rows / int(size or n_rows)))

    def run(self) -> Run:
        """Train and report."""
        settings, folder, prepared = self.settings, self.folder, self.prepared
        if prepared.problem.about is not None:
            print_columns(prepared.problem.name, prepared.problem.about, settings, self.model)
        make_folder(folder)
        Run({}, self.model, self._config()).save_config(folder)
        problem = self.problem
        rows = [(problem.train_inputs, problem.train_targets), (problem.inputs, prepared.held_out_targets)]
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
        if self.stopping is not None and not run.interrupted:
            best = f"{self.stopping.best_epoch + 1} of {len(run.history['loss'])}"
            sys.stdout.write(f"The weights are those of epoch {best}, which had the smallest validation loss.\n")
        judged = Judged.of(run, problem)
        print_table(judged, folder, results, seconds, draw(judged, folder))
        return run

    def _config(self) -> dict[str, Any]:
        return {"command": self.settings.to_dict(), **self.prepared.config()}


class EpochLines:
    """Says each epoch's values in a line, where no progress bar can be drawn."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the line."""
        values = {name: numbers[-1] for name, numbers in trainer.history.items()}
        sys.stderr.write(f"epoch {trainer.epoch + 1}/{self.epochs}  {describe(values)}\n")


def network(n_inputs: int, settings: TrainSettings, head: Head, first: Sequence[nn.Module] = ()) -> nn.Sequential:
    """A fully connected network with the sizes and the activation of the settings and the outputs of the head.

    Args:
        n_inputs: Columns of the input.
        settings: Sizes and activation.
        head: The outputs.
        first: Layers that come before; each has `out_features`.
    """
    sizes = ([n_inputs, *(int(layer.out_features) for layer in first)][-1], *(settings.hidden or ()))
    layers: list[nn.Module] = [*first]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), settings.activation_class()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], head.out_features))


def _new_folder(data: str) -> Path:
    """A folder below `runs` that does not exist yet, named after the data."""
    name = Path(data).stem or "run"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in (Path("runs") / name for name in names) if not folder.exists())
