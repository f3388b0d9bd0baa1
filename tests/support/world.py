"""Every host on the loopback interface at once, with one package that has all there is."""

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
from tests.support.faults import PLACES, Place
from tests.support.github_case import NOW, commits, days_ago, repository
from tests.support.hosts import project_of

TOKEN = "ghp_" + "5ecre7" * 6
PUSHED = NOW + dt.timedelta(hours=1)
"""When the news of the repository came."""

SOURCE: dict[Place, str] = dict.fromkeys(PLACES, "repo") | {
    "pypi": "pypi",
    "pypistats": "downloads",
}


class World:
    """Every host, with one package; what is new at one of them can be told, and taken back."""

    def __init__(self) -> None:
        self.repo = repository(owner="octo", name="cat")
        self.github = GitHubGraphQL([self.repo], now=lambda: int(NOW.timestamp()))
        self.projects = FakePyPI()
        self.pypi = LoopbackServer(self.projects.reply)
        self.figures = FakePyPIStats(limited=False)
        self.pypistats = LoopbackServer(self.figures.reply)
        self.stranger = LoopbackServer(
            lambda _: Reply(
                status=200,
                headers={"content-type": "application/json"},
                body=b'{"thanks": "for it"}',
            )
        )
        self._stack = contextlib.ExitStack()
        self.servers = (self.github, self.pypi, self.pypistats, self.stranger)
        self.tell(None)

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
        """Return what leads pkgharvest to these hosts and to no others."""
        hosts = {
            "GITHUB_API_URL": self.github.url,
            "PKGHARVEST_PYPI_URL": self.pypi.url,
            "PKGHARVEST_PYPISTATS_URL": self.pypistats.url,
        }
        return hosts | ({"GH_TOKEN": TOKEN} if token else {})

    def server(self, place: Place) -> LoopbackServer:
        """Return the host of ``place``."""
        match place:
            case "pypi":
                return self.pypi
            case "pypistats":
                return self.pypistats
            case _:
                return self.github

    def tell(self, source: str | None) -> None:
        """Let there be news of ``source``, and of no other."""
        people = [FakeContributor(name="mona", contributions=3)]
        self.repo.stars, self.repo.pushed_at = 72, days_ago(2)
        self.repo.commits, self.repo.contributors = commits(2, 3, 400), people
        if source == "repo":
            late = FakeCommit(sha="e" * 40, authored=days_ago(9), committed=PUSHED, author="lisa")
            self.repo.stars, self.repo.pushed_at = 100, PUSHED
            self.repo.commits = [late, *self.repo.commits]
            self.repo.contributors = [*people, FakeContributor(name="lisa", contributions=1)]
        news = source == "pypi"
        project = project_of(self.repo, *(("1.0", "1.1", "1.2") if news else ("1.0", "1.1")))
        self.projects.add(dataclasses.replace(project, serial=2 if news else 1))
        self.figures.downloads["cat"] = (5, 6, 7) if source == "downloads" else (1, 2, 3)

    def heal(self) -> None:
        """Let all be well, and nothing known of what was."""
        self.github.forbidden.clear()
        for server in self.servers:
            server.heal()
            server.log.clear()
