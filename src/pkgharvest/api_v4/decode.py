"""Reads the resources of the Django Packages API v4: packages, grids and categories.

A resource is recognized by its keys. A key that is missing means "not stated", which is not the
same as null. Keys that the API does not define are kept as they are.

Nothing is stored here. `api_v4.encode` writes the same resources.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pkgharvest.model.activity import WEEKS
from pkgharvest.model.json_node import DecodeError, JsonNode

Kind = Literal["package", "grid", "category"]

Value: TypeAlias = str | int | dt.datetime | tuple[int, ...] | tuple[str, ...] | None

_MAX_ID = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, section 6)."""

_SKIPPED_KEYS = frozenset({"id", "comparison"})
"""``id`` is read separately; ``comparison``, added by ``grid show``, follows from the packages."""

_MAX_WEEKLY_COMMITS = 2**40
"""Keeps the sum of 52 weeks within what every program can hold."""

_YEARS = range(2, 9999)
"""Years whose instants can be converted to any time zone without leaving the calendar."""

_SLUG = re.compile(r"[A-Za-z0-9_-]{1,200}")
"""A slug as Django defines it."""

_LINK = re.compile(r"(?:https?://[^/?#\s]+)?/(?:[^?#\s]*/)?(\w+)/([0-9]{1,16})/?(?:\?[^#\s]*)?")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?"
_PROJECT = re.compile(
    r"https?://(?:www\.)?(?:pypi\.python\.org|pypi\.org)/(?:pypi|project|simple|p)"
    rf"/({_NAME})(?:[/?#]\S*)?|({_NAME})",
    re.IGNORECASE,
)
"""A project's page on PyPI, in every form it has had, or the project's name alone (PEP 508)."""

