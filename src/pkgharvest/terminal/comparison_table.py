"""A grid's comparison on a screen: packages side by side, as many as fit, then the next ones.

Where a screen is too narrow for a name of a row and a package beside it, the names stand above.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from rich.console import Console
from rich.text import Text

from pkgharvest.api_v4.encode import OutputStyle
from pkgharvest.formats.comparison import (
    COMPARISON_ROWS,
    ComparisonEntry,
    ComparisonRow,
    best_ids,
    visible_rows,
)
from pkgharvest.model.collections import Grid
from pkgharvest.terminal.console import CELLS, TONES, Screen

_GAP = 2
_LABELS = max(len(row.label) for row in COMPARISON_ROWS)
_NARROWEST = 16
"""Cells of a package's column, where several are side by side."""

_WIDEST = CELLS[0]
_MOST_LINES = 6
"""Of a cell; what is longer is cut, but for an address."""

_MARK = " *"


def print_comparison(
    grid: Grid, entries: Sequence[ComparisonEntry], console: Console, style: OutputStyle
) -> None:
    """Print a grid: what it is, and its packages compared; the best figures are marked."""
    screen = Screen(console)
    console.print(screen.text(grid.title, "bold"))
    if grid.description:
        console.print(screen.text(grid.description))
    count = "1 package" if len(entries) == 1 else f"{len(entries)} packages"
    locked = ", locked" if grid.is_locked else ""
    console.print(Text(count + locked, "dim", overflow="fold"))
    if not entries:
        hint = f"pkgharvest grid edit {grid.slug} --add PACKAGE puts one in"
        console.print(screen.text(hint, "dim"))
        return
    spread = _Spread(screen, console, entries, style)
    for line in spread.lines():
        console.print(line, soft_wrap=True)
    if any(spread.leads.values()):
        console.print()
        console.print(Text("* the best of all in this grid", "dim", overflow="fold"))


class _Spread:
    """The packages of a grid, laid out for a screen."""

    def __init__(
        self,
        screen: Screen,
        console: Console,
        entries: Sequence[ComparisonEntry],
        style: OutputStyle,
    ) -> None:
        self._screen = screen
        self._console = console
        self._entries = entries
        self._style = style
        self._rows = list(visible_rows(entries, style))
        self.leads = {row.name: best_ids(entries, row, style) for row in self._rows}
        room = screen.width - _LABELS
        self._labels_above = room < CELLS[-1] + _GAP
        if self._labels_above:
            self._abreast, self._width = 1, screen.width
        else:
            fitting = max(1, room // (_NARROWEST + _GAP))
            self._abreast = min(len(entries), fitting)
            self._width = min(_WIDEST, room // self._abreast - _GAP)

    def lines(self) -> Iterator[Text]:
        """Yield the lines, a block of columns after the other."""
        total = len(self._entries)
        for start in range(0, total, self._abreast):
            block = self._entries[start : start + self._abreast]
            yield Text()
            if total > self._abreast:
                last = start + len(block)
                span = f"{start + 1}" if len(block) == 1 else f"{start + 1} to {last}"
                yield from self._folded(Text(f"{span} of {total}", "dim"), self._screen.width)
            heads = [self._screen.text(entry.package.slug, "bold") for entry in block]
            yield from self._beside("", [self._folded(head) for head in heads])
            for row in self._rows:
                yield from self._beside(row.label, [self._cell(row, one) for one in block])

    def _beside(self, label: str, cells: Sequence[list[Text]]) -> Iterator[Text]:
        """Yield the lines of a row."""
        if self._labels_above:
            above = self._folded(Text(label, "dim")) if label else []
            yield from chain(above, *cells)
            return
        empty = Text()
        for number, pieces in enumerate(zip_longest(*cells, fillvalue=empty)):
            line = Text(label if number == 0 else "", "dim")
            line.pad_right(_LABELS - line.cell_len)
            text = Text()
            text.append_text(line)
            for piece in pieces:
                text.append(" " * _GAP)
                text.append_text(piece)
                text.append(" " * (self._width - piece.cell_len))
            text.rstrip()
            yield text

    def _cell(self, row: ComparisonRow, entry: ComparisonEntry) -> list[Text]:
        """Return the lines of a cell."""
        words = row.words(entry, self._style)
        if not words:
            return [Text(self._screen.nothing, "dim")]
        if row.name == "repository":
            return self._folded(self._screen.text(words.removeprefix("https://")))
        tone = TONES[entry.package.status] if row.name == "status" else ""
        text = self._screen.text(words, tone)
        if entry.package.id in self.leads[row.name]:
            text = Text(text.plain + _MARK, "bold")
        lines = self._folded(text)
        if beside := row.more(entry):
            lines += self._folded(self._screen.text(beside))
        lines = self._cut(lines)
        if row.name == "commits":
            cells = next((cells for cells in CELLS if cells <= self._width), self._width)
            lines.append(self._screen.bars(entry.package.commits_over_52, cells))
        return lines

    def _folded(self, text: Text, width: int | None = None) -> list[Text]:
        lines = text.wrap(self._console, width or self._width, overflow="fold")
        for line in lines:
            line.rstrip()
        return list(lines)

    def _cut(self, lines: list[Text]) -> list[Text]:
        if len(lines) <= _MOST_LINES:
            return lines
        more = ("..." if self._screen.ascii_only else "…")[: self._width]
        last = lines[_MOST_LINES - 1]
        last.truncate(self._width - len(more))
        last.append(more)
        return lines[:_MOST_LINES]
