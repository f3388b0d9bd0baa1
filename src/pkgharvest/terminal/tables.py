"""Small tables of words, for what is no list of packages: a heading, columns, and their rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.terminal.console import Screen

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """One table. Its words may be foreign; an empty one shows as a value that is not known."""

    title: str = ""
    columns: tuple[str, ...]
    """Their names; all empty, and no line is spent on them."""
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[str] = frozenset()
    """Columns of numbers, which are never folded."""
    dispensable: tuple[str, ...] = ()
    """Columns that go where the screen is too narrow for all of them, in this order."""


def print_tables(parts: Iterable[TextTable], console: Console) -> None:
    """Print ``parts``, a line between them; what is too long for the screen is folded."""
    screen = Screen(console)
    for number, part in enumerate(parts):
        if number:
            console.print()
        if part.title:
            console.print(screen.text(part.title, "bold"))
        console.print(_table(part, screen))


def _fitting(part: TextTable, width: int) -> TextTable:
    """Return ``part`` without the columns that it can spare, as far as it is too wide."""
    cells = [part.columns, *part.rows]
    widths = [max(len(row[number]) for row in cells) + _GAP for number in range(len(cells[0]))]
    left = dict(zip(part.columns, widths, strict=True))
    for name in part.dispensable:
        if sum(left.values()) - _GAP > width:
            left.pop(name, None)
    kept = [number for number, name in enumerate(part.columns) if name in left]
    return replace(
        part,
        columns=tuple(part.columns[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in part.rows),
    )


def _table(part: TextTable, screen: Screen) -> Table:
    if part.dispensable:
        part = _fitting(part, screen.width)
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="dim",
        show_header=any(part.columns),
    )
    for name in part.columns:
        if name in part.figures:
            table.add_column(Text(name), justify="right", no_wrap=True)
        else:
            table.add_column(Text(name), overflow="fold")
    for row in part.rows:
        table.add_row(
            *(screen.text(word) if word else Text(screen.nothing, style="dim") for word in row)
        )
    return table
