"""The resources of the Django Packages API v4, read: packages, grids and categories.

They are told apart by their keys. What a resource does not hold is not told, which is another
thing than null; and what it holds beyond the API's own keys is kept as it stands.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pkgharvest.model.json_node import DecodeError, JsonNode

Kind = Literal["package", "grid", "category"]
KINDS: tuple[Kind, ...] = ("package", "grid", "category")

Value: TypeAlias = str | int | dt.datetime | tuple[int, ...] | tuple[str, ...] | None

WEEKS = 52

_LARGEST_ID = 2**53 - 1
"""What every reader of JSON holds exactly (RFC 8259, section 6), and leaves room for new ids."""

_LEFT_OUT = frozenset({"id", "comparison"})
"""Read by itself; and what ``grid show`` adds to a grid, which follows from its packages."""

_MOST_COMMITS = 2**40
"""In a week: what all of them sum up to is a number that every program can hold."""

_YEARS = range(2, 9999)
"""In these an instant can be printed in every zone."""

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""Django's slug, which is the API's."""

_LINK = re.compile(r"(?:https?://[^/?#\s]+)?/(?:[^?#\s]*/)?(\w+)/([0-9]{1,16})/?(?:\?[^#\s]*)?")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?"
_PROJECT = re.compile(
    r"https?://(?:www\.)?(?:pypi\.python\.org|pypi\.org)/(?:pypi|project|simple|p)"
    rf"/({_NAME})(?:[/?#]\S*)?|({_NAME})",
    re.IGNORECASE,
)
"""PyPI's page of a project in the forms that it has had, or its name alone, by PEP 508."""

_CREDENTIALS = re.compile(r"https?://[^/?#\s]*@|[a-z0-9+.-]+://[^/?#\s]*:[^/?#\s]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as it was told."""

    kind: Kind
    id: int
    slug: str
    told: Mapping[str, Value]
    """By the API's names, ``id`` aside. Links are the numbers that they end in."""
    extra: Mapping[str, object]
    """What stands under other names, as JSON has it."""


def resource_kind(node: JsonNode) -> Kind | None:
    """Tell what ``node`` is by its keys, whatever they hold; None for nothing of the kind."""
    if not isinstance(node.value, dict) or "slug" not in node.value:
        return None
    for kind, keys in _TELLING.items():
        if not keys.isdisjoint(node.value):
            return kind
    return None


def decode_resource(node: JsonNode) -> Resource:
    """Read one resource; DecodeError, with the path to the fault, for what is none."""
    kind = resource_kind(node)
    if kind is None:
        raise DecodeError(node.path, "a package, a grid or a category", node.value)
    readers = _READERS[kind]
    told: dict[str, Value] = {}
    extra: dict[str, object] = {}
    for key, member in node.items():
        if key in readers:
            told[key] = readers[key](member)
        elif key not in _LEFT_OUT:
            require_json(member)
            extra[key] = member.value
    for key in ("slug", "title"):
        if key not in told:
            raise DecodeError(f"{node.path}.{key}", "a string", None)
    return Resource(
        kind=kind, id=number(node["id"]), slug=str(told["slug"]), told=told, extra=extra
    )


def project_name(url: str) -> str | None:
    """Return the name of the project whose page at PyPI ``url`` is, in any form it ever had."""
    found = _PROJECT.fullmatch(url)
    return None if found is None else found[1] or found[2]


# ── values ──


def number(node: JsonNode) -> int:
    """Read an id: from 1 on, and no larger than every program can hold."""
    value = node.integer()
    if not 0 < value <= _LARGEST_ID:
        raise DecodeError(node.path, "an id from 1 to 2^53-1", value)
    return value


def slug(node: JsonNode) -> str:
    """Read a slug as the API may have it: letters of either case, digits, ``-`` and ``_``."""
    text = node.text()
    if _SLUG.fullmatch(text) is None:
        raise DecodeError(node.path, "a slug", text)
    return text


def instant(node: JsonNode) -> dt.datetime:
    """Read an instant that can be printed in every zone."""
    moment = node.instant()
    if moment.year not in _YEARS:
        raise DecodeError(node.path, "an instant of our era", node.text())
    return moment


def weeks(node: JsonNode) -> tuple[int, ...]:
    """Read the counts of 52 weeks, or nothing, which is: not known."""
    counts = tuple(item.integer() for item in node.sequence())
    if len(counts) not in {0, WEEKS}:
        raise DecodeError(node.path, "52 numbers or none", f"{len(counts)} of them")
    if max(counts, default=0) > _MOST_COMMITS:
        raise DecodeError(node.path, "numbers of commits", max(counts))
    return counts


def location(node: JsonNode) -> str:
    """Read a URL as it stands, "" for none; one with a password in it is nothing to keep."""
    text = "" if node.value is None else node.text()
    if _CREDENTIALS.match(text):
        raise DecodeError(node.path, "a URL without credentials", "***")
    return text


def texts(node: JsonNode) -> tuple[str, ...]:
    """Read a list of strings."""
    return tuple(item.text() for item in node.sequence())


def _each_once(node: JsonNode) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts(node)))


