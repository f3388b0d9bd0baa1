"""GitHub over REST, asked of the stand-in over a real socket: what its tests have in common."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

from pkgharvest.clock import FixedClock
from pkgharvest.records import RepositoryReading, Target
from pkgharvest.sources.github import GitHub
from standin.github import FakeCommit, FakeContributor, FakeRepository, GitHubStandIn
from standin.wire import Wire
from targets import learned

NOW = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
TODAY = NOW.date()
DAY = dt.timedelta(days=1)
ANCHOR = TODAY - 371 * DAY
"""The day from which commits are asked, where nothing is known."""


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
    usual: dict[str, Any] = {
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
    return FakeRepository(**usual | facts)


def read(
    github: GitHubStandIn,
    target: Target,
    *,
    now: dt.datetime = NOW,
    token: str | None = None,
    **options: Any,
) -> RepositoryReading:
    async def reading() -> RepositoryReading:
        async with Wire(token) as wire:
            source = GitHub(wire, api_url=github.url, clock=FixedClock(now), **options)
            return await source.read(target, now.date())

    return asyncio.run(reading())


def read_and_learn(
    github: GitHubStandIn, target: Target, now: dt.datetime = NOW
) -> tuple[RepositoryReading, Target]:
    reading = read(github, target, now=now)
    return reading, learned(target, reading, now)


def asked(github: GitHubStandIn, act: Callable[[], object]) -> list[tuple[str, int]]:
    """Return path, query and status of what ``act`` asks."""
    before = len(github.log)
    act()
    return [(logged.target, logged.status) for logged in github.log[before:]]
