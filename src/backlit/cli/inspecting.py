"""`backlit inspect`: one page on a trained network."""

from dataclasses import dataclass
from pathlib import Path

from backlit.cli.judging import Judged
from backlit.cli.page import PAGE_FILE, write_page
from backlit.cli.preparing import prepare
from backlit.cli.settings import TrainSettings
from backlit.errors import MissingFileError
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
        ArgumentError: The data have changed since.
        MissingPackageError: Matplotlib is not installed.
    """
    from rich.console import Console

    folder = settings.run
    if not folder.is_dir():
        raise MissingFileError(f"no run {folder}; expected the folder that `backlit train` made")
    run = Run.load(folder)
    given = TrainSettings.from_dict(run.config.get("command"), str(folder / CONFIG_FILE))
    prepared = prepare(given)
    prepared.check_same(run.config, folder)
    place = settings.out or folder / PAGE_FILE
    write_page(Judged.of(run, prepared.problem), place, settings.theme)
    Console().print(f"The page is {place}", highlight=False, soft_wrap=True)
    return place
