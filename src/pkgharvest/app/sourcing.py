"""Which source answers for which packages, and at which addresses."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.app.order import Order
from pkgharvest.clock import Clock
from pkgharvest.errors import InvalidValue, Malformed, NotRecorded
from pkgharvest.harvest import Sources
from pkgharvest.records import Activity, RepositoryReading, Target
from pkgharvest.settings import GITHUB_API_URL, PYPI_URL, Setting, Settings
from pkgharvest.sources.git import Git
from pkgharvest.sources.github import GitHub
from pkgharvest.sources.github_batches import GitHubBatches
from pkgharvest.sources.interface import HistorySource, RepositorySource
from pkgharvest.sources.pypi import PyPI
from pkgharvest.sources.pypistats import PyPIStats
from pkgharvest.transport.archive import Archive
from pkgharvest.transport.client import Client
from pkgharvest.transport.clones import Clones
from pkgharvest.transport.gitprocess import GitProcess
from pkgharvest.transport.origin import bare


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """The base addresses of one run."""

    github: str = GITHUB_API_URL
    github_graphql: str | None = None
    """None: it is not to be asked."""
    pypi: str = PYPI_URL
    pypistats: str | None = None
    """None where nobody counts downloads from ``pypi``."""

    @classmethod
    def chosen(cls, settings: Settings, archive: Archive | None) -> "Hosts":
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
        return bare(url)
    except Malformed as error:
        raise InvalidValue(f"{setting.origin}: {error.message}") from error


def clones_directory(cache: Path) -> Path:
    """Return where clones are kept in the user's cache directory."""
    return cache / "clones"


def open_sources(
    client: Client,
    hosts: Hosts,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    cache: Path,
    order: Order,
    network: bool,
    batches: bool,
) -> Sources:
    """Return the sources of one run. Without ``network``, git reads what is on this machine.

    With ``batches``, GitHub is asked for many repositories at once; it wants a token for that.
    """
    # A recording and its replay must ask the same of a catalogue that knows nothing.
    conditional = order.record is None and order.replay is None
    git = Git(GitProcess(environ), Clones(clones_directory(cache)), at_once=order.jobs)
    local_git = git if network else _OnThisMachine(git)
    repositories: dict[str, RepositorySource]
    if order.as_of is not None:
        past = _Past(local_git, order.as_of)
        repositories = {"github": past, "git": past}
    else:
        past_commits = local_git if order.history == "git" else None
        github: RepositorySource
        if batches:
            github = GitHubBatches(
                client,
                api_url=hosts.github,
                graphql_url=hosts.github_graphql,
                clock=clock,
                history=past_commits,
                charge=client.traffic.cost,
            )
        else:
            github = GitHub(
                client,
                api_url=hosts.github,
                clock=clock,
                conditional=conditional,
                history=past_commits,
            )
        repositories = {"github": github, "git": local_git}
    return Sources(
        repositories=repositories,
        projects=PyPI(client, url=hosts.pypi, conditional=conditional),
        downloads=(
            None
            if hosts.pypistats is None
            else PyPIStats(client, url=hosts.pypistats, conditional=conditional)
        ),
    )


class _Past:
    """Repositories as they were at an instant, from their histories."""

    def __init__(self, git: HistorySource, instant: dt.datetime) -> None:
        self._git = git
        self._instant = instant

    async def read(self, target: Target, today: dt.date) -> RepositoryReading:
        """Read the activity of the instant, whatever day it is today."""
        return RepositoryReading(activity=await self._git.history_at(target, self._instant))


class _OnThisMachine:
    """Git for a replay: repositories on this machine are read, others would need a network."""

    def __init__(self, git: Git) -> None:
        self._git = git

    async def read(self, target: Target, today: dt.date) -> RepositoryReading:
        """Read a local repository; NotRecorded for any other."""
        return await self.history(target, today)

    async def history(self, target: Target, today: dt.date) -> RepositoryReading:
        """Read a local repository; NotRecorded for any other."""
        _require_local(target)
        return await self._git.history(target, today)

    async def history_at(self, target: Target, instant: dt.datetime) -> Activity:
        """Read a local repository; NotRecorded for any other."""
        _require_local(target)
        return await self._git.history_at(target, instant)


def _require_local(target: Target) -> None:
    if target.locator is None or not target.locator.is_local:
        raise NotRecorded("an archive holds no git repositories")
