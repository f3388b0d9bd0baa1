"""The services of one run: which they are, their tokens and limits, and the sources that read them.

How a forge is read is known to its source, which ``sources/base.py`` finds.
"""

import dataclasses
import datetime as dt
import functools
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitProcess
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import LocatorError, NotFound
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.model.origin import Origin
from pkgharvest.pipeline.engine import LocalExecutor
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.settings.hosts import ForgeHost, HostTable, clean_url
from pkgharvest.settings.load import PYPI_URL, Setting, Settings
from pkgharvest.sources.base import HistorySource, RepositorySource, SourceContext, find_source
from pkgharvest.sources.git import GitSource
from pkgharvest.sources.pypi.source import PypiIndexSource
from pkgharvest.sources.pypistats import PypistatsSource
from pkgharvest.transport.client import Client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.replay import HarArchive
from pkgharvest.transport.rate_limit.limiter import RateLimit, rate_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one run, with their addresses."""

    hosts: HostTable
    pypi: str = PYPI_URL
    pypistats: str | None = None
    """None if nobody counts the downloads from ``pypi``."""
    is_replay: bool = False

    @classmethod
    def choose(cls, settings: Settings, archive: HarArchive | None) -> "Services":
        """Return the services that the settings name or, in a replay, those of its archive.

        Raises InvalidValue for settings that name no address.
        """
        if archive is not None:
            return cls(
                hosts=HostTable.from_archive(archive.hosts),
                pypi=archive.hosts.get("pypi", PYPI_URL),
                pypistats=archive.hosts.get("pypistats"),
                is_replay=True,
            )
        stats = settings.pypistats
        return cls(
            hosts=settings.host_table,
            pypi=clean_url(settings.pypi_url),
            pypistats=stats and clean_url(Setting(stats, settings.pypistats_url.origin)),
        )

    def recorded_urls(self) -> Mapping[str, str]:
        """Return the base addresses by name, as an archive remembers them."""
        urls = {host.name: host.urls[0] for host in self.hosts.api_hosts} | {"pypi": self.pypi}
        return urls if self.pypistats is None else {**urls, "pypistats": self.pypistats}

    def forges_besides(self, asked: Container[str]) -> list[str]:
        """Return the names of hosts of forges that were not asked: no archive should name them.

        ``asked`` has network locations.
        """
        hosts = self.hosts.api_hosts
        return [host.name for host in hosts if Origin.of(host.urls[0]).netloc not in asked]

    def find_credentials(self, environ: Mapping[str, str]) -> Credentials:
        """Return the tokens for these services; a replay has none. Raises InvalidValue."""
        return Credentials.find(() if self.is_replay else self.hosts.api_hosts, environ)

    def rate_limits(self, requests_per_minute: Mapping[str, float]) -> Mapping[str, RateLimit]:
        """Return how fast each service may be asked; limits by host are a person's own."""
        return rate_limits(
            self.hosts.api_hosts, pypistats=self.pypistats, limits=requests_per_minute
        )

    def token_advice(self, credentials: Credentials) -> Mapping[str, str]:
        """Return, by the network location of hosts without a token, how to give them one."""
        advice = {}
        for host in () if self.is_replay else self.hosts.api_hosts:
            variables = (host.token_env.value,) if host.token_env else host.token_variables
            if variables and not _has_token(host, credentials):
                advice[Origin.of(host.urls[0]).netloc] = (
                    f"set {variables[0]} for a larger quota at {host.forge.name}"
                )
        return advice

    def can_batch(self, credentials: Credentials) -> bool:
        """Return whether the source of any of the hosts asks for many repositories at once."""
        return any(
            spec is not None and spec.batches_with_token
            for host in self.hosts.api_hosts
            if _has_token(host, credentials)
            for spec in (find_source(host.forge.kind),)
        )

    def reads_with_git(self, locator: Locator) -> bool:
        """Return whether the host of ``locator`` is read by git alone."""
        return find_source(self.hosts.kind_of(locator)) is None


def clones_directory(cache: Path) -> Path:
    """Return where clones are kept in the user's cache directory."""
    return cache / "clones"


def open_sources(
    client: Client,
    services: Services,
    credentials: Credentials,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    cache: Path,
    options: FetchOptions,
    today: dt.date,
) -> LocalExecutor:
    """Return the sources of one run. In a replay, git only reads what is on this machine.

    The source of a host is opened when the first of its repositories is to be read.
    """
    # A recording and its replay must ask the same of a catalog that knows nothing.
    conditional = options.record is None and options.replay is None
    clones = CloneCache(clones_directory(cache))
    git = GitSource(
        GitProcess(environ), clones, concurrency=options.jobs, local_only=services.is_replay
    )
    past = None if options.as_of is None else _PastSource(git, options.as_of)

    @functools.cache
    def open_host(name: str) -> RepositorySource:
        host = services.hosts.hosts[name]
        spec = find_source(host.forge.kind)
        if spec is None:
            return git
        source = spec.open(
            SourceContext(
                host=host,
                client=client,
                clock=clock,
                has_token=_has_token(host, credentials),
                conditional=conditional,
                may_batch=options.may_batch,
                git=git,
                prefers_git=options.history == "git",
            )
        )
        return source if name in host.forge.hosts else _ConfiguredHostSource(source, host)

    def find_repository_source(locator: Locator) -> RepositorySource:
        host = services.hosts.find(locator)
        return past or (git if host is None else open_host(host.host))

    return LocalExecutor(
        today=today,
        repositories=find_repository_source,
        projects=PypiIndexSource(client, url=services.pypi, conditional=conditional),
        downloads=(
            None
            if services.pypistats is None
            else PypistatsSource(client, url=services.pypistats, conditional=conditional)
        ),
    )


def _has_token(host: ForgeHost, credentials: Credentials) -> bool:
    return credentials.header(Origin.of(host.urls[0])) is not None


@dataclass(frozen=True, slots=True)
class _ConfiguredHostSource:
    """Applies the forge's rules to locators that were read without knowing the host's kind."""

    source: RepositorySource
    host: ForgeHost

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the repository; NotFound if its path is none that the forge allows."""
        assert target.locator is not None
        path = target.locator.path.removeprefix("~/")
        try:
            locator = self.host.locator(path, exact=False)
        except LocatorError as error:
            raise NotFound(f"{target.locator.url}: {error.message}") from error
        return await self.source.read(dataclasses.replace(target, locator=locator), today)


@dataclass(frozen=True, slots=True)
class _PastSource:
    """Reads the activity that repositories had at an instant, from their histories."""

    git: HistorySource
    instant: dt.datetime

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the activity at the instant, whatever ``today`` is."""
        return RepositoryResult(activity=await self.git.history_at(target, self.instant))
