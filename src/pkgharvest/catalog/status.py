"""The state of the catalog: how many packages, how fresh each source is, and what keeps failing.

Only sources that can still answer count. A repository that is gone or blocked, and whose last
response said so, is counted by its status and is neither stale nor failing. ``results`` does not
report such a failure either.
"""

import datetime as dt
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from pkgharvest.catalog.columns import decode_instant, encode_instant
from pkgharvest.catalog.database import read_transaction
from pkgharvest.catalog.selection import HAS_SOURCE
from pkgharvest.model.observations import SOURCES, SourceName
from pkgharvest.model.package import STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCounts:
    """Numbers of packages."""

    packages: int
    never_fetched: int
    """Packages with no source that ever succeeded."""
    stale: int
    """Packages with a source whose last success is too long ago."""
    failing: int
    """Packages with a source whose last attempt failed."""
    backing_off: int
    """Packages with a failing source that is not due yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTotals(PackageCounts):
    """All packages; one with any such source counts once."""

    by_status: Mapping[str, int]
    """Every status, with 0 for those that no package has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSummary(PackageCounts):
    """One source over all packages that have it."""

    source: SourceName
    oldest: dt.datetime | None
    """The oldest last success."""
    median: dt.datetime | None
    """The median of the last successes; of an even number, the earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingSource:
    """A source of a package whose last attempt failed."""

    slug: str
    source: SourceName
    error: str
    message: str
    failures: int
    """Failures in a row."""
    last_success: dt.datetime | None
    last_attempt: dt.datetime | None
    next_due: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStatus:
    """The state of the catalog at one moment."""

    totals: PackageTotals
    sources: tuple[SourceSummary, ...]
    worst: tuple[FailingSource, ...]
    """The most failures in a row first, then the longest time without a success."""


def catalog_status(
    connection: sqlite3.Connection, now: dt.datetime, *, older_than: dt.datetime, worst: int
) -> CatalogStatus:
    """Return the state of the catalog.

    ``older_than``: sources that last succeeded before this instant are stale.
    ``worst``: how many failing sources to list.
    """
    values = {"now": encode_instant(now), "older_than": encode_instant(older_than), "worst": worst}
    with read_transaction(connection):
        totals, sources = _count(connection, values)
        return CatalogStatus(
            totals=totals,
            sources=sources,
            worst=_worst_sources(connection, values),
        )


def _counts(source: SourceName, fetch: str) -> str:
    """Return the condition that ``source`` of a package ``p`` counts.

    ``fetch`` is the alias of its row of ``fetches``.
    """
    if source != "repo":
        return HAS_SOURCE[source]
    return f"""
        {HAS_SOURCE[source]} AND NOT (
            p.status = 'gone' AND coalesce({fetch}.last_error, '') IN ('not_found', 'gone')
            OR p.status = 'blocked' AND coalesce({fetch}.last_error, '') = 'blocked'
        )
    """


_SUCCESS: Mapping[SourceName, str] = {
    # An imported package was fetched by another program at that time.
    "repo": "coalesce(repo.last_success, p.last_fetched)",
    "pypi": "pypi.last_success",
    "downloads": "downloads.last_success",
}


def _source_columns(source: SourceName) -> str:
    """Return the columns of one source: whether it counts, and its state if it does."""
    counts = _counts(source, source)
    failing = f"{counts} AND {source}.consecutive_failures > 0"
    return ", ".join(
        (
            f"{counts} AS {source}_counts",
            f"CASE WHEN {counts} THEN {_SUCCESS[source]} END AS {source}_success",
            f"{failing} AS {source}_failing",
            f"{failing} AND {source}.next_due > :now AS {source}_backing_off",
        )
    )


def _any_source(condition: str) -> str:
    """Return ``condition`` for any source, whose name replaces ``{0}`` in it."""
    return " OR ".join(condition.format(source) for source in SOURCES)


def _count_columns(*conditions: str) -> list[str]:
    return [f"count(*) FILTER (WHERE {condition})" for condition in conditions]


_TOTAL_COLUMNS = _count_columns(
    f"({_any_source('{0}_counts')}) AND NOT ({_any_source('{0}_success IS NOT NULL')})",
    _any_source("{0}_success < :older_than"),
    _any_source("{0}_failing"),
    _any_source("{0}_backing_off"),
)
_SOURCE_COLUMNS = [
    column.format(source)
    for source in SOURCES
    for column in (
        *_count_columns(
            "{0}_counts", "{0}_success < :older_than", "{0}_failing", "{0}_backing_off"
        ),
        # As one text: Python finds the median in it faster than SQLite sorts the instants.
        "group_concat({0}_success)",
    )
]

_JOINED = " ".join(
    f"LEFT JOIN fetches AS {source} ON {source}.package_id = p.id AND {source}.source = '{source}'"
    for source in SOURCES
)

_COUNT_QUERY = f"""
    SELECT {", ".join([*_TOTAL_COLUMNS, *_SOURCE_COLUMNS])}
    FROM (SELECT {", ".join(map(_source_columns, SOURCES))} FROM packages AS p {_JOINED})
