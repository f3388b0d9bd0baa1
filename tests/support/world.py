"""All hosts on the loopback interface, with one package that has data at each of them."""

import contextlib
import dataclasses
import datetime as dt
from types import TracebackType
from typing import Self

from tests.standins.github import FakeCommit, FakeContributor
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.pypi import FakePyPI
from tests.standins.pypistats import FakePyPIStats
from tests.standins.server import LoopbackServer, Reply
from tests.support.faults import FAULT_POINTS, FaultPoint
from tests.support.github_case import NOW, commits, days_ago, repository
from tests.support.hosts import project_of

TOKEN = "ghp_" + "5ecre7" * 6
PUSHED = NOW + dt.timedelta(hours=1)
"""When the updated repository was pushed."""

SOURCE: dict[FaultPoint, str] = dict.fromkeys(FAULT_POINTS, "repo") | {
    "pypi": "pypi",
    "pypistats": "downloads",
}


class World:
    """All hosts with one package, whose data can be updated at one host and reset."""

    def __init__(self) -> None:
        self.repo = repository(owner="octo", name="cat")
        self.github = GitHubGraphQL([self.repo], now=lambda: int(NOW.timestamp()))
        self.projects = FakePyPI()
        self.pypi = LoopbackServer(self.projects.reply)
        self.download_stats = FakePyPIStats(limited=False)
        self.pypistats = LoopbackServer(self.download_stats.reply)
        self.other_host = LoopbackServer(
            lambda _: Reply(
                status=200,
                headers={"content-type": "application/json"},
                body=b'{"thanks": "for it"}',
            )
        )
        self._stack = contextlib.ExitStack()
        self.servers = (self.github, self.pypi, self.pypistats, self.other_host)
        self.update_source(None)

    def __enter__(self) -> Self:
        for server in self.servers:
            self._stack.enter_context(server)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def variables(self, *, token: bool = False) -> dict[str, str]:
        """Return the environment variables that make pkgharvest use these hosts only."""
        hosts = {
            "GITHUB_API_URL": self.github.url,
            "PKGHARVEST_PYPI_URL": self.pypi.url,
            "PKGHARVEST_PYPISTATS_URL": self.pypistats.url,
        }
        return hosts | ({"GH_TOKEN": TOKEN} if token else {})

    def server(self, point: FaultPoint) -> LoopbackServer:
        """Return the host of ``point``."""
        match point:
            case "pypi":
                return self.pypi
            case "pypistats":
                return self.pypistats
            case _:
                return self.github

    def update_source(self, source: str | None) -> None:
        """Update the data of ``source`` and reset the data of all others."""
        contributors = [FakeContributor(name="mona", contributions=3)]
        self.repo.stars, self.repo.pushed_at = 72, days_ago(2)
        self.repo.commits, self.repo.contributors = commits(2, 3, 400), contributors
        if source == "repo":
            late_commit = FakeCommit(
                sha="e" * 40, authored=days_ago(9), committed=PUSHED, author="lisa"
            )
            self.repo.stars, self.repo.pushed_at = 100, PUSHED
            self.repo.commits = [late_commit, *self.repo.commits]
            self.repo.contributors = [*contributors, FakeContributor(name="lisa", contributions=1)]
        pypi_is_new = source == "pypi"
        project = project_of(self.repo, *(("1.0", "1.1", "1.2") if pypi_is_new else ("1.0", "1.1")))
        self.projects.add(dataclasses.replace(project, serial=2 if pypi_is_new else 1))
        self.download_stats.downloads["cat"] = (5, 6, 7) if source == "downloads" else (1, 2, 3)

    def heal(self) -> None:
        """Remove all faults and clear the request logs."""
        self.github.forbidden.clear()
        for server in self.servers:
            server.heal()
            server.log.clear()