def _optional(read_it: Callable[[JsonNode], Value]) -> Callable[[JsonNode], Value]:
    return lambda node: None if node.value is None else read_it(node)


def _text(node: JsonNode) -> str:
    """Read a string; null, which the API never has there, is none."""
    return "" if node.value is None else node.text()


def _flag(node: JsonNode) -> int:
    return int(node.boolean())


def _title(node: JsonNode) -> str:
    text = node.text()
    if not text.strip():
        raise DecodeError(node.path, "a title", text)
    return text


def _link_to(resource: str) -> Callable[[JsonNode], int]:
    def read_link(node: JsonNode) -> int:
        found = _LINK.fullmatch(node.text())
        if found is None or found[1] != resource or not 0 < int(found[2]) <= _LARGEST_ID:
            raise DecodeError(node.path, f"a link that ends in {resource}/<id>/", node.text())
        return int(found[2])

    return read_link


def _links_to(resource: str) -> Callable[[JsonNode], tuple[int, ...]]:
    read_link = _link_to(resource)
    return lambda node: tuple(dict.fromkeys(read_link(item) for item in node.sequence()))


def require_json(node: JsonNode) -> None:
    """Refuse what Python reads as JSON, and could not write as such again."""
    try:
        json.dumps(node.value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise DecodeError(node.path, "numbers that can be kept", node.value) from error


_TELLING: Mapping[Kind, frozenset[str]] = {
    "category": frozenset({"title_plural", "show_pypi"}),
    "grid": frozenset({"is_locked", "header", "packages"}),
    "package": frozenset({"repo_url", "repo_watchers", "pypi_url", "commits_over_52"}),
}
"""Keys that no other resource has; one of them is enough."""

_READERS: Mapping[Kind, Mapping[str, Callable[[JsonNode], Value]]] = {
    "category": {
        "title": _title,
        "slug": slug,
        "description": _text,
        "title_plural": _text,
        "show_pypi": _flag,
        "created": instant,
        "modified": instant,
    },
    "grid": {
        "title": _title,
        "slug": slug,
        "description": _text,
        "is_locked": _flag,
        "header": _flag,
        "packages": _links_to("packages"),
        "created": instant,
        "modified": instant,
    },
    "package": {
        "category": _optional(_link_to("categories")),
        "grids": _links_to("grids"),
        "title": _title,
        "slug": slug,
        "last_updated": _optional(instant),
        "last_fetched": _optional(instant),
        "repo_url": location,
        "pypi_version": _optional(JsonNode.text),
        "created": instant,
        "modified": instant,
        "repo_forks": JsonNode.integer,
        "repo_description": _text,
        "pypi_url": location,
        "documentation_url": _optional(location),
        "repo_watchers": JsonNode.integer,
        "commits_over_52": weeks,
        "participants": _each_once,
    },
}
