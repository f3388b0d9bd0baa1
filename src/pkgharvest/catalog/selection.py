"""What a fetch reads: which packages, which of their sources, and in which order.

What is known of each package travels with it as a ``FetchTarget``. Which runs are continued is
decided in ``runs``.
"""

import datetime as dt
import itertools
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pkgharvest.catalog.columns import decode_day, decode_instant, encode_instant, stored_locator
from pkgharvest.catalog.database import rows_by_package
from pkgharvest.model.observations import SOURCES, FetchTarget, SourceName, Validator

_CHUNK_SIZE = 200
"""Packages per query."""

HAS_SOURCE: dict[SourceName, str] = {
    "repo": "p.repo_key IS NOT NULL",
    "pypi": "p.pypi_source <> 'none'",
    "downloads": "p.pypi_key IS NOT NULL",
}
"""The condition that a package ``p`` has a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSelection:
    """Which packages and sources to fetch."""

    package_ids: tuple[int, ...] | None
    """None: every package, except those in backoff and those that ``continues`` has done."""
    sources: tuple[SourceName, ...] = SOURCES
    older_than: Mapping[SourceName, dt.datetime] = field(default_factory=dict)
    """Fetch these sources only if they last succeeded before the instant, or never."""
    retry_failed: bool = False
    limit: int | None = None
    continues: tuple[int, ...] = ()
    """The unfinished runs that this one continues."""


Selected = tuple[int, tuple[SourceName, ...]]
"""A package's id and the sources to fetch."""


def select_due(
    connection: sqlite3.Connection, wanted: SourceSelection, now: dt.datetime
) -> list[Selected]:
    """Return the packages that are due and their due sources: never fetched first, then the oldest.

    Packages of which only downloads are due come last. Instants in the future were written by a
    wrong clock, and postpone nothing.
    """
    values: dict[str, object] = {
        "now": encode_instant(now),
        "ids": json.dumps(wanted.package_ids),
        "runs": json.dumps(wanted.continues),
        "limit": -1 if wanted.limit is None else min(wanted.limit, sys.maxsize),
        **{f"{source}_before": encode_instant(at) for source, at in wanted.older_than.items()},
    }
    conditions = ["1"]
    if wanted.package_ids is not None:
        conditions.append("p.id IN (SELECT value FROM json_each(:ids))")
    elif not wanted.retry_failed:
        conditions.append("(f.next_due IS NULL OR f.next_due <= :now OR f.last_attempt > :now)")
    if wanted.continues:
        # Failures of those runs too, even with retry_failed: they would come first in every run.
        conditions.append(
            "(f.run_id IS NULL OR f.run_id NOT IN (SELECT value FROM json_each(:runs)))"
        )

    def select_source(source: SourceName) -> str:
        source_conditions = [HAS_SOURCE[source], *conditions]
        if source in wanted.older_than:
            source_conditions.append(
                f"(f.last_success IS NULL OR f.last_success < :{source}_before"
                " OR f.last_success > :now)"
            )
        return f"""
            SELECT p.id, '{source}' AS source, coalesce(f.last_success, '') AS age
            FROM packages AS p
            LEFT JOIN fetches AS f ON f.package_id = p.id AND f.source = '{source}'
            WHERE {" AND ".join(source_conditions)}
        """  # noqa: S608 - fixed pieces

    due = " UNION ALL ".join(map(select_source, wanted.sources))
    rows = connection.execute(
        f"""
        SELECT id, group_concat(source) AS sources FROM ({due})
        GROUP BY id
        ORDER BY min(age) FILTER (WHERE source <> 'downloads') NULLS LAST, min(age), id
        LIMIT :limit
        """,  # noqa: S608
        values,
    )
    return [
        (int(row["id"]), tuple(name for name in SOURCES if name in row["sources"].split(",")))
        for row in rows
    ]


def fetch_targets(
    connection: sqlite3.Connection, selected: Iterable[Selected]
) -> Iterator[FetchTarget]:
    """Yield the targets of ``selected``, reading a few hundred at a time.

    Packages that were removed meanwhile are left out, and so are PyPI projects.
    """
    remaining = iter(selected)
    while chunk := list(itertools.islice(remaining, _CHUNK_SIZE)):
        yield from _read_targets(connection, chunk)


def _read_targets(
    connection: sqlite3.Connection, selected: Sequence[Selected]
) -> Iterator[FetchTarget]:
    ids = [package_id for package_id, _ in selected]
    query = "SELECT * FROM packages WHERE id IN (SELECT value FROM json_each(?))"
    rows = {row["id"]: row for row in connection.execute(query, (json.dumps(ids),))}
    previous = rows_by_package(
        connection,
        ids,
        "SELECT package_id, url FROM previous_urls",
        "key",
        lambda row: stored_locator(row["url"]),
    )
    validators = rows_by_package(
        connection, ids, "SELECT * FROM validators", "source, key", _validator
    )
    for package_id, sources in selected:
        row = rows.get(package_id)
        if row is None:
            continue
        # A user may have said meanwhile that there is no project.
        removed = {"pypi", "downloads"} if row["pypi_source"] == "none" else set()
        if present := tuple(source for source in sources if source not in removed):
            yield FetchTarget(
                package_id=package_id,
                slug=row["slug"],
                sources=present,
                locator=stored_locator(row["repo_url"]),
                previous=tuple(filter(None, previous[package_id])),
                repo_id=row["repo_id"],
                default_branch=row["default_branch"],
                head=row["head"],
                days_since=decode_day(row["days_since"]),
                contributors_known=row["contributors_read"] is not None,
                contributors_read=decode_instant(row["contributors_read"]),
                pypi_source=row["pypi_source"],
                pypi_name=row["pypi_name"],
                pypi_serial=row["pypi_serial"],
                pypi_lookup_note=row["pypi_lookup_note"],
                validators={validator.key: validator for validator in validators[package_id]},
            )


def _validator(row: sqlite3.Row) -> Validator:
    return Validator(
        key=row["key"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        parser=row["parser"],
    )
