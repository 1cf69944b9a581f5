"""What the command shows at the end: a table, and pictures where Matplotlib is installed."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.train import Head, Run

CURVES_FILE, CONFUSION_FILE = "curves.png", "confusion.png"
# More classes than this leave no room for numbers in the cells.
_MOST_LABELLED = 20


def print_table(run: Run, folder: Path, name: str, results: Sequence[Mapping[str, float]], seconds: float) -> None:
    """Print losses and scores on training and test rows, the parameters and the time."""
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


def _shown(figure: str, value: float) -> str:
    return f"{value:.2%}" if figure == "accuracy" else f"{value:.4f}"


def draw(run: Run, folder: Path, head: Head, actual: NDArray[Any], predicted: NDArray[Any]) -> None:
    """Draw the history into `curves.png` and, for classes, the confusion matrix into `confusion.png`.

    Without Matplotlib a line on standard error says what is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.stderr.write("No pictures: Matplotlib is not installed; pip install 'backlit[view]'\n")
        return
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", head.metric), strict=True):
        for key, label in ((name, "train"), (f"val_{name}", "test")):
            axes.plot(range(1, len(run.history[key]) + 1), run.history[key], marker=".", label=label)
        axes.set(xlabel="epoch", ylabel={"r2": "R2"}.get(name, name))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(folder / CURVES_FILE, dpi=120)
    if head.class_names:
        _draw_confusion(folder / CONFUSION_FILE, head.class_names, actual, predicted)


def confusion_matrix(actual: NDArray[Any], predicted: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """How often class i (row) was predicted as class j (column), (n_classes, n_classes)."""
    counts = np.bincount(actual * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def _draw_confusion(path: Path, names: Sequence[str], actual: NDArray[Any], predicted: NDArray[Any]) -> None:
    from matplotlib.figure import Figure

    counts = confusion_matrix(actual, predicted, len(names))
    side = min(max(4.0, 0.6 * len(names) + 1.5), 14.0)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= _MOST_LABELLED:
        ticks = range(len(names))
        axes.set_xticks(ticks, names, rotation=45, ha="right")
        axes.set_yticks(ticks, names)
        for row, column in np.argwhere(counts):
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", color=shade)
    axes.set(xlabel="predicted", ylabel="actual")
    figure.savefig(path, dpi=120)
