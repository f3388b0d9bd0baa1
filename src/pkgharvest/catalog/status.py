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

from pkgharvest.catalog.encoding import decode_instant, encode_instant
from pkgharvest.catalog.selection import HAS_SOURCE
from pkgharvest.model.observations import SOURCES, SourceName
from pkgharvest.model.package import STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTotals:
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
class SourceSummary:
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
class CatalogStatus:
    """The catalogue as it is at one moment."""

    totals: PackageTotals
    sources: tuple[SourceSummary, ...]
    worst: tuple[FailingSource, ...]
    """Most failures in a row first, then the longest without a success."""


def catalog_status(
    connection: sqlite3.Connection, now: dt.datetime, *, older_than: dt.datetime, worst: int
) -> CatalogStatus:
    """Read the overview. ``older_than``: what last succeeded before that is stale.

    ``worst``: so many failing sources are named.
    """
    values = {"now": encode_instant(now), "older_than": encode_instant(older_than), "worst": worst}
    with _one_moment(connection):
        totals, sources = _figures(connection, values)
        return CatalogStatus(
            totals=totals,
            sources=sources,
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


def _asked(source: SourceName, fetch: str) -> str:
    """Return the condition that ``source`` counts of a package ``p`` of which ``fetch`` is told."""
    if source != "repo":
        return HAS_SOURCE[source]
    # What is left out is what a run does not report as a failure either: see harvests.
    return f"""
        {HAS_SOURCE[source]} AND NOT (
            p.status = 'gone' AND coalesce({fetch}.last_error, '') IN ('not_found', 'gone')
            OR p.status = 'blocked' AND coalesce({fetch}.last_error, '') = 'blocked'
        )
    """


_SUCCESS: Mapping[SourceName, str] = {
    # What was imported was fetched by somebody else, and is as old as that.
    "repo": "coalesce(repo.last_success, p.last_fetched)",
    "pypi": "pypi.last_success",
    "downloads": "downloads.last_success",
}


def _of_source(source: SourceName) -> str:
    """Return the columns of one source: whether it counts, and if so how it is doing."""
    asked = _asked(source, source)
    failing = f"{asked} AND {source}.consecutive_failures > 0"
    return ", ".join(
        (
            f"{asked} AS {source}_asked",
            f"CASE WHEN {asked} THEN {_SUCCESS[source]} END AS {source}_success",
            f"{failing} AS {source}_failing",
            f"{failing} AND {source}.next_due > :now AS {source}_backing_off",
        )
    )


def _any(condition: str) -> str:
    """Return that ``condition`` is true of any source, which stands in it as ``{0}``."""
    return " OR ".join(condition.format(source) for source in SOURCES)


def _counted(*conditions: str) -> list[str]:
    return [f"count(*) FILTER (WHERE {condition})" for condition in conditions]


_FIGURES_OF_ALL = _counted(
    f"({_any('{0}_asked')}) AND NOT ({_any('{0}_success IS NOT NULL')})",
    _any("{0}_success < :older_than"),
    _any("{0}_failing"),
    _any("{0}_backing_off"),
)
_FIGURES_OF_SOURCES = [
    figure.format(source)
    for source in SOURCES
    for figure in (
        *_counted("{0}_asked", "{0}_success < :older_than", "{0}_failing", "{0}_backing_off"),
        # All of them in one text: Python finds the median in it sooner than SQLite sorts them.
        "group_concat({0}_success)",
    )
]

_JOINED = " ".join(
    f"LEFT JOIN fetches AS {source} ON {source}.package_id = p.id AND {source}.source = '{source}'"
    for source in SOURCES
)

_FIGURES = f"""
    SELECT {", ".join([*_FIGURES_OF_ALL, *_FIGURES_OF_SOURCES])}
    FROM (SELECT {", ".join(map(_of_source, SOURCES))} FROM packages AS p {_JOINED})
"""  # noqa: S608 - fixed pieces
"""All figures, read in one pass over the packages."""


def _figures(
    connection: sqlite3.Connection, values: Mapping[str, object]
) -> tuple[PackageTotals, tuple[SourceSummary, ...]]:
    rows = connection.execute("SELECT status, count(*) FROM packages GROUP BY status")
    statuses = {str(status): int(count) for status, count in rows}
    counts = tuple(connection.execute(_FIGURES, values).fetchone())
    never_fetched, stale, failing, backing_off = counts[: len(_FIGURES_OF_ALL)]
    totals = PackageTotals(
        packages=sum(statuses.values()),
        by_status={status: statuses.get(status, 0) for status in STATUSES},
        never_fetched=never_fetched,
        stale=stale,
        failing=failing,
        backing_off=backing_off,
    )
    each = len(_FIGURES_OF_SOURCES) // len(SOURCES)
    return totals, tuple(
        _state(source, *counts[first : first + each])
        for source, first in zip(
            SOURCES, range(len(_FIGURES_OF_ALL), len(counts), each), strict=True
        )
    )


def _state(
    source: SourceName,
    packages: int,
    stale: int,
    failing: int,
    backing_off: int,
    successes: str | None,
) -> SourceSummary:
    fetched = sorted(successes.split(",")) if successes else []
    return SourceSummary(
        source=source,
        packages=packages,
        never_fetched=packages - len(fetched),
        stale=stale,
        failing=failing,
        backing_off=backing_off,
        oldest=decode_instant(fetched[0]) if fetched else None,
        median=decode_instant(fetched[(len(fetched) - 1) // 2]) if fetched else None,
    )


def _worst(connection: sqlite3.Connection, values: Mapping[str, object]) -> Iterator[FailingSource]:
    # CROSS JOIN begins with what fails, by its own index: SQLite thinks that as many as succeed.
    rows = connection.execute(
        f"""
        SELECT slug, source, last_error, message, consecutive_failures, last_success,
               last_attempt, next_due
        FROM fetches AS f CROSS JOIN packages AS p ON p.id = f.package_id
        WHERE consecutive_failures > 0 AND CASE source {
            " ".join(f"WHEN '{source}' THEN {_asked(source, 'f')}" for source in SOURCES)
        } END
        ORDER BY consecutive_failures DESC, last_success, slug, source LIMIT :worst
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
            last_success=decode_instant(success),
            last_attempt=decode_instant(attempt),
            next_due=decode_instant(due),
        )
