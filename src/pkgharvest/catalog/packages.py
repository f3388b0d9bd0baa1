"""Reading packages: which ones a list shows, and their records.

Adding and editing packages lives in ``edits``. Every ``show`` and ``list`` starts here, so heavy
imports stay out.
"""

import datetime as dt
import itertools
import json
import operator
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

from pkgharvest.catalog.columns import (
    DECODERS,
    DOWNLOAD_COLUMNS,
    PACKAGE_COLUMNS,
    decode_instant,
    encode_instant,
)
from pkgharvest.catalog.database import (
    Value,
    find_value,
    read_transaction,
    rows_by_package,
)
from pkgharvest.model.package import Downloads, Package, Release, SourceState

_CHUNK_SIZE = 500
"""Packages per query."""

ALL_PARTS = frozenset({"grids", "participants", "previous_urls", "fetches", "versions"})
"""The parts of a package that have tables of their own."""

RECORD_PARTS = ALL_PARTS - {"versions"}
"""Without the part that can have thousands of rows and that few readers need."""

CARD_PARTS = RECORD_PARTS | {"collection_slugs"}
"""What a card shows: also the slugs of the category and the grids, which no record has."""

SortKey = Literal["name", "stars", "updated", "fetched", "commits", "score", "downloads"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)

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
    """Which packages a list shows; all of them by default."""

    category: str | None = None
    grid: str | None = None
    status: str | None = None
    fetched_before: dt.datetime | None = None
    """Only packages that were last fetched before this instant, or never."""
    failing: bool = False
    """Only packages with a source whose last attempt failed."""


_CONDITIONS = {
    "category": "category_id = (SELECT id FROM categories WHERE slug = :category)",
    "grid": "id IN (SELECT package_id FROM grid_packages JOIN grids ON grids.id = grid_id"
    " WHERE grids.slug = :grid)",
    "status": "status = :status",
    "fetched_before": "(last_fetched IS NULL OR last_fetched < :fetched_before)",
    "failing": "id IN (SELECT package_id FROM fetches WHERE consecutive_failures > 0)",
}
"""The condition of each field of a PackageFilter."""


def count_packages(connection: sqlite3.Connection) -> int:
    """Return how many packages there are."""
    return int(find_value(connection, "SELECT count(*) FROM packages"))


def select_ids(
    connection: sqlite3.Connection,
    wanted: PackageFilter,
    *,
    sort: str = "name",
    reverse: bool = False,
    limit: int | None = None,
) -> list[int]:
    """Return the ids of the packages that match, sorted; ties are sorted by slug.

    Names ascend, numbers and dates descend, and ``reverse`` turns that round. Null is last either
    way.
    """
    values = wanted._asdict() | {"fetched_before": encode_instant(wanted.fetched_before)}
    conditions = [_CONDITIONS[name] for name, value in values.items() if value not in {None, False}]
    order = (_REVERSED if reverse else _ORDER)[sort]
    values["limit"] = -1 if limit is None else min(limit, sys.maxsize)
    rows = connection.execute(
        f"SELECT id FROM packages WHERE {' AND '.join(['1', *conditions])}"  # noqa: S608
        f" ORDER BY {order}, slug LIMIT :limit",
        values,
    )
    return [row[0] for row in rows]


def read_packages(
    connection: sqlite3.Connection, ids: Iterable[int], parts: Collection[str] = RECORD_PARTS
) -> Iterator[Package]:
    """Yield the packages with these ids, in this order; ids that were removed are left out.

    ``parts`` names what to read from other tables; unknown names are ignored. The other parts of
    a package stay empty.
    """
    remaining = iter(ids)
    while chunk := list(itertools.islice(remaining, _CHUNK_SIZE)):
        yield from _read_chunk(connection, chunk, parts)


