"""A run of ``fetch``: the plan is made, the stages read, the writer saves, the report is returned.

Every package is committed as it comes, so a run that dies has lost nothing of what came before.
"""

import contextlib
import json
import math
import sqlite3
import time

from pkgharvest.catalog import database, runs, selection
from pkgharvest.catalog.database import fetch_lock
from pkgharvest.catalog.package_update import Backoff
from pkgharvest.model.clock import Clock
from pkgharvest.model.events import RunFinished, RunStarted
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import SOURCES, FetchTarget
from pkgharvest.pipeline.engine import (
    BackgroundStage,
    Engine,
    Stage,
    StopSignal,
    run_loop,
    stopped_by,
)
from pkgharvest.pipeline.options import FetchOptions, RunContext
from pkgharvest.pipeline.plan import FetchPlan, make_plan, resolve_options
from pkgharvest.pipeline.report import RunCounters, RunReport, Stopped
from pkgharvest.pipeline.sources import Services, open_sources
from pkgharvest.pipeline.writer import OutcomeWriter, Writer
from pkgharvest.settings.load import cache_directory
from pkgharvest.transport.client import Client, open_client
from pkgharvest.transport.har.recorder import ensure_writable
from pkgharvest.transport.har.replay import HarArchive

_REQUESTS_PER_NEW_PACKAGE = 5
"""Usually three requests to GitHub and two to PyPI."""

_MAX_PACKAGES_PER_SECOND = 25
"""What a run can hope to finish."""

_BATCHED_PACKAGES_AT_ONCE = 200
"""Where one request asks for many repositories: enough to fill several batches while other packages
wait for their turn at a host."""

_SOURCE_TIMEOUT_SECONDS = 900.0
"""For one source of one package, without waits for a quota that were asked for."""

_MAX_QUOTA_WAIT_SECONDS = 7200.0
"""Quotas reset every hour."""

_BACKGROUND_CONCURRENCY = 4

_LINGER_SECONDS = 60.0
"""For downloads after everything else is done, where no time budget limits the run."""

_MAX_LINGER_PACKAGES = 100
"""With more than this left, lingering would not read most of them."""

_CLOSING_SECONDS = 1.0
"""What is kept of a time budget to end the run."""


def fetch(options: FetchOptions, context: RunContext) -> RunReport:
    """Do what ``options`` say and report.

    Raises FetchLocked if another fetch is at work on the catalog, UnknownPackage, InvalidValue,
    CatalogError and ArchiveError. A source that fails is in the report instead.
    """
    return run_loop(afetch(options, context))


async def afetch(options: FetchOptions, context: RunContext) -> RunReport:
    """Do what ``fetch`` does, inside a running event loop."""
    path = context.settings.db_path
    options, clock, archive = resolve_options(options, context)
    if options.record is not None:
        ensure_writable(options.record)
    with database.open_writer(path) as connection, fetch_lock(path):
        return await _Run(options, context, connection, clock, archive).run()


