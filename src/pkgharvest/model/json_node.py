"""Typed reads out of foreign JSON.

A ``Node`` is a value with the path that led to it, so that an error says where it is:
``commits[3].commit.author.date: expected an ISO 8601 instant, got 'yesterday'``.
"""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from pkgharvest.model.errors import Malformed

_LONGEST = 2**63 - 1
"""What an INTEGER of SQLite holds."""

_LONGEST_SHOWN = 60
"""Of foreign text in a message: enough to recognise it, short enough for a line."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class DecodeError(Malformed):
    """An answer whose shape is not the expected one; ``path`` is the place."""

    def __init__(self, path: str, expected: str, got: object) -> None:
        shown = repr(got) if isinstance(got, str | int | float) else _kind(got)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[: _LONGEST_SHOWN - 3] + "..."
        super().__init__(f"{path}: expected {expected}, got {shown}")
        self.path = path


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return type(value).__name__


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(body: bytes, name: str) -> "JsonNode":
    """Read ``body`` as JSON (RFC 8259, UTF-8); ``name`` begins the path of every error.

    Raises Malformed where it is not JSON, or nested too deep to be an answer.
    """
    try:
        return JsonNode(json.loads(body, parse_constant=_no_constant), name)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name}: not valid JSON") from error


@dataclass(frozen=True, slots=True)
class JsonNode:
    """A value out of foreign JSON, and the path that led to it."""

    value: object
    path: str

    def __getitem__(self, key: str) -> "JsonNode":
        """Return the member ``key`` of an object, which must be there (it may be null)."""
        members = self._members()
        if key not in members:
            raise DecodeError(f"{self.path}.{key}", "a value", None)
        return JsonNode(members[key], f"{self.path}.{key}")

    def get(self, key: str) -> "JsonNode | None":
        """Return the member ``key`` of an object, or None where it is absent or null."""
        value = self._members().get(key)
        return None if value is None else JsonNode(value, f"{self.path}.{key}")

    def items(self) -> Iterator[tuple[str, "JsonNode"]]:
        """Go through an object's members."""
        for key, value in self._members().items():
            # The key is foreign text as well: its escapes are not for the terminal.
            yield _clean(key), JsonNode(value, f"{self.path}.{ascii(key)[1:-1][:_LONGEST_SHOWN]}")

    def sequence(self) -> "list[JsonNode]":
        """Return the items of a list."""
        if not isinstance(self.value, list):
            raise DecodeError(self.path, "a list", self.value)
        return [JsonNode(item, f"{self.path}[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        """Return a string. Lone surrogates, which no encoding holds, become U+FFFD."""
        if not isinstance(self.value, str):
            raise DecodeError(self.path, "a string", self.value)
        return _clean(self.value)

    def integer(self) -> int:
        """Return a whole number from 0 to what SQLite can hold."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise DecodeError(self.path, "a whole number", self.value)
        if not 0 <= self.value <= _LONGEST:
            raise DecodeError(self.path, "a number from 0 to 2^63-1", self.value)
        return self.value

    def boolean(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise DecodeError(self.path, "true or false", self.value)
        return self.value

    def instant(self) -> dt.datetime:
        """Return an ISO 8601 instant, in UTC; one without an offset is taken for UTC."""
        text = self.text()
        try:
            moment = dt.datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=dt.UTC)
            return moment.astimezone(dt.UTC)
        except (ValueError, OverflowError) as error:
            raise DecodeError(self.path, "an ISO 8601 instant", text) from error

    def _members(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            raise DecodeError(self.path, "an object", self.value)
        return self.value


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)
