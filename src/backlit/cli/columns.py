"""What `backlit train` says about a table file before it trains."""

from collections.abc import Sequence

from backlit.cli.preparing import Prepared, short
from backlit.cli.settings import TrainSettings
from backlit.data.tables import (
    CategoryColumn,
    DateColumn,
    Found,
    NumberColumn,
    TableEncoder,
    form_in_words,
    order_in_words,
)
from backlit.nn import Module

# Rows of the table of columns; plain numbers beyond are told in one line.
_MOST_ROWS, _LEAST_PLAIN = 60, 5


def print_columns(prepared: Prepared, settings: TrainSettings, model: Module) -> None:
    """Print each column with its kind and what is done with it, and what was chosen for the target."""
    from rich.console import Console
    from rich.table import Table

    encoder, found = prepared.preprocessing.encoder, prepared.found or []
    done = {str(column.name): _done(column) for column in encoder.columns} if isinstance(encoder, TableEncoder) else {}
    table = Table(title=f"{prepared.problem.name}: {len(found):,} columns besides the target", title_justify="left")
    table.add_column("column", overflow="fold")
    table.add_column("kind")
    table.add_column("distinct", justify="right")
    table.add_column("missing", justify="right")
    table.add_column("what is done", overflow="fold")
    shown, hidden = _chosen(found)
    for each in shown:
        used = each.name in done
        words = done.get(each.name, f"left out: {each.reason}")
        distinct = f"{each.distinct:,}"
        missing = f"{each.missing:,}" if each.missing else ""
        table.add_row(each.name, each.kind, distinct, missing, words, style=None if used else "dim")
    console = Console(markup=False)  # names may hold brackets
    console.print(table)
    if hidden:
        console.print(f"and {hidden:,} more columns of numbers, all there, standardised too", highlight=False)
    for line in (*prepared.told, _network(settings, model)):
        console.print(line, highlight=False, soft_wrap=True)


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
        read = f"; read as {order_in_words(column.order)}" if column.order else ""
        return f"{', '.join(column.parts)}, standardised{filled}{read}"
    gaps = f"; missing: {short(column.fill)}, marked" if column.flagged else ""
    sign = "+" if column.mean < 0 else "−"
    read = f"; written as {form_in_words(column.form)}" if column.form else ""
    return f"(x {sign} {short(abs(column.mean))}) / {short(column.scale)}{gaps}{read}"