def _read_chunk(
    connection: sqlite3.Connection, ids: Sequence[int], parts: Collection[str]
) -> Iterator[Package]:
    def read_part(
        part: str, query: str, order: str, read: Callable[[sqlite3.Row], Value]
    ) -> dict[int, list[Value]]:
        return rows_by_package(connection, ids, query, order, read) if part in parts else {}

    second = operator.itemgetter(1)
    with read_transaction(connection):
        query = (
            f"SELECT {_STORED_VALUES} FROM packages"  # noqa: S608
            " WHERE id IN (SELECT value FROM json_each(?))"
        )
        rows = {row["id"]: row for row in connection.execute(query, (json.dumps(ids),))}
        grid_ids = read_part(
            "grids", "SELECT package_id, grid_id FROM grid_packages", "position", second
        )
        participants = read_part(
            "participants", "SELECT package_id, name FROM participants", "position", second
        )
        previous_urls = read_part(
            "previous_urls", "SELECT package_id, url FROM previous_urls", "until", second
        )
        fetches = read_part(
            "fetches",
            "SELECT package_id, * FROM fetches",
            "instr('repo pypi downloads', source)",
            _source_state,
        )
        versions = read_part("versions", "SELECT package_id, * FROM versions", "position", _release)
        category_slugs = read_part(
            "collection_slugs",
            "SELECT packages.id AS package_id, categories.slug"
            " FROM packages JOIN categories ON categories.id = category_id",
            "category_id",
            second,
        )
        grid_slugs = read_part(
            "collection_slugs",
            "SELECT package_id, slug FROM grid_packages JOIN grids ON grids.id = grid_id",
            "position",
            second,
        )
    for number in ids:
        if number in rows:
            yield Package(
                **_stored_fields(rows[number]),
                grid_ids=tuple(grid_ids.get(number, ())),
                participants=tuple(participants.get(number, ())),
                previous_urls=tuple(previous_urls.get(number, ())),
                fetches=tuple(fetches.get(number, ())),
                versions=tuple(versions.get(number, ())),
                category_slug=next(iter(category_slugs.get(number, ())), None),
                grid_slugs=tuple(grid_slugs.get(number, ())),
            )


_STORED_COLUMNS = [column for column in PACKAGE_COLUMNS if column.name in Package._fields]
_STORED_FIELDS = tuple(column.name for column in _STORED_COLUMNS)
"""The fields of ``Package`` that have a column of the same name."""

_DECODERS = tuple(
    (position, DECODERS[column.kind])
    for position, column in enumerate(_STORED_COLUMNS)
    if column.kind in DECODERS
)
"""How to decode them, by position; the others are stored as they are."""

_STORED_VALUES = ", ".join(
    "coalesce(documentation_url, pypi_documentation_url) AS documentation_url"
    if name == "documentation_url"
    else name
    for name in (*_STORED_FIELDS, *DOWNLOAD_COLUMNS)
)


def _stored_fields(row: sqlite3.Row) -> dict[str, Any]:
    """Return the fields of ``Package`` from a row of ``_STORED_VALUES``.

    They are decoded by position, because a list of 100,000 packages takes longer by name.
    """
    *values, last_day, last_week, last_month = row
    for position, decode in _DECODERS:
        values[position] = decode(values[position])
    fields = dict(zip(_STORED_FIELDS, values, strict=True))
    has_downloads = last_month is not None
    fields["downloads"] = Downloads(last_day, last_week, last_month) if has_downloads else None
    return fields


def _release(row: sqlite3.Row) -> Release:
    return Release(
        version=row["number"],
        upload_time=decode_instant(row["upload_time"]),
        yanked=bool(row["yanked"]),
        yanked_reason=row["yanked_reason"],
        requires_python=row["requires_python"],
        is_prerelease=bool(row["is_prerelease"]),
    )


def _source_state(row: sqlite3.Row) -> SourceState:
    return SourceState(
        source=row["source"],
        last_success=decode_instant(row["last_success"]),
        last_attempt=decode_instant(row["last_attempt"]),
        last_error=row["last_error"],
        message=row["message"],
        consecutive_failures=row["consecutive_failures"],
        next_due=decode_instant(row["next_due"]),
    )
