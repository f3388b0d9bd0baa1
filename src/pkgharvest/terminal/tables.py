"""Small tables of words, for everything that is not a list of packages."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.terminal.console import COLUMN_GAP, Screen, plain_table


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table with a title. Its words may be foreign; an empty one is shown as a dash."""

    title: str = ""
    columns: tuple[str, ...]
    """Names of the columns; the header is omitted if all of them are empty."""
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[str] = frozenset()
    """Columns of numbers: aligned to the right, and never folded."""
    dispensable: tuple[str, ...] = ()
    """Columns to omit if the screen is too narrow, the first one first."""


def print_tables(tables: Iterable[TextTable], console: Console) -> None:
    """Print ``tables`` with an empty line between them; words that are too long fold."""
    screen = Screen(console)
    for number, table in enumerate(tables):
        if number:
            console.print()
        if table.title:
            console.print(screen.text(table.title, "bold"))
        console.print(_make_table(_drop_columns(table, screen.width), screen))


def _drop_columns(table: TextTable, width: int) -> TextTable:
    """Return ``table`` without as many dispensable columns as it takes to fit ``width``."""
    if not table.dispensable:
        return table
    cells = [table.columns, *table.rows]
    widths = {
        name: max(len(row[number]) for row in cells) + COLUMN_GAP
        for number, name in enumerate(table.columns)
    }
    for name in table.dispensable:
        if sum(widths.values()) - COLUMN_GAP > width:
            widths.pop(name, None)
    kept = [number for number, name in enumerate(table.columns) if name in widths]
    return replace(
        table,
        columns=tuple(table.columns[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in table.rows),
    )


def _make_table(content: TextTable, screen: Screen) -> Table:
    table = plain_table(show_header=any(content.columns))
    for name in content.columns:
        if name in content.figures:
            table.add_column(Text(name), justify="right", no_wrap=True)
        else:
            table.add_column(Text(name), overflow="fold")
    for row in content.rows:
        table.add_row(*map(screen.value, row))
    return table
