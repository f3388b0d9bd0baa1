"""What the engine asks of a source."""

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
    """A kind of repository host."""

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Look at the repository of ``target``; ``today`` is where the 52 weeks end.

        Raises SourceError where nothing at all could be read; where a part could, the reading
        carries the rest as its ``problem``.
        """


class HistorySource(Protocol):
    """A source of whole commit histories, by git itself."""

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read commits and authors of ``target`` from its repository."""

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        """Read the activity as it was at ``instant``: the first-parent head of that time.

        Raises SourceError; an instant before the first commit gives an empty activity.
        """


class ProjectSource(Protocol):
    """A package index."""

    async def read(self, target: FetchTarget) -> ProjectResult:
        """Look at the project of ``target``, or for one.

        Raises SourceError where nothing could be read.
        """


class DownloadsSource(Protocol):
    """A place that counts downloads from a package index."""

    async def read(self, target: FetchTarget) -> DownloadsResult:
        """Look at the figures of the project of ``target``.

        A package without a project, and a project without figures, is a reading without any.
        Raises SourceError where nothing could be read.
        """
