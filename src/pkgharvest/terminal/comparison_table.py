"""A grid's packages side by side: as many as fit the screen, and the next ones below.

If the screen is too narrow for a label with a package beside it, labels stand above the values.
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
from pkgharvest.terminal.console import COLUMN_GAP, SPARKLINE_WIDTHS, STATUS_COLORS, Screen

_LABEL_WIDTH = max(len(row.label) for row in COMPARISON_ROWS)
_MIN_COLUMN_WIDTH = 16
_MAX_COLUMN_WIDTH = SPARKLINE_WIDTHS[0]
_MAX_CELL_LINES = 6
"""Longer cells are cut, except URLs."""


def print_comparison(
    grid: Grid,
    entries: Sequence[ComparisonEntry],
    console: Console,
    style: OutputStyle,
    *,
    if_empty: str = "",
) -> None:
    """Print a grid, and its packages side by side with the best values marked.

    A grid without packages has ``if_empty`` instead.
    """
    screen = Screen(console)
    console.print(screen.text(grid.title, "bold"))
    if grid.description:
        console.print(screen.text(grid.description))
    count = "1 package" if len(entries) == 1 else f"{len(entries)} packages"
    locked = ", locked" if grid.is_locked else ""
    console.print(Text(count + locked, "dim", overflow="fold"))
    if not entries:
        console.print(screen.text(if_empty, "dim"))
        return
    layout = _Layout(screen, entries, style)
    for line in layout.lines():
        console.print(line, soft_wrap=True)
    if any(layout.best.values()):
        console.print()
        console.print(Text("* the best of all in this grid", "dim", overflow="fold"))


class _Layout:
    """The packages of a grid, laid out for a screen."""

    def __init__(
        self,
        screen: Screen,
        entries: Sequence[ComparisonEntry],
        style: OutputStyle,
    ) -> None:
        self._screen = screen
        self._entries = entries
        self._style = style
        self._rows = list(visible_rows(entries, style))
        self.best = {row.name: best_ids(entries, row, style) for row in self._rows}
        room = screen.width - _LABEL_WIDTH
        self._labels_above = room < SPARKLINE_WIDTHS[-1] + COLUMN_GAP
        if self._labels_above:
            self._per_block, self._width = 1, screen.width
        else:
            self._per_block = min(len(entries), max(1, room // (_MIN_COLUMN_WIDTH + COLUMN_GAP)))
            self._width = min(_MAX_COLUMN_WIDTH, room // self._per_block - COLUMN_GAP)

    def lines(self) -> Iterator[Text]:
        """Yield the lines, one block of packages after the other."""
        total = len(self._entries)
        for start in range(0, total, self._per_block):
            block = self._entries[start : start + self._per_block]
            yield Text()
            if total > self._per_block:
                last = start + len(block)
                span = f"{start + 1}" if len(block) == 1 else f"{start + 1} to {last}"
                yield from self._screen.fold(Text(f"{span} of {total}", "dim"), self._screen.width)
            yield from self._join_cells(
                "", [self._fold(entry.package.slug, "bold") for entry in block]
            )
            for row in self._rows:
                yield from self._join_cells(row.label, [self._cell(row, entry) for entry in block])

    def _join_cells(self, label: str, cells: Sequence[list[Text]]) -> Iterator[Text]:
        """Yield the lines of one row."""
        if self._labels_above:
            above = self._screen.fold(Text(label, "dim"), self._width) if label else []
            yield from chain(above, *cells)
            return
        for number, pieces in enumerate(zip_longest(*cells, fillvalue=Text())):
            line = Text()
            line.append(f"{'' if number else label:{_LABEL_WIDTH}}", "dim")
            for piece in pieces:
                line.append(" " * COLUMN_GAP)
                piece.align("left", self._width)
                line.append_text(piece)
            line.rstrip()
            yield line

    def _fold(self, foreign: str, style: str = "") -> list[Text]:
        return self._screen.fold(self._screen.text(foreign, style), self._width)

    def _cell(self, row: ComparisonRow, entry: ComparisonEntry) -> list[Text]:
        """Return the lines of one cell."""
        value = row.text(entry, self._style)
        if not value:
            return [Text(self._screen.no_value, "dim")]
        if row.name == "repository":
            return self._fold(value.removeprefix("https://"))
        if entry.package.id in self.best[row.name]:
            lines = self._fold(f"{value} *", "bold")
        else:
            color = STATUS_COLORS[entry.package.status] if row.name == "status" else ""
            lines = self._fold(value, color)
        if detail := row.detail(entry):
            lines += self._fold(detail)
        lines = self._screen.cut(lines, _MAX_CELL_LINES, self._width)
        if row.name == "commits":
            cells = next((cells for cells in SPARKLINE_WIDTHS if cells <= self._width), self._width)
            lines.append(self._screen.sparkline(entry.package.commits_over_52, cells))
        return lines
