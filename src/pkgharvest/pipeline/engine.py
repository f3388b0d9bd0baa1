"""The engine: targets go in, outcomes come out, many packages at once.

    targets -> repository -> index    downloads (in the background)
                   |           |          |
                   +-----------+----------+--> write

It knows neither SQLite nor the terminal: ``write`` saves and shows what comes out. What crosses a
queue is a ``FetchTarget`` on the way in and a ``FetchOutcome`` on the way out. Both can be pickled,
so that an ``Executor`` may run a read in another process.

The stages are joined by queues. A package takes one of ``packages_at_once`` places when it enters
the first stage and gives it back when it leaves the last. So the list of targets may be long and
lazy, at most that many packages are half done when a run is killed, and a small budget finishes a
few packages instead of starting all of them. Every outcome goes to ``write`` as soon as it exists,
one at a time, while the package is already in its next stage.

The background stage is fed by the writer too, because a project found in this run has downloads
only once it is saved. So the run is over when the queue of outcomes has been written, not when the
last read returns.
"""

import asyncio
import dataclasses
import datetime as dt
import signal
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, assert_never

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import BudgetSpent, RateLimited, SourceError, TimedOut
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import (
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
    SourceName,
    SourceResult,
)
from pkgharvest.sources.base import DownloadsSource, IndexSource, RepositorySource

Result = TypeVar("Result")

StopReason = Literal["time-budget", "request-budget", "interrupted"]


