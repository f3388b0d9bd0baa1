"""Categories and grids for a person: a table of all, and a category as a sheet of its own."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.model.collections import Category, Grid
from pkgharvest.terminal.console import Screen

_GAP = 2
_WIDEST = 100
_NAMED = 10
"""Packages that a sheet names."""


def print_categories(found: Sequence[Category], console: Console) -> None:
    """Print a line for each category."""
    screen = Screen(console)
    table = _table("category", "title", "packages", "description")
    for one in found:
        table.add_row(
            screen.text(one.slug, "bold"),
            screen.text(one.title),
            str(one.size),
            screen.text(one.description, "dim"),
        )
    _print(table, console, "no category yet: pkgharvest category add makes one")


def print_grids(found: Sequence[Grid], console: Console) -> None:
    """Print a line for each grid."""
    screen = Screen(console)
    table = _table("grid", "title", "packages", "description")
    for one in found:
        locked = ("  locked", "yellow") if one.is_locked else ""
        table.add_row(
            Text.assemble(screen.text(one.slug, "bold"), locked, overflow="fold"),
            screen.text(one.title),
            str(len(one.package_ids)),
            screen.text(one.description, "dim"),
        )
    _print(table, console, "no grid yet: pkgharvest grid add makes one")


def print_columns(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    console: Console,
    style: OutputStyle,
) -> None:
    """Print ``columns`` of each, and no others."""
    screen = Screen(console)
    table = _table(*(column.name for column in columns), number=None)
    for record in records:
        table.add_row(*(screen.worded(column.read(record, style)) for column in columns))
    _print(table, console, "nothing to list")


def print_category(
    one: Category,
    packages: Sequence[str],
    columns: Sequence[Column[Category]],
    console: Console,
    style: OutputStyle,
) -> None:
    """Print all that is known of a category, and the first of its ``packages``."""
    screen = Screen(console)
    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(overflow="fold")
    for column in columns:
        grid.add_row(column.name, screen.worded(column.read(one, style)))
    grid.add_row("packages", screen.text(name_packages(packages, _NAMED)))
    console.print(grid, width=min(screen.width, _WIDEST))


def name_packages(packages: Sequence[str], most: int) -> str:
    """Return how many there are, and the first of them by name."""
    if not packages:
        return "none"
    more = len(packages) - most
    rest = f", +{more} more" if more > 0 else ""
    return f"{len(packages)}: {', '.join(packages[:most])}{rest}"


def _table(*titles: str, number: int | None = 2) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for place, title in enumerate(titles):
        table.add_column(
            Text(title), overflow="fold", justify="right" if place == number else "left"
        )
    return table


def _print(table: Table, console: Console, nothing: str) -> None:
    if table.row_count:
        console.print(table)
    else:
        console.print(Text(nothing))
