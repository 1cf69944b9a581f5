"""Pictures of how right predictions are: the confusion matrix, predicted against actual values, images in a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit.errors import ArgumentError, DataError, IndexRangeError, ShapeError
from backlit.view.plot import Plot, bare, new_figure, series, styled
from backlit.view.theme import Theme, channels, shortened, theme_of

# More classes than this leave no room for numbers in the cells.
_MOST_LABELLED = 20
# More classes than this are cells too small to be seen.
_MOST_CLASSES = 200
# More points than this are a blot, in a file of megabytes.
_MOST_DRAWN = 2_000
# Of a class's name, in letters, and a letter's width in inches.
_LONGEST, _LETTER = 26, 0.075


def confusion_matrix(actual: NDArray[Any], predicted: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """How often class i (row) was predicted as class j (column), (n_classes, n_classes)."""
    counts = np.bincount(actual * n_classes + predicted, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def confusion(
    actual: ArrayLike, predicted: ArrayLike, class_names: Sequence[str] | None = None, *, theme: str = "light"
) -> Plot:
    """Draw the confusion matrix: right predictions stand on the diagonal in blue, mistakes beside it in orange.

    Of more than 200 classes those are drawn that were mistaken, or taken for others, most often.

    Args:
        actual: Class numbers, (n,).
        predicted: Class numbers, (n,).
        class_names: A name for each class. None: the sides hold labels of any kind, which are the names, in order.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` holds the counts of the classes drawn, rows actual, columns predicted.

    Raises:
        ShapeError: Not two vectors of one length.
        DataError: No rows, or numbers that are not whole.
        IndexRangeError: A number that is no class.
    """
    colors = theme_of(theme)
    pair = [np.asarray(side) for side in (actual, predicted)]
    if class_names is None:
        labels, places = np.unique(np.concatenate([side.reshape(-1) for side in pair]), return_inverse=True)
        class_names = [str(label) for label in labels.tolist()]
        pair = [part.reshape(side.shape) for part, side in zip(np.split(places, [pair[0].size]), pair, strict=True)]
    count = len(class_names)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise ShapeError(f"view.confusion: expected two vectors of one length, got {pair[0].shape} and {pair[1].shape}")
    for side in pair:
        if not side.size or side.dtype.kind not in "iu":
            raise DataError(f"view.confusion: expected class numbers, got {side.size} values of {side.dtype}")
        if side.min() < 0 or side.max() >= count:
            raise IndexRangeError(
                f"view.confusion: class numbers must be 0 to {count - 1}, got {side.min()}, {side.max()}"
            )
    right, rows = int(np.count_nonzero(pair[0] == pair[1])), len(pair[0])
    title = f"{right:,} of {rows:,} right ({right / rows:.1%})"
    chosen = count > _MOST_CLASSES
    if chosen:
        class_names, pair = _most_mistaken(class_names, pair)
        title += f"; the {_MOST_CLASSES} of {count:,} classes with the most mistakes"
        count = _MOST_CLASSES
    counts = confusion_matrix(pair[0].astype(np.int64), pair[1].astype(np.int64), count)
    side_length = min(max(3.6, 0.5 * count + 1.6), 14.0)
    names = [shortened(name, _LONGEST) for name in class_names]
    # At the side of the matrix, and slanted below it.
    room = _LETTER * max(map(len, names)) if count <= _MOST_LABELLED else 0.0
    with styled(colors):
        figure = new_figure(side_length + room, side_length + 0.7 * room)
        axes = figure.subplots()
        axes.imshow(_shades(counts, colors))
        axes.grid(False)
        if count <= _MOST_LABELLED:
            slanted = max(map(len, names)) > 3
            axes.set_xticks(range(count), names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
            axes.set_yticks(range(count), names)
            for row, column in np.argwhere(counts):
                axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8.5)
        if chosen:
            # Their places among those drawn are no numbers of classes.
            axes.set(xticks=[], yticks=[])
        axes.set(xlabel="predicted", ylabel="actual")
        axes.set_title(title, fontsize=10)
        return Plot(figure, counts, colors, "a confusion matrix")


def _most_mistaken(names: Sequence[str], pair: list[NDArray[Any]]) -> tuple[list[str], list[NDArray[Any]]]:
    """The classes with the most mistakes, in order, and the rows that are of these and taken for these."""
    wrong = pair[0] != pair[1]
    mistakes = sum(np.bincount(side[wrong], minlength=len(names)) for side in pair)
    drawn = np.sort(np.argsort(-mistakes, kind="stable")[:_MOST_CLASSES])
    kept = np.isin(pair[0], drawn) & np.isin(pair[1], drawn)
    return [names[number] for number in drawn], [np.searchsorted(drawn, side[kept]) for side in pair]


def _shades(counts: NDArray[np.int64], colors: Theme) -> NDArray[np.float64]:
    """The colours of the cells, (n, n, 3): of each row the larger shares are the stronger."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right, wrong, ground = (np.array(channels(color)) for color in (colors.positive, colors.negative, colors.ground))
    full = np.where(np.eye(len(counts), dtype=bool)[:, :, None], right, wrong)
    return (ground + 0.75 * np.sqrt(shares)[:, :, None] * (full - ground)) / 255


def agreement(actual: ArrayLike, predicted: ArrayLike, name: str = "value", *, theme: str = "light") -> Plot:
    """Draw predicted values against actual ones; exact predictions would lie on the line.

    Of many rows 2,000 are drawn.

    Args:
        actual: (n,).
        predicted: (n,).
        name: What the values are.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` is (n, 2).

    Raises:
        ShapeError: Not two vectors of one length.
        DataError: No rows.
    """
    colors = theme_of(theme)
    both = value_pair("view.agreement", actual, predicted)
    shown = both[np.isfinite(both).all(1)]
    with styled(colors):
        figure = new_figure(4.6, 4.6)
        axes = figure.subplots()
        if len(shown):
            ends = [float(shown.min()), float(shown.max())]
            axes.plot(ends, ends, color=colors.faint, linewidth=1)
            points = drawn_rows(shown)
            axes.scatter(points[:, 0], points[:, 1], s=12, color=series(colors)[0], alpha=0.7, linewidths=0)
        axes.set(xlabel=f"actual {name}", ylabel=f"predicted {name}")
        axes.ticklabel_format(useMathText=True)
        missing = len(both) - len(shown)
        some = f", {_MOST_DRAWN:,} drawn" if len(shown) > _MOST_DRAWN else ""
        axes.set_title(f"{len(both):,} rows{some}" + (f", {missing:,} not finite" if missing else ""), fontsize=10)
        return Plot(figure, both, colors, "predictions against actual values")


def value_pair(name: str, actual: ArrayLike, predicted: ArrayLike) -> NDArray[np.float64]:
    """Two vectors side by side, (n, 2).

    Raises:
        ShapeError: Not two vectors of one length.
        DataError: No rows.
    """
    pair = [np.asarray(side, np.float64) for side in (actual, predicted)]
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape:
        raise ShapeError(f"{name}: expected two vectors of one length, got {pair[0].shape} and {pair[1].shape}")
    if not pair[0].size:
        raise DataError(f"{name}: no rows")
    return np.column_stack(pair)


def drawn_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Of many rows as many as a picture has room for, spread evenly."""
    if len(rows) <= _MOST_DRAWN:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MOST_DRAWN).astype(np.int64)]


def gallery(images: ArrayLike, titles: Sequence[str], *, theme: str = "light") -> Plot:
    """Draw images in rows of six, each with its title.

    Args:
        images: (n, height, width), n at least 1; each has its own scale from black to white.
        titles: n texts.
        theme: "light" or "dark".

    Returns:
        A picture; `.data` holds the images.

    Raises:
        ShapeError: Not n images.
        ArgumentError: Another number of titles.
    """
    colors = theme_of(theme)
    shown = np.asarray(images, np.float64)
    if shown.ndim != 3 or not shown.size:
        raise ShapeError(f"view.gallery: expected images (n, height, width), got shape {shown.shape}")
    if len(titles) != len(shown):
        raise ArgumentError(f"view.gallery: {len(shown)} images have {len(titles)} titles")
    columns = min(len(shown), 6)
    rows = -(-len(shown) // columns)
    with styled(colors):
        figure = new_figure(1.7 * columns, 2.1 * rows)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            bare(axes)
        for axes, image, title in zip(grid.flat, shown, titles, strict=False):
            axes.imshow(np.ma.masked_invalid(image), cmap="gray")
            axes.set_title(title, fontsize=8)
        return Plot(figure, shown, colors, "images")
