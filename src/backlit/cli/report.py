"""What the command shows at the end: a table, and pictures and a page where Matplotlib is installed."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backlit import view
from backlit.cli.judging import NETWORK, Judged, shown_score
from backlit.cli.page import PAGE_FILE, write_page
from backlit.errors import MissingPackageError
from backlit.train import diagnose
from backlit.train.evaluation import found_classes
from backlit.view.theme import figure_name

CURVES_FILE, CONFUSION_FILE = "curves.png", "confusion.png"


def print_table(
    judged: Judged, folder: Path, results: Sequence[Mapping[str, float]], seconds: float, page: Path | None
) -> None:
    """Print losses and scores, those of the baselines, what kept the network from learning, and where the page is.

    Args:
        judged: The run and its held-out rows.
        folder: The run's folder.
        results: The trainer's figures for training and test rows.
        seconds: How long the training took.
        page: Where the page is, if there is one.
    """
    from rich.console import Console
    from rich.table import Table

    run, problem = judged.run, judged.problem
    data, names = run.config["data"], problem.target_classes[0]
    what = ", ".join(problem.target_names)
    kind = f"values of {what}" if not names else f"{len(names)} classes" if len(problem.target_names) == 1 else what
    table = Table(title=f"{data['name']}: {kind}")
    table.add_column()
    for part, rows in zip(("train", "test"), data["rows"], strict=True):
        table.add_column(f"{part} ({rows:,} rows)", justify="right")
    for figure in results[0]:
        table.add_row(figure_name(figure), *(shown_score(figure, result[figure]) for result in results))
    table.add_section()
    table.add_row("parameters", f"{run.config['parameters']:,}")
    table.add_row("time", f"{seconds:.1f} s, {len(run.history['loss'])} epochs")
    console = Console(markup=False)  # names may hold brackets
    console.print(table)
    for target, scores in judged.scores.items():
        beside = Table(title=f"{target}, on {judged.said_rows}")
        beside.add_column()
        for model in scores:
            beside.add_column(model, justify="right")
        for figure in scores[NETWORK]:
            beside.add_row(figure, *(shown_score(figure, score[figure]) for score in scores.values()))
        console.print(beside)
    for line in (*judged.notes(), *judged.verdicts(), *map(str, diagnose(run))):
        console.print(line, highlight=False, soft_wrap=True)
    if run.interrupted:
        console.print(f"Interrupted. `backlit train --resume {folder}` goes on.", highlight=False, soft_wrap=True)
    console.print(f"The run is in {folder}", highlight=False, soft_wrap=True)
    if page is not None:
        console.print(f"What it learnt is to be seen in {page}", highlight=False, soft_wrap=True)


def draw(judged: Judged, folder: Path) -> Path | None:
    """Draw the history into `curves.png`, for classes the confusion matrix into `confusion.png`, and write the page.

    Without Matplotlib a line on standard error says what is missing.

    Returns:
        The page, or None.
    """
    names = judged.problem.head.class_names
    try:
        view.training(judged.run).save(folder / CURVES_FILE)
        if names and judged.predictions and judged.finite.all():
            found = found_classes(judged.own[0])
            view.confusion(judged.actual[0], found, names).save(folder / CONFUSION_FILE)
        write_page(judged, folder / PAGE_FILE)
    except MissingPackageError as error:
        sys.stderr.write(f"No pictures: {error}\n")
        return None
    return folder / PAGE_FILE
