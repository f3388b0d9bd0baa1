"""A row of counts as a row of bars, one character each."""

from collections.abc import Sequence
from itertools import pairwise

ZERO = "."
"""Stands on the line where the bars stand; a week without a commit is no small bar."""

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = ":-=+*#%@"


def sparkline(counts: Sequence[int], cells: int | None = None, *, ascii_only: bool = False) -> str:
    """Draw ``counts``, the highest as the full bar; nothing for no counts.

    Zero is a dot, and everything above zero at least the lowest bar, so that one commit is
    seen beside a thousand. With ``cells``, neighbours are summed in groups of equal size until
    they fit (52 weeks into 26 or 13 cells); where that does not come out even, the first
    group is the short one.
    """
    if cells is not None and len(counts) > cells:
        size = -(-len(counts) // cells)
        first = len(counts) % size or size
        edges = [0, *range(first, len(counts) + 1, size)]
        counts = [sum(counts[start:end]) for start, end in pairwise(edges)]
    bars = _ASCII_BARS if ascii_only else _BARS
    highest = max(counts, default=0)
    return "".join(
        bars[(count * len(bars) - 1) // highest] if count > 0 else ZERO for count in counts
    )
