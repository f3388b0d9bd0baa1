"""Categories and grids for people: tables of all, and the card of a category.

`comparison_table` shows a grid with its packages.
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.model.collections import Category, Grid
from pkgharvest.terminal.console import MAX_CARD_WIDTH, Screen, label_table, plain_table

_NAMED_PACKAGES = 10


def print_categories(categories: Sequence[Category], console: Console) -> None:
    """Print one line per category."""
    screen = Screen(console)
    table = _make_table("category", "title", "packages", "description", right_column="packages")
    for category in categories:
        table.add_row(
            screen.text(category.slug, "bold"),
            screen.text(category.title),
            str(category.size),
            screen.text(category.description, "dim"),
        )
    _print_table(table, console, "no category yet: pkgharvest category add creates one")


def print_grids(grids: Sequence[Grid], console: Console) -> None:
    """Print one line per grid."""
    screen = Screen(console)
    table = _make_table("grid", "title", "packages", "description", right_column="packages")
    for grid in grids:
        locked = ("  locked", "yellow") if grid.is_locked else ""
        table.add_row(
            Text.assemble(screen.text(grid.slug, "bold"), locked, overflow="fold"),
            screen.text(grid.title),
            str(len(grid.package_ids)),
            screen.text(grid.description, "dim"),
        )
    _print_table(table, console, "no grid yet: pkgharvest grid add creates one")


def print_columns(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    console: Console,
    style: OutputStyle,
) -> None:
    """Print one line per record with exactly these columns."""
    screen = Screen(console)
    table = _make_table(*(column.name for column in columns))
    for record in records:
        table.add_row(*(screen.value(column.read(record, style)) for column in columns))
    _print_table(table, console, "nothing to list")


def print_category(
    category: Category,
    packages: Sequence[str],
    columns: Sequence[Column[Category]],
    console: Console,
    style: OutputStyle,
) -> None:
    """Print the ``columns`` of a category, and the first of its ``packages``."""
    screen = Screen(console)
    table = label_table()
    for column in columns:
        table.add_row(column.name, screen.value(column.read(category, style)))
    table.add_row("packages", screen.text(name_packages(packages, _NAMED_PACKAGES)))
    console.print(table, width=min(screen.width, MAX_CARD_WIDTH))


def name_packages(packages: Sequence[str], limit: int) -> str:
    """Return the number of packages, and the names of the first ``limit``.

    >>> name_packages(["a", "b", "c"], limit=2)
    '3: a, b, +1 more'
    """
    if not packages:
        return "none"
    more = len(packages) - limit
    rest = f", +{more} more" if more > 0 else ""
    return f"{len(packages)}: {', '.join(packages[:limit])}{rest}"


def _make_table(*titles: str, right_column: str | None = None) -> Table:
    table = plain_table()
    for title in titles:
        table.add_column(
            Text(title), overflow="fold", justify="right" if title == right_column else "left"
        )
    return table


def _print_table(table: Table, console: Console, if_empty: str) -> None:
    console.print(table if table.row_count else Text(if_empty))
