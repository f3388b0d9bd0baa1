"""Reading in this process: each read is a coroutine of the run's own event loop."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from pkgharvest.model.errors import SourceError
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import FetchTarget, SourceName, SourceResult
from pkgharvest.sources.base import DownloadsSource, IndexSource, RepositorySource


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """The sources of one run."""

    repositories: Callable[[Locator], RepositorySource]
    """Returns the source that reads a repository."""
    projects: IndexSource | None = None
    downloads: DownloadsSource | None = None
    """None if no service counts the downloads of the index that ``projects`` reads."""


class LocalExecutor:
    """Reads with ``sources``; ``today`` is the UTC day at whose start the 52 weeks end."""

    def __init__(self, sources: SourceSet, today: dt.date) -> None:
        self._sources = sources
        self._today = today

    async def read(self, source: SourceName, target: FetchTarget) -> SourceResult:
        """Read ``source`` of ``target``, as ``Executor.read`` says."""
        match source:
            case "repo":
                if target.locator is None:
                    raise SourceError("the repository's URL cannot be understood")
                repository = self._sources.repositories(target.locator)
                return await repository.read(target, self._today)
            case "pypi":
                if self._sources.projects is None:
                    raise SourceError("this run reads no package index")
                return await self._sources.projects.read(target)
            case "downloads":
                if self._sources.downloads is None:
                    raise SourceError("no service counts the downloads of this package index")
                return await self._sources.downloads.read(target)
            case _:
                assert_never(source)
