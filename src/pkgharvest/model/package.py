"""A package of the catalogue as it is shown: the record, its releases, its freshness.

Apart from the records of a harvest, because to show a package is to need no more than this, and
named tuples, because those are made in a quarter of a dataclass's time: each start pays for it.
Give their fields by name.
"""

import datetime as dt
from typing import Literal, NamedTuple

Status = Literal["active", "archived", "moved", "gone", "blocked", "empty"]
STATUSES: tuple[Status, ...] = ("active", "archived", "moved", "gone", "blocked", "empty")


class Release(NamedTuple):
    """One version of a PyPI project, with the files that it has."""

    version: str
    upload_time: dt.datetime | None
    """When its first file was uploaded."""
    yanked: bool
    """True where all of its files are (PEP 592)."""
    yanked_reason: str | None
    requires_python: str | None
    is_prerelease: bool


class Downloads(NamedTuple):
    """How often a project was downloaded from PyPI, up to yesterday and without mirrors."""

    last_day: int
    last_week: int
    """Seven days."""
    last_month: int
    """Thirty days."""


class SourceState(NamedTuple):
    """How one source of one package is doing."""

    source: str
    last_success: dt.datetime | None
    last_attempt: dt.datetime | None
    last_error: str | None
    message: str | None
    consecutive_failures: int
    next_due: dt.datetime | None


class Package(NamedTuple):
    """One package of the catalogue: the record, and what ``--full`` adds to it."""

    id: int
    category_id: int | None
    grid_ids: tuple[int, ...]
    title: str
    slug: str
    last_updated: dt.datetime | None
    last_fetched: dt.datetime | None
    repo_url: str
    pypi_version: str | None
    created: dt.datetime
    modified: dt.datetime
    repo_forks: int
    repo_description: str
    pypi_url: str
    documentation_url: str | None
    repo_watchers: int
    """Stars: the name is the API's, from a time when they were called so."""
    commits_over_52: tuple[int, ...]
    participants: tuple[str, ...]
    commits_until: dt.date | None
    """The day before which the 52 weeks end; no field of the record."""
    # --full
    repo_host: str | None
    repo_id: str | None
    default_branch: str | None
    commit_count: int | None
    archived: bool | None
    archived_at: dt.datetime | None
    status: Status
    previous_urls: tuple[str, ...]
    topics: tuple[str, ...]
    license: str | None
    homepage: str | None
    open_issues: int | None
    pypi_name: str | None
    pypi_lookup_note: str | None
    pypi_status: str | None
    pypi_requires_python: str | None
    pypi_license: str | None
    pypi_classifiers: tuple[str, ...]
    pypi_summary: str | None
    versions: tuple[Release, ...]
    score: int
    downloads: Downloads | None
    """None where no figures are known."""
    fetches: tuple[SourceState, ...]
    category_slug: str | None = None
    """For persons, as the next; no field of the record."""
    grid_slugs: tuple[str, ...] = ()
    """In the order of ``grid_ids``."""

    @property
    def has_figures(self) -> bool:
        """Whether stars and forks are known: a host that has neither leaves them at 0."""
        if self.repo_id is not None or self.repo_watchers or self.repo_forks:
            return True
        # Whoever fetched what was imported told them; git, which tells none, was read here.
        read_here = any(one.source == "repo" and one.last_success for one in self.fetches)
        return bool(self.repo_url and self.last_fetched) and not read_here
