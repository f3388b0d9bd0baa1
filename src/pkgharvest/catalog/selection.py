"""What a fetch is to do: which packages, which of their sources, in which order."""

import datetime as dt
import itertools
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pkgharvest.catalog.encoding import decode_instant, encode_instant, stored_locator
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import SOURCES, FetchTarget, SourceName, Validator

_CHUNK = 200

HAS_SOURCE: dict[SourceName, str] = {
    "repo": "p.repo_key IS NOT NULL",
    "pypi": "p.pypi_source <> 'none'",
    "downloads": "p.pypi_key IS NOT NULL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSelection:
    """Which packages a fetch was asked for."""

    package_ids: tuple[int, ...] | None
    """None: every package, less those in back-off and those that ``continues`` has done."""
    sources: tuple[SourceName, ...] = SOURCES
    older_than: Mapping[SourceName, dt.datetime] = field(default_factory=dict)
    """Of these sources only those that last succeeded before that, or never."""
    retry_failed: bool = False
    limit: int | None = None
    continues: tuple[int, ...] = ()
    """The unfinished runs that this one goes on with."""


Selected = tuple[int, tuple[SourceName, ...]]


def select_due(
    connection: sqlite3.Connection, wanted: SourceSelection, now: dt.datetime
) -> list[Selected]:
    """Return ids with the sources that are due: never fetched first, then the oldest.

    Downloads hold up nothing: packages of which no more than those is due come last. What is
    noted of the future was noted by a wrong clock, and puts nothing off.
    """
    values: dict[str, object] = {"now": encode_instant(now), "limit": -1}
    conditions = ["1"]
    if wanted.package_ids is not None:
        conditions.append("p.id IN (SELECT value FROM json_each(:ids))")
        values["ids"] = json.dumps(wanted.package_ids)
    elif not wanted.retry_failed:
        conditions.append(
            "(f.next_due IS NULL OR f.next_due <= :now OR f.last_attempt > :now)"  # a wrong clock's
        )
    if wanted.continues:
        # Its failures too, even with retry_failed: else every run would begin with those.
        conditions.append(
            "(f.run_id IS NULL OR f.run_id NOT IN (SELECT value FROM json_each(:runs)))"
        )
        values["runs"] = json.dumps(wanted.continues)
    if wanted.limit is not None:
        values["limit"] = min(wanted.limit, sys.maxsize)

    def due_for(source: SourceName) -> str:
        own = [HAS_SOURCE[source], *conditions]
        if source in wanted.older_than:
            own.append(
                f"(f.last_success IS NULL OR f.last_success < :older_than_{source}"
                " OR f.last_success > :now)"
            )
            values[f"older_than_{source}"] = encode_instant(wanted.older_than[source])
        return f"""
            SELECT p.id, '{source}' AS source, coalesce(f.last_success, '') AS age
            FROM packages AS p
            LEFT JOIN fetches AS f ON f.package_id = p.id AND f.source = '{source}'
            WHERE {" AND ".join(own)}
        """  # noqa: S608 - fixed pieces

    due = " UNION ALL ".join(map(due_for, wanted.sources))
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
    """Yield the targets of ``selected``, read a few hundred at a time.

    What was removed meanwhile is left out: a package, or that it has a project.
    """
    remaining = iter(selected)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield from _chunk(connection, chunk)


def _chunk(connection: sqlite3.Connection, selected: Sequence[Selected]) -> Iterator[FetchTarget]:
    these = json.dumps([package_id for package_id, _ in selected])
    among = "(SELECT value FROM json_each(?))"
    rows = {
        row["id"]: row
        for row in connection.execute(
            f"SELECT * FROM packages WHERE id IN {among}",  # noqa: S608
            (these,),
        )
    }
    previous: dict[int, list[Locator]] = defaultdict(list)
    for row in connection.execute(
        f"SELECT package_id, url FROM previous_urls WHERE package_id IN {among}",  # noqa: S608
        (these,),
    ):
        former = stored_locator(row["url"])
        if former is not None:
            previous[row["package_id"]].append(former)
    validators: dict[int, dict[str, Validator]] = defaultdict(dict)
    for row in connection.execute(
        f"SELECT * FROM validators WHERE package_id IN {among}",  # noqa: S608
        (these,),
    ):
        validators[row["package_id"]][row["key"]] = Validator(
            key=row["key"],
            etag=row["etag"],
            last_modified=row["last_modified"],
            parser=row["parser"],
        )
    for package_id, sources in selected:
        row = rows.get(package_id)
        if row is None:
            continue
        # It is a while since the sources were selected: a person may have said meanwhile that
        # there is no project.
        without = {"pypi", "downloads"} if row["pypi_source"] == "none" else set()
        if left := tuple(source for source in sources if source not in without):
            yield _target(
                row,
                sources=left,
                previous=tuple(previous[package_id]),
                validators=validators[package_id],
            )


def _target(
    row: sqlite3.Row,
    *,
    sources: tuple[SourceName, ...],
    previous: tuple[Locator, ...],
    validators: dict[str, Validator],
) -> FetchTarget:
    days_since = row["days_since"]
    return FetchTarget(
        package_id=row["id"],
        slug=row["slug"],
        sources=sources,
        locator=stored_locator(row["repo_url"]),
        previous=previous,
        repo_id=row["repo_id"],
        default_branch=row["default_branch"],
        head=row["head"],
        days_since=None if days_since is None else dt.date.fromisoformat(days_since),
        contributors_known=row["contributors_read"] is not None,
        contributors_read=decode_instant(row["contributors_read"]),
        pypi_source=row["pypi_source"],
        pypi_name=row["pypi_name"],
        pypi_serial=row["pypi_serial"],
        pypi_lookup_note=row["pypi_lookup_note"],
        validators=validators,
    )
