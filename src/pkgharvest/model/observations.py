"""What is observed: what sources read about a package, what they need to know, what came of it.

Plain data, frozen and keyword-only. In a result, ``None`` means "not reported", never "empty": an
answer that does not mention a field cannot erase it. A package as it is shown is in ``package.py``.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pkgharvest.model.errors import ErrorKind, SourceError
from pkgharvest.model.locators import Locator
from pkgharvest.model.package import Downloads, Project, RepositoryFacts, Status

SourceName = Literal["repo", "pypi", "downloads"]
SOURCES: tuple[SourceName, ...] = ("repo", "pypi", "downloads")
"""Every source, in the order in which a run reads them."""

PypiSource = Literal["auto", "set", "none"]
"""How a package got its PyPI project: found by a fetch, set by a user, or ruled out by one."""


# ── what a source reads ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """A cache validator: what a host gave for the next conditional request (RFC 9110, 8.8)."""

    key: str
    """The URL that was requested, query included."""
    etag: str | None
    last_modified: str | None
    parser: int
    """The revision of the code that decoded the answer; another revision asks unconditionally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The commits reachable from the head of the default branch."""

    head: str | None
    """The id of the newest commit; None for an empty repository."""
    committed_at: dt.datetime | None
    """Committer date of the head."""
    default_branch: str | None
    commit_count: int | None
    """All commits, if the host says how many."""
    since: dt.date | None
    """``days`` is complete from this UTC day on; None if it is the whole history."""
    days: Mapping[dt.date, int]
    """Commits per UTC day of their author dates, merges included."""

    @classmethod
    def empty(cls, branch: str | None) -> "Activity":
        """Return the activity of a repository without commits, whose HEAD names ``branch``."""
        return cls(
            head=None,
            committed_at=None,
            default_branch=branch,
            commit_count=0,
            since=None,
            days={},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A person or bot in a repository's history."""

    name: str
    """Login, or the author's name where the host has no logins; never an email address."""
    commits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryResult:
    """What reading a repository brought. A part that is None brought nothing new."""

    repository: RepositoryFacts | None = None
    activity: Activity | None = None
    contributors: tuple[Contributor, ...] | None = None
    contributors_asked: bool = False
    """The host answered for its contributors, even if nothing is new or it lists none."""
    validators: tuple[Validator, ...] = ()
    status: Status | None = None
    """Set if something else than ``repository`` says it: moved, gone, blocked, empty."""
    problem: SourceError | None = None
    """The part that failed; the other parts are valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectResult:
    """What reading the package index brought."""

    project: Project | None = None
    """None if nothing is new, or no project belongs to the package."""
    name: str | None = None
    """The normalized name (PEP 503) that was looked up."""
    serial: str | None = None
    """The project's serial at PyPI, as last seen."""
    lookup_note: str | None = None
    """If the package has no project: what was tried, in words."""
    validators: tuple[Validator, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsResult:
    """What reading a project's downloads brought; None if there are no figures, or no new ones."""

    downloads: Downloads | None = None
    validators: tuple[Validator, ...] = ()


# ── what goes in, what comes out ─────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTarget:
    """A package as the pipeline needs it: where to ask, and what is known already."""

    package_id: int
    slug: str
    sources: tuple[SourceName, ...]
    """Which sources to read, in this order."""
    locator: Locator | None
    previous: tuple[Locator, ...] = ()
    """Where the repository was before it was renamed."""
    repo_id: str | None = None
    default_branch: str | None = None
    head: str | None = None
    """The head that the catalog's commit days were counted from."""
    days_since: dt.date | None = None
    """The catalog's commit days are complete from this day on; None with a head: all of them."""
    contributors_known: bool = False
    contributors_read: dt.datetime | None = None
    """When the contributors were last read."""
    pypi_source: PypiSource = "auto"
    pypi_name: str | None = None
    pypi_serial: str | None = None
    pypi_lookup_note: str | None = None
    validators: Mapping[str, Validator] = field(default_factory=dict)
    """By ``Validator.key``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that did not answer with what it was asked for."""

    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A source that was not read: its host is out of quota, or the run was stopped."""

    reason: Literal["quota", "time-budget", "request-budget", "interrupted"]
    message: str
    host: str | None = None
    """The host that is out of quota."""


SourceResult = RepositoryResult | ProjectResult | DownloadsResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """What came of one source of one package."""

    target: FetchTarget
    source: SourceName
    at: dt.datetime
    result: SourceResult | Failure | Skipped
