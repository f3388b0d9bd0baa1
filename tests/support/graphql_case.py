"""GitHub over GraphQL: what the tests with the stand-in have in common."""

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
from tests.support.targets import new_target, update_target


def stand_in() -> GitHubGraphQL:
    """Return an empty GitHub with GraphQL, whose clock stands at NOW."""
    return GitHubGraphQL(now=lambda: int(NOW.timestamp()))


def add_repositories(github: GitHubGraphQL, number: int, **facts: Any) -> list[FetchTarget]:
    """Add ``number`` repositories to ``github``, and return a target for each."""
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
    """Read ``targets`` concurrently. An error is returned in place of a result."""

    async def read_all_targets() -> list[RepositoryResult | PkgharvestError]:
        async with LoopbackTransport(token) as wire:
            source = GitHubGraphqlSource(wire, api_url=github.url, clock=FixedClock(now), **options)

            async def read_target(target: FetchTarget) -> RepositoryResult | PkgharvestError:
                try:
                    return await source.read(target, now.date())
                except PkgharvestError as error:
                    return error

            return await asyncio.gather(*map(read_target, targets))

    return asyncio.run(read_all_targets())


def read_one(
    github: GitHubGraphQL, target: FetchTarget, now: dt.datetime = NOW, **options: Any
) -> RepositoryResult:
    """Read ``target`` alone. Errors are raised."""
    (result,) = read_all(github, [target], now=now, **options)
    if isinstance(result, PkgharvestError):
        raise result
    return result


def read_one_and_update(
    github: GitHubGraphQL, target: FetchTarget, now: dt.datetime = NOW
) -> tuple[RepositoryResult, FetchTarget]:
    result = read_one(github, target, now)
    return result, update_target(target, result, now)
