"""`backlit inspect`: one page on a trained network."""

from dataclasses import dataclass
from pathlib import Path

from backlit.cli.judging import Judged, Problem
from backlit.cli.page import PAGE_FILE, write_page
from backlit.cli.preprocessing import Preprocessing
from backlit.cli.settings import TrainSettings
from backlit.data.datasets import load
from backlit.errors import ArgumentError, FileError, MissingFileError
from backlit.train import Run
from backlit.train.run import CONFIG_FILE


@dataclass(frozen=True)
class InspectSettings:
    """Settings of `backlit inspect`.

    Attributes:
        run: The run's folder.
        out: The page; None: `inspect.html` in the run's folder.
        theme: "light", "dark", or "auto": the reader's own.
    """

    run: Path
    out: Path | None
    theme: str


def inspect(settings: InspectSettings) -> Path:
    """Write the page and say where it is.

    Raises:
        MissingFileError: There is no such run, or its data are gone.
        FileError: It is no run of the command.
        MissingPackageError: Matplotlib is not installed.
    """
    from rich.console import Console

    folder = settings.run
    if not folder.is_dir():
        raise MissingFileError(f"no run {folder}; expected the folder that `backlit train` made")
    run = Run.load(folder)
    given = TrainSettings.from_dict(run.config.get("command"), str(folder / CONFIG_FILE))
    try:
        preprocessing = Preprocessing.from_dict(run.config["preprocessing"])
    except (KeyError, TypeError) as error:
        raise FileError(f"{folder}: not a run of the command, its configuration lacks {error}") from error
    data = load(given.data, given.target)
    if list(data.feature_names) != run.config.get("data", {}).get("feature_names"):
        raise ArgumentError(f"{given.data} has other columns now than those that {folder} learnt from")
    problem = Problem.of(data.split(given.val, seed=given.seed), preprocessing)
    place = settings.out or folder / PAGE_FILE
    write_page(Judged.of(run, problem), place, settings.theme)
    Console().print(f"The page is {place}", highlight=False, soft_wrap=True)
    return place
