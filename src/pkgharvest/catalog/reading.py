"""Records out of the tables, a few hundred packages at a time."""

import contextlib
import datetime as dt
import functools
import heapq
import itertools
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from pkgharvest.catalog import releases
from pkgharvest.catalog.columns import day, instant, instant_text, numbers, required_instant, texts
from pkgharvest.package import Downloads, Freshness, Package, Release

_CHUNK = 500

SortKey = Literal["name", "stars", "updated", "fetched", "commits", "score", "downloads"]
SORT_KEYS: tuple[SortKey, ...] = (
    "name",
    "stars",
    "updated",
    "fetched",
    "commits",
    "score",
    "downloads",
)

_ORDER: dict[str, str] = {
    "name": "title COLLATE NOCASE",
    "stars": "repo_watchers DESC",
    "updated": "last_updated DESC NULLS LAST",
    "fetched": "last_fetched DESC NULLS LAST",
    "commits": "commits DESC NULLS LAST",
    "score": "repo_watchers DESC",  # sorted again, by what no column holds
    "downloads": "downloads_last_month DESC NULLS LAST",
}
_REVERSED: dict[str, str] = {
    "name": "title COLLATE NOCASE DESC",
    "stars": "repo_watchers",
    "updated": "last_updated NULLS LAST",
    "fetched": "last_fetched NULLS LAST",
    "commits": "commits NULLS LAST",
    "score": "id",  # as they lie: all of them are read, and then sorted
    "downloads": "downloads_last_month NULLS LAST",
}


class Filter(NamedTuple):
    """Which packages a list shows; all of them where nothing is said."""

    category: str | None = None
    grid: str | None = None
    status: str | None = None
    fetched_before: dt.datetime | None = None
    """Only what was fetched earlier than that, or never."""
    failing: bool = False
    """Only what has a source that failed when it was last asked."""


def select(
    connection: sqlite3.Connection,
    wanted: Filter,
    *,
    now: dt.datetime,
    sort: str = "name",
    reverse: bool = False,
    limit: int | None = None,
) -> list[int]:
    """Return the ids of the packages that ``wanted`` lets through, sorted; ties by slug.

    Names ascend, figures and dates descend, ``reverse`` turns both; null comes last either way.
    ``now`` is for the score of what was never fetched.
    """
    conditions, values = ["1"], []
    if wanted.category is not None:
        conditions.append("category_id = (SELECT id FROM categories WHERE slug = ?)")
        values.append(wanted.category)
    if wanted.grid is not None:
        conditions.append(
            "id IN (SELECT package_id FROM grid_packages JOIN grids ON grids.id = grid_id"
            " WHERE grids.slug = ?)"
        )
        values.append(wanted.grid)
    if wanted.status is not None:
        conditions.append("status = ?")
        values.append(wanted.status)
    if wanted.fetched_before is not None:
        conditions.append("(last_fetched IS NULL OR last_fetched < ?)")
        values.append(str(instant_text(wanted.fetched_before)))
    if wanted.failing:
        conditions.append("id IN (SELECT package_id FROM fetches WHERE consecutive_failures > 0)")
    order = (_REVERSED if reverse else _ORDER)[sort]
    cut = -1 if limit is None or sort == "score" else min(limit, sys.maxsize)
    query = (
        f"SELECT {_SCORED if sort == 'score' else 'id'} FROM packages"  # noqa: S608 - fixed pieces
        f" WHERE {' AND '.join(conditions)} ORDER BY {order}, slug LIMIT {cut:d}"
    )
    rows = connection.execute(query, values)
    if sort == "score":
        return _by_score(rows, now, reverse=reverse, limit=limit)
    return [int(row[0]) for row in rows]


_SCORED = (
    "id, slug, repo_watchers, last_updated, last_fetched, pypi_requires_python, pypi_classifiers"
)


def _by_score(
    rows: Iterable[sqlite3.Row], now: dt.datetime, *, reverse: bool, limit: int | None
) -> list[int]:
    """Return the ids of ``rows``, which have most stars first, by score; see ``select``.

    No score is above its stars. So the best few are known before many rows are read.
    """
    from pkgharvest.score import score  # noqa: PLC0415 - show needs none of it
    from pkgharvest.versions import runs_on_python3  # noqa: PLC0415 - brings packaging

    runs_on_3 = functools.cache(
        lambda requires, classifiers: runs_on_python3(requires, texts(classifiers))
    )
    few = None if reverse else limit
    best: list[int] = []  # a heap: the lowest of the few best scores is its first
    found: list[tuple[int, str, int]] = []
    for number, slug, stars, updated, fetched, requires, classifiers in rows:
        if few is not None and len(best) >= few and (not best or stars < best[0]):
            break
        points = score(
            stars, instant(updated), runs_on_3(requires, classifiers), instant(fetched) or now
        )
        found.append((points if reverse else -points, slug, number))
        if few is not None:
            (heapq.heappush if len(best) < few else heapq.heappushpop)(best, points)
    return [number for _, _, number in sorted(found)[:limit]]


