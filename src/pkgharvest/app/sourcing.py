"""Which source answers for which packages, and at which addresses."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.clock import Clock
from pkgharvest.errors import InvalidValue, Malformed, NotRecorded
from pkgharvest.harvest import Sources
from pkgharvest.records import Activity, RepositoryReading, Target
from pkgharvest.settings import GITHUB_API_URL, PYPI_URL, Setting, Settings
from pkgharvest.sources.git import Git
from pkgharvest.sources.github import GitHub
from pkgharvest.sources.interface import HistorySource, RepositorySource
from pkgharvest.sources.pypi import PyPI
from pkgharvest.transport.archive import Archive
from pkgharvest.transport.clones import Clones
from pkgharvest.transport.exchange import Exchange
from pkgharvest.transport.gitprocess import GitProcess
from pkgharvest.transport.origin import bare

History = Literal["auto", "api", "git"]
"""Where GitHub's commits are read: auto and api from its API, git from a clone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """The base addresses of one run."""

    github: str = GITHUB_API_URL
    pypi: str = PYPI_URL

    @classmethod
    def chosen(cls, settings: Settings, archive: Archive | None) -> "Hosts":
        """Return the settings' addresses; of a replay, those that its archive was made with."""
        if archive is None:
            return cls(github=_address(settings.github_api_url), pypi=_address(settings.pypi_url))
        return cls(**{name: url for name, url in archive.hosts.items() if name in _NAMES})

    def as_mapping(self) -> Mapping[str, str]:
        """Return the addresses by name, to go with a recording."""
        return {"github": self.github, "pypi": self.pypi}


_NAMES = frozenset({"github", "pypi"})


def _address(setting: Setting) -> str:
    """Return a setting's address; a password in it would get into the catalogue with it."""
    try:
        return bare(setting.value)
    except Malformed as error:
        raise InvalidValue(f"{setting.origin}: {error.message}") from error


def clones_directory(cache: Path) -> Path:
    """Return where clones are kept in the user's cache directory."""
    return cache / "clones"


def open_sources(
    client: Exchange,
    hosts: Hosts,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    cache: Path,
    history: History,
    as_of: dt.datetime | None,
    conditional: bool,
    network: bool,
) -> Sources:
    """Return the sources of one run. Without ``network``, git reads what is on this machine."""
    git = Git(GitProcess(environ), Clones(clones_directory(cache)))
    local_git = git if network else _OnThisMachine(git)
    repositories: dict[str, RepositorySource]
    if as_of is not None:
        past = _Past(local_git, as_of)
        repositories = {"github": past, "git": past}
    else:
        github = GitHub(
            client,
            api_url=hosts.github,
            clock=clock,
            conditional=conditional,
            history=local_git if history == "git" else None,
        )
        repositories = {"github": github, "git": local_git}
    return Sources(
        repositories=repositories,
        projects=PyPI(client, url=hosts.pypi, conditional=conditional),
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
