"""A run of ``fetch``: chosen packages are harvested, and saved one by one as they come."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
import json
import math
import sqlite3
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator

from pkgharvest.catalog import database, results, runs, selection, snapshots
from pkgharvest.catalog.lock import fetch_lock
from pkgharvest.catalog.source_state import Backoff
from pkgharvest.model.clock import Clock
from pkgharvest.model.events import DownloadsQueued, RunFinished, RunStarted, SourceFinished
from pkgharvest.model.observations import (
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
)
from pkgharvest.model.origin import Origin
from pkgharvest.pipeline.engine import BackgroundWork, StageLimits, StopSignal, run_engine
from pkgharvest.pipeline.options import FetchOptions, RunContext
from pkgharvest.pipeline.plan import FetchPlan, make_plan, resolve_options
from pkgharvest.pipeline.report import RunCounters, RunReport, Stopped
from pkgharvest.pipeline.runner import run_loop, stopped_by
from pkgharvest.pipeline.sources import ServiceUrls, open_sources
from pkgharvest.pipeline.writer import Writer
from pkgharvest.settings import load
from pkgharvest.settings.hosts import HostTable
from pkgharvest.transport.client import Client, open_client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.archive import HarArchive
from pkgharvest.transport.har.recorder import ensure_writable
from pkgharvest.transport.rate_limit.gcra import rate_limits

_REQUESTS_FOR_ONE = 5
"""What a new package takes, as a rule: three requests of GitHub, two of PyPI."""

_IN_A_SECOND = 25
"""Packages that may be hoped to be done in a second."""

_UNDER_WAY = 200
"""Packages at once where GitHub tells of many in one answer: enough to fill several batches while
others wait for their turn at a host."""

_LONGEST_SOURCE = 900.0
"""Seconds for one source of one package, apart from waits for a quota that were asked for."""

_LONGEST_WAIT = 7200.0
"""Seconds: quotas begin anew each hour."""

_ASIDE_AT_ONCE = 4

_ASIDE_ALONE = 60.0
"""Seconds for downloads when all else is done, where no time budget says how long a run may be."""

_FEW = 100
"""Packages: more are not worth waiting for, as those seconds would not do for most of them."""

_TO_CLOSE = 1.0
"""Seconds of a time budget that are kept for the end of the run."""


def fetch(order: FetchOptions, around: RunContext) -> RunReport:
    """Do what ``order`` says, and report.

    Every package is committed when it is done, so that a run that dies has lost nothing of what
    came before. Raises HarvestLocked where another fetch is at work, UnknownPackage, CatalogError,
    ArchiveError; a source that fails is in the report instead.
    """
    path = around.settings.db_path
    order, clock, archive = resolve_options(order, around)
    first, most = around.settings.backoff
    if order.record is not None:
        ensure_writable(order.record)
    with (
        database.open_writer(path) as connection,
        fetch_lock(path),
    ):
        run = _Run(order, around, connection, clock, archive, Backoff(first=first, most=most))
        return run_loop(run.run())


class _Run:
    """One run, from its first line in the catalogue to its last."""

    def __init__(
        self,
        order: FetchOptions,
        around: RunContext,
        connection: sqlite3.Connection,
        clock: Clock,
        archive: HarArchive | None,
        backoff: Backoff,
    ) -> None:
        self._order = order
        self._around = around
        self._connection = connection
        self._clock = clock
        self._archive = archive
        self._halt = StopSignal()
        self._saving = Writer(connection, self._halt)
        self._ends = (
            None
            if order.time_budget is None
            else time.monotonic() + order.time_budget.total_seconds()
        )
        self._aside: deque[int] = deque()
        """Packages whose downloads are to be read."""
        self._backoff = backoff

    async def run(self) -> RunReport:
        order, listener = self._order, self._around.listener
        started = self._clock.now()
        todo = make_plan(self._connection, order, started)
        self._aside.extend(todo.aside)
        listener(RunStarted(packages=len(todo.packages), downloads=len(todo.aside)))
        tally = RunCounters(selected=len(todo.selected))
        hosts = ServiceUrls.chosen(self._around.settings, self._archive)
        credentials = self._credentials(hosts)
        limits = self._around.settings.hosts
        async with open_client(
            clock=self._clock,
            listener=listener,
            credentials=credentials,
            concurrency=order.jobs,
            concurrency_of={
                host: one.concurrency for host, one in limits.items() if one.concurrency is not None
            },
            wait=order.wait,
            max_wait=_LONGEST_WAIT,
            paces=rate_limits(
                github=hosts.github,
                pypistats=hosts.pypistats,
                limits={
                    host: one.requests_per_minute
                    for host, one in limits.items()
                    if one.requests_per_minute is not None
                },
            ),
            request_budget=order.request_budget,
            archive=self._archive,
            record=None if order.record is None else hosts.as_mapping(),
        ) as client:
            has_token = credentials.header(Origin.of(hosts.github)) is not None
            anonymous = self._archive is None and not has_token
            report = functools.partial(
                self._report,
                tally,
                client,
                started,
                tokenless=str(Origin.of(hosts.github)) if anonymous else None,
            )
            with stopped_by(self._around.stop_signals, self._halt), self._stopped_by_time():
                run_id = await self._saving.save(lambda: self._begin(todo, started))
                if run_id is None:
                    told = report()
                else:
                    harvesting = self._harvest(
                        client, hosts, todo, batches=has_token and order.asks_api
                    )
                    try:
                        async with contextlib.aclosing(harvesting):
                            async for outcome in harvesting:
                                await self._settle(outcome, run_id, tally)
                    finally:
                        if order.record is not None and client.recorder is not None:
                            client.recorder.write(order.record)
                    # Given up, the run has no end, and the next one goes on with it.
                    told = await self._saving.save(lambda: self._end(run_id, report())) or report()
        listener(RunFinished(stopped=told.stopped))
        return told

    def _begin(self, todo: FetchPlan, started: dt.datetime) -> int:
        return runs.begin_run(
            self._connection,
            started,
            whole=self._order.is_whole,
            partial=self._order.is_partial,
            continues=todo.continues[0] if todo.continues else None,
        )

    def _end(self, run_id: int, report: RunReport) -> RunReport:
        runs.end_run(
            self._connection,
            run_id,
            report.finished,
            stopped=report.stopped,
            report=json.dumps(report.as_json()),
        )
        return report

    def _credentials(self, hosts: ServiceUrls) -> Credentials:
        if self._archive is not None:
            return Credentials.none()
        return Credentials.from_environment(
            self._around.environ, hosts.github, graphql_url=hosts.github_graphql
        )

    def _harvest(
        self, client: Client, hosts: ServiceUrls, todo: FetchPlan, *, batches: bool
    ) -> AsyncGenerator[FetchOutcome, None]:
        order = self._order
        sources = open_sources(
            client,
            hosts,
            clock=self._clock,
            environ=self._around.environ,
            cache=load.cache_directory(self._around.settings.db_path),
            order=order,
            network=self._archive is None,
            batches=batches,
        )
        return run_engine(
            selection.fetch_targets(self._connection, todo.packages),
            sources,
            clock=self._clock,
            limits=StageLimits(
                jobs=_under_way(order, batches=batches),
                seconds_per_source=_LONGEST_SOURCE + (_LONGEST_WAIT if order.wait else 0),
            ),
            halt=self._halt,
            aside=BackgroundWork(
                draw=self._draw_aside,
                jobs=_ASIDE_AT_ONCE,
                linger=self._linger,
                afterwards=order.request_budget is not None,  # it is for all else first
            ),
        )

    async def _settle(self, outcome: FetchOutcome, run_id: int, tally: RunCounters) -> None:
        """Save what became of a source of a package, count it, tell of it."""
        saved = await self._saving.save(lambda: self._save(outcome, run_id))
        if saved is None:
            outcome, saved = self._given_up(outcome), results.SaveResult(changed=False)
        tally.count(outcome, saved)
        tally.read_with_git += self._goes_by_git(outcome)
        self._around.listener(
            SourceFinished(outcome=outcome, changed=saved.changed, failure=saved.failure)
        )
        if self._has_found(outcome):
            self._aside.append(outcome.target.package_id)
            self._around.listener(DownloadsQueued(downloads=1))

    # ── downloads, which are read beside ──

    def _has_found(self, outcome: FetchOutcome) -> bool:
        """Tell whether a project was found, of which nobody could know that it has downloads."""
        wanted = "downloads" in self._order.sources and outcome.target.pypi_name is None
        match outcome.result:
            case ProjectResult(project=project):
                return wanted and project is not None
            case _:
                return False

    def _draw_aside(self) -> FetchTarget | None:
        while self._aside:
            package_id = self._aside.popleft()
            for target in selection.fetch_targets(self._connection, [(package_id, ("downloads",))]):
                return target
        return None

    def _linger(self) -> float:
        if self._order.record is not None or self._archive is not None:
            return math.inf  # the one has to hold what the other is going to ask
        if self._ends is None:
            return _ASIDE_ALONE if len(self._aside) <= _FEW else 0.0
        return max(0.0, self._ends - time.monotonic() - _TO_CLOSE)

    def _goes_by_git(self, outcome: FetchOutcome) -> bool:
        locator = outcome.target.locator
        if outcome.source != "repo" or locator is None or locator.is_local:
            return False
        with_git = HostTable({}).kind_of(locator) != "github" or self._order.history == "git"
        asked = not isinstance(outcome.result, Skipped)
        return asked and (with_git or self._order.as_of is not None)

    def _given_up(self, outcome: FetchOutcome) -> FetchOutcome:
        """Return what became of a source whose reading could not be saved in time."""
        reason = self._halt.reason
        if isinstance(outcome.result, Skipped):
            return outcome
        assert reason is not None
        message = "the run was stopped before this was saved"
        return dataclasses.replace(outcome, result=Skipped(reason=reason, message=message))

    def _save(self, outcome: FetchOutcome, run_id: int) -> results.SaveResult:
        if self._order.as_of is not None:
            return self._save_as_of(outcome, self._order.as_of)
        saved = results.save_outcome(self._connection, outcome, run_id, self._backoff)
        snapshots.take_snapshot(self._connection, outcome.target.package_id, run_id)
        return saved

    def _save_as_of(self, outcome: FetchOutcome, instant: dt.datetime) -> results.SaveResult:
        match outcome.result:
            case RepositoryResult(activity=past) if past is not None:
                results.save_as_of(self._connection, outcome.target, past, instant)
                return results.SaveResult(changed=True)
            case Failure() as failure:
                return results.SaveResult(changed=False, failure=failure)
            case _:
                return results.SaveResult(changed=False)

    def _report(
        self, tally: RunCounters, client: Client, started: dt.datetime, *, tokenless: str | None
    ) -> RunReport:
        """Report; ``tokenless`` is the host of GitHub where it was asked without a token."""
        verdicts = tally.verdicts
        done = verdicts.total() - verdicts["deferred"]
        stopped: Stopped | None = self._halt.reason
        if stopped is None and tally.out_of_quota:
            stopped = "quota"
        return RunReport(
            started=started,
            finished=self._clock.now(),
            selected=tally.selected,
            updated=verdicts["updated"],
            unchanged=verdicts["unchanged"],
            failed=verdicts["failed"],
            deferred=tally.selected - done,
            traffic=client.traffic.report(),
            failures=tuple(tally.failures),
            stopped=stopped,
            out_of_quota=tuple(tally.out_of_quota.values()),
            wants_token=tokenless in tally.out_of_quota,
            read_with_git=tally.read_with_git,
        )

    @contextlib.contextmanager
    def _stopped_by_time(self) -> Iterator[None]:
        if self._order.time_budget is None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(
            self._order.time_budget.total_seconds(), self._halt.stop, "time-budget"
        )
        try:
            yield
        finally:
            timer.cancel()


def _under_way(order: FetchOptions, *, batches: bool) -> int:
    """Return how many packages are worked on at once."""
    packages = order.jobs
    if batches:
        packages = order.jobs * 4 if order.history == "git" else _UNDER_WAY
    # So few that a small budget is enough for some of them.
    if order.time_budget is not None:
        packages = min(packages, int(order.time_budget.total_seconds() * _IN_A_SECOND))
    if order.request_budget is not None:
        packages = min(packages, order.request_budget // _REQUESTS_FOR_ONE)
    return max(1, packages)
