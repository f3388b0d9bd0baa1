"""Commits are counted further back than a fetch does, from the whole history that git has."""

import contextlib
import dataclasses
import datetime as dt
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pkgharvest.catalog import commit_days, database, lookup, rows, selection
from pkgharvest.catalog.lock import fetch_lock
from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitProcess
from pkgharvest.model.errors import ErrorKind, SourceError
from pkgharvest.model.events import RunFinished, RunStarted, SourceFinished
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import (
    Activity,
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    SourceName,
)
from pkgharvest.pipeline.engine import SourceSet, StageLimits, StopSignal, run_engine
from pkgharvest.pipeline.options import RunContext
from pkgharvest.pipeline.runner import run_loop, stopped_by
from pkgharvest.pipeline.sources import clones_directory
from pkgharvest.pipeline.writer import Writer
from pkgharvest.settings.load import cache_directory
from pkgharvest.sources.git import GitSource

_LONGEST = 7200.0
"""Seconds for one repository; git has its own bounds, which are lower."""

_WEEK = dt.timedelta(weeks=1)
_REPOSITORY: tuple[SourceName, ...] = ("repo",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOptions:
    """What a person asked to have counted."""

    names: tuple[str, ...]
    """Packages by any name that ``show`` takes; none of them: every one that can be read."""
    weeks: int
    jobs: int = 4
    """Repositories at once."""
    again: bool = False
    """What is known already is read too, and replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillResult:
    """What became of one package."""

    slug: str
    outcome: Literal["read", "known", "failed"]
    since: dt.date | None = None
    """The first of the days that were asked for, where they are known now."""
    error: ErrorKind | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """What a run did, when it is over."""

    packages: tuple[BackfillResult, ...]
    """Those that were done with, in the order in which they were named, or by slug."""
    interrupted: bool


def backfill(wish: BackfillOptions, around: RunContext) -> BackfillReport:
    """Count the commits of each day of the last ``wish.weeks`` weeks, where they are not known.

    With ``wish.again`` those that are known are counted anew, however old they are.

    Every package is committed when it is done. Raises HarvestLocked where a fetch is at work,
    UnknownPackage, CatalogError; a repository that cannot be read is in the report instead.
    """
    path = around.settings.db_path
    with database.open_writer(path) as connection, fetch_lock(path):
        return run_loop(_Run(wish, around, connection).run(cache_directory(path)))


class _Run:
    """One run over the packages of a wish."""

    def __init__(
        self, wish: BackfillOptions, around: RunContext, connection: sqlite3.Connection
    ) -> None:
        self._wish = wish
        self._around = around
        self._connection = connection
        self._halt = StopSignal()
        self._saving = Writer(connection, self._halt)
        self._today = utc_day(around.clock.now())
        self._start = self._today - wish.weeks * _WEEK

    async def run(self, cache: Path) -> BackfillReport:
        """Read what is not known, package by package; return what became of each."""
        conn, listener = self._connection, self._around.listener
        asked = _ids(conn, self._wish)
        done: dict[int, BackfillResult] = {}
        for package_id in asked:
            told = self._without_reading(package_id)
            if told is not None:
                done[package_id] = told
        due = [number for number in asked if number not in done]
        listener(RunStarted(packages=len(due)))
        clones = CloneCache(clones_directory(cache))
        git = GitSource(GitProcess(self._around.environ), clones, at_once=self._wish.jobs)
        with stopped_by(self._around.stop_signals, self._halt):
            harvesting = run_engine(
                selection.fetch_targets(conn, [(number, _REPOSITORY) for number in due]),
                # git reads them all, whatever else their hosts have.
                SourceSet(repositories=lambda _: git, projects=_NoProjects()),
                clock=self._around.clock,
                limits=StageLimits(jobs=self._wish.jobs, seconds_per_source=_LONGEST),
                halt=self._halt,
            )
            async with contextlib.aclosing(harvesting):
                async for outcome in harvesting:
                    told = await self._settle(outcome)
                    if told is not None:
                        done[outcome.target.package_id] = told
        listener(RunFinished(stopped=self._halt.reason))
        return BackfillReport(
            packages=tuple(done[number] for number in asked if number in done),
            interrupted=self._halt.reason is not None,
        )

    def _without_reading(self, package_id: int) -> BackfillResult | None:
        """Return what there is to tell of a package of which nothing is to be read."""
        row = _row(self._connection, package_id)
        refusal = "it has no repository" if row["repo_key"] is None else ""
        if row["status"] == "moved":  # another repository may be there
            refusal = "its repository has moved, and cannot be followed"
        if refusal:
            return _failed(row["slug"], "not_found", refusal)
        known = commit_days.known_span(row)
        if self._wish.again or known is None or known.start > self._start:
            return None
        return BackfillResult(slug=row["slug"], outcome="known", since=self._start)

    async def _settle(self, outcome: FetchOutcome) -> BackfillResult | None:
        """Save what was read of a package, and tell of it; None where the run was stopped."""
        match outcome.result:
            case Failure() as failure:
                told = _failed(outcome.target.slug, failure.kind, failure.message)
            case RepositoryResult(activity=news) if news is not None:
                saved = await self._saving.save(lambda: self._save(outcome.target, news))
                if saved is None:
                    return None
                told = saved
            case _:
                return None
        problem = None if told.error is None else Failure(kind=told.error, message=told.message)
        self._around.listener(
            SourceFinished(outcome=outcome, changed=told.outcome == "read", failure=problem)
        )
        return told

    def _save(self, target: FetchTarget, news: Activity) -> BackfillResult:
        """Write the days from the first one wanted on.

        What is known further back stays; where it is read again it is wanted too, as a history
        that was rewritten is another from its beginning.
        """
        conn, package_id = self._connection, target.package_id
        row = _row(conn, package_id)
        if row is None or target.locator is None or row["repo_key"] != target.locator.key:
            return _failed(target.slug, "not_found", "it was given another repository meanwhile")
        known, start = commit_days.known_span(row), self._start
        if self._wish.again and known is not None:
            start = min(start, known.start)
        since = start if any(day < start for day in news.days) else None
        commit_days.replace_days(conn, package_id, dataclasses.replace(news, since=since))
        columns = commit_days.span_columns(row, since, self._today)
        rows.update_row(conn, "packages", package_id, columns)
        return BackfillResult(slug=target.slug, outcome="read", since=self._start)


def _failed(slug: str, error: ErrorKind, message: str) -> BackfillResult:
    return BackfillResult(slug=slug, outcome="failed", error=error, message=message)


class _NoProjects:
    """Stands where nobody is asked."""

    async def read(self, target: FetchTarget) -> ProjectResult:
        """Refuse."""
        raise SourceError(f"the project of {target.slug} is not read here")


def _ids(conn: sqlite3.Connection, wish: BackfillOptions) -> list[int]:
    if wish.names:
        return list(dict.fromkeys(lookup.find_package(conn, name) for name in wish.names))
    rows = conn.execute(
        "SELECT id FROM packages"
        " WHERE repo_key IS NOT NULL AND status NOT IN ('moved', 'gone', 'blocked') ORDER BY slug"
    )
    return [int(row["id"]) for row in rows]


def _row(conn: sqlite3.Connection, package_id: int) -> Any:
    return conn.execute("SELECT * FROM packages WHERE id = ?", (package_id,)).fetchone()
