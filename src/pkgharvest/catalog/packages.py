"""Records out of the tables, a few hundred packages at a time."""

import contextlib
import datetime as dt
import itertools
import json
import operator
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from pkgharvest.catalog import releases
from pkgharvest.catalog.encoding import (
    decode_day,
    decode_instant,
    decode_integers,
    decode_required_instant,
    decode_strings,
    encode_instant,
)
from pkgharvest.model.package import Downloads, Package, Release, SourceState

_CHUNK = 500

_Read = TypeVar("_Read")

ALL_PARTS = frozenset({"grids", "participants", "previous_urls", "fetches", "versions"})
"""What a package has that stands in tables of its own, by the names of the fields."""

RECORD_PARTS = ALL_PARTS - {"versions"}
"""Without those of which some packages have thousands, and which few readers want."""

CARD_PARTS = RECORD_PARTS | {"shelves"}
"""What persons are told: the slugs of category and grids too, which are no field's."""

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
    "score": "score DESC",
    "downloads": "downloads_last_month DESC NULLS LAST",
}
_REVERSED: dict[str, str] = {
    "name": "title COLLATE NOCASE DESC",
    "stars": "repo_watchers",
    "updated": "last_updated NULLS LAST",
    "fetched": "last_fetched NULLS LAST",
    "commits": "commits NULLS LAST",
    "score": "score",
    "downloads": "downloads_last_month NULLS LAST",
}


class PackageFilter(NamedTuple):
    """Which packages a list shows; all of them where nothing is said."""

    category: str | None = None
    grid: str | None = None
    status: str | None = None
    fetched_before: dt.datetime | None = None
    """Only what was fetched earlier than that, or never."""
    failing: bool = False
    """Only what has a source that failed when it was last asked."""


