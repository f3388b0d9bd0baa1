"""GitHub, PyPI and pypistats on the loopback interface, for runs of the command line."""

import contextlib
from types import TracebackType
from typing import Self

from tests.standins.github import FakeRepository
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.pypi import FakeProject, FakePyPI, released
from tests.standins.pypistats import FakePyPIStats
from tests.standins.server import LoopbackServer
from tests.support.github_case import NOW, repository


class Hosts:
    """The hosts; they run while the context is entered, with their clock at NOW.

    pypistats is configured with ``downloads`` only.
    """

    def __init__(
        self, *repositories: FakeRepository, latency: float = 0.0, downloads: bool = False
    ) -> None:
        self.github = GitHubGraphQL(repositories, latency=latency, now=lambda: int(NOW.timestamp()))
        self.projects = FakePyPI(*(project_of(repo) for repo in repositories))
        self.pypi = LoopbackServer(self.projects.reply, latency=latency)
        self.download_stats = FakePyPIStats(
            {
                repo.name: (number, 7 * number, 30 * number)
                for number, repo in enumerate(repositories)
            },
            limited=False,
        )
        self.pypistats = LoopbackServer(self.download_stats.reply, latency=latency)
        self._downloads = downloads
        self._stack = contextlib.ExitStack()

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment variables that make pkgharvest use these hosts only."""
        variables_ = {"GITHUB_API_URL": self.github.url, "PKGHARVEST_PYPI_URL": self.pypi.url}
        return variables_ | (
            {"PKGHARVEST_PYPISTATS_URL": self.pypistats.url} if self._downloads else {}
        )

    def request_counts(self) -> tuple[int, int]:
        """Return the numbers of requests to GitHub and PyPI since the last call."""
        counts = len(self.github.log), len(self.pypi.log)
        self.github.log.clear()
        self.pypi.log.clear()
        return counts

    def __enter__(self) -> Self:
        self._stack.enter_context(self.github)
        self._stack.enter_context(self.pypi)
        self._stack.enter_context(self.pypistats)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def project_of(repo: FakeRepository, *versions: str) -> FakeProject:
    """Return a project with the name of ``repo`` and a link back to it."""
    link = f"https://github.com/{repo.full_name}"
    return released(repo.name, versions or ("1.0", "1.1"), project_urls={"Source": link})


def make_repositories(count: int, owner: str = "octo") -> list[FakeRepository]:
    """Return ``count`` repositories: ``octo/r000`` and so on."""
    return [
        repository(owner=owner, name=f"r{number:03}", id=1000 + number, stars=number)
        for number in range(count)
    ]
