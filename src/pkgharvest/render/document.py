"""JSON: one object, a list of them, or one a line (JSON lines).

Text is printed as it is, as the published API does, except for what could act on a terminal
or hide in it: that is escaped, so every reader of JSON gets it back unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from pkgharvest.render.fields import Column, Json, Record, Style, values
from pkgharvest.render.terminal import HIDDEN

_INDENT = 4


def compact(value: Json) -> str:
    r"""Return ``value`` on one line: ``json.dumps`` with hidden characters as ``\uXXXX``."""
    return _escaped(json.dumps(value, ensure_ascii=False))


def one(record: Record, fields: Sequence[Column[Record]], style: Style) -> str:
    """Return one record as an indented object and a line end."""
    return f"{_object(record, fields, style)}\n"


def array(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: Style
) -> Iterator[str]:
    """Yield the pieces of an indented list, a record at a time; ``[]`` where there are none."""
    margin = " " * _INDENT
    opening = "["
    for record in records:
        # A line end within a string is escaped: those that are left are the indentation's.
        body = _object(record, fields, style).replace("\n", f"\n{margin}")
        yield f"{opening}\n{margin}{body}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def lines(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: Style
) -> Iterator[str]:
    """Yield one object a line (JSON lines)."""
    for record in records:
        yield f"{compact(values(record, fields, style))}\n"


def _object(record: Record, fields: Sequence[Column[Record]], style: Style) -> str:
    told = values(record, fields, style)
    return _escaped(json.dumps(told, ensure_ascii=False, indent=_INDENT))


def _escaped(document: str) -> str:
    return HIDDEN.sub(_escape, document)


def _escape(found: re.Match[str]) -> str:
    # Outside of the Basic Multilingual Plane JSON wants a surrogate pair (RFC 8259, section 7).
    return json.dumps(found[0])[1:-1]
