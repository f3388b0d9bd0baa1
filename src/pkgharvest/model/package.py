"""A package: the facts that sources state about it, and the record that the catalog shows.

A field that a source states and the catalog shows is defined here twice, once in
``RepositoryFacts`` or ``Project`` and once in ``Package``. What else a fetch returns is in
``model.observations``. Records are named tuples because those are created
about four times as fast as dataclasses, which ``show --json`` notices. Create them with keyword
arguments. All instants are aware, in UTC.
"""

import datetime as dt
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator

Status = Literal["active", "archived", "moved", "gone", "blocked", "empty"]
"""State of a repository at its host.

* ``archived``: its owner made it read-only.
* ``moved``: its address no longer leads to it, or now leads to another repository.
* ``gone``: the host no longer has it.
* ``blocked``: the host withholds it, for example for legal reasons.
* ``empty``: it has no commit.
"""

STATUSES: tuple[Status, ...] = ("active", "archived", "moved", "gone", "blocked", "empty")


class Release(NamedTuple):
    """One version of a PyPI project that has at least one file."""

    version: str
    """As the index spells it (PEP 440)."""
    upload_time: dt.datetime | None
    """When its first file was uploaded; None if the index does not state it."""
    yanked: bool
    """Whether all of its files are yanked (PEP 592)."""
    yanked_reason: str | None
    """Why it was yanked; None if it is not, or if no reason was given."""
    requires_python: str | None
    """Its ``Requires-Python`` specifier (PEP 440); None if it has none."""
    is_prerelease: bool
    """Whether it is a pre-release or a development release (PEP 440)."""


class Downloads(NamedTuple):
    """Downloads of a project from PyPI in the days up to yesterday, without mirrors."""

    last_day: int
    last_week: int
    """In seven days."""
    last_month: int
    """In thirty days."""


class RepositoryFacts(NamedTuple):
    """A repository as its host describes it. Here ``None`` is what the host said, not a gap."""

    repo_id: str
    """The host's own id, which survives renames and transfers."""
    locator: "Locator"
    """Its current name, in the host's own case."""
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


class Project(NamedTuple):
    """A project as PyPI describes it."""

    name: str
    """As its owner spells it."""
    url: str
    version: str | None
    releases: tuple[Release, ...]
    """Newest first by PEP 440; only releases with files and a version that PEP 440 can parse."""
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
    """False if the index has files but no metadata: then ``requires_python`` to ``links`` are
    unknown, except for what the files themselves say."""


class SourceState(NamedTuple):
    """The state of one source of one package: when it was read, and what went wrong."""

    source: str
    """``repo``, ``pypi`` or ``downloads``."""
    last_success: dt.datetime | None
    """When it was last read successfully; None if never."""
    last_attempt: dt.datetime | None
    """When it was last tried; None if never."""
    last_error: str | None
    """The kind of the last attempt's error, such as ``not_found``; None if it succeeded."""
    message: str | None
    """The last attempt's error for people; None if it succeeded."""
    consecutive_failures: int
    """Number of failed attempts since the last success; rate limits do not count."""
    next_due: dt.datetime | None
    """When a source that failed is due again; None if it did not fail."""


class Package(NamedTuple):
    """One package of the catalog.

    The fields down to ``participants`` hold the package resource of the Django Packages API v4;
    the rest is what ``--full`` adds, and what only people are shown.
    """

    id: int
    """Id in this catalog."""
    category_id: int | None
    """Id of its category; None if it has none."""
    grid_ids: tuple[int, ...]
    """Ids of its grids, in the order it was added to them."""
    title: str
    """Display name."""
    slug: str
    """Unique name in this catalog."""
    last_updated: dt.datetime | None
    """Committer date of the newest commit on the default branch; None if unknown."""
    last_fetched: dt.datetime | None
    """When its repository was last read successfully; None if never."""
    repo_url: str
    """URL of its repository; "" if it has none."""
    pypi_version: str | None
    """Its latest version on PyPI; None if it has none."""
    created: dt.datetime
    """When it was added to the catalog."""
    modified: dt.datetime
    """When its content last changed; a fetch that finds nothing new does not count."""
    repo_forks: int
    """Number of forks; 0 if unknown (see ``has_star_counts``)."""
    repo_description: str
    """Description that the host states; "" if there is none."""
    pypi_url: str
    """URL of its project on PyPI; "" if it has none."""
    documentation_url: str | None
    """URL of its documentation; None if unknown."""
    repo_watchers: int
    """Number of stars, once called watchers; 0 if unknown (see ``has_star_counts``)."""
    commits_over_52: tuple[int, ...]
    """Commits in each of 52 weeks, oldest first; empty if unknown."""
    participants: tuple[str, ...]
    """Contributors' logins or names, most commits first; empty if unknown."""
    commits_until: dt.date | None
    """The first day after the 52 weeks; None if the weeks are unknown or were imported."""
    repo_host: str | None
    """Host name of the repository; None without a repository."""
    repo_id: str | None
    """The host's id of the repository, which survives renames; None if unknown."""
    default_branch: str | None
    """The branch whose commits are counted; None if unknown."""
    commit_count: int | None
    """Number of commits on the default branch; None if unknown."""
    archived: bool | None
    """Whether its owner made the repository read-only; None if unknown."""
    archived_at: dt.datetime | None
    """When it was archived; None if it is not, or if the host does not state it."""
    status: Status
    """State of the repository at its host."""
    previous_urls: tuple[str, ...]
    """URLs that the repository had before, oldest first."""
    topics: tuple[str, ...]
    """The repository's topics."""
    license: str | None
    """SPDX id of the repository's license; None if unknown."""
    homepage: str | None
    """Home page that the host states; None if there is none."""
    open_issues: int | None
    """Number of open issues, which at GitHub include pull requests; None if unknown."""
    pypi_name: str | None
    """Name of its project on PyPI; None if it has none."""
    pypi_lookup_note: str | None
    """How the project was looked for, or what is doubtful about it; None if nothing is."""
    pypi_status: str | None
    """Status of the project on PyPI (PEP 792), such as ``active`` or ``quarantined``."""
    pypi_requires_python: str | None
    """``Requires-Python`` of the latest version (PEP 440); None if it has none."""
    pypi_license: str | None
    """License that the latest version states, if possible as SPDX expression; None if none."""
    pypi_classifiers: tuple[str, ...]
    """Trove classifiers of the latest version."""
    pypi_summary: str | None
    """Summary of the latest version; None if there is none."""
    versions: tuple[Release, ...]
    """All versions on PyPI, newest first (PEP 440)."""
    score: int
    """Score as of the last fetch, at least -500 (see `model.score`)."""
    downloads: Downloads | None
    """Downloads from PyPI; None if unknown."""
    fetches: tuple[SourceState, ...]
    """The state of each source."""
    category_slug: str | None = None
    """Slug of its category; None if it has none. Not a field of the API."""
    grid_slugs: tuple[str, ...] = ()
    """Slugs of its grids, in the order of ``grid_ids``. Not a field of the API."""

    @property
    def has_star_counts(self) -> bool:
        """Whether the numbers of stars and forks are known; plain git servers have neither."""
        if self.repo_id is not None or self.repo_watchers or self.repo_forks:
            return True
        # Imported figures of 0 count if another program fetched them. Where this one has read the
        # repository, a host that states figures would also have stated the repository's id.
        read_here = any(state.source == "repo" and state.last_success for state in self.fetches)
        return bool(self.repo_url and self.last_fetched) and not read_here