class _Run:
    """One run, from its first row in the catalog to its last."""

    def __init__(
        self,
        options: FetchOptions,
        context: RunContext,
        connection: sqlite3.Connection,
        clock: Clock,
        archive: HarArchive | None,
    ) -> None:
        self._options = options
        self._context = context
        self._connection = connection
        self._clock = clock
        self._archive = archive
        self._started = clock.now()
        self._ends_at = (
            None
            if options.time_budget is None
            else time.monotonic() + options.time_budget.total_seconds()
        )
        self._stop = StopSignal()
        self._writer = Writer(connection, self._stop)
        self._services = Services.choose(context.settings, archive)
        self._credentials = self._services.find_credentials(context.environ)

    async def run(self) -> RunReport:
        options, listener = self._options, self._context.listener
        plan = make_plan(self._connection, options, self._started)
        listener(RunStarted(packages=len(plan.packages), downloads=len(plan.background)))
        counters = RunCounters(selected=len(plan.selected))
        async with self._open_client() as client:
            with stopped_by(self._context.stop_signals, self._stop, options.time_budget):
                run_id = await self._writer.save(
                    lambda: runs.begin_run(
                        self._connection,
                        self._started,
                        whole=options.is_whole,
                        partial=options.is_partial,
                        continues=next(iter(plan.continues), None),
                    )
                )
                if run_id is not None:
                    try:
                        await self._fetch(plan, client, run_id, counters)
                    finally:
                        if options.record is not None and client.recorder is not None:
                            asked = client.metrics.report().by_host
                            client.recorder.discard_hosts(self._services.forges_besides(asked))
                            client.recorder.write(options.record)
                report = self._report(counters, client)
                if run_id is not None:
                    # Where this is given up, the run has no end and the next one continues it.
                    await self._writer.save(
                        lambda: runs.end_run(
                            self._connection,
                            run_id,
                            report.finished,
                            stopped=report.stopped,
                            report=json.dumps(report.to_dict()),
                        )
                    )
        listener(RunFinished(stopped=report.stopped))
        return report

    async def _fetch(
        self, plan: FetchPlan, client: Client, run_id: int, counters: RunCounters
    ) -> None:
        options = self._options
        batches = options.may_batch and self._services.can_batch(self._credentials)
        executor = open_sources(
            client,
            self._services,
            self._credentials,
            clock=self._clock,
            environ=self._context.environ,
            cache=cache_directory(self._context.settings.db_path),
            options=options,
            today=utc_day(self._started),
        )
        at_once = _packages_at_once(options, batches=batches)
        timeout = _SOURCE_TIMEOUT_SECONDS + (_MAX_QUOTA_WAIT_SECONDS if options.wait else 0)
        stages = [
            Stage(source=source, concurrency=at_once, timeout_seconds=timeout) for source in SOURCES
        ]
        background = None
        if "downloads" in options.sources and options.sources != ("downloads",):
            background = BackgroundStage(
                stage=Stage(
                    source="downloads",
                    concurrency=_BACKGROUND_CONCURRENCY,
                    timeout_seconds=timeout,
                ),
                package_ids=plan.background,
                load=self._load_downloads_target,
                linger_seconds=self._linger_seconds,
                starts_last=options.request_budget is not None,
            )
        engine = Engine(
            stages,
            executor,
            clock=self._clock,
            stop=self._stop,
            packages_at_once=at_once,
            background=background,
        )
        writer = OutcomeWriter(
            self._writer,
            run_id=run_id,
            options=options,
            backoff=Backoff(*self._context.settings.backoff),
            counters=counters,
            listener=self._context.listener,
            reads_with_git=self._services.reads_with_git,
        )
        await engine.run(selection.fetch_targets(self._connection, plan.packages), writer.write)

    def _open_client(self) -> contextlib.AbstractAsyncContextManager[Client]:
        options, limits = self._options, self._context.settings.host_limits
        return open_client(
            clock=self._clock,
            listener=self._context.listener,
            credentials=self._credentials,
            concurrency=options.jobs,
            concurrency_of={
                host: limit.concurrency
                for host, limit in limits.items()
                if limit.concurrency is not None
            },
            wait=options.wait,
            max_wait=_MAX_QUOTA_WAIT_SECONDS,
            rates=self._services.rate_limits(
                {
                    host: limit.requests_per_minute
                    for host, limit in limits.items()
                    if limit.requests_per_minute is not None
                }
            ),
            request_budget=options.request_budget,
            archive=self._archive,
            record=None if options.record is None else self._services.recorded_urls(),
        )

    # ── downloads ──

    def _load_downloads_target(self, package_id: int) -> FetchTarget | None:
        selected: list[selection.Selected] = [(package_id, ("downloads",))]
        return next(selection.fetch_targets(self._connection, selected), None)

    def _linger_seconds(self, waiting: int) -> float:
        if self._options.record is not None or self._archive is not None:
            return math.inf  # a recording has to hold what its replay will ask for
        if self._ends_at is None:
            return _LINGER_SECONDS if waiting <= _MAX_LINGER_PACKAGES else 0.0
        return max(0.0, self._ends_at - time.monotonic() - _CLOSING_SECONDS)

    # ── the end ──

    def _report(self, counters: RunCounters, client: Client) -> RunReport:
        counts = counters.by_outcome
        done = counts.total() - counts["deferred"]
        stopped: Stopped | None = self._stop.reason or ("quota" if counters.out_of_quota else None)
        token_advice = self._services.token_advice(self._credentials)
        return RunReport(
            started=self._started,
            finished=self._clock.now(),
            selected=counters.selected,
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
            deferred=counters.selected - done,
            traffic=client.metrics.report(),
            failures=tuple(counters.failures),
            stopped=stopped,
            out_of_quota=tuple(counters.out_of_quota.values()),
            token_advice=tuple(
                advice for host, advice in token_advice.items() if host in counters.out_of_quota
            ),
            read_with_git=counters.read_with_git,
        )


def _packages_at_once(options: FetchOptions, *, batches: bool) -> int:
    """Return how many packages may be under way: few enough for a small budget to finish some."""
    packages = options.jobs
    if batches:
        packages = options.jobs * 4 if options.history == "git" else _BATCHED_PACKAGES_AT_ONCE
    if options.time_budget is not None:
        packages = min(
            packages, int(options.time_budget.total_seconds() * _MAX_PACKAGES_PER_SECOND)
        )
    if options.request_budget is not None:
        packages = min(packages, options.request_budget // _REQUESTS_PER_NEW_PACKAGE)
    return max(1, packages)
