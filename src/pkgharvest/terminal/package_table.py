"""The catalogue as a table: a line for each package, as many columns as the screen is wide.

Lines are laid out here and not by rich's own Table, which takes seven times as long for a
catalogue of thousands; columns that a person chose are few, and rich folds them well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pkgharvest.api_v4.encode import Field, OutputStyle
from pkgharvest.model.package import Package
from pkgharvest.terminal.console import CELLS, TONES, Screen
from pkgharvest.terminal.humanize import relative_time
from pkgharvest.terminal.package_card import print_cards

_GAP = 2
_LONGEST: Mapping[str, int] = {"package": 32, "title": 24, "version": 16}
"""Cells of more are folded, but for a name that has room left."""

_NARROWEST = 16
"""A chosen column is folded to no less; where that does not do, a sheet does. Nor is a name, to
make room for what befell a package."""

_BARS = "52 weeks"
_RIGHT = frozenset({"stars", "forks", "commits"})
_WANTED = ("stars", "last commit", _BARS, "version", "commits", "fetched", "forks", "status")
"""Most important first; a status that is not everybody's comes before all. Titles that
nobody could guess by the names come after ``fetched``; lines are in their order."""

_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A package as the table shows it; its bars are drawn when their number is known."""

    cells: dict[str, str]
    counts: tuple[int, ...]
    tone: str


def print_package_table(
    packages: Iterable[Package],
    console: Console,
    style: OutputStyle,
    fields: Sequence[Field] | None = None,
) -> None:
    """Print a line for each package; with ``fields``, these and no others.

    Without, the least important columns go where the screen is too narrow for all of them.
    Chosen ones all stay: if there are too many for lines, each package gets a sheet.
    """
    first = next(packages := iter(packages), None)
    if first is None:
        console.print(Text("nothing to list: no package matches, or none was added yet"))
    elif fields is None:
        _fitted(chain((first,), packages), console, style)
    else:
        _chosen([first, *packages], fields, console, style)


def _fitted(packages: Iterable[Package], console: Console, style: OutputStyle) -> None:
    screen = Screen(console)
    lines = [_line(package, screen, style) for package in packages]
    widths = _plan(lines, screen.width)
    header = [_padded(name, Text(name, "dim"), width) for name, width in widths.items()]
    console.print(_joined(header), soft_wrap=True)
    for line in lines:
        for text in _laid_out(line, widths, screen):
            console.print(text, soft_wrap=True)


def _line(package: Package, screen: Screen, style: OutputStyle) -> _Line:
    failing = any(fetch.consecutive_failures for fetch in package.fetches)

    def figure(number: int) -> str:
        return str(number) if package.has_figures else screen.nothing

    return _Line(
        cells={
            "package": screen.held(package.slug),
            "stars": figure(package.repo_watchers),
            "forks": figure(package.repo_forks),
            "version": screen.held(package.pypi_version or "") or screen.nothing,
            "last commit": relative_time(package.last_updated, style.now)
            if package.last_updated
            else screen.nothing,
            "commits": str(sum(package.commits_over_52))
            if package.commits_over_52
            else screen.nothing,
            _BARS: "" if package.commits_over_52 else "unknown",
            "fetched": relative_time(package.last_fetched, style.now)
            if package.last_fetched
            else "never",
            "status": _status(package, failing),
            "title": "" if _alike(package.title, package.slug) else screen.held(package.title),
        },
        counts=package.commits_over_52,
        tone=TONES[package.status] or ("yellow" if failing else ""),
    )


def _alike(title: str, slug: str) -> bool:
    """Tell whether they differ by no more than case and separators."""
    return _SEPARATORS.sub("", title).casefold() == _SEPARATORS.sub("", slug).casefold()


def _status(package: Package, failing: bool) -> str:
    if not failing:
        return package.status
    return "failing" if package.status == "active" else f"{package.status}, failing"


