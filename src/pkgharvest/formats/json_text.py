"""JSON: one object, a list of objects, or one object per line (JSON lines).

Text is printed unescaped, as the published API does. Only characters that could control a terminal
or hide in it are escaped; every JSON reader restores them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring

from pkgharvest.api_v4.encode import Column, Json, OutputStyle, Record, record_values
from pkgharvest.formats.sanitize import HIDDEN_CHARACTERS

_INDENT = 4 * " "
_ITEM_START = "\n" + _INDENT

_encode = json.JSONEncoder(ensure_ascii=False).encode


def compact_json(value: Json) -> str:
    r"""Return ``value`` as JSON on one line, with hidden characters escaped.

    >>> print(compact_json({"title": "caf\u00e9", "note": "\x9b2J"}))
    {"title": "café", "note": "\u009b2J"}
    """
    return _escape_hidden(_encode(value))


def object_text(record: Record, columns: Sequence[Column[Record]], style: OutputStyle) -> str:
    """Return one record as an indented object, with a line end."""
    return f"{_indented_object(record, columns, style)}\n"


def array_pieces(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield an indented list in pieces, one per record; ``[]`` if there are no records."""
    opening = "["
    for record in records:
        yield f"{opening}{_ITEM_START}{_indented_object(record, columns, style, _ITEM_START)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def jsonl_lines(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Return one object per line (JSON lines)."""
    return (f"{compact_json(record_values(record, columns, style))}\n" for record in records)


def _indented_object(
    record: Record, columns: Sequence[Column[Record]], style: OutputStyle, line_start: str = "\n"
) -> str:
    return _escape_hidden(_indent(record_values(record, columns, style), line_start))


def _indent(value: Json, line_start: str) -> str:
    """Return what ``json.dumps`` returns with an indent, in a third of the time.

    With an indent, `json` falls back to Python code. Its C encoder writes a list of scalars if
    the line break is passed as separator. ``line_start`` is the line end with the indent.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if not value or not isinstance(value, (Mapping, list, tuple)):
        return _encode(value)
    inner = line_start + _INDENT
    if isinstance(value, Mapping):
        members = [f"{encode_basestring(key)}: {_indent(value[key], inner)}" for key in value]
        return f"{{{inner}{f',{inner}'.join(members)}{line_start}}}"
    if all(type(item) is int or type(item) is str for item in value):
        return f"[{inner}{_line_encoder(inner).encode(value)[1:-1]}{line_start}]"
    return f"[{inner}{f',{inner}'.join(_indent(item, inner) for item in value)}{line_start}]"


@functools.cache
def _line_encoder(line_start: str) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, separators=(f",{line_start}", ": "))


def _escape_hidden(document: str) -> str:
    # In ASCII, `json` has escaped every hidden character but DEL. Most documents end here.
    if document.isascii() and "\x7f" not in document:
        return document
    return re.sub(HIDDEN_CHARACTERS, _escape_match, document)


def _escape_match(match: re.Match[str]) -> str:
    # Outside the Basic Multilingual Plane, JSON needs a surrogate pair (RFC 8259, section 7).
    return json.dumps(match[0])[1:-1]
