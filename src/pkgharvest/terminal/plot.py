"""Values over time drawn with characters: lines for values that last, bars for counts.

A Braille cell holds two by four dots. On a console without Braille, a cell is a single dot.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

HEIGHT = 10
"""Lines of a plot above its axis; a plot of equal values has one."""

_MIN_WIDTH = 8
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a cell's dots by row and column (Unicode, section 21.1)."""


class Point(NamedTuple):
    """A value, and since when it holds."""

    at: dt.datetime
    value: int | None
    """None if it is unknown."""


class _Canvas:
    """A grid of dots, counted from the lower left."""

    def __init__(self, cells: int, lines: int, *, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._columns, self._rows = (1, 1) if ascii_only else (2, 4)
        self.width, self.height = cells * self._columns, lines * self._rows
        self._cells = [[0] * cells for _ in range(lines)]

    def fill_column(self, x: int, low: int, high: int) -> None:
        """Set the dots of column ``x`` from ``low`` to ``high``, both included."""
        for y in range(low, high + 1):
            line, row = divmod(self.height - 1 - y, self._rows)
            cell, column = divmod(x, self._columns)
            self._cells[line][cell] |= _DOTS[row][column]

    def lines(self) -> list[str]:
        """Return the lines, from top to bottom."""
        return ["".join(map(self._character, line)) for line in self._cells]

    def _character(self, dots: int) -> str:
        if not dots:
            return " "
        return "*" if self._ascii_only else chr(_BRAILLE + dots)


def draw_line(points: Sequence[Point], *, width: int, ascii_only: bool = False) -> list[str]:
    """Draw ``points``, oldest first, as steps: each value holds until the next point.

    The axis runs from the lowest to the highest value. ``width`` counts characters and includes
    the labels. Returns no lines if no value is known.

    >>> day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> points = [Point(day + dt.timedelta(days=number), 3 + number) for number in range(2)]
    >>> drawn = draw_line(points, width=14, ascii_only=True)
    >>> print(drawn[0], drawn[-2], drawn[-1], sep="\\n")
    4 |          *
    3 |***********
       2026-01-01 2026-01-02
    """
    values = [point.value for point in points if point.value is not None]
    if not values:
        return []
    low, high = min(values), max(values)
    canvas, margin = _make_canvas(low, high, width, ascii_only=ascii_only)
    instants = [point.at for point in points]
    length = instants[-1] - instants[0]
    previous: int | None = None
    for x in range(canvas.width):
        moment = instants[0] + length * x / max(1, canvas.width - 1)
        # The last value always ends the line, however short it has held.
        index = len(points) if x == canvas.width - 1 else bisect_right(instants, moment)
        value = points[index - 1].value
        if value is None:
            previous = None
            continue
        y = _scale(value, low, high, canvas.height)
        ends = (y,) if previous is None else (y, previous)
        canvas.fill_column(x, min(ends), max(ends))
        previous = y
    return _add_labels(canvas, (low, high), margin, (instants[0].date(), instants[-1].date()))


def draw_bars(
    counts: Sequence[int], first: dt.date, last: dt.date, *, width: int, ascii_only: bool = False
) -> list[str]:
    """Draw ``counts``, oldest first, as bars from zero; ``first`` and ``last`` label the axis.

    If there are more counts than dots in a line, each bar shows the highest of its neighbors.
    """
    if not counts:
        return []
    high = max(counts)
    canvas, margin = _make_canvas(0, high, width, ascii_only=ascii_only)
    for x in range(canvas.width):
        start = x * len(counts) // canvas.width
        end = max(start + 1, (x + 1) * len(counts) // canvas.width)
        count = max(counts[start:end])
        if count:
            canvas.fill_column(x, 0, _scale(count, 0, high, canvas.height))
    return _add_labels(canvas, (0, high), margin, (first, last))


def _make_canvas(low: int, high: int, width: int, *, ascii_only: bool) -> tuple[_Canvas, int]:
    """Return an empty canvas, and the width of the labels to its left."""
    margin = max(len(f"{value:,}") for value in (low, high))
    lines = HEIGHT if high > low else 1
    return _Canvas(max(_MIN_WIDTH, width - margin - 2), lines, ascii_only=ascii_only), margin


def _scale(value: int, low: int, high: int, height: int) -> int:
    return 0 if high == low else (value - low) * (height - 1) // (high - low)


def _add_labels(
    canvas: _Canvas, ends: tuple[int, int], margin: int, days: tuple[dt.date, dt.date]
) -> list[str]:
    """Return the lines with the highest and lowest value at the left, and the days below."""
    drawn = canvas.lines()
    labels = {0: f"{ends[1]:,}", len(drawn) - 1: f"{ends[0]:,}"}
    labeled = [
        f"{labels.get(number, ''):>{margin}} |{text}".rstrip() for number, text in enumerate(drawn)
    ]
    first, last = (day.isoformat() for day in days)
    cells = len(drawn[0])
    axis = first if first == last else f"{first}{last:>{max(cells - len(first), len(last) + 1)}}"
    return [*labeled, f"{'':>{margin}}  {axis}"]
