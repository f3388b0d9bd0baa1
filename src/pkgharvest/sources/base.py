"""What the pipeline expects of a source: one protocol per kind of source.

A new source implements one of them. It builds requests and decodes responses; it never sleeps,
retries, caches or stores.
"""

import datetime as dt
from typing import Protocol

from pkgharvest.model.observations import (
    Activity,
    DownloadsResult,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
)


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