def packages(
    connection: sqlite3.Connection, ids: Iterable[int], *, full: bool = False
) -> Iterator[Package]:
    """Yield the packages with ``ids``, in that order; ids that have gone meanwhile are left out.

    The versions are read with ``full`` only; without, that list is empty.
    """
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield from _chunk(connection, chunk, full=full)


def _chunk(connection: sqlite3.Connection, ids: Sequence[int], *, full: bool) -> Iterator[Package]:
    these = json.dumps(ids)

    def gather(query: str) -> dict[int, list[sqlite3.Row]]:
        """Run ``query`` over these packages; its first column says whose a row is."""
        found: dict[int, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(query, (these,)):
            found[row[0]].append(row)
        return found

    among = "(SELECT value FROM json_each(?))"
    versions: dict[int, list[sqlite3.Row]] = {}
    with _one_moment(connection):
        rows = gather(f"SELECT id, * FROM packages WHERE id IN {among}")  # noqa: S608
        grids = gather(
            f"SELECT package_id, grid_id FROM grid_packages WHERE package_id IN {among}"  # noqa: S608
            " ORDER BY package_id, position"
        )
        names = gather(
            f"SELECT package_id, name FROM participants WHERE package_id IN {among}"  # noqa: S608
            " ORDER BY package_id, position"
        )
        previous = gather(
            f"SELECT package_id, url FROM previous_urls WHERE package_id IN {among}"  # noqa: S608
            " ORDER BY package_id, until"
        )
        fetches = gather(
            f"SELECT package_id, * FROM fetches WHERE package_id IN {among}"  # noqa: S608
            " ORDER BY package_id, instr('repo pypi downloads', source)"
        )
        if full:
            versions = gather(
                f"SELECT package_id, * FROM versions WHERE package_id IN {among}"  # noqa: S608
                " ORDER BY package_id, position"
            )
    for package_id in ids:
        if package_id in rows:
            yield _package(
                rows[package_id][0],
                grid_ids=tuple(row["grid_id"] for row in grids.get(package_id, ())),
                participants=tuple(row["name"] for row in names.get(package_id, ())),
                previous_urls=tuple(row["url"] for row in previous.get(package_id, ())),
                fetches=tuple(map(_freshness, fetches.get(package_id, ()))),
                versions=tuple(map(releases.read, versions.get(package_id, ()))),
            )


@contextlib.contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all queries of the block see one state, so that a fetch at work leaves records whole."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _package(
    row: sqlite3.Row,
    *,
    grid_ids: tuple[int, ...],
    participants: tuple[str, ...],
    previous_urls: tuple[str, ...],
    fetches: tuple[Freshness, ...],
    versions: tuple[Release, ...],
) -> Package:
    documentation_url = row["documentation_url"]
    return Package(
        id=row["id"],
        category_id=row["category_id"],
        grid_ids=grid_ids,
        title=row["title"],
        slug=row["slug"],
        last_updated=instant(row["last_updated"]),
        last_fetched=instant(row["last_fetched"]),
        repo_url=row["repo_url"],
        pypi_version=row["pypi_version"],
        created=required_instant(row["created"]),
        modified=required_instant(row["modified"]),
        repo_forks=row["repo_forks"],
        repo_description=row["repo_description"],
        pypi_url=row["pypi_url"],
        documentation_url=(
            row["pypi_documentation_url"] if documentation_url is None else documentation_url
        ),
        repo_watchers=row["repo_watchers"],
        commits_over_52=numbers(row["commits_over_52"]),
        commits_until=day(row["commits_until"]),
        participants=participants,
        repo_host=row["repo_host"],
        repo_id=row["repo_id"],
        default_branch=row["default_branch"],
        commit_count=row["commit_count"],
        archived=None if row["archived"] is None else bool(row["archived"]),
        archived_at=instant(row["archived_at"]),
        status=row["status"],
        previous_urls=previous_urls,
        topics=texts(row["topics"]),
        license=row["license"],
        homepage=row["homepage"],
        open_issues=row["open_issues"],
        pypi_name=row["pypi_name"],
        pypi_tried=row["pypi_tried"],
        pypi_status=row["pypi_status"],
        pypi_requires_python=row["pypi_requires_python"],
        pypi_license=row["pypi_license"],
        pypi_classifiers=texts(row["pypi_classifiers"]),
        pypi_summary=row["pypi_summary"],
        versions=versions,
        downloads=_downloads(row),
        fetches=fetches,
    )


def _downloads(row: sqlite3.Row) -> Downloads | None:
    if row["downloads_last_month"] is None:
        return None
    return Downloads(
        last_day=row["downloads_last_day"],
        last_week=row["downloads_last_week"],
        last_month=row["downloads_last_month"],
    )


def _freshness(row: sqlite3.Row) -> Freshness:
    return Freshness(
        source=row["source"],
        last_success=instant(row["last_success"]),
        last_attempt=instant(row["last_attempt"]),
        last_error=row["last_error"],
        message=row["message"],
        consecutive_failures=row["consecutive_failures"],
        next_due=instant(row["next_due"]),
    )
