"""The engine's stages and queues, and its background stage: how long it may go on alone."""

import asyncio
import datetime as dt
import math
import pickle
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import SourceError
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import (
    Contributor,
    DownloadsResult,
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
    SourceName,
    SourceResult,
)
from pkgharvest.model.package import Downloads
from pkgharvest.pipeline.engine import (
    BackgroundStage,
    Engine,
    Executor,
    LocalExecutor,
    Stage,
    StopSignal,
)
from tests.support import catalogs
from tests.support.github_case import NOW
from tests.support.targets import new_target

NOTHING = Downloads(last_day=0, last_week=0, last_month=0)


class Repositories:
    """Repositories that answer at once."""

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        await asyncio.sleep(0)
        return RepositoryResult()


class Projects:
    """Projects, found for the packages in ``found``."""

    def __init__(self, found: Sequence[int] = ()) -> None:
        self.found = found

    async def read(self, target: FetchTarget) -> ProjectResult:
        await asyncio.sleep(0)
        return catalogs.project_result() if target.package_id in self.found else ProjectResult()


class Slow:
    """Downloads that take ``seconds`` (None: forever)."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.started: list[int] = []
        self.canceled = 0

    async def read(self, target: FetchTarget) -> DownloadsResult:
        self.started.append(target.package_id)
        try:
            if self.seconds is None:
                await asyncio.Event().wait()
            await asyncio.sleep(self.seconds or 0)
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        return DownloadsResult(downloads=NOTHING)


def targets(count: int, *sources: SourceName) -> list[FetchTarget]:
    return [replace(new_target(), package_id=n, sources=sources or ("repo",)) for n in range(count)]


def make_engine(
    downloads: Slow,
    *,
    waiting: Iterable[int] = (),
    found: Sequence[int] = (),
    linger: float = math.inf,
    stop: StopSignal | None = None,
    executor: Executor | None = None,
    packages_at_once: int = 3,
    timeout: float = 60,
    starts_last: bool = False,
) -> Engine:
    local = LocalExecutor(
        today=NOW.date(),
        repositories=lambda _: Repositories(),
        projects=Projects(found),
        downloads=downloads,
    )
    stages = [
        Stage(source=source, concurrency=packages_at_once, timeout_seconds=timeout)
        for source in ("repo", "pypi")
    ]
    return Engine(
        stages,
        executor or local,
        clock=FixedClock(NOW),
        stop=stop or StopSignal(),
        packages_at_once=packages_at_once,
        background=BackgroundStage(
            stage=Stage(source="downloads", concurrency=2, timeout_seconds=timeout),
            package_ids=waiting,
            load=lambda number: replace(new_target(), package_id=number, sources=("downloads",)),
            linger_seconds=lambda _waiting: linger,
            starts_last=starts_last,
        ),
    )


async def run(
    engine: Engine,
    packages: Iterable[FetchTarget],
    write: Callable[[FetchOutcome], Awaitable[None]] | None = None,
) -> list[FetchOutcome]:
    outcomes: list[FetchOutcome] = []

    async def collect(outcome: FetchOutcome) -> None:
        outcomes.append(outcome)
        if write is not None:
            await write(outcome)

    await engine.run(packages, collect)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return outcomes


def read(outcomes: list[FetchOutcome], source: SourceName) -> list[int]:
    return [outcome.target.package_id for outcome in outcomes if outcome.source == source]


def test_the_background_stage_reads_its_packages_beside_the_others() -> None:
    engine = make_engine(Slow(0), waiting=range(5))
    outcomes = asyncio.run(run(engine, targets(9)))
    assert sorted(read(outcomes, "repo")) == list(range(9))
    assert sorted(read(outcomes, "downloads")) == list(range(5))


def test_nothing_waits_for_the_background_stage() -> None:
    slow = Slow(None)
    engine = make_engine(slow, waiting=range(5), linger=0.01)
    outcomes = asyncio.run(run(engine, targets(9)))
    assert len(outcomes) == 9
    assert (slow.started, slow.canceled) == ([0, 1], 2)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_project_found_in_a_run_is_fed_to_the_background_stage(count: int) -> None:
    engine = make_engine(Slow(0.001), found=range(count))
    outcomes = asyncio.run(run(engine, targets(count, "pypi")))
    assert sorted(read(outcomes, "downloads")) == list(range(count))


def test_the_background_stage_starts_last_where_it_is_told_to() -> None:
    engine = make_engine(Slow(0), waiting=range(3), starts_last=True)
    outcomes = asyncio.run(run(engine, targets(9)))
    assert read(outcomes, "downloads") == [0, 1, 2]
    assert {outcome.source for outcome in outcomes[:9]} == {"repo"}


def test_an_empty_background_stage_ends_with_the_others() -> None:
    assert len(asyncio.run(run(make_engine(Slow(None)), targets(2)))) == 2
    assert asyncio.run(run(make_engine(Slow(None)), [])) == []


def test_a_run_may_have_nothing_but_a_background_stage() -> None:
    outcomes = asyncio.run(run(make_engine(Slow(0.001), waiting=range(5)), []))
    assert sorted(read(outcomes, "downloads")) == list(range(5))


def test_a_stop_skips_the_reads_of_every_stage() -> None:
    async def act() -> list[FetchOutcome]:
        stop = StopSignal()
        asyncio.get_running_loop().call_later(0.02, stop.stop, "interrupted")
        return await run(make_engine(Slow(None), waiting=range(9), stop=stop), [])

    outcomes = asyncio.run(act())
    assert read(outcomes, "downloads") == [0, 1]
    assert {type(outcome.result) for outcome in outcomes} == {Skipped}


def test_a_consumer_that_leaves_in_the_middle_leaves_no_task_behind() -> None:
    async def act() -> None:
        slow = Slow(None)
        outcomes = make_engine(slow, waiting=range(9)).outcomes(targets(9))
        await anext(outcomes)
        await outcomes.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert slow.canceled == len(slow.started)

    asyncio.run(act())


@pytest.mark.parametrize("broken", ["repo", "pypi", "downloads"])
def test_a_bug_in_any_stage_ends_the_run_and_is_not_hidden(broken: SourceName) -> None:
    class Broken:
        async def read(self, source: SourceName, target: FetchTarget) -> SourceResult:
            await asyncio.sleep(0)
            if source == broken:
                raise ZeroDivisionError
            return RepositoryResult()

    engine = make_engine(Slow(0), waiting=range(1), executor=Broken())
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run(engine, targets(3, "repo", "pypi")))


def test_an_error_of_the_writer_ends_the_run() -> None:
    async def fail(outcome: FetchOutcome) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(run(make_engine(Slow(None), waiting=range(9)), targets(9), fail))


def test_a_package_takes_one_place_from_its_first_stage_to_its_last() -> None:
    """With one place, the sources of one package come before those of the next."""
    engine = make_engine(Slow(0), packages_at_once=1)
    outcomes = asyncio.run(run(engine, targets(3, "repo", "pypi")))
    assert [(outcome.target.package_id, outcome.source) for outcome in outcomes] == [
        (number, source) for number in range(3) for source in ("repo", "pypi")
    ]


def test_targets_are_drawn_only_as_there_is_room() -> None:
    drawn: list[int] = []
    written: list[int] = []

    def lazily() -> Iterable[FetchTarget]:
        for target in targets(50, "repo", "pypi"):
            drawn.append(target.package_id)
            yield target

    async def write(outcome: FetchOutcome) -> None:
        written.append(outcome.target.package_id)
        assert len(drawn) <= len(set(written)) + 2 * 3 + 1

    asyncio.run(run(make_engine(Slow(0)), lazily(), write))
    assert len(drawn) == 50


def test_every_stage_feeds_the_writer_before_the_package_is_through() -> None:
    """The repository is written while the index is still being read."""

    class Waiting(Projects):
        def __init__(self) -> None:
            super().__init__()
            self.may_answer = asyncio.Event()

        async def read(self, target: FetchTarget) -> ProjectResult:
            await self.may_answer.wait()
            return ProjectResult()

    async def act() -> list[FetchOutcome]:
        projects = Waiting()
        local = LocalExecutor(
            today=NOW.date(), repositories=lambda _: Repositories(), projects=projects
        )

        async def write(outcome: FetchOutcome) -> None:
            if outcome.source == "repo":
                projects.may_answer.set()

        engine = make_engine(Slow(0), executor=local)
        return await run(engine, targets(1, "repo", "pypi"), write)

    assert [outcome.source for outcome in asyncio.run(act())] == ["repo", "pypi"]


def test_a_rename_that_the_repository_stage_finds_is_known_to_the_index_stage() -> None:
    asked: list[str] = []

    class Renamed(Repositories):
        async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
            return RepositoryResult(repository=catalogs.repository_facts("octo/lion"))

    class Names(Projects):
        async def read(self, target: FetchTarget) -> ProjectResult:
            assert target.locator is not None
            asked.extend([target.locator.path, *(former.path for former in target.previous)])
            return ProjectResult()

    local = LocalExecutor(today=NOW.date(), repositories=lambda _: Renamed(), projects=Names())
    engine = make_engine(Slow(0), executor=local)
    outcomes = asyncio.run(run(engine, targets(1, "repo", "pypi")))
    assert asked == ["octo/lion", "octo/cat"]
    assert {outcome.target.locator for outcome in outcomes} == {new_target().locator}


def test_a_read_that_takes_too_long_times_out() -> None:
    engine = make_engine(Slow(None), waiting=range(1), timeout=0.01)
    (outcome,) = asyncio.run(run(engine, []))
    assert outcome.result == Failure(kind="timeout", message="not done after 0.01 s")


def test_what_crosses_a_queue_can_be_pickled() -> None:
    result = catalogs.repository_result(
        contributors=(Contributor(name="ann", commits=1),), problem=SourceError("half of it failed")
    )
    outcome = FetchOutcome(
        target=replace(
            new_target(),
            previous=(parse_locator("octo/kitten"),),
            validators={"a": catalogs.validator("a")},
        ),
        source="repo",
        at=NOW,
        result=result,
    )
    copy = pickle.loads(pickle.dumps(outcome))
    assert copy.target == outcome.target
    assert copy.result.problem.message == "half of it failed"
    assert replace(copy.result, problem=None) == replace(result, problem=None)


def test_an_interrupt_overrides_other_reasons_to_stop() -> None:
    async def act() -> StopSignal:
        stop = StopSignal()
        stop.finish_started("request-budget")
        stop.stop("time-budget")
        assert stop.reason == "request-budget"
        stop.stop("interrupted")
        return stop

    assert asyncio.run(act()).reason == "interrupted"
