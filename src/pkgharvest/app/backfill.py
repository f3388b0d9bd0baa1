"""Commits are counted further back than a fetch does, from the whole history that git has."""

import contextlib
import dataclasses
import datetime as dt
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pkgharvest.app.loop import run_loop, stopped_by
from pkgharvest.app.order import Surroundings
from pkgharvest.app.saving import Saving
from pkgharvest.app.sourcing import clones_directory
from pkgharvest.catalog import changes, commit_days, connection, finding, targets
from pkgharvest.catalog.lock import fetch_lock
from pkgharvest.errors import ErrorKind, SourceError
from pkgharvest.events import Finished, Settled, Started
from pkgharvest.harvest import Halt, Limits, Sources, harvest
from pkgharvest.instants import midnight
from pkgharvest.records import (
    Activity,
    Failure,
    Outcome,
    ProjectReading,
    RepositoryReading,
    SourceName,
    Target,
)
from pkgharvest.settings import cache_directory
from pkgharvest.sources.git import Git
from pkgharvest.transport.clones import Clones
from pkgharvest.transport.gitprocess import GitProcess

if TYPE_CHECKING:
    from sqlite_utils import Database

_LONGEST = 7200.0
"""Seconds for one repository; git has its own bounds, which are lower."""

_WEEK = dt.timedelta(weeks=1)
_REPOSITORY: tuple[SourceName, ...] = ("repo",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked to have counted."""

    names: tuple[str, ...]
    """Packages by any name that ``show`` takes; none of them: every one that can be read."""
    weeks: int
    jobs: int = 4
    """Repositories at once."""
    again: bool = False
    """What is known already is read too, and replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
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

    packages: tuple[Backfilled, ...]
    """Those that were done with, in the order in which they were named, or by slug."""
    interrupted: bool


def backfill(wish: Wish, around: Surroundings) -> BackfillReport:
    """Count the commits of each day of the last ``wish.weeks`` weeks, where they are not known.

    With ``wish.again`` those that are known are counted anew, however old they are.

    Every package is committed when it is done. Raises HarvestLocked where a fetch is at work,
    UnknownPackage, CatalogError; a repository that cannot be read is in the report instead.
    """
    path = around.settings.db_path
    with connection.writing(path) as db, fetch_lock(path):
        return run_loop(_Run(wish, around, db).run(cache_directory(path)))


class _Run:
    """One run over the packages of a wish."""

    def __init__(self, wish: Wish, around: Surroundings, db: "Database") -> None:
        self._wish = wish
        self._around = around
        self._db = db
        self._halt = Halt()
        self._saving = Saving(db, self._halt)
        self._today = midnight(around.clock.now())
        self._start = self._today - wish.weeks * _WEEK

    async def run(self, cache: Path) -> BackfillReport:
        """Read what is not known, package by package; return what became of each."""
        conn, listener = self._db.conn, self._around.listener
        asked = _ids(conn, self._wish)
        done: dict[int, Backfilled] = {}
        for package_id in asked:
            told = self._without_reading(package_id)
            if told is not None:
                done[package_id] = told
        due = [number for number in asked if number not in done]
        listener(Started(packages=len(due)))
        clones = Clones(clones_directory(cache))
        git = Git(GitProcess(self._around.environ), clones, at_once=self._wish.jobs)
        with stopped_by(self._around.stop_signals, self._halt):
            harvesting = harvest(
                targets.targets(conn, [(number, _REPOSITORY) for number in due]),
                # git reads them all, whatever else their hosts have.
                Sources(repositories=defaultdict(lambda: git), projects=_NoProjects()),
                clock=self._around.clock,
                limits=Limits(jobs=self._wish.jobs, seconds_per_source=_LONGEST),
                halt=self._halt,
            )
            async with contextlib.aclosing(harvesting):
                async for outcome in harvesting:
                    told = await self._settle(outcome)
                    if told is not None:
                        done[outcome.target.package_id] = told
        listener(Finished(stopped=self._halt.reason))
        return BackfillReport(
            packages=tuple(done[number] for number in asked if number in done),
            interrupted=self._halt.reason is not None,
        )

    def _without_reading(self, package_id: int) -> Backfilled | None:
        """Return what there is to tell of a package of which nothing is to be read."""
        row = _row(self._db.conn, package_id)
        refusal = "it has no repository" if row["repo_key"] is None else ""
        if row["status"] == "moved":  # another repository may be there
            refusal = "its repository has moved, and cannot be followed"
        if refusal:
            return _failed(row["slug"], "not_found", refusal)
        known = commit_days.span(row)
        if self._wish.again or known is None or known.start > self._start:
            return None
        return Backfilled(slug=row["slug"], outcome="known", since=self._start)

    async def _settle(self, outcome: Outcome) -> Backfilled | None:
        """Save what was read of a package, and tell of it; None where the run was stopped."""
        match outcome.result:
            case Failure() as failure:
                told = _failed(outcome.target.slug, failure.kind, failure.message)
            case RepositoryReading(activity=news) if news is not None:
                saved = await self._saving.save(lambda: self._save(outcome.target, news))
                if saved is None:
                    return None
                told = saved
            case _:
                return None
        problem = None if told.error is None else Failure(kind=told.error, message=told.message)
        self._around.listener(
            Settled(outcome=outcome, changed=told.outcome == "read", failure=problem)
        )
        return told

    def _save(self, target: Target, news: Activity) -> Backfilled:
        """Write the days from the first one wanted on.

        What is known further back stays; where it is read again it is wanted too, as a history
        that was rewritten is another from its beginning.
        """
        conn, package_id = self._db.conn, target.package_id
        row = _row(conn, package_id)
        if row is None or target.locator is None or row["repo_key"] != target.locator.key:
            return _failed(target.slug, "not_found", "it was given another repository meanwhile")
        known, start = commit_days.span(row), self._start
        if self._wish.again and known is not None:
            start = min(start, known.start)
        since = start if any(day < start for day in news.days) else None
        commit_days.replace(conn, package_id, dataclasses.replace(news, since=since))
        columns = commit_days.span_columns(row, since, self._today)
        changes.update(conn, package_id, columns)
        return Backfilled(slug=target.slug, outcome="read", since=self._start)


def _failed(slug: str, error: ErrorKind, message: str) -> Backfilled:
    return Backfilled(slug=slug, outcome="failed", error=error, message=message)


class _NoProjects:
    """Stands where nobody is asked."""

    async def read(self, target: Target) -> ProjectReading:
        """Refuse."""
        raise SourceError(f"the project of {target.slug} is not read here")


def _ids(conn: sqlite3.Connection, wish: Wish) -> list[int]:
    if wish.names:
        return list(dict.fromkeys(finding.find(conn, name) for name in wish.names))
    rows = conn.execute(
        "SELECT id FROM packages"
        " WHERE repo_key IS NOT NULL AND status NOT IN ('moved', 'gone', 'blocked') ORDER BY slug"
    )
    return [int(row["id"]) for row in rows]


def _row(conn: sqlite3.Connection, package_id: int) -> Any:
    return conn.execute("SELECT * FROM packages WHERE id = ?", (package_id,)).fetchone()