"""  # noqa: S608 - fixed pieces
"""Everything is counted in one pass over the packages."""


def _count(
    connection: sqlite3.Connection, values: Mapping[str, object]
) -> tuple[PackageTotals, tuple[SourceSummary, ...]]:
    rows = connection.execute("SELECT status, count(*) FROM packages GROUP BY status")
    statuses = {str(status): int(count) for status, count in rows}
    counts = tuple(connection.execute(_COUNT_QUERY, values).fetchone())
    never_fetched, stale, failing, backing_off = counts[: len(_TOTAL_COLUMNS)]
    totals = PackageTotals(
        packages=sum(statuses.values()),
        by_status={status: statuses.get(status, 0) for status in STATUSES},
        never_fetched=never_fetched,
        stale=stale,
        failing=failing,
        backing_off=backing_off,
    )
    width = len(_SOURCE_COLUMNS) // len(SOURCES)
    starts = range(len(_TOTAL_COLUMNS), len(counts), width)
    return totals, tuple(
        _summarize(source, *counts[start : start + width])
        for source, start in zip(SOURCES, starts, strict=True)
    )


def _summarize(
    source: SourceName,
    packages: int,
    stale: int,
    failing: int,
    backing_off: int,
    successes_text: str | None,
) -> SourceSummary:
    successes = sorted(successes_text.split(",")) if successes_text else []
    return SourceSummary(
        source=source,
        packages=packages,
        never_fetched=packages - len(successes),
        stale=stale,
        failing=failing,
        backing_off=backing_off,
        oldest=decode_instant(successes[0]) if successes else None,
        median=decode_instant(successes[(len(successes) - 1) // 2]) if successes else None,
    )


def _worst_sources(
    connection: sqlite3.Connection, values: Mapping[str, object]
) -> tuple[FailingSource, ...]:
    # CROSS JOIN makes SQLite begin with the index of failing sources, which are few.
    rows = connection.execute(
        f"""
        SELECT slug, source, last_error, message, consecutive_failures, last_success,
               last_attempt, next_due
        FROM fetches AS f CROSS JOIN packages AS p ON p.id = f.package_id
        WHERE consecutive_failures > 0 AND CASE source {
            " ".join(f"WHEN '{source}' THEN {_counts(source, 'f')}" for source in SOURCES)
        } END
        ORDER BY consecutive_failures DESC, last_success, slug, source LIMIT :worst
        """,  # noqa: S608 - fixed pieces
        values,
    )
    return tuple(
        FailingSource(
            slug=slug,
            source=source,
            error=error or "",
            message=message or "",
            failures=failures,
            last_success=decode_instant(success),
            last_attempt=decode_instant(attempt),
            next_due=decode_instant(due),
        )
        for slug, source, error, message, failures, success, attempt, due in rows
    )
