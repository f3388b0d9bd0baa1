"""The columns: what each one holds, where its value comes from, and how it is stored.

Saving, reading, resetting, searching, importing, dumping and checking follow from this registry.
It has an entry for every column of ``packages``, and for those columns of other tables that hold
more than their SQLite type says. The tables themselves are made in ``migrations``.

It is imported by every command, so it has to stay cheap: plain tuples and few imports.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pkgharvest.model.errors import LocatorError
from pkgharvest.model.package import STATUSES

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator

Kind = Literal[
    "text", "integer", "flag", "instant", "day", "strings", "weeks", "object", "slug", "url"
]
"""How a value is stored; ``DECODERS`` reads it.

``flag``: 0 or 1. ``instant``: UTC in ISO 8601 with microseconds. ``day``: ISO 8601. ``strings``:
a JSON list. ``weeks``: a JSON list of 52 counts, or empty. ``object``: a JSON object.
"""

Owner = Literal[
    "package", "repository", "repository_state", "project", "project_state", "downloads", "derived"
]
"""Whose fact a column is, and so when it is reset.

``package``: facts of the package itself, among them what users set.
``repository``, ``project``: facts of the repository or PyPI project, which users see.
``repository_state``, ``project_state``: how far fetching them has come.
``downloads``: download counts of the PyPI project.
``derived``: computed from other columns.
"""


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind = "text"
    owner: Owner = "package"
    empty: object = None
    """The stored value while nothing is known; a reset stores it again."""
    fact: str | None = None
    """The attribute of ``RepositoryFacts``, ``Project`` or ``Downloads`` that fills the column."""
    is_published: bool = False
    """Whether records of the API v4 state it, so that an import may bring it."""
    search_weight: int = 0
    """How much a word counts in full-text search; 0: not searched.

    Names weigh so much that the length of the other columns, by which BM25 divides, does not
    matter: many participants must not push a package down.
    """
    is_dumped: bool = True
    """Whether a dump has it; the rest can be computed from what a dump has."""
    choices: tuple[str, ...] = ()
    """The only allowed values, where they are few."""
    since: int = 0
    """The schema version that adds the column, which ``migrations`` then does by itself.

    A new plain column takes the version after the last one. 0: a migration of its own made it.
    """

    @property
    def definition(self) -> str:
        """The column as SQL, for a table that has rows already."""
        sql_type = "INTEGER" if self.kind in {"integer", "flag"} else "TEXT"
        if self.empty is None:
            return f"{self.name} {sql_type}"
        default = self.empty if sql_type == "INTEGER" else f"'{self.empty}'"
        return f"{self.name} {sql_type} NOT NULL DEFAULT {default}"


PACKAGE_COLUMNS = (
    Column("id", "integer"),
    Column("title", search_weight=100),
    Column("slug", "slug", search_weight=100),
    Column("category_id", "integer"),
    Column("created", "instant"),
    Column("modified", "instant"),
    Column("user_fields", "strings", empty="[]"),
    Column("extra", "object", empty="{}"),
    Column("documentation_url"),
    Column("score", "integer", "derived", 0, is_dumped=False),
    # the repository
    Column("repo_url", "url", empty=""),
    Column("repo_key", is_dumped=False),
    Column("repo_host"),
    Column("repo_id", owner="repository", fact="repo_id"),
    Column(
        "repo_description",
        owner="repository",
        empty="",
        fact="description",
        is_published=True,
        search_weight=4,
    ),
    Column("repo_watchers", "integer", "repository", 0, fact="stars", is_published=True),
    Column("repo_forks", "integer", "repository", 0, fact="forks", is_published=True),
    Column("open_issues", "integer", "repository", fact="open_issues"),
    Column("homepage", owner="repository", fact="homepage"),
    Column("topics", "strings", "repository", "[]", fact="topics", search_weight=8),
    Column("license", owner="repository", fact="license"),
    Column("default_branch", owner="repository", fact="default_branch"),
    Column("archived", "flag", "repository", fact="archived"),
    Column("archived_at", "instant", "repository"),
    Column("status", owner="repository", empty="active", choices=STATUSES),
    Column("last_updated", "instant", "repository", is_published=True),
    Column("last_fetched", "instant", "repository", is_published=True),
    Column("commit_count", "integer", "repository"),
    Column("commits_over_52", "weeks", "repository", "[]", is_published=True),
    Column("commits_until", "day", "repository_state", is_published=True),
    Column("commits", "integer", "derived", is_dumped=False),
    Column("head", owner="repository_state"),
    Column("days_known", "integer", "repository_state", 0),
    Column("days_since", "day", "repository_state"),
    Column("days_from", "day", "repository_state"),
    Column("days_until", "day", "repository_state"),
    Column("contributors_read", "instant", "repository_state"),
    # the PyPI project
    Column("pypi_source", empty="auto", choices=("auto", "set", "none")),
    Column("pypi_name"),
    Column("pypi_key", is_dumped=False),
    Column("pypi_url", owner="project", empty="", fact="url", is_published=True),
    Column("pypi_version", owner="project", fact="version", is_published=True),
    Column("pypi_status", owner="project", fact="status"),
    Column("pypi_requires_python", owner="project", fact="requires_python"),
    Column("pypi_license", owner="project", fact="license"),
    Column("pypi_classifiers", "strings", "project", "[]", fact="classifiers"),
    Column("pypi_summary", owner="project", fact="summary", search_weight=4),
    Column("pypi_documentation_url", owner="project", fact="documentation_url"),
    Column("pypi_serial", owner="project_state"),
    Column("pypi_lookup_note", owner="project_state"),
    Column("downloads_last_day", "integer", "downloads", fact="last_day"),
    Column("downloads_last_week", "integer", "downloads", fact="last_week"),
    Column("downloads_last_month", "integer", "downloads", fact="last_month"),
    Column(
        "participant_names",
        owner="repository_state",
        empty="",
        is_published=True,
        search_weight=2,
        is_dumped=False,
    ),
)
"""Every column of ``packages``."""

_COLLECTION_COLUMNS = (
    Column("slug", "slug"),
    Column("created", "instant"),
    Column("modified", "instant"),
    Column("user_fields", "strings"),
    Column("extra", "object"),
)

COLUMNS: dict[str, dict[str, Column]] = {
    table: {column.name: column for column in columns}
    for table, columns in (
        ("packages", PACKAGE_COLUMNS),
        ("categories", _COLLECTION_COLUMNS),
        ("grids", _COLLECTION_COLUMNS),
        ("previous_urls", (Column("url", "url"), Column("until", "instant"))),
        ("versions", (Column("upload_time", "instant"),)),
        ("commit_days", (Column("day", "day"),)),
        ("snapshots", (Column("at", "instant"),)),
        (
            "fetches",
            (
                Column("source", choices=("repo", "pypi", "downloads")),
                Column("last_success", "instant"),
                Column("last_attempt", "instant"),
                Column("next_due", "instant"),
            ),
        ),
    )
}
"""By table and name."""

RELEASE_COLUMNS = (
    "number",
    "upload_time",
    "yanked",
    "yanked_reason",
    "is_prerelease",
    "requires_python",
)
"""The columns of ``versions`` that describe a release."""

DOWNLOAD_COLUMNS = tuple(column.name for column in PACKAGE_COLUMNS if column.owner == "downloads")
"""The columns of ``packages`` with download counts."""

SEARCH_WEIGHTS = {
    column.name: column.search_weight for column in PACKAGE_COLUMNS if column.search_weight
}
"""The searched columns of ``packages`` and their weights, in the order of ``packages_fts``."""


def empty_values(*owners: Owner, unpublished_only: bool = False) -> dict[str, object]:
    """Return the values that reset the columns of ``owners``.

    ``unpublished_only``: leave out the columns that records of the API v4 state.

    >>> empty_values("project_state")
    {'pypi_serial': None, 'pypi_lookup_note': None}
    """
    return {
        column.name: column.empty
        for column in PACKAGE_COLUMNS
        if column.owner in owners and not (unpublished_only and column.is_published)
    }


# ── how values are stored ──


def encode_instant(moment: dt.datetime | None) -> str | None:
    """Return an instant in UTC, always with six digits of microseconds: text sorts as time.

    >>> encode_instant(dt.datetime(2026, 2, 15, 18, 30, tzinfo=dt.UTC))
    '2026-02-15T18:30:00.000000Z'
    """
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def decode_instant(text: str | None) -> dt.datetime | None:
    """Return the instant that ``encode_instant`` stored."""
    return None if text is None else dt.datetime.fromisoformat(text)


def decode_required_instant(text: str) -> dt.datetime:
    """Return the instant of a column that is never null."""
    return dt.datetime.fromisoformat(text)


def decode_day(text: str | None) -> dt.date | None:
    """Return the day of an ISO 8601 date."""
    return None if text is None else dt.date.fromisoformat(text)


def encode_list(items: Iterable[str | int]) -> str:
    """Return a list as JSON."""
    return json.dumps(list(items), ensure_ascii=False)


def decode_list(text: str) -> tuple[Any, ...]:
    """Return the strings or integers of a JSON list."""
    return tuple(json.loads(text))


DECODERS: Mapping[Kind, Callable[[Any], Any]] = {
    "flag": lambda value: None if value is None else bool(value),
    "instant": decode_instant,
    "day": decode_day,
    "strings": decode_list,
    "weeks": decode_list,
}
"""By kind of column; values of other kinds are stored as they are."""

_ENCODERS: Mapping[Kind, Callable[[Any], object]] = {"flag": int, "strings": encode_list}
"""For the kinds that facts have."""

_FACTS = {
    owner: [
        (column.name, column.fact, _ENCODERS.get(column.kind))
        for column in PACKAGE_COLUMNS
        if column.owner == owner and column.fact is not None
    ]
    for owner in ("repository", "project", "downloads")
}


def encode_facts(owner: Owner, facts: object) -> dict[str, object]:
    """Return the columns of ``packages`` that ``facts`` fill, by the ``fact`` of each column.

    ``facts`` is a ``RepositoryFacts``, ``Project`` or ``Downloads``, as ``owner`` says.
    """
    return {
        name: getattr(facts, fact) if encode is None else encode(getattr(facts, fact))
        for name, fact, encode in _FACTS[owner]
    }


def stored_locator(url: str) -> "Locator | None":
    """Return the locator of a stored ``repo_url``; None if it is empty or not understood."""
    from pkgharvest.model.locators import parse_locator  # noqa: PLC0415 - show needs none of it

    try:
        return parse_locator(url) if url else None
    except LocatorError:
        return None
