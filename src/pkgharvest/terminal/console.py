"""The console: its width, the characters it supports, and values written for people.

Only this package imports rich. Foreign text reaches rich as ``Text`` and never as markup, so no
part of it becomes a tag, an emoji code or a link.
"""

import datetime as dt
import os
from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from typing import TextIO

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pkgharvest.api_v4.encode import Field, Json, OutputStyle
from pkgharvest.formats.json_text import compact_json
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.formats.sparkline import ZERO, sparkline
from pkgharvest.model.package import Package, Status

PIPE_WIDTH = 160
"""Columns to use if the output is not a terminal: a file has no edge to wrap at."""

COLUMN_GAP = 2
"""Spaces between two columns."""

_MAX_CARD_WIDTH = 100
"""Longer lines of prose are hard to read, however wide the screen is."""

STATUS_COLORS: Mapping[Status, str] = {
    "active": "",
    "archived": "yellow",
    "moved": "yellow",
    "gone": "red",
    "blocked": "red",
    "empty": "yellow",
}
"""Colors accompany words and never replace them."""

SPARKLINE_WIDTHS = (52, 26, 13)
"""Widths into which a year of weeks divides evenly."""

_SPARKLINE_WIDTH_BY_SCREEN = ((100, 52), (60, 26), (0, 13))
"""Minimum screen width, and the sparkline's width among columns or beside a label."""

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365.25 * _DAY

_STEPS: tuple[tuple[float, float, str], ...] = (
    (_HOUR, _MINUTE, "min"),
    (2 * _DAY, _HOUR, "h"),
    (60 * _DAY, _DAY, "d"),
    (2 * _YEAR, 30.44 * _DAY, "mo"),
)
"""Below how many seconds to use which unit, and its name."""


def open_console(file: TextIO, environ: Mapping[str, str] = os.environ) -> Console:
    """Return a console that writes to ``file``.

    Its width is ``COLUMNS`` if set, else the terminal's, else `PIPE_WIDTH`. rich itself honors
    NO_COLOR and FORCE_COLOR.
    """
    columns = environ.get("COLUMNS", "")
    width = None if file.isatty() else PIPE_WIDTH
    if columns.isascii() and columns.isdigit() and int(columns):
        width = int(columns)
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


def plain_table(*names: str, figures: Container[str] = (), show_header: bool = True) -> Table:
    """Return an empty table without lines around its cells, with columns called ``names``.

    Columns among ``figures`` are aligned to the right and never fold.
    """
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, COLUMN_GAP, 0, 0),
        header_style="dim",
        show_header=show_header,
    )
    for name in names:
        if name in figures:
            table.add_column(Text(name), justify="right", no_wrap=True)
        else:
            table.add_column(Text(name), overflow="fold")
    return table


def label_table(label_width: int = 0) -> Table:
    """Return an empty table with two columns: dim labels, and values that fold."""
    return Table.grid(
        Column(style="dim", min_width=label_width, overflow="fold"),
        Column(overflow="fold"),
        padding=(0, COLUMN_GAP, 0, 0),
    )


def relative_time(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago, or how soon, ``moment`` is, in whole units rounded down.

    >>> noon = dt.datetime(2026, 2, 15, 12, tzinfo=dt.UTC)
    >>> relative_time(noon - dt.timedelta(hours=3, minutes=59), now=noon)
    '3 h ago'
    >>> relative_time(noon + dt.timedelta(days=2), now=noon)
    'in 2 d'
    >>> relative_time(noon, now=noon)
    'just now'
    """
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < _MINUTE:
        return "just now" if seconds >= 0 else "now"
    unit, name = next(
        ((unit, name) for limit, unit, name in _STEPS if distance < limit), (_YEAR, "y")
    )
    span = f"{int(distance / unit)} {name}"
    return f"{span} ago" if seconds > 0 else f"in {span}"


class Screen:
    """Writes values for people, in characters that a console supports."""

    def __init__(self, console: Console) -> None:
        self.width = console.width
        self.card_width = min(console.width, _MAX_CARD_WIDTH)
        self.ascii_only = console.options.ascii_only or console.legacy_windows
        """Whether bars and stars must be ASCII; rich decides about its frames the same way."""
        self.no_value = "-" if self.ascii_only else "–"  # noqa: RUF001 - a dash
        """Stands for a value that is unknown or empty."""
        self._dots = "..." if self.ascii_only else "…"
        self._console = console

    def printable(self, foreign: str) -> str:
        """Return ``foreign`` sanitized, on one line, and in the console's encoding."""
        encoding = self._console.encoding
        return sanitize(foreign).encode(encoding, "backslashreplace").decode(encoding)

    def text(self, foreign: str, style: str = "") -> Text:
        """Return printable text that folds if it is too long."""
        return Text(self.printable(foreign), style=style, overflow="fold")

    def fold(self, text: Text, width: int) -> list[Text]:
        """Return the lines of ``text``, folded at ``width``."""
        lines = text.wrap(self._console, width, overflow="fold")
        for line in lines:
            line.rstrip()
        return list(lines)

    def cut(self, lines: list[Text], count: int, width: int) -> list[Text]:
        """Return the first ``count`` lines; if there are more, the last one ends in dots."""
        if len(lines) > count:
            dots = self._dots[:width]
            last = lines[count - 1]
            last.truncate(width - len(dots))
            last.rstrip()
            last.append(dots)
        return lines[:count]

    def sparkline(self, counts: Sequence[int], cells: int) -> Text:
        """Return the sparkline of ``counts``, at most ``cells`` wide."""
        text = Text(no_wrap=True)
        drawn = sparkline(counts, cells, ascii_only=self.ascii_only)
        for is_zero, run in groupby(drawn, ZERO.__eq__):
            text.append("".join(run), "dim" if is_zero else "green")
        return text

    def field(self, field: Field, package: Package, style: OutputStyle) -> Text:
        """Return any field of a package; the histogram is a sparkline."""
        if field.name == "commits_over_52" and package.commits_over_52:
            cells = next(
                cells for width, cells in _SPARKLINE_WIDTH_BY_SCREEN if self.width >= width
            )
            return self.sparkline(package.commits_over_52, cells)
        return self.value(field.read(package, style))

    def value(self, value: Json) -> Text:
        """Return any value; a dash if it is empty."""
        text = describe_value(value)
        return self.text(text) if text else Text(self.no_value, style="dim")


def describe_value(value: Json) -> str:
    """Return ``value`` in words; "" if it is empty."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case Mapping() if not any(part is not None for part in value.values()):
            return ""
        case [*items] if all(isinstance(item, str) for item in items):
            return ", ".join(map(str, items))
        case _:
            return compact_json(value)
