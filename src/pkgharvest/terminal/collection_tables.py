"""Categories and grids for people: tables of all, and the card of a category.

`comparison_table` shows a grid with its packages.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.formats.fields import name_first
from pkgharvest.model.collections import Category, Grid
from pkgharvest.terminal.console import MAX_CARD_WIDTH, Screen, label_table, plain_table

_NAMED_PACKAGES = 10


def print_collections(
    noun: Literal["category", "grid"],
    collections: Sequence[Category | Grid],
    console: Console,
    *,
    if_empty: str = "nothing to list",
) -> None:
    """Print one line per category or grid, or else ``if_empty``."""
    screen = Screen(console)
    table = _make_table(noun, "title", "packages", "description", right_column="packages")
    for collection in collections:
        slug = screen.text(collection.slug, "bold")
        if isinstance(collection, Category):
            size = collection.size
        else:
            size = len(collection.package_ids)
            slug.append("  locked" if collection.is_locked else "", "not bold yellow")
        table.add_row(
            slug,
            screen.text(collection.title),
            str(size),
            screen.text(collection.description, "dim"),
        )
    _print_table(table, console, if_empty)


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
    return f"{len(packages)}: {name_first(packages, limit)}" if packages else "none"


def _make_table(*titles: str, right_column: str | None = None) -> Table:
    table = plain_table()
    for title in titles:
        table.add_column(
            Text(title), overflow="fold", justify="right" if title == right_column else "left"
        )
    return table


def _print_table(table: Table, console: Console, if_empty: str) -> None:
    console.print(table if table.row_count else Text(if_empty))
