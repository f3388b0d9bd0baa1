"""Read what packages were before: snapshots, commits by week, and stars gained and lost."""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pkgharvest.app import queries
from pkgharvest.catalog import history, lookup, packages
from pkgharvest.catalog.history import STAR_DELTA_KEYS, Snapshot, StarDelta, StarDeltaKey
from pkgharvest.model.package import Package

__all__ = [
    "STAR_DELTA_KEYS",
    "PackageHistory",
    "Snapshot",
    "StarDelta",
    "StarDeltaKey",
    "Trend",
    "TrendingResult",
    "Week",
    "WeeklyCommits",
    "list_trending",
    "read_history",
    "read_weekly_commits",
]


class PackageHistory(NamedTuple):
    """The snapshots of one package, oldest first."""

    slug: str
    snapshots: list[Snapshot]
    known_weeks: int
    """Whole weeks of which the commits are known; counted only where there are no snapshots."""


class Week(NamedTuple):
    """The commits of seven days."""

    week: dt.date
    """The first of them, in UTC."""
    commits: int

    def to_dict(self) -> dict[str, str | int]:
        """Return the object that ``history --weeks --json`` prints.

        >>> Week(dt.date(2026, 2, 9), 5).to_dict()
        {'week': '2026-02-09', 'commits': 5}
        """
        return {"week": self.week.isoformat(), "commits": self.commits}


class WeeklyCommits(NamedTuple):
    """The commits of one package by week, oldest first; only weeks that are known."""

    slug: str
    weeks: list[Week]


def read_history(db_path: Path, name: str, *, since: dt.datetime | None = None) -> PackageHistory:
    """Return the snapshots of the package called ``name`` from ``since`` on.

    Raises UnknownPackage and CatalogError.
    """
    with queries.open_snapshot(db_path) as connection:
        row = lookup.find_package_row(connection, name)
        found = history.read_snapshots(connection, row["id"], since)
    span = None if found else history.known_span(row)
    known_weeks = 0 if span is None else (span.end - span.start) // dt.timedelta(weeks=1)
    return PackageHistory(str(row["slug"]), found, known_weeks)


def read_weekly_commits(db_path: Path, name: str, weeks: int) -> WeeklyCommits:
    """Return the commits of each of the last ``weeks`` weeks of the package called ``name``.

    Raises UnknownPackage and CatalogError.
    """
    with queries.open_snapshot(db_path) as connection:
        row = lookup.find_package_row(connection, name)
        span = history.known_span(row)
        counts = [] if span is None else history.weekly_commits(connection, row["id"], span, weeks)
    return WeeklyCommits(str(row["slug"]), [Week(day, commits) for day, commits in counts])


# ── stars gained and lost ──


class Trend(NamedTuple):
    """A package and how its stars changed."""

    delta: StarDelta
    package: Package | None
    """None unless parts of packages were asked for."""


class TrendingResult(NamedTuple):
    """The packages whose stars changed."""

    trends: Iterator[Trend]
    total: int
    has_matches: bool
    """Whether any package matches the filter at all."""


@contextlib.contextmanager
def list_trending(
    db_path: Path,
    wanted: queries.PackageFilter,
    since: dt.datetime,
    *,
    sort: queries.SortKey | StarDeltaKey | None = None,
    reverse: bool = False,
    limit: int | None = None,
    parts: Collection[str] | None = None,
) -> Iterator[TrendingResult]:
    """Yield the packages that match ``wanted`` and whose stars changed after ``since``, lazily.

    They come by stars gained unless ``sort`` names another key. With ``parts`` None packages are
    not read. Raises UnknownCategory, UnknownGrid and CatalogError.
    """
    by_delta = next((key for key in STAR_DELTA_KEYS if key == (sort or "gained")), None)
    with queries.open_snapshot(db_path) as connection:
        ids = None  # all packages
        if by_delta is None or wanted != queries.PackageFilter():
            key = sort if by_delta is None and sort is not None else "name"
            ids = queries.select_ids(connection, wanted, sort=key, reverse=reverse)
        deltas = history.star_deltas(
            connection, ids, since, sort=by_delta, reverse=reverse, limit=limit
        )
        yield TrendingResult(
            trends=_trends(connection, deltas, parts),
            total=len(deltas),
            has_matches=ids is None or bool(ids),
        )


def _trends(
    connection: sqlite3.Connection, deltas: Sequence[StarDelta], parts: Collection[str] | None
) -> Iterator[Trend]:
    if parts is None:
        yield from (Trend(delta, None) for delta in deltas)
        return
    by_id = {delta.package_id: delta for delta in deltas}
    for package in packages.read_packages(connection, by_id, parts):
        yield Trend(by_id[package.id], package)
