"""The engine: targets go in, outcomes come out, many packages at once.

It knows neither SQLite nor the terminal: who runs it saves and shows.
"""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import BudgetSpent, RateLimited, SourceError, TimedOut
from pkgharvest.model.instants import utc_day
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import (
    Failure,
    FetchOutcome,
    FetchTarget,
    RepositoryResult,
    Skipped,
    SourceName,
    SourceResult,
)
from pkgharvest.sources.base import DownloadsSource, ProjectSource, RepositorySource

StopReason = Literal["time-budget", "request-budget", "interrupted"]


class StopSignal:
    """A flag that stops a run, for the first reason given; an interrupt outdoes the others."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._event = asyncio.Event()

    def stop(self, reason: StopReason) -> None:
        """Stop the run; what is saved already stays, what is under way is given up."""
        self.reason = reason if reason == "interrupted" else self.reason or reason
        self._event.set()

    def begin_no_more(self, reason: StopReason) -> None:
        """Let what is under way come to its end, and begin nothing else."""
        self.reason = self.reason or reason

    async def wait(self) -> None:
        """Return when the run is to stop at once."""
        await self._event.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSet:
    """Who answers for what."""

    repositories: Callable[[Locator], RepositorySource]
    """Returns the source that reads a repository."""
    projects: ProjectSource
    downloads: DownloadsSource | None = None
    """None where nobody counts downloads from the index that ``projects`` asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """What bounds a run."""

    jobs: int
    """Packages under way at once."""
    seconds_per_source: float
    """The longest that one source of one package may take, waits for its host included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundWork:
    """What is read beside the rest of a run, as its host is slow and nobody is to wait for it."""

    draw: Callable[[], FetchTarget | None]
    """Gives the next target; None where there is none as yet. What the rest of the run brings may
    lead to more."""
    jobs: int
    """Targets under way at once."""
    linger: Callable[[], float]
    """Says, when the rest of the run is over, for how many seconds this may go on alone; what is
    under way after those is given up, and has no outcome."""
    afterwards: bool = False
    """Begin only then."""


async def run_engine(
    targets: Iterable[FetchTarget],
    sources: SourceSet,
    *,
    clock: Clock,
    limits: StageLimits,
    halt: StopSignal,
    aside: BackgroundWork | None = None,
) -> AsyncGenerator[FetchOutcome, None]:
    """Yield the outcomes of each package, one for each of its sources, as they come.

    ``targets`` is drawn on only as there is room, so it may be long and lazy. After ``halt``
    no further package is begun, and what is under way comes out as deferred.
    """
    run = _Run(sources, clock=clock, limits=limits, halt=halt)
    workers = asyncio.create_task(run.work(iter(targets), aside))
    try:
        while (outcome := await run.done.get()) is not None:
            yield outcome
            run.seen()
        await workers
    finally:
        workers.cancel()
        await asyncio.gather(workers, return_exceptions=True)


class _Run:
    """The workers of one run, and the queue by which they hand over what they have done."""

    def __init__(
        self, sources: SourceSet, *, clock: Clock, limits: StageLimits, halt: StopSignal
    ) -> None:
        self.done: asyncio.Queue[FetchOutcome | None] = asyncio.Queue()
        self._sources = sources
        self._clock = clock
        self._limits = limits
        self._halt = halt
        self._today = utc_day(clock.now())
        self._unseen = 0
        """Outcomes that were handed over, and may yet lead to more targets."""
        self._is_alone = False
        self._news = asyncio.Event()

    async def work(self, targets: Iterator[FetchTarget], aside: BackgroundWork | None) -> None:
        """Work on all ``targets``, and on those of ``aside`` beside them."""
        try:
            beside = asyncio.create_task(self._work_beside(aside)) if aside else None
            try:
                await self._at_once(self._limits.jobs, lambda: next(targets, None))
                while self._unseen:
                    await self._news.wait()
                if aside and beside:
                    self._is_alone = True
                    self._tell()
                    await asyncio.wait({beside}, timeout=aside.linger())
            finally:
                if beside is not None:
                    ended = beside.done()
                    beside.cancel()
                    await asyncio.gather(beside, return_exceptions=True)
            if beside is not None and ended:
                beside.result()  # raises what nobody foresaw
        finally:
            self.done.put_nowait(None)

    def seen(self) -> None:
        """Take note that whoever runs this has dealt with the outcomes that came last."""
        self._unseen -= 1
        self._tell()

    async def _at_once(self, jobs: int, draw: Callable[[], FetchTarget | None]) -> None:
        async def work() -> None:
            while self._halt.reason is None and (target := draw()) is not None:
                await self._work_on(target)

        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(work())

    async def _work_beside(self, aside: BackgroundWork) -> None:
        """Work on what there is, and then on what comes, until nothing more can come."""
        while self._halt.reason is None:
            news, was_alone = self._news, self._is_alone
            if was_alone or not aside.afterwards:
                await self._at_once(aside.jobs, aside.draw)
            if was_alone:
                break
            await news.wait()

    async def _work_on(self, target: FetchTarget) -> None:
        package = _Package(
            target,
            self._sources,
            clock=self._clock,
            limits=self._limits,
            halt=self._halt,
            today=self._today,
        )
        async for outcome in package.outcomes():
            self._unseen += 1
            self.done.put_nowait(outcome)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class _Package:
    """One package on its way through its sources."""

    def __init__(
        self,
        target: FetchTarget,
        sources: SourceSet,
        *,
        clock: Clock,
        limits: StageLimits,
        halt: StopSignal,
        today: dt.date,
    ) -> None:
        self._target = target
        self._as_selected = target
        self._sources = sources
        self._clock = clock
        self._limits = limits
        self._halt = halt
        self._today = today

    async def outcomes(self) -> AsyncGenerator[FetchOutcome, None]:
        """Read the sources in turn: what the repository says helps to find its project."""
        for source in self._target.sources:
            result = await self._result(source)
            yield FetchOutcome(
                target=self._as_selected, source=source, at=self._clock.now(), result=result
            )
            if isinstance(result, RepositoryResult):
                self._learn(result)

    async def _result(self, source: SourceName) -> SourceResult | Failure | Skipped:
        if self._halt.reason is not None:
            return _halted(self._halt.reason)
        try:
            return await self._read(source)
        except RateLimited as error:
            return Skipped(reason="quota", message=error.message, host=error.host)
        except BudgetSpent as error:
            # The others have sent what they may, and should have the answers.
            self._halt.begin_no_more("request-budget")
            return Skipped(reason="request-budget", message=error.message)
        except SourceError as error:
            return Failure(kind=error.kind, message=error.message)

    async def _read(self, source: SourceName) -> SourceResult | Skipped:
        """Read one source, unless the run is stopped or time is up before it is done."""
        reading = asyncio.create_task(self._reader(source))
        halted = asyncio.create_task(self._halt.wait())
        try:
            await asyncio.wait(
                {reading, halted},
                timeout=self._limits.seconds_per_source,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if reading.done():
                return reading.result()
            if self._halt.reason is not None:
                return _halted(self._halt.reason)
            raise TimedOut(f"not done after {self._limits.seconds_per_source:g} s")
        finally:
            for task in (reading, halted):
                task.cancel()
            await asyncio.gather(reading, halted, return_exceptions=True)

    def _reader(self, source: SourceName) -> Coroutine[object, object, SourceResult]:
        match source:
            case "repo":
                if self._target.locator is None:
                    return _no_repository()
                source_of_host = self._sources.repositories(self._target.locator)
                return source_of_host.read(self._target, self._today)
            case "pypi":
                return self._sources.projects.read(self._target)
            case "downloads":
                if self._sources.downloads is None:
                    return _no_downloads()
                return self._sources.downloads.read(self._target)
            case _:
                assert_never(source)

    def _learn(self, reading: RepositoryResult) -> None:
        """Let the project be looked for under the repository's new name, and its old one."""
        news, locator = reading.repository, self._target.locator
        if news is not None and locator is not None and news.locator != locator:
            self._target = dataclasses.replace(
                self._target,
                locator=news.locator,
                previous=(locator, *self._target.previous),
            )


def _halted(reason: StopReason) -> Skipped:
    return Skipped(reason=reason, message="the run was stopped before this was done")


async def _no_downloads() -> SourceResult:
    raise SourceError("nobody counts downloads from this package index")


async def _no_repository() -> SourceResult:
    raise SourceError("the repository's URL cannot be understood")
