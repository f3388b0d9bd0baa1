"""GitHub over REST: what the tests with the stand-in have in common."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.forges import github
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.settings.hosts import ForgeHost
from pkgharvest.settings.spec import Setting
from pkgharvest.sources.github.rest import GitHubRestSource
from tests.standins.github import FakeCommit, FakeContributor, FakeRepository, GitHubStandIn
from tests.standins.transport import LoopbackTransport
from tests.support.targets import update_target

NOW = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
TODAY = NOW.date()
DAY = dt.timedelta(days=1)
FIRST_DAY = TODAY - 371 * DAY
"""The first day of the commits that are listed for a new package."""


def github_host(api_url: str, graphql_url: str | None = None) -> ForgeHost:
    """Return github.com with its API at ``api_url``."""
    return ForgeHost(
        github.FORGE,
        "github.com",
        Setting(api_url, "test"),
        Setting(graphql_url or github.graphql_url(api_url), "test"),
        ("GH_TOKEN", "GITHUB_TOKEN"),
    )


def stand_in() -> GitHubStandIn:
    """Return an empty GitHub whose clock stands at NOW."""
    return GitHubStandIn(now=lambda: int(NOW.timestamp()))


def days_ago(days: float) -> dt.datetime:
    return NOW - days * DAY


def commits(*ages: float, start: int = 0) -> list[FakeCommit]:
    return [
        FakeCommit(
            sha=f"{start + index:040x}",
            authored=days_ago(age),
            committed=days_ago(age),
            author="mona",
        )
        for index, age in enumerate(ages)
    ]


def repository(**facts: Any) -> FakeRepository:
    defaults: dict[str, Any] = {
        "owner": "Octo",
        "name": "Cat",
        "id": 7,
        "stars": 72,
        "forks": 19,
        "pushed_at": days_ago(2),
        "commits": commits(2, 3, 3.1, 400),
        "contributors": [
            FakeContributor(name="mona", contributions=3),
            FakeContributor(name="hubot", contributions=1),
        ],
    }
    return FakeRepository(**defaults | facts)


def read(
    github: GitHubStandIn,
    target: FetchTarget,
    *,
    now: dt.datetime = NOW,
    token: str | None = None,
    **options: Any,
) -> RepositoryResult:
    async def read_target() -> RepositoryResult:
        async with LoopbackTransport(token) as wire:
            source = GitHubRestSource(wire, api_url=github.url, clock=FixedClock(now), **options)
            return await source.read(target, now.date())

    return asyncio.run(read_target())


def read_and_update(
    github: GitHubStandIn, target: FetchTarget, now: dt.datetime = NOW
) -> tuple[RepositoryResult, FetchTarget]:
    result = read(github, target, now=now)
    return result, update_target(target, result, now)


def record_requests(github: GitHubStandIn, act: Callable[[], object]) -> list[tuple[str, int]]:
    """Return the requests that ``act`` sends: path with query, and status."""
    before = len(github.log)
    act()
    return [(logged.target, logged.status) for logged in github.log[before:]]
