"""Backfill: commits per day from further back than a fetch reads, from git's whole history."""

import dataclasses
import datetime as dt
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.catalog import database, history, lookup, selection
from pkgharvest.catalog.database import fetch_lock
from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitProcess
from pkgharvest.model.events import RunFinished, RunStarted, SourceFinished
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import (
    Activity,
    Failure,
    FetchOutcome,
    FetchTarget,
    RepositoryResult,
    SourceName,
)
from pkgharvest.pipeline.engine import (
    Engine,
    LocalExecutor,
    Stage,
    StopSignal,
    run_loop,
    stopped_by,
)
from pkgharvest.pipeline.options import RunContext
from pkgharvest.pipeline.sources import clones_directory
from pkgharvest.pipeline.writer import Writer
from pkgharvest.settings.load import cache_directory
from pkgharvest.sources.git import GitSource

_TIMEOUT_SECONDS = 7200.0
"""For one repository; git has its own limits, which are lower."""

_WEEK = dt.timedelta(weeks=1)
_REPOSITORY: tuple[SourceName, ...] = ("repo",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOptions:
    """What a backfill is asked to count."""

    names: tuple[str, ...]
    """Packages by slug, id, URL or PyPI name; empty for every package that can be read."""
    weeks: int
    """How far back, counted from today."""
    jobs: int = 4
    """Repositories at once."""
    again: bool = False
    """Also read and replace the days that are known already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillResult:
    """What became of one package."""

    slug: str
    outcome: Literal["read", "known", "failed"]
    since: dt.date | None = None
    """The first of the days asked for, if they are known now."""
    failure: Failure | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Return the object that ``history backfill --json`` prints."""
        return {
            "slug": self.slug,
            "outcome": self.outcome,
            "since": None if self.since is None else self.since.isoformat(),
            "error": None if self.failure is None else self.failure.kind,
            "message": "" if self.failure is None else self.failure.message,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """What a finished backfill did."""

    packages: tuple[BackfillResult, ...]
    """The packages that were done, in the order they were named, or by slug."""
    interrupted: bool


def backfill(options: BackfillOptions, context: RunContext) -> BackfillReport:
    """Count the commits per day of the last ``options.weeks`` weeks where they are not known.

    With ``options.again`` known days are counted again, however old they are. Every package is
    committed when it is done. Raises FetchLocked if a fetch is at work, UnknownPackage and
    CatalogError; a repository that cannot be read is in the report instead.
    """
    path = context.settings.db_path
    with database.open_writer(path) as connection, fetch_lock(path):
        return run_loop(_Run(options, context, connection).run(cache_directory(path)))


class _Run:
    """One run over the packages of ``options``."""

    def __init__(
        self, options: BackfillOptions, context: RunContext, connection: sqlite3.Connection
    ) -> None:
        self._options = options
        self._context = context
        self._connection = connection
        self._stop = StopSignal()
        self._writer = Writer(connection, self._stop)
        self._today = utc_day(context.clock.now())
        self._start = self._today - options.weeks * _WEEK
        self._results: dict[int, BackfillResult] = {}

    async def run(self, cache: Path) -> BackfillReport:
        """Read the packages whose days are not known, and return what became of each."""
        conn, listener, options = self._connection, self._context.listener, self._options
        package_ids = _ids(conn, options)
        for package_id in package_ids:
            result = self._without_reading(package_id)
            if result is not None:
                self._results[package_id] = result
        due = [package_id for package_id in package_ids if package_id not in self._results]
        listener(RunStarted(packages=len(due)))
        clones = CloneCache(clones_directory(cache))
        git = GitSource(GitProcess(self._context.environ), clones, concurrency=options.jobs)
        engine = Engine(
            [Stage(source="repo", concurrency=options.jobs, timeout_seconds=_TIMEOUT_SECONDS)],
            # git reads them all, whatever API their hosts have.
            LocalExecutor(today=self._today, repositories=lambda _: git),
            clock=self._context.clock,
            stop=self._stop,
            packages_at_once=options.jobs,
        )
        targets = selection.fetch_targets(conn, [(package_id, _REPOSITORY) for package_id in due])
        with stopped_by(self._context.stop_signals, self._stop):
            await engine.run(targets, self._write)
        listener(RunFinished(stopped=self._stop.reason))
        return BackfillReport(
            packages=tuple(
                self._results[package_id]
                for package_id in package_ids
                if package_id in self._results
            ),
            interrupted=self._stop.reason is not None,
        )

    def _without_reading(self, package_id: int) -> BackfillResult | None:
        """Return the result of a package that need not, or cannot, be read."""
        row = database.find_row(self._connection, "packages", package_id)
        assert row is not None
        if row["status"] == "moved":  # another repository may be there
            return _not_found(row["slug"], "its repository has moved, and cannot be followed")
        if row["repo_key"] is None:
            return _not_found(row["slug"], "it has no repository")
        known = history.known_span(row)
        if self._options.again or known is None or known.start > self._start:
            return None
        return BackfillResult(slug=row["slug"], outcome="known", since=self._start)

    async def _write(self, outcome: FetchOutcome) -> None:
        """Save what was read of a package; nothing if the run was stopped before."""
        match outcome.result:
            case Failure() as failure:
                result = BackfillResult(slug=outcome.target.slug, outcome="failed", failure=failure)
            case RepositoryResult(activity=activity) if activity is not None:
                saved = await self._writer.save(lambda: self._save(outcome.target, activity))
                if saved is None:
                    return
                result = saved
            case _:
                return
        self._context.listener(
            SourceFinished(
                outcome=outcome, changed=result.outcome == "read", failure=result.failure
            )
        )
        self._results[outcome.target.package_id] = result

    def _save(self, target: FetchTarget, activity: Activity) -> BackfillResult:
        """Write the days from the first one asked for.

        Older days that are known stay. Where they are read again they are replaced as well, because
        a rewritten history differs from its beginning on.
        """
        conn, package_id = self._connection, target.package_id
        row = database.find_row(conn, "packages", package_id)
        if row is None or target.locator is None or row["repo_key"] != target.locator.key:
            return _not_found(target.slug, "it was given another repository meanwhile")
        known, start = history.known_span(row), self._start
        if self._options.again and known is not None:
            start = min(start, known.start)
        since = start if any(day < start for day in activity.days) else None
        history.replace_days(conn, package_id, dataclasses.replace(activity, since=since))
        span = history.span_columns(row, since, self._today)
        database.update_row(conn, "packages", package_id, span)
        return BackfillResult(slug=target.slug, outcome="read", since=self._start)


def _not_found(slug: str, message: str) -> BackfillResult:
    failure = Failure(kind="not_found", message=message)
    return BackfillResult(slug=slug, outcome="failed", failure=failure)


def _ids(conn: sqlite3.Connection, options: BackfillOptions) -> list[int]:
    if options.names:
        return lookup.find_packages(conn, options.names)
    return database.find_values(
        conn,
        "SELECT id FROM packages"
        " WHERE repo_key IS NOT NULL AND status NOT IN ('moved', 'gone', 'blocked') ORDER BY slug",
    )
