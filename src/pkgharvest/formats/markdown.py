"""Markdown: a table as GitHub reads it, a row for each record, with the cells of the CSV.

Text stays text: what would start markup, HTML or another cell is escaped, and no more than
that, so that the source can be read too.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pkgharvest.api_v4.encode import Column, OutputStyle, Record
from pkgharvest.formats.delimited import cell_rows

_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()+,;=%-]+")
"""A cell that is an address and nothing else: it is a link already, an escape would break it."""

_MARKUP = re.compile(
    r"""
      [\\`*|~]              # escapes, code, emphasis, the next cell, strike-through
    | (?<![^\W_])_          # emphasis begins or ends at the edge of a word,
    | _(?![^\W_])           # within one an underscore is nothing
    | \](?=[(\[:])          # a link needs its address: without it brackets are brackets
    """,
    re.VERBOSE,
)
_ENTITY = re.compile(r"&(?=#|\w+;)")


def markdown_lines(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    for number, row in enumerate(cell_rows(records, fields, style)):
        yield f"| {' | '.join(map(markdown_cell, row))} |\n"
        if number == 0:
            yield f"|{' --- |' * len(fields)}\n"


def markdown_cell(text: str) -> str:
    """Return ``text``, which fits on one line, as a cell in which it stays text."""
    if _URL.fullmatch(text):
        return text
    escaped = _MARKUP.sub(r"\\\g<0>", _ENTITY.sub("&amp;", text))
    return escaped.replace("<", "&lt;")