def _plan(lines: Sequence[_Line], screen: int) -> dict[str, int]:
    """Choose the columns that fit ``screen``, each with its width, in the order of the cells."""
    whole = {
        name: max(cell_len(name), *(cell_len(line.cells[name]) for line in lines))
        for name in lines[0].cells
    }
    natural = {name: min(width, _LONGEST.get(name, screen)) for name, width in whole.items()}
    natural[_BARS] = CELLS[-1]
    wanted = list(_WANTED)
    if any(line.cells["title"] for line in lines):
        wanted.insert(wanted.index("fetched") + 1, "title")
    chosen = {"package": min(natural["package"], screen)}
    if any(line.cells["status"] != "active" for line in lines):
        wanted.insert(0, "status")
        beside = screen - natural["status"] - _GAP
        if beside >= _NARROWEST:  # rather a name that is folded than a package that looks well
            chosen["package"] = min(chosen["package"], beside)
    room = screen - chosen["package"]
    for name in wanted:
        if name not in chosen and natural[name] + _GAP <= room:
            chosen[name] = natural[name]
            room -= natural[name] + _GAP
    if _BARS in chosen:
        chosen[_BARS] = next(cells for cells in CELLS if cells <= room + CELLS[-1])
        room -= chosen[_BARS] - CELLS[-1]
    for name in ("package", "title"):
        if name in chosen:
            more = min(room, whole[name] - chosen[name])
            chosen[name] += more
            room -= more
    return {name: chosen[name] for name in natural if name in chosen}


def _laid_out(line: _Line, widths: Mapping[str, int], screen: Screen) -> Iterator[Text]:
    """Yield the line, and where a cell is too long for its column, the lines of its rest."""
    parts = {name: chop_cells(line.cells[name], width) for name, width in widths.items()}
    for number in range(max(map(len, parts.values()))):
        pieces = []
        for name, width in widths.items():
            piece = Text("".join(parts[name][number : number + 1]), _style(name, line))
            if name == _BARS and line.counts and number == 0:
                piece = screen.bars(line.counts, width)
            pieces.append(_padded(name, piece, width))
        yield _joined(pieces)


def _style(name: str, line: _Line) -> str:
    match name:
        case "package":
            return "bold"
        case "title":
            return "dim"
        case "status":
            return line.tone
        case _:
            return ""


def _padded(name: str, piece: Text, width: int) -> Text:
    room = width - piece.cell_len
    if name in _RIGHT:
        piece.pad_left(room)
    else:
        piece.pad_right(room)
    return piece


def _joined(pieces: Sequence[Text]) -> Text:
    text = Text(" " * _GAP).join(pieces)
    text.rstrip()
    return text


def _chosen(
    packages: Sequence[Package], fields: Sequence[Field], console: Console, style: OutputStyle
) -> None:
    """Print ``fields`` as columns that fold, or a sheet each where they are too many."""
    screen = Screen(console)
    rows = [[screen.value(field, package, style) for field in fields] for package in packages]
    longest = [
        max(cell_len(field.name), *(row[number].cell_len for row in rows))
        for number, field in enumerate(fields)
    ]
    widths = _shared(longest, fields, screen.width)
    if widths is None:
        print_cards(packages, console, style, fields=fields)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for field, width in zip(fields, widths, strict=True):
        table.add_column(Text(field.name), overflow="fold", width=width)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _shared(longest: Sequence[int], fields: Sequence[Field], screen: int) -> list[int] | None:
    """Share the width of the screen out: what is short gets all it needs; None if it is too few.

    Rich would fold all columns alike, bars too, and bars that are cut lie.
    """
    widths = [
        need
        if field.name == "commits_over_52"
        else min(need, max(cell_len(field.name), _NARROWEST))
        for need, field in zip(longest, fields, strict=True)
    ]
    room = screen - sum(widths) - _GAP * (len(widths) - 1)
    if room < 0:
        return None
    by_need = sorted(range(len(widths)), key=lambda number: longest[number] - widths[number])
    for rank, number in enumerate(by_need):
        more = min(longest[number] - widths[number], room // (len(by_need) - rank))
        widths[number] += more
        room -= more
    return widths
