"""A run of ``fetch``: chosen packages are harvested, and saved one by one as they come."""

import asyncio
import contextlib
import datetime as dt
import json
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pkgharvest import settings
from pkgharvest.app.loop import run_loop
from pkgharvest.app.report import RunReport, Stopped, Tally
from pkgharvest.app.sourcing import History, Hosts, open_sources
from pkgharvest.catalog import connection, finding, harvests, runs, targets
from pkgharvest.catalog.lock import fetch_lock
from pkgharvest.clock import Clock, FixedClock
from pkgharvest.errors import InvalidValue
from pkgharvest.events import Finished, Listener, Settled, Started
from pkgharvest.harvest import Halt, Limits, harvest
from pkgharvest.records import (
    SOURCES,
    Deferred,
    Failure,
    Outcome,
    RepositoryReading,
    SourceName,
)
from pkgharvest.settings import Settings
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


_LONGEST_SOURCE = 900.0
"""Seconds for one source of one package, apart from waits for a quota that were asked for."""

_LONGEST_WAIT = 7200.0
"""Seconds: quotas begin anew each hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a fetch was asked to do."""

    names: tuple[str, ...] = ()
    """Packages by any name that ``show`` takes; none of them: every package."""
    sources: tuple[SourceName, ...] = SOURCES
    stale: dt.timedelta | None = None
    limit: int | None = None
    time_budget: dt.timedelta | None = None
    request_budget: int | None = None
    jobs: int = 8
    as_of: dt.datetime | None = None
    history: History = "auto"
    wait: bool = False
    retry_failed: bool = False
    record: Path | None = None
    replay: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.as_of is not None and self.history == "api":
            raise InvalidValue("--as-of reads git, and --history api forbids it")
        if self.as_of is not None and "repo" not in self.sources:
            raise InvalidValue("--as-of reads repositories, and --source leaves them out")
        if self.record is not None and self.replay is not None:
            raise InvalidValue("--record and --replay exclude each other")

    @property
    def at_once(self) -> int:
        """Packages under way at once: so few that a small budget is enough for some of them."""
        if self.request_budget is None:
            return self.jobs
        return max(1, min(self.jobs, self.request_budget // _REQUESTS_FOR_ONE))

    @property
    def is_whole(self) -> bool:
        """Whether it is a run for every package, which goes on with one that did not end."""
        return not self.names and self.as_of is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run takes from where it runs."""

    settings: Settings
    environ: Mapping[str, str]
    clock: Clock
    listener: Listener
    stop_signals: tuple[signal.Signals, ...] = ()
    """Signals that stop the run cleanly; they reach the main thread only."""


def plan(order: Order, around: Surroundings) -> list[tuple[str, tuple[SourceName, ...]]]:
    """Return what a run would fetch now: slugs, with their sources. Nothing is done."""
    path = around.settings.db_path
    with connection.reading(path) as conn:
        selected, _ = _select(conn, order, _clock(around, _archive(order)).now())
        return [(one.slug, one.sources) for one in targets.targets(conn, selected)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Idleness:
    """Why there is nothing to fetch."""

    catalogued: int
    """Packages in the whole catalogue."""
    fresh: int
    """Packages that succeeded too lately for ``stale``."""
    backing_off: int
    """Packages that failed, are not due again yet, and would be fetched with ``retry_failed``."""
    done: int
    """Packages that the run before, which this one went on with, left nothing to do for."""


def idleness(order: Order, around: Surroundings) -> Idleness:
    """Return why ``order`` has selected nothing."""
    with connection.reading(around.settings.db_path) as conn:
        now = _clock(around, _archive(order)).now()
        ids = _ids(conn, order)
        due = _selection(replace(order, limit=None), package_ids=ids, continues=(), now=now)
        tried = replace(due, retry_failed=True)
        waiting = len(targets.select(conn, tried, now))
        ever = len(targets.select(conn, replace(tried, older_than=None), now))
        done = len(targets.select(conn, due, now))
        (catalogued,) = conn.execute("SELECT count(*) FROM packages").fetchone()
    return Idleness(
        catalogued=catalogued, fresh=ever - waiting, backing_off=waiting - done, done=done
    )


def fetch(order: Order, around: Surroundings) -> RunReport:
    """Do what ``order`` says, and report.

    Every package is committed when it is done, so that a run that dies has lost nothing of what
    came before. Raises HarvestLocked where another fetch is at work, UnknownPackage, CatalogError,
    ArchiveError; a source that fails is in the report instead.
    """
    path = around.settings.db_path
    archive = _archive(order)
    if order.record is not None:
        ensure_writable(order.record)
    with (
        connection.writing(path) as db,
        fetch_lock(path),
    ):
        return run_loop(_Run(order, around, db, archive).run())


class _Run:
    """One run, from its first line in the catalogue to its last."""

    def __init__(
        self,
        order: Order,
        around: Surroundings,
        db: "Database",
        archive: Archive | None,
    ) -> None:
        self._order = order
        self._around = around
        self._db = db
        self._clock = _clock(around, archive)
        self._archive = archive
        self._halt = Halt()

    async def run(self) -> RunReport:
        order, listener = self._order, self._around.listener
        started = self._clock.now()
        selected, continues = _select(self._db.conn, order, started)
        run_id = runs.begin(
            self._db,
            started,
            whole=order.is_whole,
            continues=continues[0] if continues else None,
        )
        listener(Started(packages=len(selected)))
        tally = Tally(selected=len(selected))
        hosts = Hosts.chosen(self._around.settings, self._archive)
        credentials = (
            Credentials.none()
            if self._archive is not None
            else Credentials.from_environment(self._around.environ, hosts.github)
        )
        async with open_client(
            clock=self._clock,
            listener=listener,
            credentials=credentials,
            concurrency=order.jobs,
            wait=order.wait,
            max_wait=_LONGEST_WAIT,
            paces=paces_of(github=hosts.github),
            request_budget=order.request_budget,
            archive=self._archive,
            record=None if order.record is None else hosts.as_mapping(),
        ) as client:
            with self._stopped_by_signals(), self._stopped_by_time():
                try:
                    await self._harvest(client, hosts, selected, run_id, tally)
                finally:
                    if order.record is not None and client.recorder is not None:
                        client.recorder.write(order.record)
            anonymous = self._archive is None and not credentials.secrets
            report = self._report(
                tally,
                client,
                started,
                tokenless=str(Origin.of(hosts.github)) if anonymous else None,
            )
        runs.end(
            self._db,
            run_id,
            report.finished,
            stopped=report.stopped,
            report=json.dumps(report.as_json()),
        )
        listener(Finished(stopped=report.stopped))
        return report

    async def _harvest(
        self,
        client: Client,
        hosts: Hosts,
        selected: list[targets.Selected],
        run_id: int,
        tally: Tally,
    ) -> None:
        order = self._order
        sources = open_sources(
            client,
            hosts,
            clock=self._clock,
            environ=self._around.environ,
            cache=settings.cache_directory(self._around.settings.db_path),
            history=order.history,
            as_of=order.as_of,
            # A recording and its replay must ask the same of a catalogue that knows nothing.
            conditional=order.record is None and self._archive is None,
            network=self._archive is None,
        )
        harvesting = harvest(
            targets.targets(self._db.conn, selected),
            sources,
            clock=self._clock,
            limits=Limits(jobs=order.at_once, seconds_per_source=_patience(wait=order.wait)),
            halt=self._halt,
        )
        async with contextlib.aclosing(harvesting):
            async for outcomes in harvesting:
                saved = self._save(outcomes, run_id)
                tally.count(outcomes, saved)
                tally.read_with_git += sum(map(self._goes_by_git, outcomes))
                for outcome, result in zip(outcomes, saved, strict=True):
                    self._around.listener(
                        Settled(outcome=outcome, changed=result.changed, failure=result.failure)
                    )

    def _goes_by_git(self, outcome: Outcome) -> bool:
        locator = outcome.target.locator
        if outcome.source != "repo" or locator is None or locator.is_local:
            return False
        with_git = locator.kind == "git" or self._order.history == "git"
        asked = not isinstance(outcome.result, Deferred)
        return asked and (with_git or self._order.as_of is not None)

    def _save(self, outcomes: tuple[Outcome, ...], run_id: int) -> tuple[harvests.Saved, ...]:
        with connection.transaction(self._db):
            if self._order.as_of is None:
                return tuple(harvests.save(self._db, outcome, run_id) for outcome in outcomes)
            return tuple(self._save_as_of(outcome, self._order.as_of) for outcome in outcomes)

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
        settled = tally.verdicts.total() - tally.verdicts["deferred"]
        stopped: Stopped | None = self._halt.reason
        if stopped is None and tally.out_of_quota:
            stopped = "quota"
        return RunReport(
            started=started,
            finished=self._clock.now(),
            selected=tally.selected,
            updated=tally.verdicts["updated"],
            unchanged=tally.verdicts["unchanged"],
            failed=tally.verdicts["failed"],
            deferred=tally.selected - settled,
            traffic=client.traffic.report(),
            failures=tuple(tally.failures),
            stopped=stopped,
            out_of_quota=tuple(tally.out_of_quota.values()),
            wants_token=tokenless in tally.out_of_quota,
            read_with_git=tally.read_with_git,
        )

    @contextlib.contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        before = {one: signal.getsignal(one) for one in self._around.stop_signals}
        for one in before:
            loop.add_signal_handler(one, self._halt.stop, "interrupted")
        try:
            yield
        finally:
            for one, handler in before.items():
                loop.remove_signal_handler(one)
                signal.signal(one, handler)  # asyncio leaves the system's own

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


def _patience(*, wait: bool) -> float:
    """Return the seconds that one source of one package may take."""
    return _LONGEST_SOURCE + (_LONGEST_WAIT if wait else 0)


def _archive(order: Order) -> Archive | None:
    return None if order.replay is None else Archive.read(order.replay)


def _clock(around: Surroundings, archive: Archive | None) -> Clock:
    return around.clock if archive is None else FixedClock(archive.started)


def _ids(conn: sqlite3.Connection, order: Order) -> tuple[int, ...] | None:
    if not order.names:
        return None
    return tuple(dict.fromkeys(finding.find(conn, name) for name in order.names))


def _select(
    conn: sqlite3.Connection, order: Order, now: dt.datetime
) -> tuple[list[targets.Selected], tuple[int, ...]]:
    """Return what ``order`` is to do, and the unfinished runs that it goes on with."""
    continues = runs.unfinished(conn, now) if order.is_whole else ()
    selection = _selection(order, package_ids=_ids(conn, order), continues=continues, now=now)
    return targets.select(conn, selection, now), continues


def _selection(
    order: Order,
    *,
    package_ids: tuple[int, ...] | None,
    continues: tuple[int, ...],
    now: dt.datetime,
) -> targets.Selection:
    return targets.Selection(
        package_ids=package_ids,
        sources=order.sources if order.as_of is None else ("repo",),
        older_than=None if order.stale is None else now - order.stale,
        retry_failed=order.retry_failed,
        limit=order.limit,
        continues=continues,
    )
