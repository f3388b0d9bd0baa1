"""Counts drawn as a row of bars, one character each."""

from collections.abc import Sequence
from itertools import pairwise

ZERO = "."
"""Marks a count of zero; a week without commits must not look like a small bar."""

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = ":-=+*#%@"


def sparkline(counts: Sequence[int], cells: int | None = None, *, ascii_only: bool = False) -> str:
    """Draw ``counts``, scaled so that the highest is a full bar; "" for no counts.

    Zero is a dot. Anything above zero is at least the lowest bar, so that one commit is visible
    beside a thousand. If there are more counts than ``cells``, neighbors are summed in groups of
    equal size (52 weeks fit into 26 or 13 cells); if that leaves a remainder, the first group is
    shorter.

    >>> sparkline([0, 1, 2, 4, 8])
    '.▁▂▄█'
    >>> sparkline([0, 1, 2, 4, 8], cells=3, ascii_only=True)
    '.-@'
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
