"""Which source answers for which packages, and at which addresses."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitProcess
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import InvalidValue, Malformed, NotRecorded
from pkgharvest.model.observations import Activity, FetchTarget, RepositoryResult
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.pipeline.executors.local import SourceSet
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.settings.hosts import HostTable
from pkgharvest.settings.load import GITHUB_API_URL, PYPI_URL, Setting, Settings
from pkgharvest.sources.base import HistorySource, RepositorySource
from pkgharvest.sources.git import GitSource
from pkgharvest.sources.github.graphql_source import GitHubGraphqlSource
from pkgharvest.sources.github.rest import GitHubRestSource
from pkgharvest.sources.pypi.source import PypiIndexSource
from pkgharvest.sources.pypistats import PypistatsSource
from pkgharvest.transport.client import Client
from pkgharvest.transport.har.archive import HarArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUrls:
    """The base addresses of one run."""

    github: str = GITHUB_API_URL
    github_graphql: str | None = None
    """None: it is not to be asked."""
    pypi: str = PYPI_URL
    pypistats: str | None = None
    """None where nobody counts downloads from ``pypi``."""

    @classmethod
    def chosen(cls, settings: Settings, archive: HarArchive | None) -> "ServiceUrls":
        """Return the settings' addresses; of a replay, those that its archive was made with."""
        if archive is not None:
            return cls(**{name: url for name, url in archive.hosts.items() if name in _RECORDED})
        stats = settings.pypistats
        return cls(
            github=_address(settings.github_api_url.value, settings.github_api_url),
            github_graphql=_address(settings.github_graphql, settings.github_graphql_url),
            pypi=_address(settings.pypi_url.value, settings.pypi_url),
            pypistats=None if stats is None else _address(stats, settings.pypistats_url),
        )

    def as_mapping(self) -> Mapping[str, str]:
        """Return the addresses by name, to go with a recording."""
        known = {name: getattr(self, name) for name in _RECORDED}
        return {name: url for name, url in known.items() if url is not None}


_RECORDED = ("github", "pypi", "pypistats")


def _address(url: str, setting: Setting) -> str:
    """Return ``url`` as it may be kept; a password in it would get into the catalogue with it."""
    try:
        return strip_userinfo(url)
    except Malformed as error:
        raise InvalidValue(f"{setting.origin}: {error.message}") from error


def clones_directory(cache: Path) -> Path:
    """Return where clones are kept in the user's cache directory."""
    return cache / "clones"


def open_sources(
    client: Client,
    hosts: ServiceUrls,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    cache: Path,
    order: FetchOptions,
    network: bool,
    batches: bool,
) -> SourceSet:
    """Return the sources of one run. Without ``network``, git reads what is on this machine.

    With ``batches``, GitHub is asked for many repositories at once; it wants a token for that.
    """
    # A recording and its replay must ask the same of a catalogue that knows nothing.
    conditional = order.record is None and order.replay is None
    git = GitSource(GitProcess(environ), CloneCache(clones_directory(cache)), at_once=order.jobs)
    local_git = git if network else _OnThisMachine(git)
    table = HostTable({})
    default: RepositorySource = local_git
    repositories: dict[str, RepositorySource]
    if order.as_of is not None:
        default, repositories = _Past(local_git, order.as_of), {}
    else:
        past_commits = local_git if order.history == "git" else None
        github: RepositorySource
        if batches:
            github = GitHubGraphqlSource(
                client,
                api_url=hosts.github,
                graphql_url=hosts.github_graphql,
                clock=clock,
                history=past_commits,
                charge=client.metrics.record_cost,
            )
        else:
            github = GitHubRestSource(
                client,
                api_url=hosts.github,
                clock=clock,
                conditional=conditional,
                history=past_commits,
            )
        repositories = {"github": github}
    return SourceSet(
        repositories=lambda locator: repositories.get(table.kind_of(locator), default),
        projects=PypiIndexSource(client, url=hosts.pypi, conditional=conditional),
        downloads=(
            None
            if hosts.pypistats is None
            else PypistatsSource(client, url=hosts.pypistats, conditional=conditional)
        ),
    )


class _Past:
    """Repositories as they were at an instant, from their histories."""

    def __init__(self, git: HistorySource, instant: dt.datetime) -> None:
        self._git = git
        self._instant = instant

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the activity of the instant, whatever day it is today."""
        return RepositoryResult(activity=await self._git.history_at(target, self._instant))


class _OnThisMachine:
    """Git for a replay: repositories on this machine are read, others would need a network."""

    def __init__(self, git: GitSource) -> None:
        self._git = git

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read a local repository; NotRecorded for any other."""
        return await self.history(target, today)

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read a local repository; NotRecorded for any other."""
        _require_local(target)
        return await self._git.history(target, today)

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        """Read a local repository; NotRecorded for any other."""
        _require_local(target)
        return await self._git.history_at(target, instant)


def _require_local(target: FetchTarget) -> None:
    if target.locator is None or not target.locator.is_local:
        raise NotRecorded("an archive holds no git repositories")
