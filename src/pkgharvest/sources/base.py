"""What the pipeline expects of a source, and which source reads the repositories of a forge.

There is one protocol per kind of source, and a new source implements one of them. It builds
requests and decodes responses; it never sleeps, retries, caches or stores. The repositories of a
forge of kind ``x`` are read by the ``SOURCE`` of ``sources/x``, which may be a module or a package.
A forge without one is read by git.
"""

import datetime as dt
import functools
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pkgharvest.model.clock import Clock
from pkgharvest.model.observations import (
    Activity,
    DownloadsResult,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
)
from pkgharvest.settings.hosts import ForgeHost
from pkgharvest.transport.client import Client


class RepositorySource(Protocol):
    """Reads repositories of one kind of host."""

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the repository of ``target``. The 52 weeks end on the day before ``today``.

        Raises SourceError if nothing could be read. If some of it could, the result carries the
        error as its ``problem``.
        """


class HistorySource(Protocol):
    """Reads whole commit histories with git."""

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read commits and authors of ``target``. Raises SourceError."""

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        """Return the activity as of ``instant``, an aware datetime.

        The head of that time is the first commit, along first parents from today's head, that was
        committed by then. Before the first commit, the activity is empty. Raises SourceError.
        """


class IndexSource(Protocol):
    """Reads projects of a package index."""

    async def read(self, target: FetchTarget) -> ProjectResult:
        """Read the project of ``target``, or look for one. Raises SourceError."""


class DownloadsSource(Protocol):
    """Reads how often projects of a package index were downloaded."""

    async def read(self, target: FetchTarget) -> DownloadsResult:
        """Read the download counts of the project of ``target``. Raises SourceError.

        The result is empty if the package has no project, or its project no counts.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source of repositories is opened with.

    The locators that it will read are of ``host``, as `ForgeHost.locator` returns them: without
    ``.git``, and without what follows a repository's path in the address of one of its pages.
    """

    host: ForgeHost
    """The host that it reads: where its API is, and how its repositories are addressed."""
    client: Client
    clock: Clock
    has_token: bool
    """A token is sent to the host."""
    conditional: bool
    """Whether validators of earlier responses may be sent. A recording must not."""
    may_batch: bool
    """Whether one request may be for many repositories. A recording must not."""
    git: HistorySource
    """Reads commits and authors from the repository itself, for APIs that cannot tell them."""
    prefers_git: bool
    """Whether a person wants them from git even where the API can tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """How the repositories of a forge are read."""

    open: Callable[[SourceContext], RepositorySource]
    batches_with_token: bool = False
    """Whether, with a token, one request is for many repositories: then more are read at once."""


@functools.cache
def find_source(kind: str) -> SourceSpec | None:
    """Import and return the source for forges of ``kind``; None where git reads them."""
    name = f"{__package__}.{kind}"
    if importlib.util.find_spec(name) is None:
        return None
    spec: SourceSpec | None = getattr(importlib.import_module(name), "SOURCE", None)
    return spec
