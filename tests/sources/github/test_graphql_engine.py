"""GitHub over GraphQL in the engine: the requests of a whole run, and stopping it."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pkgharvest.model.clock import SystemClock
from pkgharvest.model.events import ignore_events
from pkgharvest.model.observations import (
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
)
from pkgharvest.model.origin import Origin
from pkgharvest.pipeline.engine import Engine, LocalExecutor, Stage, StopSignal
from pkgharvest.sources.github.graphql_source import GitHubGraphqlSource
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials
from tests.standins.github_graphql import GitHubGraphQL
from tests.support.github_case import DAY, NOW, commits, github_host
from tests.support.graphql_case import add_repositories
from tests.support.targets import update_target


class StillClock(SystemClock):
    """The machine's clock, whose instant stands still."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now


class Index:
    """An IndexSource that reads one package at a time."""

    def __init__(self) -> None:
        self._door = asyncio.Semaphore(1)

    async def read(self, target: FetchTarget) -> ProjectResult:
        async with self._door:
            await asyncio.sleep(0.001)
        return ProjectResult()


async def run(
    github: GitHubGraphQL, targets: Sequence[FetchTarget], now: dt.datetime, stop: StopSignal
) -> list[FetchOutcome]:
    clock = StillClock(now)
    credentials = Credentials.find([github_host(github.url)], {"GH_TOKEN": "a-token"})
    async with open_client(clock=clock, listener=ignore_events, credentials=credentials) as client:
        github_source = GitHubGraphqlSource(client, api_url=github.url, clock=clock)
        local = LocalExecutor(
            today=now.date(), repositories=lambda _: github_source, projects=Index()
        )
        engine = Engine(
            [
                Stage(source=source, concurrency=100, timeout_seconds=60)
                for source in ("repo", "pypi")
            ],
            local,
            clock=clock,
            stop=stop,
            packages_at_once=100,
        )
        return [outcome async for outcome in engine.outcomes(targets)]


@pytest.mark.slow
def test_requests_per_package_the_first_time_and_unchanged(
    github: GitHubGraphQL,
) -> None:
    every = [
        replace(target, package_id=n) for n, target in enumerate(add_repositories(github, 200))
    ]
    both = [replace(target, sources=("repo", "pypi")) for target in every]

    first = asyncio.run(run(github, both, NOW, StopSignal()))
    cost = len(github.log)
    known = [
        update_target(outcome.target, outcome.result, NOW)
        for outcome in first
        if isinstance(outcome.result, RepositoryResult)
    ]
    asyncio.run(run(github, known, NOW + DAY, StopSignal()))

    assert len(known) == 200
    assert cost <= 1.1 * 200
    assert len(github.log) - cost <= 0.04 * 200


def test_a_stopped_run_leaves_no_tasks_behind(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 60, commits=commits(1, 500))
    github.latency = 1.0

    async def act() -> list[FetchOutcome]:
        stop = StopSignal()

        async def stop_in_the_middle() -> None:
            while not github.busiest:  # noqa: ASYNC110 - it lives in another thread
                await asyncio.sleep(0.005)
            stop.stop("interrupted")

        stopping = asyncio.create_task(stop_in_the_middle())
        outcomes = await run(github, targets, NOW, stop)
        await stopping
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcomes

    outcomes = asyncio.run(act())

    assert {type(outcome.result) for outcome in outcomes} == {Skipped}


def test_the_token_is_sent_to_the_graphql_url() -> None:
    api, graphql_url = "https://api.example", "https://graphql.example/graphql"
    known = Credentials.find([github_host(api, graphql_url)], {"GH_TOKEN": "a-token"})

    for url in (api, graphql_url):
        assert known.header(Origin.of(url)) == "Bearer a-token"
    assert known.header(Origin.of("https://example")) is None
    assert Credentials.find([github_host(api)], {"NETRC": "/none"}).secrets == frozenset()
