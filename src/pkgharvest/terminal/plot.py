"""A figure over time, drawn with characters: a line for what stands, bars for what is counted.

Braille cells hold two by four dots each; where the screen has none, a cell is one dot.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

HEIGHT = 10
"""Lines between the axes; one where there is no more than one value."""

_NARROWEST = 8
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""By row and column of a cell (Unicode, chapter 21.1)."""


class Point(NamedTuple):
    """A figure, and from when on it was so."""

    at: dt.datetime
    value: int | None
    """None where it was not known."""


class _Raster:
    """A field of dots, counted from the lower left."""

    def __init__(self, cells: int, lines: int, *, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self.width, self.height = cells * self._across, lines * self._down
        self._cells = [[0] * cells for _ in range(lines)]

    def column(self, x: int, low: int, high: int) -> None:
        """Set the dots from ``low`` to ``high``, both included."""
        for y in range(low, high + 1):
            line, row = divmod(self.height - 1 - y, self._down)
            cell, place = divmod(x, self._across)
            self._cells[line][cell] |= _DOTS[row][place]

    def lines(self) -> list[str]:
        if self._ascii_only:
            return ["".join("*" if dots else " " for dots in line) for line in self._cells]
        return [
            "".join(chr(_BRAILLE + dots) if dots else " " for dots in line) for line in self._cells
        ]


def line(points: Sequence[Point], *, width: int, ascii_only: bool = False) -> list[str]:
    """Draw ``points``, oldest first, as steps: each stands until the next one.

    The axis goes from the lowest value to the highest. ``width`` is in characters, axes included.
    Nothing for no value that is known.
    """
    values = [point.value for point in points if point.value is not None]
    if not values:
        return []
    low, high = min(values), max(values)
    raster, margin = _raster(low, high, width, ascii_only=ascii_only)
    instants = [point.at for point in points]
    length = instants[-1] - instants[0]
    before: int | None = None
    for x in range(raster.width):
        moment = instants[0] + length * x / max(1, raster.width - 1)
        # The last one ends the line, however short it stood.
        place = len(points) if x == raster.width - 1 else bisect_right(instants, moment)
        value = points[place - 1].value
        if value is None:
            before = None
            continue
        y = _level(value, low, high, raster.height)
        others = (y,) if before is None else (y, before)
        raster.column(x, min(others), max(others))
        before = y
    return _framed(raster, (low, high), margin, (instants[0].date(), instants[-1].date()))


def bars(
    counts: Sequence[int], first: dt.date, last: dt.date, *, width: int, ascii_only: bool = False
) -> list[str]:
    """Draw ``counts``, oldest first, as bars from zero on; ``first`` and ``last`` are their days.

    Where there are more than dots in a line, each bar is the highest of its neighbours.
    """
    if not counts:
        return []
    high = max(counts)
    raster, margin = _raster(0, high, width, ascii_only=ascii_only)
    for x in range(raster.width):
        start = x * len(counts) // raster.width
        end = max(start + 1, (x + 1) * len(counts) // raster.width)
        count = max(counts[start:end])
        if count:
            raster.column(x, 0, _level(count, 0, high, raster.height))
    return _framed(raster, (0, high), margin, (first, last))


def _raster(low: int, high: int, width: int, *, ascii_only: bool) -> tuple[_Raster, int]:
    """Return what to draw on, and how many characters the figures beside it take."""
    margin = max(len(f"{value:,}") for value in (low, high))
    lines = HEIGHT if high > low else 1
    return _Raster(max(_NARROWEST, width - margin - 2), lines, ascii_only=ascii_only), margin


def _level(value: int, low: int, high: int, height: int) -> int:
    return 0 if high == low else (value - low) * (height - 1) // (high - low)


def _framed(
    raster: _Raster, ends: tuple[int, int], margin: int, days: tuple[dt.date, dt.date]
) -> list[str]:
    """Put the highest and the lowest figure beside the lines, and the days under them."""
    drawn = raster.lines()
    labels = {0: f"{ends[1]:,}", len(drawn) - 1: f"{ends[0]:,}"}
    framed = [
        f"{labels.get(number, ''):>{margin}} |{text}".rstrip() for number, text in enumerate(drawn)
    ]
    first, last = (day.isoformat() for day in days)
    cells = len(drawn[0])
    below = first if first == last else f"{first}{last:>{max(cells - len(first), len(last) + 1)}}"
    return [*framed, f"{'':>{margin}}  {below}"]
