"""JSON: one object, a list of them, or one a line (JSON lines).

Text is printed as it is, as the published API does, except for what could act on a terminal
or hide in it: that is escaped, so every reader of JSON gets it back unchanged.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring

from pkgharvest.api_v4.encode import Column, Json, OutputStyle, Record, record_values
from pkgharvest.formats.sanitize import HIDDEN_CHARACTERS

_MARGIN = "\n" + 4 * " "

_encoded = json.JSONEncoder(ensure_ascii=False).encode


def compact(value: Json) -> str:
    r"""Return ``value`` on one line: ``json.dumps`` with hidden characters as ``\uXXXX``."""
    return _escaped(_encoded(value))


def object_text(record: Record, fields: Sequence[Column[Record]], style: OutputStyle) -> str:
    """Return one record as an indented object and a line end."""
    return f"{_object(record, fields, style)}\n"


def array_pieces(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield the pieces of an indented list, a record at a time; ``[]`` where there are none."""
    opening = "["
    for record in records:
        yield f"{opening}{_MARGIN}{_object(record, fields, style, _MARGIN)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def jsonl_lines(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield one object a line (JSON lines)."""
    for record in records:
        yield f"{compact(record_values(record, fields, style))}\n"


def _object(
    record: Record, fields: Sequence[Column[Record]], style: OutputStyle, margin: str = "\n"
) -> str:
    return _escaped(_indented(record_values(record, fields, style), margin))


def _indented(value: Json, margin: str) -> str:
    """Return what ``json.dumps`` does with an indent, in a third of the time.

    Its encoder in C knows no indent, but does a list of scalars whose separator is one.
    ``margin`` is the line end and what begins a line.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if not value or not isinstance(value, (Mapping, list, tuple)):
        return _encoded(value)
    deeper = margin + _MARGIN[1:]
    if isinstance(value, Mapping):
        members = [f"{encode_basestring(key)}: {_indented(value[key], deeper)}" for key in value]
        return f"{{{deeper}{f',{deeper}'.join(members)}{margin}}}"
    if all(type(one) is int or type(one) is str for one in value):
        return f"[{deeper}{_separated(deeper).encode(value)[1:-1]}{margin}]"
    return f"[{deeper}{f',{deeper}'.join(_indented(one, deeper) for one in value)}{margin}]"


@functools.cache
def _separated(deeper: str) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, separators=(f",{deeper}", ": "))


def _escaped(document: str) -> str:
    # JSON has escaped all of ASCII that hides, but for DEL; most documents have nothing else.
    if document.isascii() and "\x7f" not in document:
        return document
    return HIDDEN_CHARACTERS.sub(_escape, document)


def _escape(found: re.Match[str]) -> str:
    # Outside of the Basic Multilingual Plane JSON wants a surrogate pair (RFC 8259, section 7).
    return json.dumps(found[0])[1:-1]
