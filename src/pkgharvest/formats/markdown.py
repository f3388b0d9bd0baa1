"""Markdown: a table as GitHub renders it, with the same cells as the CSV.

Text stays text: what would start markup, HTML or another cell is escaped. Everything else is left
alone, so that the source is readable too.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.formats.delimited import cell_rows

_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()+,;=%-]+")
"""A cell that is nothing but a URL: GitHub links it by itself, and escapes would break it."""

_MARKUP = re.compile(
    r"""
      [\\`*|~]              # escapes, code, emphasis, the next cell, strikethrough
    | (?<![^\W_])_          # an underscore starts or ends emphasis at the edge of a word,
    | _(?![^\W_])           # but not within one
    | \](?=[(\[:])          # brackets make a link only if its address follows
    """,
    re.VERBOSE,
)


def markdown_lines(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield the lines of a table with one row per record."""
    for number, row in enumerate(cell_rows(records, columns, style)):
        yield markdown_row(map(markdown_cell, row))
        if number == 0:
            yield markdown_rule(len(columns))


def markdown_row(cells: Iterable[str]) -> str:
    """Return one line of a table; ``cells`` are escaped already."""
    return f"| {' | '.join(cells)} |\n"


def markdown_rule(columns: int) -> str:
    """Return the line below the header of a table."""
    return f"|{' --- |' * columns}\n"


def markdown_cell(text: str) -> str:
    r"""Escape ``text``, which must be on one line, for a cell of a table.

    >>> print(markdown_cell("a|b, **bold**, snake_case and [a](link)"))
    a\|b, \*\*bold\*\*, snake_case and [a\](link)
    >>> print(markdown_cell("<b>"), markdown_cell("https://example.org/__init__"))
    &lt;b> https://example.org/__init__
    """
    if _URL.fullmatch(text):
        return text
    escaped = _MARKUP.sub(r"\\\g<0>", re.sub(r"&(?=#|\w+;)", "&amp;", text))
    return escaped.replace("<", "&lt;")