class StopSignal:
    """A flag that stops a run, for the first reason given; an interrupt overrides the others."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._event = asyncio.Event()

    def stop(self, reason: StopReason) -> None:
        """Stop now: what is saved stays, reads under way are skipped."""
        self.reason = reason if reason == "interrupted" else self.reason or reason
        self._event.set()

    def finish_started(self, reason: StopReason) -> None:
        """Start nothing else, but let the reads under way finish."""
        self.reason = self.reason or reason

    async def wait(self) -> None:
        """Return when reads under way are to be skipped."""
        await self._event.wait()


class Executor(Protocol):
    """Runs one read of one source."""

    async def read(self, source: SourceName, target: FetchTarget) -> SourceResult:
        """Read ``source`` of ``target``.

        Raises SourceError where nothing could be read, and BudgetSpent.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Reads in this process: each read is a coroutine of the run's own event loop."""

    today: dt.date
    """The UTC day at whose start the 52 weeks end."""
    repositories: Callable[[Locator], RepositorySource]
    """Returns the source that reads a repository."""
    projects: IndexSource | None = None
    downloads: DownloadsSource | None = None
    """None if no service counts the downloads of the index that ``projects`` reads."""

    async def read(self, source: SourceName, target: FetchTarget) -> SourceResult:
        """Read ``source`` of ``target``, as ``Executor.read`` says."""
        match source:
            case "repo":
                if target.locator is None:
                    raise SourceError("the repository's URL cannot be understood")
                return await self.repositories(target.locator).read(target, self.today)
            case "pypi":
                if self.projects is None:
                    raise SourceError("this run reads no package index")
                return await self.projects.read(target)
            case "downloads":
                if self.downloads is None:
                    raise SourceError("no service counts the downloads of this package index")
                return await self.downloads.read(target)
            case _:
                assert_never(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a run: every package that has ``source`` due passes through it."""

    source: SourceName
    concurrency: int
    """How many packages the stage reads at once."""
    timeout_seconds: float
    """The longest that one read may take, waits for the host included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundStage:
    """A stage for a slow host: it runs beside the others and never delays the run."""

    stage: Stage
    package_ids: Iterable[int]
    """The packages it starts with; the index stage adds those whose project it finds."""
    load: Callable[[int], FetchTarget | None]
    """Read a package's target from the catalog; None if nothing is left to read."""
    linger_seconds: Callable[[int], float]
    """How long the stage may go on once the others are done, given how many packages are left.
    Reads still running after that are dropped without an outcome."""
    starts_last: bool = False
    """Wait for the other stages, which have the first claim on a request budget."""


@dataclass(slots=True)
class StageItem:
    """A package on its way through the stages."""

    selected: FetchTarget
    """As it was selected: the writer checks against this that nobody changed it meanwhile."""
    target: FetchTarget
    """With what earlier stages of this run have learned."""

    def learn(self, outcome: FetchOutcome) -> None:
        """Let later stages look for the project under the repository's new name, then its old."""
        result, known = outcome.result, self.target.locator
        facts = result.repository if isinstance(result, RepositoryResult) else None
        if facts is not None and known is not None and facts.locator != known:
            self.target = dataclasses.replace(
                self.target, locator=facts.locator, previous=(known, *self.target.previous)
            )


def found_project(outcome: FetchOutcome) -> bool:
    """Tell whether the index stage found a project, whose downloads nobody could ask for before."""
    result = outcome.result
    return (
        isinstance(result, ProjectResult)
        and result.project is not None
        and outcome.target.pypi_name is None
    )


class Engine:
    """The stages of one run, the queues between them, and the workers of each stage."""

    def __init__(
        self,
        stages: Sequence[Stage],
        executor: Executor,
        *,
        clock: Clock,
        stop: StopSignal,
        packages_at_once: int,
        background: BackgroundStage | None = None,
    ) -> None:
        self._stages = {stage.source: stage for stage in stages}
        self._executor = executor
        self._clock = clock
        self._stop = stop
        self._packages_at_once = packages_at_once
        self._background = background
        self._places = asyncio.Semaphore(packages_at_once)
        self._queues: dict[str, asyncio.Queue[StageItem]] = {
            source: asyncio.Queue() for source in self._stages
        }
        self._backlog: asyncio.Queue[int | None] = asyncio.Queue()
        for package_id in background.package_ids if background is not None else ():
            self._backlog.put_nowait(package_id)
        self._outcomes: asyncio.Queue[FetchOutcome | None] = asyncio.Queue()

    async def run(
        self, targets: Iterable[FetchTarget], write: Callable[[FetchOutcome], Awaitable[None]]
    ) -> None:
        """Read all ``targets`` and ``write`` each outcome, one for each source of each package.

        ``targets`` is drawn from only as there is room. Once the run is stopped no package is
        started, and those under way come out as skipped. Errors of ``write`` end the run.
        """
        async with aclosing(self.outcomes(targets)) as outcomes:
            async for outcome in outcomes:
                await write(outcome)

    async def outcomes(self, targets: Iterable[FetchTarget]) -> AsyncGenerator[FetchOutcome, None]:
        """Yield the outcomes as they come; the next one is asked for when the last is written."""
        reading = asyncio.create_task(self._read_all(iter(targets)))
        try:
            while (outcome := await self._outcomes.get()) is not None:
                yield outcome
                if self._background is not None and found_project(outcome):
                    self._backlog.put_nowait(outcome.target.package_id)
                self._outcomes.task_done()
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read_all(self, targets: Iterator[FetchTarget]) -> None:
        background = self._background
        try:
            async with asyncio.TaskGroup() as group:
                beside: asyncio.Task[None] | None = None
                if background is not None and not background.starts_last:
                    beside = group.create_task(self._drain_backlog(background))
                await self._run_stages(targets)
                await self._outcomes.join()  # each of them may have added to the backlog
                if background is not None:
                    beside = beside or group.create_task(self._drain_backlog(background))
                    waiting = self._backlog.qsize()
                    self._backlog.put_nowait(None)
                    await asyncio.wait({beside}, timeout=background.linger_seconds(waiting))
                    beside.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            self._outcomes.put_nowait(None)

    async def _run_stages(self, targets: Iterator[FetchTarget]) -> None:
        """Feed ``targets`` into the stages, and return when all of them are through."""
        async with asyncio.TaskGroup() as group:
            workers = [
                group.create_task(self._work(stage))
                for stage in self._stages.values()
                for _ in range(min(stage.concurrency, self._packages_at_once))
            ]
            while True:
                await self._places.acquire()
                if self._stop.reason is not None or (target := next(targets, None)) is None:
                    self._places.release()
                    break
                self._pass_on(StageItem(target, target), after=None)
            for _ in range(self._packages_at_once):
                await self._places.acquire()
            for worker in workers:
                worker.cancel()

    async def _work(self, stage: Stage) -> None:
        queue = self._queues[stage.source]
        while True:
            item = await queue.get()
            outcome = await self._outcome(stage, item)
            self._outcomes.put_nowait(outcome)
            item.learn(outcome)
            self._pass_on(item, after=stage)

    def _pass_on(self, item: StageItem, *, after: Stage | None) -> None:
        """Put ``item`` into the queue of its next stage, or free its place behind the last."""
        sources = item.selected.sources
        position = 0 if after is None else sources.index(after.source) + 1
        if position < len(sources):
            self._queues[sources[position]].put_nowait(item)
        else:
            self._places.release()

    async def _drain_backlog(self, background: BackgroundStage) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(background.stage.concurrency):
                group.create_task(self._work_in_background(background))

    async def _work_in_background(self, background: BackgroundStage) -> None:
        while (package_id := await self._backlog.get()) is not None:
            if self._stop.reason is not None:
                continue
            target = background.load(package_id)
            if target is not None:
                self._outcomes.put_nowait(
                    await self._outcome(background.stage, StageItem(target, target))
                )
        self._backlog.put_nowait(None)  # the end is for the other workers too

    # ── one read ──

    async def _outcome(self, stage: Stage, item: StageItem) -> FetchOutcome:
        """Read one source; an error of the source is an outcome like any other."""
        result: SourceResult | Failure | Skipped
        if self._stop.reason is not None:
            result = _skipped(self._stop.reason)
        else:
            try:
                result = await self._read(stage, item.target)
            except RateLimited as error:
                result = Skipped(reason="quota", message=error.message, host=error.host)
            except BudgetSpent as error:
                # The others have sent their requests and should get the answers.
                self._stop.finish_started("request-budget")
                result = Skipped(reason="request-budget", message=error.message)
            except SourceError as error:
                result = Failure(kind=error.kind, message=error.message)
        return FetchOutcome(
            target=item.selected, source=stage.source, at=self._clock.now(), result=result
        )

    async def _read(self, stage: Stage, target: FetchTarget) -> SourceResult | Skipped:
        """Read, unless the run is stopped or the time is up first."""
        reading = asyncio.create_task(self._executor.read(stage.source, target))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                {reading, stopped},
                timeout=stage.timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if reading.done():
                return reading.result()
            if self._stop.reason is not None:
                return _skipped(self._stop.reason)
            raise TimedOut(f"not done after {stage.timeout_seconds:g} s")
        finally:
            for task in (reading, stopped):
                task.cancel()
            await asyncio.gather(reading, stopped, return_exceptions=True)


def _skipped(reason: StopReason) -> Skipped:
    return Skipped(reason=reason, message="the run was stopped before this was done")


def _first(error: BaseException) -> BaseException:
    """Return the bug that ended a group of tasks: the first of them is the one to report."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


# ── the event loop ──


def run_loop(work: Coroutine[object, object, Result]) -> Result:
    """Run ``work`` to its end, as ``asyncio.run`` does, without waiting for busy threads.

    Host names are looked up in threads. Without a network a resolver may take half a minute, which
    is too long for a user who has pressed Ctrl-C. Raises RuntimeError inside a running event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        work.close()
        raise RuntimeError("an event loop is running: await afetch(...) instead")
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_AbandonedThreads())
        return runner.run(work)


@contextmanager
def stopped_by(
    signals: Iterable[signal.Signals], stop: StopSignal, time_budget: dt.timedelta | None = None
) -> Iterator[None]:
    """Let ``signals``, or the end of the time, stop the run cleanly within the block.

    Call it inside the event loop.

    A signal that the parent process ignored stays ignored: shells start background jobs with
    SIGINT ignored, and Ctrl-C in the foreground is not meant for them.
    """
    loop = asyncio.get_running_loop()
    handlers = {
        number: handler
        for number in signals
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in handlers:
        loop.add_signal_handler(number, stop.stop, "interrupted")
    timer = None
    if time_budget is not None:
        timer = loop.call_later(time_budget.total_seconds(), stop.stop, "time-budget")
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)  # asyncio would leave the system's default


class _AbandonedThreads(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Start nothing else, and do not wait for what is running."""
        super().shutdown(wait=False, cancel_futures=True)
