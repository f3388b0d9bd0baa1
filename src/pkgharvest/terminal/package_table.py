"""Packages as a table: one line per package, with as many columns as fit the screen.

The default table is laid out here, because rich's Table takes seven times as long for thousands of
packages. Columns chosen with ``--fields`` are few, and rich folds them well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from pkgharvest.api_v4.encode import Field, OutputStyle
from pkgharvest.model.package import Package
from pkgharvest.terminal.console import (
    COLUMN_GAP,
    SPARKLINE_WIDTHS,
    STATUS_COLORS,
    Screen,
    plain_table,
    relative_time,
)
from pkgharvest.terminal.package_card import print_cards

_MAX_WIDTHS: Mapping[str, int] = {"package": 32, "title": 24, "version": 16}
"""Longer cells fold, unless names and titles have room left."""

_MIN_WIDTH = 16
"""Chosen columns fold at no less than this; if they do not fit, packages are shown as cards. A
name folds at no less either to make room for an unusual status."""

_WEEKS = "52 weeks"
_PRIORITIES = ("stars", "last commit", _WEEKS, "version", "commits", "fetched", "forks", "status")
"""Most important first. If a status is unusual, ``status`` comes before all others; if a title
cannot be guessed from its slug, ``title`` comes after ``fetched``."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The cells of a package by column. Its sparkline is drawn once its width is known."""

    cells: dict[str, str]
    counts: tuple[int, ...]
    status_color: str


def print_package_table(
    packages: Iterable[Package],
    console: Console,
    style: OutputStyle,
    fields: Sequence[Field] | None = None,
) -> None:
    """Print one line per package, or exactly ``fields``.

    Without ``fields``, the least important columns are omitted on a narrow screen. Chosen fields
    are all printed: if they are too many for a line, each package gets a card.
    """
    first = next(packages := iter(packages), None)
    if first is None:
        console.print(Text("nothing to list: no package matches, or none was added yet"))
    elif fields is None:
        _print_lines(chain((first,), packages), console, style)
    else:
        _print_fields([first, *packages], fields, console, style)


def _print_lines(packages: Iterable[Package], console: Console, style: OutputStyle) -> None:
    screen = Screen(console)
    lines = [_make_line(package, screen, style) for package in packages]
    widths = _choose_columns(lines, screen.width)
    header = [_pad(name, Text(name, "dim"), width) for name, width in widths.items()]
    console.print(_join(header), soft_wrap=True)
    for line in lines:
        for text in _fold_line(line, widths, screen):
            console.print(text, soft_wrap=True)


def _make_line(package: Package, screen: Screen, style: OutputStyle) -> _Line:
    is_failing = any(state.consecutive_failures for state in package.fetches)
    counts, committed, fetched = (
        package.commits_over_52,
        package.last_updated,
        package.last_fetched,
    )

    def known(number: int) -> str:
        return str(number) if package.has_star_counts else screen.no_value

    return _Line(
        cells={
            "package": screen.printable(package.slug),
            "stars": known(package.repo_watchers),
            "forks": known(package.repo_forks),
            "version": screen.printable(package.pypi_version or "") or screen.no_value,
            "last commit": relative_time(committed, style.now) if committed else screen.no_value,
            "commits": str(sum(counts)) if counts else screen.no_value,
            _WEEKS: "" if counts else "unknown",
            "fetched": relative_time(fetched, style.now) if fetched else "never",
            "status": _status(package, is_failing),
            "title": ""
            if _are_alike(package.title, package.slug)
            else screen.printable(package.title),
        },
        counts=counts,
        status_color=STATUS_COLORS[package.status] or ("yellow" if is_failing else ""),
    )


def _are_alike(title: str, slug: str) -> bool:
    """Return whether they differ only in case and separators."""
    return _SEPARATORS.sub("", title).casefold() == _SEPARATORS.sub("", slug).casefold()


def _status(package: Package, is_failing: bool) -> str:
    if not is_failing:
        return package.status
    return "failing" if package.status == "active" else f"{package.status}, failing"