def select_ids(
    connection: sqlite3.Connection,
    wanted: PackageFilter,
    *,
    sort: str = "name",
    reverse: bool = False,
    limit: int | None = None,
) -> list[int]:
    """Return the ids of the packages that ``wanted`` lets through, sorted; ties by slug.

    Names ascend, figures and dates descend, ``reverse`` turns both; null comes last either way.
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
        values.append(str(encode_instant(wanted.fetched_before)))
    if wanted.failing:
        conditions.append("id IN (SELECT package_id FROM fetches WHERE consecutive_failures > 0)")
    order = (_REVERSED if reverse else _ORDER)[sort]
    cut = -1 if limit is None else min(limit, sys.maxsize)
    rows = connection.execute(
        f"SELECT id FROM packages WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed pieces
        f" ORDER BY {order}, slug LIMIT {cut:d}",
        values,
    )
    return [int(row[0]) for row in rows]


def read_packages(
    connection: sqlite3.Connection, ids: Iterable[int], parts: Collection[str] = RECORD_PARTS
) -> Iterator[Package]:
    """Yield the packages with ``ids``, in that order; ids that have gone meanwhile are left out.

    ``parts`` says what is read of other tables (other names in it mean nothing): a package has
    nothing of the parts that were not asked for.
    """
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield from _chunk(connection, chunk, parts)


def _chunk(
    connection: sqlite3.Connection, ids: Sequence[int], parts: Collection[str]
) -> Iterator[Package]:
    these = json.dumps(ids)
    among = "IN (SELECT value FROM json_each(?))"

    def gather(
        part: str, query: str, order: str, read: Callable[[sqlite3.Row], _Read]
    ) -> dict[int, list[_Read]]:
        """Run ``query`` over these packages; its first column says whose a row is."""
        found: dict[int, list[_Read]] = defaultdict(list)
        if part in parts:
            whole = f"{query} WHERE package_id {among} ORDER BY package_id, {order}"
            for row in connection.execute(whole, (these,)):
                found[row[0]].append(read(row))
        return found

    second = operator.itemgetter(1)
    with _one_moment(connection):
        cursor = connection.execute(f"SELECT * FROM packages WHERE id {among}", (these,))  # noqa: S608
        names = [column[0] for column in cursor.description]
        # By name, which a row itself finds by looking through all of its many columns.
        rows = {row["id"]: dict(zip(names, row, strict=True)) for row in cursor}
        grids = gather("grids", "SELECT package_id, grid_id FROM grid_packages", "position", second)
        people = gather(
            "participants", "SELECT package_id, name FROM participants", "position", second
        )
        previous = gather(
            "previous_urls", "SELECT package_id, url FROM previous_urls", "until", second
        )
        fetches = gather(
            "fetches",
            "SELECT package_id, * FROM fetches",
            "instr('repo pypi downloads', source)",
            _freshness,
        )
        versions = gather(
            "versions", "SELECT package_id, * FROM versions", "position", releases.release_from_row
        )
        category_slugs = gather(
            "shelves",
            "SELECT packages.id AS package_id, categories.slug"
            " FROM packages JOIN categories ON categories.id = category_id",
            "category_id",
            second,
        )
        grid_slugs = gather(
            "shelves",
            "SELECT package_id, slug FROM grid_packages JOIN grids ON grids.id = grid_id",
            "position",
            second,
        )
    for number in ids:
        if number in rows:
            yield _package(
                rows[number],
                grid_ids=tuple(grids.get(number, ())),
                participants=tuple(people.get(number, ())),
                previous_urls=tuple(previous.get(number, ())),
                fetches=tuple(fetches.get(number, ())),
                versions=tuple(versions.get(number, ())),
                category_slug=next(iter(category_slugs.get(number, ())), None),
                grid_slugs=tuple(grid_slugs.get(number, ())),
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
    row: Mapping[str, Any],
    *,
    grid_ids: tuple[int, ...],
    participants: tuple[str, ...],
    previous_urls: tuple[str, ...],
    fetches: tuple[SourceState, ...],
    versions: tuple[Release, ...],
    category_slug: str | None,
    grid_slugs: tuple[str, ...],
) -> Package:
    documentation_url = row["documentation_url"]
    return Package(
        id=row["id"],
        category_id=row["category_id"],
        grid_ids=grid_ids,
        title=row["title"],
        slug=row["slug"],
        last_updated=decode_instant(row["last_updated"]),
        last_fetched=decode_instant(row["last_fetched"]),
        repo_url=row["repo_url"],
        pypi_version=row["pypi_version"],
        created=decode_required_instant(row["created"]),
        modified=decode_required_instant(row["modified"]),
        repo_forks=row["repo_forks"],
        repo_description=row["repo_description"],
        pypi_url=row["pypi_url"],
        documentation_url=(
            row["pypi_documentation_url"] if documentation_url is None else documentation_url
        ),
        repo_watchers=row["repo_watchers"],
        commits_over_52=decode_integers(row["commits_over_52"]),
        commits_until=decode_day(row["commits_until"]),
        participants=participants,
        repo_host=row["repo_host"],
        repo_id=row["repo_id"],
        default_branch=row["default_branch"],
        commit_count=row["commit_count"],
        archived=None if row["archived"] is None else bool(row["archived"]),
        archived_at=decode_instant(row["archived_at"]),
        status=row["status"],
        previous_urls=previous_urls,
        topics=decode_strings(row["topics"]),
        license=row["license"],
        homepage=row["homepage"],
        open_issues=row["open_issues"],
        pypi_name=row["pypi_name"],
        pypi_lookup_note=row["pypi_lookup_note"],
        pypi_status=row["pypi_status"],
        pypi_requires_python=row["pypi_requires_python"],
        pypi_license=row["pypi_license"],
        pypi_classifiers=decode_strings(row["pypi_classifiers"]),
        pypi_summary=row["pypi_summary"],
        versions=versions,
        score=row["score"],
        downloads=_downloads(row),
        fetches=fetches,
        category_slug=category_slug,
        grid_slugs=grid_slugs,
    )


def _downloads(row: Mapping[str, Any]) -> Downloads | None:
    if row["downloads_last_month"] is None:
        return None
    return Downloads(
        last_day=row["downloads_last_day"],
        last_week=row["downloads_last_week"],
        last_month=row["downloads_last_month"],
    )


def _freshness(row: sqlite3.Row) -> SourceState:
    return SourceState(
        source=row["source"],
        last_success=decode_instant(row["last_success"]),
        last_attempt=decode_instant(row["last_attempt"]),
        last_error=row["last_error"],
        message=row["message"],
        consecutive_failures=row["consecutive_failures"],
        next_due=decode_instant(row["next_due"]),
    )
