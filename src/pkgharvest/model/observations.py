"""The records that travel between the rooms: frozen, slotted, keyword-only.

Everything here is plain data. ``None`` in a reading means "not told", never "empty".
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pkgharvest.model.errors import ErrorKind, SourceError
from pkgharvest.model.locators import Locator
from pkgharvest.model.package import Downloads, Release, Status

SourceName = Literal["repo", "pypi", "downloads"]
SOURCES: tuple[SourceName, ...] = ("repo", "pypi", "downloads")

PypiSource = Literal["auto", "set", "none"]
"""Who says which PyPI project it is: found out, set by a person, or a person said none."""


# ── what a source reads ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """What a host gave to ask with next time (RFC 9110, section 8.8)."""

    key: str
    """What was asked: the URL, with its query."""
    etag: str | None
    last_modified: str | None
    parser: int
    """The revision of the code that read the answer; another revision asks afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFacts:
    """A repository as its host describes it. Everything here is told, null included."""

    repo_id: str
    """The host's own id: it stays through renames and transfers."""
    locator: Locator
    """The name that it has today, in the host's own case."""
    description: str
    homepage: str | None
    topics: tuple[str, ...]
    license: str | None
    """SPDX id."""
    stars: int
    forks: int
    open_issues: int
    default_branch: str | None
    archived: bool
    archived_at: dt.datetime | None
    disabled: bool
    pushed_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The commits reachable from the head of the default branch."""

    head: str | None
    """The newest commit's id; None for an empty repository."""
    committed_at: dt.datetime | None
    """Committer date of the head."""
    default_branch: str | None
    commit_count: int | None
    """All commits, where that is known."""
    since: dt.date | None
    """``days`` is complete from this day on; None: it is the whole history."""
    days: Mapping[dt.date, int]
    """Commits per UTC day of their author dates, merges included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A person or a bot in a repository's history."""

    name: str
    """Login, or the author's name where the host has no logins; never an address."""
    commits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryResult:
    """What one look at a repository brought; a part that is None brought nothing new."""

    repository: RepositoryFacts | None = None
    activity: Activity | None = None
    contributors: tuple[Contributor, ...] | None = None
    contributors_asked: bool = False
    """The host answered for its contributors, be it that nothing is new or that it lists none."""
    validators: tuple[Validator, ...] = ()
    status: Status | None = None
    """Set where it is not ``repository`` that tells: moved, gone, blocked."""
    problem: SourceError | None = None
    """A part that failed; the others stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as PyPI describes it."""

    name: str
    """As its owner spells it."""
    url: str
    version: str | None
    releases: tuple[Release, ...]
    """Newest first by PEP 440; only releases with files and a version that PEP 440 reads."""
    status: str
    """PEP 792: active, archived, quarantined or deprecated."""
    requires_python: str | None
    license: str | None
    classifiers: tuple[str, ...]
    summary: str | None
    documentation_url: str | None
    links: tuple[str, ...]
    """Every link that the project gives, in its order."""
    described: bool = True
    """False where the index had files and no description: then the fields from
    ``requires_python`` to ``links`` are not told, but for what the files say of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectResult:
    """What one look at PyPI brought. ``project`` is None where nothing is new, or none is it."""

    project: Project | None = None
    name: str | None = None
    """The canonical name (PEP 503) that was looked at."""
    serial: str | None = None
    """The project's serial at PyPI, as last seen."""
    lookup_note: str | None = None
    """Where the package has no project: what was tried, in words."""
    validators: tuple[Validator, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsResult:
    """What one look at a project's downloads brought; None where there are no (new) figures."""

    downloads: Downloads | None = None
    validators: tuple[Validator, ...] = ()


# ── what goes in, what comes out ─────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTarget:
    """A package as the engine needs it: where to ask, and what is known already."""

    package_id: int
    slug: str
    sources: tuple[SourceName, ...]
    """Which to read, in this order."""
    locator: Locator | None
    previous: tuple[Locator, ...] = ()
    repo_id: str | None = None
    default_branch: str | None = None
    head: str | None = None
    """The head that ``days`` in the catalogue were counted from."""
    days_since: dt.date | None = None
    """The catalogue's days are complete from here on; None together with a head: all of them."""
    contributors_known: bool = False
    contributors_read: dt.datetime | None = None
    """When the contributors were last read."""
    pypi_source: PypiSource = "auto"
    pypi_name: str | None = None
    pypi_serial: str | None = None
    pypi_lookup_note: str | None = None
    validators: Mapping[str, Validator] = field(default_factory=dict)
    """By key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that did not give what it was asked for."""

    kind: ErrorKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A source that was not asked: its host is out of quota, or the run's budget is spent."""

    reason: Literal["quota", "time-budget", "request-budget", "interrupted"]
    message: str
    host: str | None = None
    """Which host it is that is out of quota."""


SourceResult = RepositoryResult | ProjectResult | DownloadsResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """What became of one source of one package."""

    target: FetchTarget
    source: SourceName
    at: dt.datetime
    result: SourceResult | Failure | Skipped
