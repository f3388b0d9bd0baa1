"""GitHub with a token, asked of the stand-in over a real socket: what its tests have in common."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

from github_case import NOW, repository
from pkgharvest.clock import FixedClock
from pkgharvest.errors import PkgharvestError
from pkgharvest.records import RepositoryReading, Target
from pkgharvest.sources.github_batches import GitHubBatches
from standin.github_graphql import GitHubGraphQL
from standin.wire import Wire
from targets import learned, new_target


def stand_in() -> GitHubGraphQL:
    """Return an empty GitHub, with GraphQL, whose clock stands at NOW."""
    return GitHubGraphQL(now=lambda: int(NOW.timestamp()))


def crowd(github: GitHubGraphQL, number: int, **facts: Any) -> list[Target]:
    """Let ``github`` have so many repositories, and return packages of them."""
    return [
        new_target(github.add(repository(id=n, name=f"cat{n}", **facts)).full_name)
        for n in range(1, number + 1)
    ]


def read_all(
    github: GitHubGraphQL,
    targets: Sequence[Target],
    *,
    now: dt.datetime = NOW,
    token: str | None = "a-token",
    **options: Any,
) -> list[RepositoryReading | PkgharvestError]:
    """Read ``targets`` at once; an error is returned in place of the reading."""

    async def reading() -> list[RepositoryReading | PkgharvestError]:
        async with Wire(token) as wire:
            source = GitHubBatches(wire, api_url=github.url, clock=FixedClock(now), **options)

            async def one(target: Target) -> RepositoryReading | PkgharvestError:
                try:
                    return await source.read(target, now.date())
                except PkgharvestError as error:
                    return error

            return await asyncio.gather(*map(one, targets))

    return asyncio.run(reading())


def read_one(
    github: GitHubGraphQL, target: Target, now: dt.datetime = NOW, **options: Any
) -> RepositoryReading:
    """Read ``target`` alone; errors are raised."""
    (result,) = read_all(github, [target], now=now, **options)
    if isinstance(result, PkgharvestError):
        raise result
    return result


def read_one_and_learn(
    github: GitHubGraphQL, target: Target, now: dt.datetime = NOW
) -> tuple[RepositoryReading, Target]:
    reading = read_one(github, target, now)
    return reading, learned(target, reading, now)
