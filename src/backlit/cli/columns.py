"""What `backlit train` says about the columns of a table file."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from backlit.cli.settings import TrainSettings
from backlit.data.tables import (
    CategoryColumn,
    DateColumn,
    Found,
    Leak,
    NumberColumn,
    TableEncoder,
    form_in_words,
    order_in_words,
)
from backlit.nn import Module

# Rows of the table of columns; plain numbers beyond are told in one line.
_MOST_ROWS, _LEAST_PLAIN = 60, 5


@dataclass(frozen=True)
class ColumnsFound:
    """The columns of a table but the targets, and what is done with them.

    Attributes:
        title: How many there are, in words.
        used: For each that is shown, whether the network learns from it.
        rows: For each that is shown its name, kind, numbers of different and of missing values, and what is done.
        told: Sentences about the rest, about the targets and about the rows.
        warnings: Sentences about columns that give a target away.
    """

    title: str
    used: Sequence[bool]
    rows: Sequence[tuple[str, str, str, str, str]]
    told: Sequence[str]
    warnings: Sequence[str]

    @classmethod
    def of(
        cls, found: Sequence[Found], encoder: TableEncoder, told: Sequence[str], leaks: Sequence[Leak]
    ) -> "ColumnsFound":
        """What is to be said about these columns, more sentences, and the columns that give a target away."""
        done = {str(column.name): _done(column) for column in encoder.columns}
        shown, hidden = _chosen(found)
        rows = [
            (c.name, c.kind, f"{c.distinct:,}", f"{c.missing:,}" if c.missing else "", done.get(c.name, _left_out(c)))
            for c in shown
        ]
        rest = [f"and {hidden:,} more columns of numbers, all there, standardised too"] if hidden else []
        title = f"{len(found):,} column{'s' * (len(found) != 1)} besides the target"
        return cls(title, [each.name in done for each in shown], rows, [*rest, *told], list(map(_warning, leaks)))


HEADS = ("column", "kind", "distinct", "missing", "what is done")


def print_columns(name: str, columns: ColumnsFound, settings: TrainSettings, model: Module) -> None:
    """Print each column with its kind and what is done with it, and what was chosen for the target."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{name}: {columns.title}", title_justify="left")
    for head in HEADS:
        table.add_column(
            head,
            overflow="fold" if head in (HEADS[0], HEADS[-1]) else "ellipsis",
            justify="right" if head in ("distinct", "missing") else "left",
        )
    for row, used in zip(columns.rows, columns.used, strict=True):
        table.add_row(*row, style=None if used else "dim")
    console = Console(markup=False)  # names may hold brackets
    console.print(table)
    for line in (*columns.told, *columns.warnings, _network(settings, model)):
        console.print(line, highlight=False, soft_wrap=True)


def _warning(leak: Leak) -> str:
    return (
        f"Column {leak.column} gives {leak.target} away: {leak.how}. If it is not known before {leak.target} is, the "
        f"scores say nothing; leave it out: --drop {shlex.quote(leak.column)}"
    )


def _left_out(column: Found) -> str:
    return f"left out: {column.reason}"


def _chosen(found: Sequence[Found]) -> tuple[list[Found], int]:
    """The columns to show, and how many are hidden: of a wide table, plain numbers beyond the first."""
    plain = [each for each in found if each.kind == "number" and not each.missing]
    if len(found) <= _MOST_ROWS:
        return list(found), 0
    hidden = {each.name for each in plain[max(_MOST_ROWS - (len(found) - len(plain)), _LEAST_PLAIN) :]}
    return [each for each in found if each.name not in hidden], len(hidden)


def _network(settings: TrainSettings, model: Module) -> str:
    layers = ", ".join(map(str, settings.hidden or ())) or "no"
    count = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"Network: {layers} hidden units ({settings.activation}), {count:,} parameters; {settings.optimizer}, "
        f"rate {settings.lr:g}, batches of {settings.batch_size}, at most {settings.epochs} epochs"
        + (f", ends after {settings.patience} without a smaller validation loss" if settings.patience else "")
    )


def _done(column: NumberColumn | DateColumn | CategoryColumn) -> str:
    if isinstance(column, CategoryColumn):
        shown = ", ".join(map(str, column.values[:3])) + (", …" if len(column.values) > 3 else "")
        form = f"learnt vectors of {column.size}" if column.size else "one-hot"
        return f"{form}: {shown}" + (" and missing" if column.flagged else "")
    if isinstance(column, DateColumn):
        filled = "; missing ones marked" if column.flagged else ""
        read = f"; read as {order_in_words(column.order)}" if column.order and not column.is_clock else ""
        return f"{', '.join(column.parts)}{' of the day' * column.is_clock}, standardised{filled}{read}"
    gaps = f"; missing: {short(column.fill)}, marked" if column.flagged else ""
    sign = "+" if column.mean < 0 else "−"
    read = f"; written as {form_in_words(column.form)}" if column.form else ""
    return f"(x {sign} {short(abs(column.mean))}) / {short(column.scale)}{gaps}{read}"


def short(value: float) -> str:
    """A number in few figures, large ones in groups of three."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