_CREDENTIALS = re.compile(r"https?://[^/?#\s]*@|[a-z0-9+.-]+://[^/?#\s]*:[^/?#\s]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource, as it was stated."""

    kind: Kind
    id: int
    slug: str
    values: Mapping[str, Value]
    """The stated values by the API's keys, without ``id``. Links are reduced to their ids."""
    extra: Mapping[str, object]
    """Values under keys that the API does not define, as parsed JSON."""


def resource_kind(node: JsonNode) -> Kind | None:
    """Recognize a resource by its keys, whatever their values; None if it is not one."""
    if not isinstance(node.value, dict) or "slug" not in node.value:
        return None
    kinds = (kind for kind, keys in _DISTINCTIVE_KEYS.items() if not keys.isdisjoint(node.value))
    return next(kinds, None)


def decode_resource(node: JsonNode) -> Resource:
    """Read one resource.

    Raises DecodeError, with the path of the wrong value.

    >>> record = {
    ...     "id": 44,
    ...     "title": "Trees",
    ...     "slug": "trees",
    ...     "packages": ["/api/v4/packages/7/", "/api/v4/packages/3/"],
    ...     "is_locked": False,
    ...     "color": "green",
    ... }
    >>> grid = decode_resource(JsonNode(record, "grids.json"))
    >>> grid.kind, grid.id, grid.slug
    ('grid', 44, 'trees')
    >>> grid.values
    {'title': 'Trees', 'slug': 'trees', 'packages': (7, 3), 'is_locked': 0}
    >>> grid.extra
    {'color': 'green'}
    """
    kind = resource_kind(node)
    if kind is None:
        raise DecodeError(node.path, "a package, a grid or a category", node.value)
    decoders = _DECODERS[kind]
    values: dict[str, Value] = {}
    extra: dict[str, object] = {}
    for key, member in node.items():
        if key in decoders:
            values[key] = decoders[key](member)
        elif key not in _SKIPPED_KEYS:
            require_json(member)
            extra[key] = member.value
    for key in ("slug", "title"):
        if key not in values:
            raise DecodeError(f"{node.path}.{key}", "a string", None)
    return Resource(
        kind=kind,
        id=decode_id(node["id"]),
        slug=str(values["slug"]),
        values=values,
        extra=extra,
    )


def parse_project_name(url: str) -> str | None:
    """Return the name of the project whose PyPI page ``url`` is, or None if it is no such page.

    >>> parse_project_name("https://pypi.python.org/pypi/django-ltree/0.6.0")
    'django-ltree'
    >>> parse_project_name("https://example.org/django-ltree")
    """
    match = _PROJECT.fullmatch(url)
    return None if match is None else match[1] or match[2]


# ── values ──


def decode_id(node: JsonNode) -> int:
    """Read an id: from 1 to the largest integer that every program keeps exact."""
    number = node.integer()
    if not 0 < number <= _MAX_ID:
        raise DecodeError(node.path, "an id from 1 to 2^53-1", number)
    return number


def decode_slug(node: JsonNode) -> str:
    """Read a slug as the API allows it: letters of either case, digits, ``-`` and ``_``."""
    text = node.text()
    if _SLUG.fullmatch(text) is None:
        raise DecodeError(node.path, "a slug", text)
    return text


def decode_instant(node: JsonNode) -> dt.datetime:
    """Read an instant that can be converted to any time zone."""
    moment = node.instant()
    if moment.year not in _YEARS:
        raise DecodeError(node.path, "an instant from year 2 to 9998", node.text())
    return moment


def decode_weeks(node: JsonNode) -> tuple[int, ...]:
    """Read the commit counts of 52 weeks, or an empty list if they are not known."""
    counts = tuple(item.integer() for item in node.sequence())
    if len(counts) not in {0, WEEKS}:
        raise DecodeError(node.path, "52 numbers or none", f"{len(counts)} of them")
    if max(counts, default=0) > _MAX_WEEKLY_COMMITS:
        raise DecodeError(node.path, "at most 2^40 commits a week", max(counts))
    return counts


def decode_url(node: JsonNode) -> str:
    """Read a URL unchanged; null becomes "". Rejects a URL with credentials, which are secret."""
    text = _decode_text(node)
    if _CREDENTIALS.match(text):
        raise DecodeError(node.path, "a URL without credentials", "***")
    return text


def decode_texts(node: JsonNode) -> tuple[str, ...]:
    """Read a list of strings."""
    return tuple(item.text() for item in node.sequence())


def require_json(node: JsonNode) -> None:
    """Reject a value that Python can parse but not write back as JSON, such as 1e999."""
    try:
        json.dumps(node.value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise DecodeError(node.path, "numbers that JSON can hold", node.value) from error


def _optional(decode: Callable[[JsonNode], Value]) -> Callable[[JsonNode], Value]:
    return lambda node: None if node.value is None else decode(node)


def _decode_text(node: JsonNode) -> str:
    """Read a string. The API never states null here; if another program does, it is ""."""
    return "" if node.value is None else node.text()


def _decode_flag(node: JsonNode) -> int:
    return int(node.boolean())


def _decode_title(node: JsonNode) -> str:
    text = node.text()
    if not text.strip():
        raise DecodeError(node.path, "a title", text)
    return text


def _link_decoder(resource: str) -> Callable[[JsonNode], int]:
    def decode_link(node: JsonNode) -> int:
        match = _LINK.fullmatch(node.text())
        if match is None or match[1] != resource or not 0 < int(match[2]) <= _MAX_ID:
            raise DecodeError(node.path, f"a link that ends in {resource}/<id>/", node.text())
        return int(match[2])

    return decode_link


def _links_decoder(resource: str) -> Callable[[JsonNode], tuple[int, ...]]:
    decode_link = _link_decoder(resource)
    return lambda node: tuple(dict.fromkeys(decode_link(item) for item in node.sequence()))


_DISTINCTIVE_KEYS: Mapping[Kind, frozenset[str]] = {
    "category": frozenset({"title_plural", "show_pypi"}),
    "grid": frozenset({"is_locked", "header", "packages"}),
    "package": frozenset({"repo_url", "repo_watchers", "pypi_url", "commits_over_52"}),
}
"""Keys that only this kind of resource has; one of them identifies it."""

_DECODERS: Mapping[Kind, Mapping[str, Callable[[JsonNode], Value]]] = {
    "category": {
        "title": _decode_title,
        "slug": decode_slug,
        "description": _decode_text,
        "title_plural": _decode_text,
        "show_pypi": _decode_flag,
        "created": decode_instant,
        "modified": decode_instant,
    },
    "grid": {
        "title": _decode_title,
        "slug": decode_slug,
        "description": _decode_text,
        "is_locked": _decode_flag,
        "header": _decode_flag,
        "packages": _links_decoder("packages"),
        "created": decode_instant,
        "modified": decode_instant,
    },
    "package": {
        "category": _optional(_link_decoder("categories")),
        "grids": _links_decoder("grids"),
        "title": _decode_title,
        "slug": decode_slug,
        "last_updated": _optional(decode_instant),
        "last_fetched": _optional(decode_instant),
        "repo_url": decode_url,
        "pypi_version": _optional(JsonNode.text),
        "created": decode_instant,
        "modified": decode_instant,
        "repo_forks": JsonNode.integer,
        "repo_description": _decode_text,
        "pypi_url": decode_url,
        "documentation_url": _optional(decode_url),
        "repo_watchers": JsonNode.integer,
        "commits_over_52": decode_weeks,
        "participants": lambda node: tuple(dict.fromkeys(decode_texts(node))),
    },
}