def _choose_columns(lines: Sequence[_Line], screen_width: int) -> dict[str, int]:
    """Return the columns that fit with their widths, in the order of the cells."""
    full_widths = {
        name: max(cell_len(name), *(cell_len(line.cells[name]) for line in lines))
        for name in lines[0].cells
    }
    widths = {
        name: min(width, _MAX_WIDTHS.get(name, screen_width)) for name, width in full_widths.items()
    }
    widths[_WEEKS] = SPARKLINE_WIDTHS[-1]
    wanted = list(_PRIORITIES)
    if any(line.cells["title"] for line in lines):
        wanted.insert(wanted.index("fetched") + 1, "title")
    chosen = {"package": min(widths["package"], screen_width)}
    if any(line.cells["status"] != "active" for line in lines):
        wanted.insert(0, "status")
        beside = screen_width - widths["status"] - COLUMN_GAP
        if beside >= _MIN_WIDTH:  # fold a name rather than hide that a package is gone or failing
            chosen["package"] = min(chosen["package"], beside)
    room = screen_width - chosen["package"]
    for name in wanted:
        if name not in chosen and widths[name] + COLUMN_GAP <= room:
            chosen[name] = widths[name]
            room -= widths[name] + COLUMN_GAP
    if _WEEKS in chosen:
        room += chosen[_WEEKS]
        chosen[_WEEKS] = next(cells for cells in SPARKLINE_WIDTHS if cells <= room)
        room -= chosen[_WEEKS]
    for name in ("package", "title"):
        if name in chosen:
            more = min(room, full_widths[name] - chosen[name])
            chosen[name] += more
            room -= more
    return {name: chosen[name] for name in widths if name in chosen}


def _fold_line(line: _Line, widths: Mapping[str, int], screen: Screen) -> Iterator[Text]:
    """Yield the line; if a cell is too long for its column, also the lines with its rest."""
    parts = {name: chop_cells(line.cells[name], width) for name, width in widths.items()}
    styles = {"package": "bold", "title": "dim", "status": line.status_color}
    for number in range(max(map(len, parts.values()))):
        pieces = []
        for name, width in widths.items():
            piece = Text("".join(parts[name][number : number + 1]), styles.get(name, ""))
            if name == _WEEKS and line.counts and number == 0:
                piece = screen.sparkline(line.counts, width)
            pieces.append(_pad(name, piece, width))
        yield _join(pieces)


def _pad(name: str, piece: Text, width: int) -> Text:
    piece.align("right" if name in {"stars", "forks", "commits"} else "left", width)
    return piece


def _join(pieces: Sequence[Text]) -> Text:
    text = Text(" " * COLUMN_GAP).join(pieces)
    text.rstrip()
    return text


def _print_fields(
    packages: Sequence[Package], fields: Sequence[Field], console: Console, style: OutputStyle
) -> None:
    """Print ``fields`` as columns that fold, or as cards if they are too many."""
    screen = Screen(console)
    rows = [[screen.field(field, package, style) for field in fields] for package in packages]
    longest = [
        max(cell_len(field.name), *(row[number].cell_len for row in rows))
        for number, field in enumerate(fields)
    ]
    widths = _share_width(longest, fields, screen.width)
    if widths is None:
        print_cards(packages, console, style, fields=fields)
        return
    table = plain_table(*(field.name for field in fields))
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _share_width(
    longest: Sequence[int], fields: Sequence[Field], screen_width: int
) -> list[int] | None:
    """Return the widths of ``fields``, or None if they do not fit.

    Short columns get all they need, and sparklines are never cut: a part of one would mislead.
    rich would narrow all columns alike.
    """
    widths = [
        need
        if field.name == "commits_over_52"
        else min(need, max(cell_len(field.name), _MIN_WIDTH))
        for need, field in zip(longest, fields, strict=True)
    ]
    room = screen_width - sum(widths) - COLUMN_GAP * (len(widths) - 1)
    if room < 0:
        return None
    by_need = sorted(range(len(widths)), key=lambda number: longest[number] - widths[number])
    for rank, number in enumerate(by_need):
        more = min(longest[number] - widths[number], room // (len(by_need) - rank))
        widths[number] += more
        room -= more
    return widths
