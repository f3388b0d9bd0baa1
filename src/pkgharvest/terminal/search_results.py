"""Search hits as a table, with the words that matched marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pkgharvest.api_v4.encode import OutputStyle
from pkgharvest.model.search_text import SearchHit, fold, match_spans, unique_words

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.text import Text

    from pkgharvest.terminal.console import Screen

_GAP = 2
_COLUMNS = ("found", "type", "stars", "last commit")
"""Before what it is; on a narrow screen the last one goes first, the names never."""
_TOLD = "what it is"
_ROOM = 28
"""Cells that a description has beside these, if it is as long."""
_NARROWEST = 16
"""Names are folded to no less, and descriptions that have less are left out."""
_LINES = 2
"""So many of a description."""
_MARK = "bold underline"
_SEPARATORS = re.compile(r"[\W_]+")


def print_search_hits(
    found: Sequence[SearchHit], query: str, console: Console, style: OutputStyle
) -> None:
    """Print a line or more for each hit, the words of ``query`` marked where they were found.

    The least important columns go where they would leave too little room for what it is.
    """
    from rich.table import Table  # noqa: PLC0415 - JSON pays for no table
    from rich.text import Text  # noqa: PLC0415

    from pkgharvest.terminal.console import Screen  # noqa: PLC0415

    screen = Screen(console)
    wanted = list(unique_words(query))
    rows = [_cells(one, screen, style) for one in found]
    told = [[screen.held(line) for line in _told(one, wanted)] for one in found]
    longest = max(len(_TOLD), *(len(line) for lines in told for line in lines))
    widths, room = _plan(rows, min(longest, _ROOM), screen.width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for name, width in widths.items():
        justify: JustifyMethod = "right" if name == "stars" else "left"
        table.add_column(Text(name), overflow="fold", width=width, justify=justify)
    if room:
        table.add_column(Text(_TOLD), overflow="fold", max_width=room)
    for one, cells, lines in zip(found, rows, told, strict=True):
        if one.item_type != "package" and "type" not in widths:
            lines[0] = f"{one.item_type}: {lines[0]}"
        texts = [
            _cut(_marked(line, wanted, screen), room, 1 if number else _LINES, console)
            for number, line in enumerate(lines)
        ]
        table.add_row(
            *(
                _marked(cells[name], wanted, screen)
                if name == "found"
                else Text(cells[name], "cyan" if cells[name] == "grid" else "")
                for name in widths
            ),
            *([Text("\n").join(texts)] if room else []),
        )
    console.print(table)


def _cells(found: SearchHit, screen: Screen, style: OutputStyle) -> dict[str, str]:
    """Return what stands before the description, by the names of the columns."""
    from pkgharvest.terminal.humanize import relative_time  # noqa: PLC0415

    committed = found.last_committed
    return {
        "found": screen.held(found.slug),
        "type": found.item_type,
        "stars": str(found.stars) if found.item_type == "package" else screen.nothing,
        "last commit": relative_time(committed, style.now) if committed else screen.nothing,
    }


def _plan(
    rows: Sequence[Mapping[str, str]], wanted: int, screen: int
) -> tuple[dict[str, int], int]:
    """Return the columns that fit, each with its width, and what is left for the description.

    Left for that are ``wanted`` cells, or more, or it is all that stands beside the names; with
    no room for a few words there are names alone, and no cells are left.
    """
    widths = {name: max(len(name), *(len(cells[name]) for cells in rows)) for name in _COLUMNS}
    widths["found"] = min(widths["found"], max(_NARROWEST, screen // 3), screen)
    if all(cells["type"] == "package" for cells in rows):
        del widths["type"]
    for name in reversed(_COLUMNS[1:]):
        if screen - sum(width + _GAP for width in widths.values()) < wanted:
            widths.pop(name, None)
    room = screen - sum(width + _GAP for width in widths.values())
    return widths, room if room >= min(wanted, _NARROWEST) else 0


def _cut(text: Text, width: int, most: int, console: Console) -> Text:
    """Return the first ``most`` lines of ``text``, ``width`` cells each; more end in dots."""
    from rich.text import Text  # noqa: PLC0415

    dots = "..." if console.options.ascii_only else "…"
    if not width:
        return text
    lines = text[: width * (most + 1)].wrap(console, width, overflow="fold")
    if len(lines) <= most:
        return text
    last = lines[most - 1]
    last.truncate(width - len(dots))
    last.rstrip()
    last.append(dots)
    return Text("\n").join(lines[:most])


def _told(found: SearchHit, wanted: Sequence[str]) -> Iterator[str]:
    """Yield what it is, then the rest of what is told of it that has words not seen till then."""
    alike = _bare(found.title) == _bare(found.slug)
    parts = (found.description,) if alike else (found.title, found.description)
    first = ": ".join(part for part in parts if part)
    yield first
    seen = f"{found.slug} {first}"
    for label, told in (
        ("topics", found.topics),
        ("PyPI", (found.summary,)),
        ("participants", found.participants),
    ):
        missing = [word for word in wanted if not any(match_spans(seen, [word]))]
        having = [part for part in told if any(match_spans(part, missing))] if missing else []
        if having:
            yield f"{label}: {', '.join(having)}"
            seen += " " + " ".join(having)


def _bare(name: str) -> str:
    return _SEPARATORS.sub("", fold(name))


def _marked(foreign: str, wanted: Sequence[str], screen: Screen) -> Text:
    text = screen.text(foreign)
    for begin, end in match_spans(text.plain, wanted):
        text.stylize(_MARK, begin, end)
    return text
