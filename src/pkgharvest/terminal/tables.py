"""Tables of everything that is not a list of packages, and the card of a category.

`comparison_table` shows a grid with its packages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.console import Console
from rich.text import Text

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.formats.fields import name_first
from pkgharvest.model.collections import Category, Grid
from pkgharvest.terminal.console import (
    COLUMN_GAP,
    Screen,
    describe_value,
    label_table,
    plain_table,
)

_NAMED_PACKAGES = 10
_MIN_FOLD = 12
"""Words fold at no less than this, unless the screen itself is narrower."""


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
    """Print ``tables`` with an empty line between them; words that are too long fold.

    If folded words would be hard to read, each row becomes a block of labels and values.
    """
    screen = Screen(console)
    for number, table in enumerate(tables):
        if number:
            console.print()
        if table.title:
            console.print(screen.text(table.title, "bold"))
        content = _drop_columns(table, screen.width)
        if _min_width(content) > screen.width and any(content.columns):
            _print_blocks(content, console, screen)
        else:
            shown = plain_table(
                *content.columns, figures=content.figures, show_header=any(content.columns)
            )
            for row in content.rows:
                shown.add_row(*map(screen.value, row))
            console.print(shown)


def print_collections(
    noun: Literal["category", "grid"],
    collections: Sequence[Category | Grid],
    console: Console,
    *,
    if_empty: str = "nothing to list",
) -> None:
    """Print one line per category or grid, or else ``if_empty``."""
    screen = Screen(console)
    table = plain_table(noun, "title", "packages", "description", figures={"packages"})
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
    console.print(table if table.row_count else Text(if_empty))


def print_columns(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    console: Console,
    style: OutputStyle,
    figures: frozenset[str] = frozenset(),
    dispensable: tuple[str, ...] = (),
) -> None:
    """Print one line per record with these columns; see `TextTable` for the last two arguments."""
    table = TextTable(
        columns=tuple(column.name for column in columns),
        rows=tuple(
            tuple(describe_value(column.read(record, style)) for column in columns)
            for record in records
        ),
        figures=figures,
        dispensable=dispensable,
    )
    if table.rows:
        print_tables([table], console)
    else:
        console.print(Text("nothing to list"))


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
    console.print(table, width=screen.card_width)


def name_packages(packages: Sequence[str], limit: int) -> str:
    """Return the number of packages, and the names of the first ``limit``.

    >>> name_packages(["a", "b", "c"], limit=2)
    '3: a, b, +1 more'
    """
    return f"{len(packages)}: {name_first(packages, limit)}" if packages else "none"


def _print_blocks(table: TextTable, console: Console, screen: Screen) -> None:
    """Print a line for each cell, below the name of its column, and omit empty ones."""
    for number, row in enumerate(table.rows):
        if number:
            console.print()
        block = label_table(max(map(len, table.columns)))
        for name, cell in zip(table.columns, row, strict=True):
            if cell:
                block.add_row(name, screen.value(cell))
        console.print(block)


def _min_width(table: TextTable) -> int:
    """Return the width where numbers are whole, and words are whole up to `_MIN_FOLD`."""
    width = COLUMN_GAP * (len(table.columns) - 1)
    for name, *cells in zip(table.columns, *table.rows, strict=True):
        if name in table.figures:
            width += max(map(len, (name, *cells)))
        else:
            words = " ".join((name, *cells)).split()
            width += min(max(map(len, words), default=0), _MIN_FOLD)
    return width


def _drop_columns(table: TextTable, width: int) -> TextTable:
    """Return ``table`` without as many dispensable columns as it takes to fit ``width``."""
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
