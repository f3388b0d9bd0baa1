"""The engine's second lane: what is read beside a run, and for how long it may go on alone."""

import asyncio
import datetime as dt
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.observations import (
    DownloadsResult,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
    SourceName,
)
from pkgharvest.model.package import Downloads
from pkgharvest.pipeline.engine import (
    BackgroundWork,
    SourceSet,
    StageLimits,
    StopSignal,
    run_engine,
)
from tests.support.github_case import NOW
from tests.support.targets import new_target

NOTHING = Downloads(last_day=0, last_week=0, last_month=0)


class Quick:
    """Repositories and projects, told at once."""

    def __init__(self) -> None:
        self.read_so_far = 0

    async def read(self, target: FetchTarget, today: dt.date | None = None) -> RepositoryResult:
        await asyncio.sleep(0)
        self.read_so_far += 1
        return RepositoryResult()


class Projects:
    async def read(self, target: FetchTarget) -> ProjectResult:
        return ProjectResult()


class Slow:
    """Downloads, told after ``seconds`` (None: never)."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.begun: list[int] = []
        self.given_up = 0

    async def read(self, target: FetchTarget) -> DownloadsResult:
        self.begun.append(target.package_id)
        try:
            if self.seconds is None:
                await asyncio.Event().wait()
            await asyncio.sleep(self.seconds or 0)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return DownloadsResult(downloads=NOTHING)


def targets(count: int, source: SourceName = "repo") -> list[FetchTarget]:
    return [replace(new_target(), package_id=n, sources=(source,)) for n in range(count)]


async def run(
    packages: Iterable[FetchTarget],
    waiting: "deque[FetchTarget]",
    downloads: Slow,
    *,
    linger: float = math.inf,
    halt: StopSignal | None = None,
    found_by: "dict[int, FetchTarget] | None" = None,
) -> list[FetchOutcome]:
    """Harvest; when the package ``n`` has come out, ``found_by[n]`` is put aside."""
    sources = SourceSet(repositories=lambda _: Quick(), projects=Projects(), downloads=downloads)
    outcomes: list[FetchOutcome] = []
    harvesting = run_engine(
        packages,
        sources,
        clock=FixedClock(NOW),
        limits=StageLimits(jobs=3, seconds_per_source=60),
        halt=halt or StopSignal(),
        aside=BackgroundWork(
            draw=lambda: waiting.popleft() if waiting else None, jobs=2, linger=lambda: linger
        ),
    )
    async for outcome in harvesting:
        outcomes.append(outcome)
        if found_by and outcome.source == "repo":
            waiting.extend([found_by[outcome.target.package_id]])
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return outcomes


def of(outcomes: list[FetchOutcome], source: SourceName) -> list[int]:
    return [one.target.package_id for one in outcomes if one.source == source]


def test_both_lanes_are_worked_through() -> None:
    aside = deque(targets(5, "downloads"))
    outcomes = asyncio.run(run(targets(9), aside, Slow(0)))
    assert sorted(of(outcomes, "repo")) == list(range(9))
    assert sorted(of(outcomes, "downloads")) == list(range(5))


def test_nobody_waits_for_what_is_aside() -> None:
    slow = Slow(None)
    outcomes = asyncio.run(run(targets(9), deque(targets(5, "downloads")), slow, linger=0.01))
    assert len(outcomes) == 9
    assert (slow.begun, slow.given_up) == ([0, 1], 2)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_a_run_brings_may_lead_to_more(count: int) -> None:
    found = dict(enumerate(targets(count, "downloads")))
    outcomes = asyncio.run(run(targets(count), deque(), Slow(0.001), found_by=found))
    assert sorted(of(outcomes, "downloads")) == list(range(count))


def test_nothing_aside_ends_with_the_rest() -> None:
    assert len(asyncio.run(run(targets(2), deque(), Slow(None)))) == 2
    assert asyncio.run(run([], deque(), Slow(None))) == []


def test_a_run_may_be_for_what_is_aside_alone() -> None:
    outcomes = asyncio.run(run([], deque(targets(5, "downloads")), Slow(0.001)))
    assert sorted(of(outcomes, "downloads")) == list(range(5))


def test_a_halt_ends_both() -> None:
    async def act() -> list[FetchOutcome]:
        halt = StopSignal()
        asyncio.get_running_loop().call_later(0.02, halt.stop, "interrupted")
        return await run([], deque(targets(9, "downloads")), Slow(None), halt=halt)

    outcomes = asyncio.run(act())
    assert of(outcomes, "downloads") == [0, 1]
    assert {type(outcome.result) for outcome in outcomes} == {Skipped}


def test_who_leaves_in_the_middle_leaves_nothing_behind() -> None:
    async def act() -> None:
        slow = Slow(None)
        harvesting = run_engine(
            targets(9),
            SourceSet(repositories=lambda _: Quick(), projects=Projects(), downloads=slow),
            clock=FixedClock(NOW),
            limits=StageLimits(jobs=3, seconds_per_source=60),
            halt=StopSignal(),
            aside=BackgroundWork(
                draw=iter(targets(9, "downloads")).__next__, jobs=2, linger=lambda: math.inf
            ),
        )
        await anext(harvesting)
        await harvesting.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert slow.given_up == len(slow.begun)

    asyncio.run(act())


def test_what_nobody_foresaw_is_not_hidden() -> None:
    class Broken(Slow):
        async def read(self, target: FetchTarget) -> DownloadsResult:
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run(targets(3), deque(targets(1, "downloads")), Broken(0)))
    assert caught.group_contains(ZeroDivisionError)


def test_an_interrupt_outdoes_other_reasons_to_stop() -> None:
    async def act() -> StopSignal:
        halt = StopSignal()
        halt.begin_no_more("request-budget")
        halt.stop("time-budget")
        assert halt.reason == "request-budget"
        halt.stop("interrupted")
        return halt

    assert asyncio.run(act()).reason == "interrupted"
