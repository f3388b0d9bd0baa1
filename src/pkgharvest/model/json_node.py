"""Typed reads from foreign JSON, such as the answer of an API.

A `JsonNode` carries the path that led to its value, so that an error can name the place:
``commits[3].commit.author.date: expected an ISO 8601 instant, got 'yesterday'``.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from pkgharvest.model.errors import Malformed

_MAX_INTEGER = 2**63 - 1
"""The largest INTEGER that SQLite can store."""

_MAX_SHOWN_CHARACTERS = 60
"""Enough foreign text to recognize in a message, and short enough for one line."""

_Value = TypeVar("_Value")


class DecodeError(Malformed):
    """A value does not have the expected shape; ``path`` names its place in the document."""

    def __init__(self, path: str, expected: str, got: object) -> None:
        names = {type(None): "null", dict: "an object", list: "a list"}
        name = names.get(type(got), type(got).__name__)
        shown = repr(got) if isinstance(got, str | int | float) else name
        if len(shown) > _MAX_SHOWN_CHARACTERS:
            shown = shown[: _MAX_SHOWN_CHARACTERS - 3] + "..."
        super().__init__(f"{path}: expected {expected}, got {shown}")
        self.path = path


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(body: bytes, name: str) -> "JsonNode":
    """Parse ``body`` as JSON (RFC 8259, UTF-8).

    ``name`` begins the path of every later error. Raises Malformed if ``body`` is not JSON, holds
    NaN or Infinity, or is nested too deep for Python's parser.

    >>> parse_json(b'{"stars": 72}', "repository")["stars"]
    JsonNode(value=72, path='repository.stars')
    """
    try:
        return JsonNode(json.loads(body, parse_constant=_reject_constant), name)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name}: not valid JSON") from error


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A value of a JSON document, and the path that led to it.

    Indexing and the readers raise DecodeError if the value is not what they expect. The
    ``optional_…`` readers and ``texts`` read a member that may be absent or null.

    >>> node = parse_json(b'{"license": null, "tags": ["a"], "files": [{"size": "big"}]}', "page")
    >>> node.optional_text("license", "spdx_id")
    >>> node.texts("tags")
    ('a',)
    >>> node["files"].sequence()[0]["size"].integer()
    Traceback (most recent call last):
    pkgharvest.model.json_node.DecodeError: page.files[0].size: expected a whole number, got 'big'
    """

    value: object
    path: str

    def __getitem__(self, key: str) -> "JsonNode":
        """Return the member ``key`` of an object. It must exist, but may be null."""
        members = self._members()
        if key not in members:
            raise DecodeError(f"{self.path}.{key}", "a value", None)
        return JsonNode(members[key], f"{self.path}.{key}")

    def get(self, *keys: str) -> "JsonNode | None":
        """Return the member at ``keys``, one inside the other.

        Return None as soon as one of them is absent or null.
        """
        node = self
        for key in keys:
            value = node._members().get(key)
            if value is None:
                return None
            node = JsonNode(value, f"{node.path}.{key}")
        return node

    def items(self) -> Iterator[tuple[str, "JsonNode"]]:
        """Yield the members of an object."""
        for key, value in self._members().items():
            # Keys are foreign text too, so the path must not carry their control characters.
            path = f"{self.path}.{ascii(key)[1:-1][:_MAX_SHOWN_CHARACTERS]}"
            yield _replace_surrogates(key), JsonNode(value, path)

    def sequence(self) -> "list[JsonNode]":
        """Return the items of a list."""
        items = self._expect(list, "a list")
        return [JsonNode(item, f"{self.path}[{index}]") for index, item in enumerate(items)]

    def text(self) -> str:
        """Return a string. Lone surrogates, which UTF-8 cannot encode, become U+FFFD."""
        return _replace_surrogates(self._expect(str, "a string"))

    def integer(self) -> int:
        """Return a whole number from 0 to the largest that SQLite can store."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise DecodeError(self.path, "a whole number", self.value)
        if not 0 <= self.value <= _MAX_INTEGER:
            raise DecodeError(self.path, "a number from 0 to 2^63-1", self.value)
        return self.value

    def boolean(self) -> bool:
        """Return true or false."""
        return self._expect(bool, "true or false")

    def instant(self) -> dt.datetime:
        """Return an ISO 8601 instant in UTC. Without an offset, UTC is assumed."""
        text = self.text()
        try:
            moment = dt.datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        except (ValueError, OverflowError) as error:
            raise DecodeError(self.path, "an ISO 8601 instant", text) from error

    def optional_text(self, *keys: str) -> str | None:
        """Return the string at ``keys``, or None if one of them is absent or null."""
        node = self.get(*keys)
        return None if node is None else node.text()

    def optional_instant(self, *keys: str) -> dt.datetime | None:
        """Return the instant at ``keys``, or None if one of them is absent or null."""
        node = self.get(*keys)
        return None if node is None else node.instant()

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of strings at ``key``, or an empty tuple if it is absent or null."""
        node = self.get(key)
        return () if node is None else tuple(item.text() for item in node.sequence())

    def _members(self) -> dict[str, object]:
        return self._expect(dict, "an object")

    def _expect(self, kind: type[_Value], expected: str) -> _Value:
        if not isinstance(self.value, kind):
            raise DecodeError(self.path, expected, self.value)
        return self.value


def _replace_surrogates(text: str) -> str:
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)
