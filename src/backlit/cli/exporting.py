"""`backlit export`: a run as an ONNX model, from the columns of its table to its predictions."""

import sys
from dataclasses import dataclass
from pathlib import Path

from backlit.errors import MissingFileError
from backlit.train import Run


@dataclass(frozen=True)
class ExportSettings:
    """Settings of `backlit export`.

    Attributes:
        run: The run's folder.
        out: The file to write.
    """

    run: Path
    out: Path


def export(settings: ExportSettings) -> None:
    """Write the model and say where it is.

    Raises:
        BacklitError: The run cannot be read or exported, or the file not be written: see the message.
    """
    from backlit import onnx

    if not settings.run.is_dir():
        raise MissingFileError(f"no run {settings.run}; expected the folder that `backlit train` made")
    onnx.export(Run.load(settings.run), settings.out)
    sys.stdout.write(f"The model is {settings.out}\n")
