"""What the command shows at the end: a table, and pictures and a page where Matplotlib is installed."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backlit import view
from backlit.cli.inspecting import PAGE_FILE, Judged, write_page
from backlit.errors import MissingPackageError
from backlit.train import Run

CURVES_FILE, CONFUSION_FILE = "curves.png", "confusion.png"


def print_table(
    run: Run, folder: Path, name: str, results: Sequence[Mapping[str, float]], seconds: float, page: Path | None
) -> None:
    """Print losses and scores on training and test rows, the parameters, the time, and where the page is."""
    from rich.console import Console
    from rich.table import Table

    data = run.config["data"]
    kind = f"{len(data['class_names'])} classes" if data["class_names"] else f"values of {data['target_name']}"
    table = Table(title=f"{name}: {kind}")
    table.add_column()
    for part, rows in zip(("train", "test"), data["rows"], strict=True):
        table.add_column(f"{part} ({rows:,} rows)", justify="right")
    for figure in results[0]:
        table.add_row({"r2": "R2"}.get(figure, figure), *(_shown(figure, result[figure]) for result in results))
    table.add_section()
    table.add_row("parameters", f"{run.config['parameters']:,}")
    table.add_row("time", f"{seconds:.1f} s, {len(run.history['loss'])} epochs")
    console = Console()
    console.print(table)
    if run.interrupted:
        console.print(f"Interrupted. `backlit train --resume {folder}` goes on.", highlight=False, soft_wrap=True)
    console.print(f"The run is in {folder}", highlight=False, soft_wrap=True)
    if page is not None:
        console.print(f"What it learnt is to be seen in {page}", highlight=False, soft_wrap=True)


def _shown(figure: str, value: float) -> str:
    return f"{value:.2%}" if figure == "accuracy" else f"{value:.4f}"


def draw(judged: Judged, folder: Path) -> Path | None:
    """Draw the history into `curves.png`, for classes the confusion matrix into `confusion.png`, and write the page.

    Without Matplotlib a line on standard error says what is missing.

    Returns:
        The page, or None.
    """
    data = judged.data
    try:
        view.training(judged.run).save(folder / CURVES_FILE)
        if data.class_names:
            view.confusion(data.y, judged.predicted, data.class_names).save(folder / CONFUSION_FILE)
        write_page(judged, folder / PAGE_FILE)
    except MissingPackageError as error:
        sys.stderr.write(f"No pictures: {error}\n")
        return None
    return folder / PAGE_FILE
