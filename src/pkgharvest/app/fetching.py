"""A run of ``fetch``: chosen packages are harvested, and saved one by one as they come."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
import json
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

from pkgharvest import settings
from pkgharvest.app.loop import run_loop, stopped_by
from pkgharvest.app.order import Order, Surroundings
from pkgharvest.app.planning import Agenda, agenda, settled
from pkgharvest.app.report import RunReport, Stopped, Tally
from pkgharvest.app.saving import Saving
from pkgharvest.app.sourcing import Hosts, open_sources
from pkgharvest.catalog import connection, harvests, runs, snapshots, targets
from pkgharvest.catalog.fetches import Backoff
from pkgharvest.catalog.lock import fetch_lock
from pkgharvest.clock import Clock
from pkgharvest.events import Finished, Queued, Settled, Started
from pkgharvest.harvest import Aside, Halt, Limits, harvest
from pkgharvest.records import (
    Deferred,
    Failure,
    Outcome,
    ProjectReading,
    RepositoryReading,
    Target,
)
from pkgharvest.transport.archive import Archive
from pkgharvest.transport.client import Client, open_client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.origin import Origin
from pkgharvest.transport.pace import paces_of
from pkgharvest.transport.recorder import ensure_writable

if TYPE_CHECKING:
    from sqlite_utils import Database


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


def fetch(order: Order, around: Surroundings) -> RunReport:
    """Do what ``order`` says, and report.

    Every package is committed when it is done, so that a run that dies has lost nothing of what
    came before. Raises HarvestLocked where another fetch is at work, UnknownPackage, CatalogError,
    ArchiveError; a source that fails is in the report instead.
    """
    path = around.settings.db_path
    order, clock, archive = settled(order, around)
    first, most = around.settings.backoff
    if order.record is not None:
        ensure_writable(order.record)
    with (
        connection.writing(path) as db,
        fetch_lock(path),
    ):
        run = _Run(order, around, db, clock, archive, Backoff(first=first, most=most))
        return run_loop(run.run())


class _Run:
    """One run, from its first line in the catalogue to its last."""

    def __init__(
        self,
        order: Order,
        around: Surroundings,
        db: "Database",
        clock: Clock,
        archive: Archive | None,
        backoff: Backoff,
    ) -> None:
        self._order = order
        self._around = around
        self._db = db
        self._clock = clock
        self._archive = archive
        self._halt = Halt()
        self._saving = Saving(db, self._halt)
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
        todo = agenda(self._db.conn, order, started)
        self._aside.extend(todo.aside)
        listener(Started(packages=len(todo.packages), downloads=len(todo.aside)))
        tally = Tally(selected=len(todo.selected))
        hosts = Hosts.chosen(self._around.settings, self._archive)
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
            paces=paces_of(
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
        listener(Finished(stopped=told.stopped))
        return told

    def _begin(self, todo: Agenda, started: dt.datetime) -> int:
        return runs.begin(
            self._db,
            started,
            whole=self._order.is_whole,
            partial=self._order.is_partial,
            continues=todo.continues[0] if todo.continues else None,
        )

    def _end(self, run_id: int, report: RunReport) -> RunReport:
        runs.end(
            self._db,
            run_id,
            report.finished,
            stopped=report.stopped,
            report=json.dumps(report.as_json()),
        )
        return report

    def _credentials(self, hosts: Hosts) -> Credentials:
        if self._archive is not None:
            return Credentials.none()
        return Credentials.from_environment(
            self._around.environ, hosts.github, graphql_url=hosts.github_graphql
        )

    def _harvest(
        self, client: Client, hosts: Hosts, todo: Agenda, *, batches: bool
    ) -> AsyncGenerator[Outcome, None]:
        order = self._order
        sources = open_sources(
            client,
            hosts,
            clock=self._clock,
            environ=self._around.environ,
            cache=settings.cache_directory(self._around.settings.db_path),
            order=order,
            network=self._archive is None,
            batches=batches,
        )
        return harvest(
            targets.targets(self._db.conn, todo.packages),
            sources,
            clock=self._clock,
            limits=Limits(
                jobs=_under_way(order, batches=batches),
                seconds_per_source=_LONGEST_SOURCE + (_LONGEST_WAIT if order.wait else 0),
            ),
            halt=self._halt,
            aside=Aside(
                draw=self._draw_aside,
                jobs=_ASIDE_AT_ONCE,
                linger=self._linger,
                afterwards=order.request_budget is not None,  # it is for all else first
            ),
        )

    async def _settle(self, outcome: Outcome, run_id: int, tally: Tally) -> None:
        """Save what became of a source of a package, count it, tell of it."""
        saved = await self._saving.save(lambda: self._save(outcome, run_id))
        if saved is None:
            outcome, saved = self._given_up(outcome), harvests.Saved(changed=False)
        tally.count(outcome, saved)
        tally.read_with_git += self._goes_by_git(outcome)
        self._around.listener(
            Settled(outcome=outcome, changed=saved.changed, failure=saved.failure)
        )
        if self._has_found(outcome):
            self._aside.append(outcome.target.package_id)
            self._around.listener(Queued(downloads=1))

    # ── downloads, which are read beside ──

    def _has_found(self, outcome: Outcome) -> bool:
        """Tell whether a project was found, of which nobody could know that it has downloads."""
        wanted = "downloads" in self._order.sources and outcome.target.pypi_name is None
        match outcome.result:
            case ProjectReading(project=project):
                return wanted and project is not None
            case _:
                return False

    def _draw_aside(self) -> Target | None:
        while self._aside:
            package_id = self._aside.popleft()
            for target in targets.targets(self._db.conn, [(package_id, ("downloads",))]):
                return target
        return None

    def _linger(self) -> float:
        if self._order.record is not None or self._archive is not None:
            return math.inf  # the one has to hold what the other is going to ask
        if self._ends is None:
            return _ASIDE_ALONE if len(self._aside) <= _FEW else 0.0
        return max(0.0, self._ends - time.monotonic() - _TO_CLOSE)

    def _goes_by_git(self, outcome: Outcome) -> bool:
        locator = outcome.target.locator
        if outcome.source != "repo" or locator is None or locator.is_local:
            return False
        with_git = locator.kind == "git" or self._order.history == "git"
        asked = not isinstance(outcome.result, Deferred)
        return asked and (with_git or self._order.as_of is not None)

    def _given_up(self, outcome: Outcome) -> Outcome:
        """Return what became of a source whose reading could not be saved in time."""
        reason = self._halt.reason
        if isinstance(outcome.result, Deferred):
            return outcome
        assert reason is not None
        message = "the run was stopped before this was saved"
        return dataclasses.replace(outcome, result=Deferred(reason=reason, message=message))

    def _save(self, outcome: Outcome, run_id: int) -> harvests.Saved:
        if self._order.as_of is not None:
            return self._save_as_of(outcome, self._order.as_of)
        saved = harvests.save(self._db, outcome, run_id, self._backoff)
        snapshots.take(self._db.conn, outcome.target.package_id, run_id)
        return saved

    def _save_as_of(self, outcome: Outcome, instant: dt.datetime) -> harvests.Saved:
        match outcome.result:
            case RepositoryReading(activity=past) if past is not None:
                harvests.save_as_of(self._db, outcome.target, past, instant)
                return harvests.Saved(changed=True)
            case Failure() as failure:
                return harvests.Saved(changed=False, failure=failure)
            case _:
                return harvests.Saved(changed=False)

    def _report(
        self, tally: Tally, client: Client, started: dt.datetime, *, tokenless: str | None
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


def _under_way(order: Order, *, batches: bool) -> int:
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
