"""`Run`: what a fit leaves behind, in memory and in a folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backlit.errors import FileError, StateError
from backlit.nn import Module
from backlit.ops import Tensor
from backlit.train.architecture import build, describe
from backlit.train.prediction import ROWS_AT_ONCE, BatchSize, predict
from backlit.train.storage import as_path, read_json, read_state, write_json, write_state
from backlit.train.watching import Watched

MODEL_FILE, CONFIG_FILE, HISTORY_FILE = "model.safetensors", "config.json", "history.json"
WATCHED_FILE = "watched.safetensors"


@dataclass
class Run:
    """A fit and its result.

    Attributes:
        history: `loss`, `val_loss` and each metric's `NAME` and `val_NAME`: one value for each whole epoch.
        model: The trained model.
        config: How it was trained, fit for JSON.
        interrupted: Whether Ctrl-C ended the fit before its time.
        watched: Statistics over time, where the trainer was asked to watch.
    """

    history: dict[str, list[float]]
    model: Module
    config: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    watched: Watched | None = None

    def predict(self, inputs: Any, *, batch_size: BatchSize = ROWS_AT_ONCE) -> Tensor:
        """The model's outputs for all rows, in evaluation mode, into which the model is put until it is done.

        Several threads may predict at once.

        Args:
            inputs: An array or a tensor, one row each; or a `Dataset` or `DataLoader`, of whose rows the first member
                is taken where they have several.
            batch_size: Rows at once.

        Raises:
            DataError: No rows, no numbers, or NaN or infinity, named by row and column.
            StateError: Another thread trains the model.
        """
        return predict(self.model, inputs, batch_size=batch_size)

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors`, `config.json` and `history.json` into a folder, which is made if need be.

        Where training was watched, its statistics go into `watched.safetensors`.

        Each file is written whole or not at all. The model's structure goes into `config.json` where it consists of
        modules of `backlit.nn` alone; the code of other classes is not saved.

        Raises:
            FileError: The folder cannot be written.
            StateError: `config` holds what JSON cannot express.
        """
        folder = as_path(folder, "Run.save: folder")
        make_folder(folder)
        write_state(folder / MODEL_FILE, dict(self.model.state_dict()))
        write_json(folder / HISTORY_FILE, {"history": self.history, "interrupted": self.interrupted})
        if self.watched is not None:
            write_state(folder / WATCHED_FILE, self.watched.state_dict())
        self.save_config(folder)

    def save_config(self, folder: Path) -> None:
        """Write `config.json` alone; raises what `save` raises."""
        try:
            write_json(folder / CONFIG_FILE, {**self.config, "model": describe(self.model)})
        except TypeError as error:
            raise StateError(f"Run.save: config must hold what JSON can express: {error}") from error

    @classmethod
    def load(cls, folder: str | Path, model: Module | None = None) -> "Run":
        """Read what `save` wrote, with the model in evaluation mode. No code from the folder is run.

        Args:
            folder: The run's folder.
            model: A model into which the weights are loaded: needed where its class is a user's own. None: the model is
                built from its description.

        Raises:
            MissingFileError: A file is missing.
            FileError: A file is damaged.
            StateError: The folder does not describe the model and none is given, or the weights do not fit it.
        """
        folder = as_path(folder, "Run.load: folder")
        config, past = read_json(folder / CONFIG_FILE), read_json(folder / HISTORY_FILE)
        if not isinstance(config, dict) or not isinstance(past, dict) or not isinstance(past.get("history"), dict):
            raise FileError(f"{folder}: {CONFIG_FILE} or {HISTORY_FILE} is not what a run writes")
        weights = read_state(folder / MODEL_FILE)
        described = config.pop("model", None)
        if model is None:
            if described is None:
                raise StateError(f"{folder}: its model is of a class that is not saved; make one and pass it, model=…")
            model = build(described)
        model.load_state_dict(weights)
        # Threads that predict with it find it in this mode, and do not take turns in setting and undoing it.
        model.eval()
        watched = None
        if (folder / WATCHED_FILE).exists():
            watched = Watched.from_state(read_state(folder / WATCHED_FILE))
        return cls(past["history"], model, config, bool(past.get("interrupted")), watched)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; raises `FileError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {error.strerror or error}") from error
