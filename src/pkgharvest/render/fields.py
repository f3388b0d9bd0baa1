"""The closed list of fields, one for every format, in the order in which they are printed.

The first 18 are the package resource of the Django Packages API v4, key for key; ``--full``
adds the rest. A field is a name, a line of help, and how its value is read off a package;
values are what JSON knows.

``show --json`` has milliseconds to start in. So nothing heavy is imported before a field that
needs it is read, and the two records are named tuples, made in a quarter of a dataclass's time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar, Union

from pkgharvest.errors import InvalidValue
from pkgharvest.instants import format_instant

if TYPE_CHECKING:
    from pkgharvest.package import Package

Json: TypeAlias = Union[  # noqa: UP007 - a forward reference cannot be joined by |
    str, int, float, bool, Sequence["Json"], Mapping[str, "Json"], None
]


class Style(NamedTuple):
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
    read: Callable[[Record, Style], Json]


Field: TypeAlias = Column["Package"]
"""One thing that is printed of a package."""


def link(style: Style, kind: str, number: int) -> str:
    """Return the address of a resource: ``kind`` is ``packages``, ``grids`` or ``categories``."""
    return f"{style.base_url.rstrip('/')}/api/v4/{kind}/{number}/"


def _category(package: Package, style: Style) -> Json:
    if package.category_id is None:
        return None
    return link(style, "categories", package.category_id)


def _grids(package: Package, style: Style) -> Json:
    return [link(style, "grids", number) for number in package.grid_ids]


def instant(moment: dt.datetime | None, style: Style) -> str | None:
    """Return ``moment`` as it is printed in the reader's zone."""
    return None if moment is None else format_instant(moment, style.zone)


def _repo_id(package: Package, _: Style) -> Json:
    # Hosts count their repositories, but a few name them: those stay text.
    number = package.repo_id
    return int(number) if number and number.isascii() and number.isdigit() else number


def supported_pythons(package: Package) -> tuple[str, ...]:
    """Return the ``X.Y`` that the PyPI project says it runs on, or nothing where it is silent."""
    from pkgharvest.versions import supported_pythons as read  # noqa: PLC0415 - brings packaging

    return read(package.pypi_requires_python, package.pypi_classifiers)


def _versions(package: Package, style: Style) -> Json:
    return [
        {
            "number": release.version,
            "upload_time": instant(release.upload_time, style),
            "yanked": release.yanked,
            "yanked_reason": release.yanked_reason,
            "is_prerelease": release.is_prerelease,
            "requires_python": release.requires_python,
        }
        for release in package.versions
    ]


def _downloads(package: Package, _: Style) -> Json:
    known = package.downloads
    if known is None:
        return {"last_day": None, "last_week": None, "last_month": None}
    return known._asdict()


def _fetches(package: Package, style: Style) -> Json:
    return {
        fetch.source: {
            "last_success": instant(fetch.last_success, style),
            "last_attempt": instant(fetch.last_attempt, style),
            "last_error": fetch.last_error,
            "consecutive_failures": fetch.consecutive_failures,
            "next_due": instant(fetch.next_due, style),
        }
        for fetch in package.fetches
    }


RECORD: tuple[Field, ...] = (
    Field("category", "link to its category, or null", _category),
    Field("grids", "links to its grids, in the order it was put into them", _grids),
    Field("id", "local id", lambda p, s: p.id),
    Field("title", "what people call it", lambda p, s: p.title),
    Field("slug", "its name in the catalogue, unique", lambda p, s: p.slug),
    Field(
        "last_updated",
        "committer date of the head of the default branch",
        lambda p, s: instant(p.last_updated, s),
    ),
    Field(
        "last_fetched",
        "last success of its repository's source",
        lambda p, s: instant(p.last_fetched, s),
    ),
    Field("repo_url", "its repository", lambda p, s: p.repo_url),
    Field("pypi_version", "latest version on PyPI, or null", lambda p, s: p.pypi_version),
    Field("created", "when it was added", lambda p, s: instant(p.created, s)),
    Field("modified", "when its content last changed", lambda p, s: instant(p.modified, s)),
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

FULL: tuple[Field, ...] = (
    *RECORD,
    Field("repo_host", "host of the repository", lambda p, s: p.repo_host),
    Field("repo_id", "the host's own id, which stays through renames", _repo_id),
    Field("default_branch", "the branch that is counted", lambda p, s: p.default_branch),
    Field("commit_count", "all commits of the default branch", lambda p, s: p.commit_count),
    Field("archived", "closed for writing", lambda p, s: p.archived),
    Field("archived_at", "since when", lambda p, s: instant(p.archived_at, s)),
    Field("status", "active, archived, moved, gone, blocked or empty", lambda p, s: p.status),
    Field("previous_urls", "where the repository was before", lambda p, s: p.previous_urls),
    Field("topics", "the repository's topics", lambda p, s: p.topics),
    Field("license", "the repository's license, an SPDX id", lambda p, s: p.license),
    Field("homepage", "the repository's home page", lambda p, s: p.homepage),
    Field("open_issues", "open issues", lambda p, s: p.open_issues),
    Field("pypi_name", "its name on PyPI", lambda p, s: p.pypi_name),
    Field("pypi_status", "the PyPI project's status (PEP 792)", lambda p, s: p.pypi_status),
    Field(
        "pypi_requires_python",
        "which Python the latest version asks for",
        lambda p, s: p.pypi_requires_python,
    ),
    Field("pypi_license", "the license that PyPI tells", lambda p, s: p.pypi_license),
    Field("pypi_classifiers", "trove classifiers", lambda p, s: p.pypi_classifiers),
    Field("pypi_summary", "the summary that PyPI tells", lambda p, s: p.pypi_summary),
    Field(
        "supports_python", "the Pythons that it says it runs on", lambda p, s: supported_pythons(p)
    ),
    Field("versions", "all versions, newest first by PEP 440", _versions),
    Field("downloads", "downloads of the last day, week and month", _downloads),
    Field("score", "the site's score", lambda p, s: p.score),
    Field("fetches", "how each source is doing", _fetches),
)
"""What ``--full`` prints: the record, then everything else that is known."""


def select(names: str) -> tuple[Field, ...]:
    """Read a list such as ``slug,repo_forks``: these fields in this order, each once.

    InvalidValue for a name that is none, and for an empty list; the hint has all valid ones.
    """
    return choose(names, FULL)


def choose(names: str, among: Sequence[Column[Record]]) -> tuple[Column[Record], ...]:
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


def values(record: Record, fields: Sequence[Column[Record]], style: Style) -> dict[str, Json]:
    """Return the values of ``fields``, by name, in their order."""
    return {field.name: field.read(record, style) for field in fields}
