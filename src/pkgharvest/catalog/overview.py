"""The catalogue at a glance: how many packages, how fresh each source is, and what keeps failing.

What counts are the sources that packages have and that may still answer. A repository that is
known to be gone or blocked, and says so each time it is asked, is counted by its status and is
neither stale nor failing.
"""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pkgharvest.catalog.columns import instant, instant_text
from pkgharvest.catalog.targets import HAS_SOURCE
from pkgharvest.package import STATUSES
from pkgharvest.records import SOURCES, SourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Packages, each counted once by what is true of any of its sources."""

    packages: int
    by_status: Mapping[str, int]
    """Every status, those that no package has too."""
    never_fetched: int
    """No source of theirs ever succeeded."""
    stale: int
    """A source that succeeded before did so too long ago."""
    failing: int
    """A source failed when it was last asked."""
    backing_off: int
    """A source that failed is not due yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How one source is doing over all packages that have it."""

    source: SourceName
    packages: int
    never_fetched: int
    stale: int
    failing: int
    backing_off: int
    oldest: dt.datetime | None
    """The oldest of the last successes."""
    median: dt.datetime | None
    """Half of the last successes are older than that one, or as old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingSource:
    """A source of a package that failed when it was last asked."""

    slug: str
    source: SourceName
    error: str
    message: str
    failures: int
    """How many came in a row."""
    last_success: dt.datetime | None
    last_attempt: dt.datetime | None
    next_due: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The catalogue as it is at one moment."""

    totals: Totals
    sources: tuple[SourceState, ...]
    worst: tuple[FailingSource, ...]
    """Most failures in a row first, then the longest without a success."""


def overview(
    connection: sqlite3.Connection, now: dt.datetime, *, older_than: dt.datetime, worst: int
) -> Overview:
    """Read the overview. ``older_than``: what last succeeded before that is stale.

    ``worst``: so many failing sources are named.
    """
    values = {"now": instant_text(now), "older_than": instant_text(older_than), "worst": worst}
    with _one_moment(connection):
        return Overview(
            totals=_totals(connection, values),
            sources=tuple(_sources(connection, values)),
            worst=tuple(_worst(connection, values)),
        )


@contextlib.contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all counts be of one state, whatever a fetch commits meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _asked(*sources: SourceName) -> str:
    """Return the query's beginning that calls ``asked`` what of ``sources`` counts."""
    due = " UNION ALL ".join(
        f"SELECT p.id AS package_id, p.slug, p.status, '{source}' AS source"  # noqa: S608 - ours
        f" FROM packages AS p WHERE {HAS_SOURCE[source]}"
        for source in sources
    )
    # What is left out is what a run does not report as a failure either: see harvests.
    return f"""
        WITH due AS ({due}),
        asked AS (
            SELECT due.package_id, due.slug, due.source, f.last_success, f.last_attempt,
                   f.last_error, f.message, f.consecutive_failures AS failures, f.next_due
            FROM due LEFT JOIN fetches AS f
                 ON f.package_id = due.package_id AND f.source = due.source
            WHERE NOT (due.source = 'repo' AND (
                due.status = 'gone' AND coalesce(f.last_error, '') IN ('not_found', 'gone')
                OR due.status = 'blocked' AND coalesce(f.last_error, '') = 'blocked'
            ))
        )
    """  # noqa: S608 - fixed pieces


def _totals(connection: sqlite3.Connection, values: Mapping[str, object]) -> Totals:
    rows = connection.execute("SELECT status, count(*) FROM packages GROUP BY status")
    statuses = {str(status): int(count) for status, count in rows}
    counts = connection.execute(
        f"""
        {_asked(*SOURCES)}
        SELECT count(*) FILTER (WHERE NOT known), count(*) FILTER (WHERE stale),
               count(*) FILTER (WHERE failing), count(*) FILTER (WHERE backing_off)
        FROM (
            SELECT max(last_success) IS NOT NULL AS known,
                   max(last_success < :older_than) AS stale,
                   max(failures > 0) AS failing,
                   max(failures > 0 AND next_due > :now) AS backing_off
            FROM asked GROUP BY package_id
        )
        """,  # noqa: S608 - fixed pieces
        values,
    ).fetchone()
    return Totals(
        packages=sum(statuses.values()),
        by_status={status: statuses.get(status, 0) for status in STATUSES},
        never_fetched=counts[0],
        stale=counts[1],
        failing=counts[2],
        backing_off=counts[3],
    )


def _sources(connection: sqlite3.Connection, values: Mapping[str, object]) -> Iterator[SourceState]:
    for source in SOURCES:
        row = connection.execute(
            f"""
            {_asked(source)}
            SELECT count(*), count(last_success),
                   count(*) FILTER (WHERE last_success < :older_than),
                   count(*) FILTER (WHERE failures > 0),
                   count(*) FILTER (WHERE failures > 0 AND next_due > :now),
                   min(last_success)
            FROM asked
            """,  # noqa: S608 - fixed pieces
            values,
        ).fetchone()
        packages, fetched, stale, failing, backing_off, oldest = row
        median = connection.execute(
            f"""
            {_asked(source)}
            SELECT last_success FROM asked WHERE last_success IS NOT NULL
            ORDER BY last_success LIMIT 1 OFFSET :half
            """,  # noqa: S608 - fixed pieces
            {"half": max(0, fetched - 1) // 2},
        ).fetchone()
        yield SourceState(
            source=source,
            packages=packages,
            never_fetched=packages - fetched,
            stale=stale,
            failing=failing,
            backing_off=backing_off,
            oldest=instant(oldest),
            median=None if median is None else instant(median[0]),
        )


def _worst(connection: sqlite3.Connection, values: Mapping[str, object]) -> Iterator[FailingSource]:
    rows = connection.execute(
        f"""
        {_asked(*SOURCES)}
        SELECT slug, source, last_error, message, failures, last_success, last_attempt, next_due
        FROM asked WHERE failures > 0
        ORDER BY failures DESC, last_success, slug, source LIMIT :worst
        """,  # noqa: S608 - fixed pieces
        values,
    )
    for slug, source, error, message, failures, success, attempt, due in rows:
        yield FailingSource(
            slug=slug,
            source=source,
            error=error or "",
            message=message or "",
            failures=failures,
            last_success=instant(success),
            last_attempt=instant(attempt),
            next_due=instant(due),
        )
