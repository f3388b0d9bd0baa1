"""The terminal, or the file in its place: how wide it is, and which characters it can hold.

Only here and in what builds on it (``table``, ``sheet``) is rich imported. Foreign text gets to
rich as ``Text`` alone, never as markup: nothing in it is a tag, an emoji code or a link.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TextIO

from rich.console import Console
from rich.text import Text

from pkgharvest.api_v4.encode import Field, Json, OutputStyle
from pkgharvest.formats.json_text import compact_json
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.formats.sparkline import ZERO, sparkline
from pkgharvest.model.package import Package, Status

WIDE = 160
"""Columns where the output is no terminal: a pipe has no edge to cut at."""

TONES: Mapping[Status, str] = {
    "active": "",
    "archived": "yellow",
    "moved": "yellow",
    "gone": "red",
    "blocked": "red",
    "empty": "yellow",
}
"""Colours beside the words, never instead of them."""

CELLS = (52, 26, 13)
"""The lengths of a sparkline: a year fits evenly into each."""

_ROOM = ((100, 52), (60, 26), (0, 13))
"""From which width of the screen on how many cells have room beside a name, or among columns."""


def open_console(file: TextIO, environ: Mapping[str, str] = os.environ) -> Console:
    """Return a console that writes to ``file``; rich itself heeds NO_COLOR and FORCE_COLOR.

    It is as wide as ``COLUMNS`` says, else as the terminal is, else ``WIDE``.
    """
    columns = environ.get("COLUMNS", "")
    width = None if file.isatty() else WIDE
    if columns.isascii() and columns.isdigit() and int(columns):
        width = int(columns)
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)


class Screen:
    """What can be written on a console, in characters that it has."""

    def __init__(self, console: Console) -> None:
        self.width = console.width
        self.ascii_only = console.options.ascii_only or console.legacy_windows
        """No blocks and no stars; rich goes by the same for its boxes."""
        self.nothing = "-" if self.ascii_only else "–"  # noqa: RUF001 - a dash
        """Stands for a value that is not known."""
        self._encoding = console.encoding

    def held(self, foreign: str) -> str:
        """Return ``foreign`` harmless, on one line, and within the console's encoding."""
        return sanitize(foreign).encode(self._encoding, "backslashreplace").decode(self._encoding)

    def text(self, foreign: str, style: str = "") -> Text:
        """Return ``foreign`` as ``held`` has it, to be folded where it is too long."""
        return Text(self.held(foreign), style=style, overflow="fold")

    def bars(self, counts: Sequence[int], cells: int) -> Text:
        """Return the sparkline of ``counts`` in at most ``cells`` characters."""
        text = Text(no_wrap=True)
        drawn = sparkline(counts, cells, ascii_only=self.ascii_only)
        for is_zero, run in groupby(drawn, ZERO.__eq__):
            text.append("".join(run), "dim" if is_zero else "green")
        return text

    def value(self, field: Field, package: Package, style: OutputStyle) -> Text:
        """Return any field for a person to read; the histogram as bars."""
        if field.name == "commits_over_52" and package.commits_over_52:
            cells = next(cells for width, cells in _ROOM if self.width >= width)
            return self.bars(package.commits_over_52, cells)
        return self.worded(field.read(package, style))

    def worded(self, value: Json) -> Text:
        """Return any value for a person to read; a dash where there is nothing to tell."""
        words = _worded(value)
        return self.text(words) if words else Text(self.nothing, style="dim")


def _worded(value: Json) -> str:
    """Return ``value`` for a person to read; nothing where there is nothing to tell."""
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
