"""Writes the resources of the Django Packages API v4: packages, categories, grids, search hits.

A column is a name, a description, and a function that reads its value from a record. The keys and
their order are those of the published API. `formats` turns the values into text, and
`api_v4.decode` reads the same resources.

``show --json`` has milliseconds to start, so nothing heavy is imported here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import format_instant

if TYPE_CHECKING:
    from pkgharvest.model.collections import Category, Grid
    from pkgharvest.model.package import Package
    from pkgharvest.model.search_text import SearchHit

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
"""A value that JSON can represent."""


class OutputStyle(NamedTuple):
    """How the reader wants values written; it never changes what they mean."""

    now: dt.datetime
    """The current time, from which ages are counted."""
    zone: dt.tzinfo | None = dt.UTC
    """The time zone of printed timestamps; None means the machine's own."""
    base_url: str = ""
    """The site that links to resources begin with; "" makes links of a path alone."""


Record = TypeVar("Record")


class Column(NamedTuple, Generic[Record]):
    """One value of a record, such as a package, a category or a grid."""

    name: str
    summary: str
    """What the value means, in a few words."""
    read: Callable[[Record, OutputStyle], Json]


Field: TypeAlias = Column["Package"]
"""One value of a package."""


def resource_url(style: OutputStyle, kind: str, number: int) -> str:
    """Return the URL of a resource; ``kind`` is ``packages``, ``grids`` or ``categories``.

    >>> style = OutputStyle(now=dt.datetime.now(dt.UTC), base_url="https://example.org/")
    >>> resource_url(style, "grids", 44)
    'https://example.org/api/v4/grids/44/'
    """
    return f"{style.base_url.rstrip('/')}/api/v4/{kind}/{number}/"


def format_instant_field(moment: dt.datetime | None, style: OutputStyle) -> str | None:
    """Return ``moment`` as ISO 8601 in the reader's time zone."""
    return None if moment is None else format_instant(moment, style.zone)


def choose_columns(names: str, among: Sequence[Column[Record]]) -> tuple[Column[Record], ...]:
    """Return the columns that ``names`` lists, separated by commas, each once and in its order.

    Raises InvalidValue if a name is unknown or the list is empty; the hint has all valid names.
    """
    known = {column.name: column for column in among}
    chosen = [name for part in names.split(",") if (name := part.strip())]
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise InvalidValue(
            f"no field is called {', '.join(map(repr, unknown))}" if unknown else "no field given",
            hint=f"valid fields: {', '.join(known)}",
        )
    return tuple(known[name] for name in dict.fromkeys(chosen))


def record_values(
    record: Record, columns: Sequence[Column[Record]], style: OutputStyle
) -> dict[str, Json]:
    """Return the values of ``columns`` by name, in their order."""
    return {column.name: column.read(record, style) for column in columns}


def _category_url(package: Package, style: OutputStyle) -> Json:
    if package.category_id is None:
        return None
    return resource_url(style, "categories", package.category_id)


RECORD_FIELDS: tuple[Field, ...] = (
    Field("category", "link to its category, or null", _category_url),
    Field(
        "grids",
        "links to its grids, in the order it was added to them",
        lambda p, s: [resource_url(s, "grids", number) for number in p.grid_ids],
    ),
    Field("id", "id in this catalog", lambda p, s: p.id),
    Field("title", "display name", lambda p, s: p.title),
    Field("slug", "unique name in this catalog", lambda p, s: p.slug),
    Field(
        "last_updated",
        "committer date of the newest commit on the default branch",
        lambda p, s: format_instant_field(p.last_updated, s),
    ),
    Field(
        "last_fetched",
        "when the repository was last fetched successfully",
        lambda p, s: format_instant_field(p.last_fetched, s),
    ),
    Field("repo_url", "URL of the repository", lambda p, s: p.repo_url),
    Field("pypi_version", "latest version on PyPI, or null", lambda p, s: p.pypi_version),
    Field("created", "when it was added", lambda p, s: format_instant_field(p.created, s)),
    Field(
        "modified",
        "when its content last changed",
        lambda p, s: format_instant_field(p.modified, s),
    ),
    Field("repo_forks", "number of forks", lambda p, s: p.repo_forks),
    Field("repo_description", "description of the repository", lambda p, s: p.repo_description),
    Field("pypi_url", "URL of the project on PyPI", lambda p, s: p.pypi_url),
    Field(
        "documentation_url", "URL of the documentation, or null", lambda p, s: p.documentation_url
    ),
    Field("repo_watchers", "number of stars (a historical name)", lambda p, s: p.repo_watchers),
    Field(
        "commits_over_52",
        "commits in each of the last 52 weeks, oldest first; [] if unknown",
        lambda p, s: p.commits_over_52,
    ),
    Field("participants", "contributors, most commits first", lambda p, s: p.participants),
)
"""A package as the published API has it."""

