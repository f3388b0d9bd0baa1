"""GitHub with a token, asked of the stand-in over a real socket: what its tests have in common."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import PkgharvestError
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.sources.github.graphql_source import GitHubGraphqlSource
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.transport import LoopbackTransport
from tests.support.github_case import NOW, repository
from tests.support.targets import learned, new_target


def stand_in() -> GitHubGraphQL:
    """Return an empty GitHub, with GraphQL, whose clock stands at NOW."""
    return GitHubGraphQL(now=lambda: int(NOW.timestamp()))


def crowd(github: GitHubGraphQL, number: int, **facts: Any) -> list[FetchTarget]:
    """Let ``github`` have so many repositories, and return packages of them."""
    return [
        new_target(github.add(repository(id=n, name=f"cat{n}", **facts)).full_name)
        for n in range(1, number + 1)
    ]


def read_all(
    github: GitHubGraphQL,
    targets: Sequence[FetchTarget],
    *,
    now: dt.datetime = NOW,
    token: str | None = "a-token",
    **options: Any,
) -> list[RepositoryResult | PkgharvestError]:
    """Read ``targets`` at once; an error is returned in place of the reading."""

    async def reading() -> list[RepositoryResult | PkgharvestError]:
        async with LoopbackTransport(token) as wire:
            source = GitHubGraphqlSource(wire, api_url=github.url, clock=FixedClock(now), **options)

            async def one(target: FetchTarget) -> RepositoryResult | PkgharvestError:
                try:
                    return await source.read(target, now.date())
                except PkgharvestError as error:
                    return error

            return await asyncio.gather(*map(one, targets))

    return asyncio.run(reading())


def read_one(
    github: GitHubGraphQL, target: FetchTarget, now: dt.datetime = NOW, **options: Any
) -> RepositoryResult:
    """Read ``target`` alone; errors are raised."""
    (result,) = read_all(github, [target], now=now, **options)
    if isinstance(result, PkgharvestError):
        raise result
    return result


def read_one_and_learn(
    github: GitHubGraphQL, target: FetchTarget, now: dt.datetime = NOW
) -> tuple[RepositoryResult, FetchTarget]:
    reading = read_one(github, target, now)
    return reading, learned(target, reading, now)
