"""The Django Packages API v4, encoded: packages, categories and grids, key for key.

A column is a name, a line of help, and how its value is read off a record; values are what JSON
knows. ``show --json`` has milliseconds to start, so nothing heavy is imported here, and records
are named tuples, which are made in a quarter of a dataclass's time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar, Union

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import format_instant

if TYPE_CHECKING:
    from pkgharvest.model.collections import Category, Grid
    from pkgharvest.model.package import Package

Json: TypeAlias = Union[  # noqa: UP007 - a forward reference cannot be joined by |
    str, int, float, bool, Sequence["Json"], Mapping[str, "Json"], None
]


class OutputStyle(NamedTuple):
    """What the reader chose: nothing here changes a value, only how it is written."""

    now: dt.datetime
    """This instant, for ages."""
    zone: dt.tzinfo | None = dt.UTC
    """In which timestamps are printed; None is the machine's own."""
    base_url: str = ""
    """Before the links to categories and grids; empty leaves them path-absolute."""


Record = TypeVar("Record")


class Column(NamedTuple, Generic[Record]):
    """One thing that is printed of a record: of a package, a category, a grid."""

    name: str
    summary: str
    read: Callable[[Record, OutputStyle], Json]


Field: TypeAlias = Column["Package"]
"""One thing that is printed of a package."""


def resource_url(style: OutputStyle, kind: str, number: int) -> str:
    """Return the address of a resource: ``kind`` is ``packages``, ``grids`` or ``categories``."""
    return f"{style.base_url.rstrip('/')}/api/v4/{kind}/{number}/"


def _category(package: Package, style: OutputStyle) -> Json:
    if package.category_id is None:
        return None
    return resource_url(style, "categories", package.category_id)


def _grids(package: Package, style: OutputStyle) -> Json:
    return [resource_url(style, "grids", number) for number in package.grid_ids]


def format_instant_field(moment: dt.datetime | None, style: OutputStyle) -> str | None:
    """Return ``moment`` as it is printed in the reader's zone."""
    return None if moment is None else format_instant(moment, style.zone)


def choose_columns(names: str, among: Sequence[Column[Record]]) -> tuple[Column[Record], ...]:
    """Read a list of names as ``select`` does: columns ``among`` which they are."""
    known = {field.name: field for field in among}
    wanted = [name for part in names.split(",") if (name := part.strip())]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidValue(
            f"no field is called {', '.join(map(repr, unknown))}", hint=_valid(known)
        )
    if not wanted:
        raise InvalidValue("no field is named", hint=_valid(known))
    return tuple(known[name] for name in dict.fromkeys(wanted))


def _valid(known: Iterable[str]) -> str:
    return f"valid fields: {', '.join(known)}"


def record_values(
    record: Record, fields: Sequence[Column[Record]], style: OutputStyle
) -> dict[str, Json]:
    """Return the values of ``fields``, by name, in their order."""
    return {field.name: field.read(record, style) for field in fields}


RECORD_FIELDS: tuple[Field, ...] = (
    Field("category", "link to its category, or null", _category),
    Field("grids", "links to its grids, in the order it was put into them", _grids),
    Field("id", "local id", lambda p, s: p.id),
    Field("title", "what people call it", lambda p, s: p.title),
    Field("slug", "its name in the catalogue, unique", lambda p, s: p.slug),
    Field(
        "last_updated",
        "committer date of the head of the default branch",
        lambda p, s: format_instant_field(p.last_updated, s),
    ),
    Field(
        "last_fetched",
        "last success of its repository's source",
        lambda p, s: format_instant_field(p.last_fetched, s),
    ),
    Field("repo_url", "its repository", lambda p, s: p.repo_url),
    Field("pypi_version", "latest version on PyPI, or null", lambda p, s: p.pypi_version),
    Field("created", "when it was added", lambda p, s: format_instant_field(p.created, s)),
    Field(
        "modified",
        "when its content last changed",
        lambda p, s: format_instant_field(p.modified, s),
    ),
    Field("repo_forks", "forks", lambda p, s: p.repo_forks),
    Field("repo_description", "the repository's description", lambda p, s: p.repo_description),
    Field("pypi_url", "its page on PyPI", lambda p, s: p.pypi_url),
    Field("documentation_url", "its documentation, or null", lambda p, s: p.documentation_url),
    Field("repo_watchers", "stars (the API's historical name)", lambda p, s: p.repo_watchers),
    Field(
        "commits_over_52",
        "commits in each of the last 52 weeks, oldest first; [] for unknown",
        lambda p, s: p.commits_over_52,
    ),
    Field("participants", "who contributed, most commits first", lambda p, s: p.participants),
)
"""The record: the keys of the published API, in its order."""


def _packages(grid: Grid, style: OutputStyle) -> Json:
    return [resource_url(style, "packages", number) for number in grid.package_ids]


CATEGORY_FIELDS: tuple[Column[Category], ...] = (
    Column("id", "local id", lambda c, s: c.id),
    Column("title", "what people call it", lambda c, s: c.title),
    Column("slug", "its name in the catalogue, unique", lambda c, s: c.slug),
    Column("description", "what belongs into it", lambda c, s: c.description),
    Column("title_plural", "what people call several of its kind", lambda c, s: c.title_plural),
    Column("show_pypi", "whether PyPI tells of such packages", lambda c, s: c.show_pypi),
    Column("created", "when it was made", lambda c, s: format_instant_field(c.created, s)),
    Column("modified", "when it last changed", lambda c, s: format_instant_field(c.modified, s)),
)
"""A category, in the API's order."""

CATEGORY_FIELDS_WITH_COUNT: tuple[Column[Category], ...] = (
    *CATEGORY_FIELDS,
    Column("packages", "how many packages are in it", lambda c, s: c.size),
)
"""What ``--fields`` may name of a category."""

GRID_FIELDS: tuple[Column[Grid], ...] = (
    Column("id", "local id", lambda g, s: g.id),
    Column("title", "what people call it", lambda g, s: g.title),
    Column("slug", "its name in the catalogue, unique", lambda g, s: g.slug),
    Column("description", "what it compares", lambda g, s: g.description),
    Column("is_locked", "whether its packages stay as they are", lambda g, s: g.is_locked),
    Column("packages", "links to its packages, by title", _packages),
    Column("header", "whether a site names it at its head", lambda g, s: g.header),
    Column("created", "when it was made", lambda g, s: format_instant_field(g.created, s)),
    Column("modified", "when it last changed", lambda g, s: format_instant_field(g.modified, s)),
)
"""A grid, in the API's order."""