CATEGORY_FIELDS: tuple[Column[Category], ...] = (
    Column("id", "id in this catalog", lambda c, s: c.id),
    Column("title", "display name", lambda c, s: c.title),
    Column("slug", "unique name in this catalog", lambda c, s: c.slug),
    Column("description", "what belongs in it", lambda c, s: c.description),
    Column("title_plural", "display name of several such packages", lambda c, s: c.title_plural),
    Column("show_pypi", "whether such packages are on PyPI", lambda c, s: c.show_pypi),
    Column("created", "when it was created", lambda c, s: format_instant_field(c.created, s)),
    Column("modified", "when it last changed", lambda c, s: format_instant_field(c.modified, s)),
)
"""A category as the published API has it."""

CATEGORY_FIELDS_WITH_COUNT: tuple[Column[Category], ...] = (
    *CATEGORY_FIELDS,
    Column("packages", "number of packages in it", lambda c, s: c.size),
)
"""The columns that ``--fields`` accepts for a category."""

GRID_FIELDS: tuple[Column[Grid], ...] = (
    Column("id", "id in this catalog", lambda g, s: g.id),
    Column("title", "display name", lambda g, s: g.title),
    Column("slug", "unique name in this catalog", lambda g, s: g.slug),
    Column("description", "what it compares", lambda g, s: g.description),
    Column("is_locked", "whether its packages must not change", lambda g, s: g.is_locked),
    Column(
        "packages",
        "links to its packages, ordered by title",
        lambda g, s: [resource_url(s, "packages", number) for number in g.package_ids],
    ),
    Column("header", "whether a site lists it in its header", lambda g, s: g.header),
    Column("created", "when it was created", lambda g, s: format_instant_field(g.created, s)),
    Column("modified", "when it last changed", lambda g, s: format_instant_field(g.modified, s)),
)
"""A grid as the published API has it."""


def _page_url(hit: SearchHit, style: OutputStyle) -> Json:
    path = "packages/p" if hit.item_type == "package" else "grids/g"
    return f"{style.base_url.rstrip('/')}/{path}/{hit.slug}/"


SEARCH_FIELDS: tuple[Column[SearchHit], ...] = (
    Column("title", "display name", lambda h, s: h.title),
    Column("slug", "unique name in this catalog", lambda h, s: h.slug),
    Column("description", "description", lambda h, s: h.description),
    Column("category", "title of its category", lambda h, s: h.category),
    Column("item_type", "package or grid", lambda h, s: h.item_type),
    Column("absolute_url", "its page on the site", _page_url),
    Column("repo_watchers", "number of stars; 0 for a grid", lambda h, s: h.stars),
    Column("repo_forks", "number of forks; 0 for a grid", lambda h, s: h.forks),
    Column("pypi_downloads", "downloads last month, null if unknown", lambda h, s: h.downloads),
    # Users of a site can say that they use a package; a catalog has no users.
    Column("usage", "number of users, always 0", lambda h, s: 0),
    Column("score", "score; 0 for a grid", lambda h, s: h.score),
    Column(
        "participants",
        "contributors, separated by commas",
        lambda h, s: ",".join(h.participants),
    ),
    Column(
        "last_committed",
        "date of the newest commit",
        lambda h, s: format_instant_field(h.last_committed, s),
    ),
    Column(
        "last_released",
        "upload of the latest version",
        lambda h, s: format_instant_field(h.last_released, s),
    ),
    Column("weight", "how well it matches, up to 100", lambda h, s: h.weight),
)
"""A search hit as the published API has it."""
