"""Categories and grids of the API v4 come into the catalogue, and packages into the grids."""

import datetime as dt
import json
import sqlite3

from pkgharvest.api_v4.decode import Resource
from pkgharvest.catalog.encoding import decode_strings, encode_instant
from pkgharvest.catalog.rows import Table, find_row, insert_row, update_row
from pkgharvest.catalog.transfer.upsert import (
    UpsertResult,
    locked_grids,
    require_free_slug,
    require_same_collection,
)


def import_collection(
    connection: sqlite3.Connection, told: Resource, now: dt.datetime
) -> UpsertResult:
    """Put a category or a grid into the catalogue as it was told.

    What a person set is theirs. A grid's list of packages puts those that are there into it, and
    takes none out: which grids a package is in, and in which order, is for the package to say.
    """
    table: Table = "grids" if told.kind == "grid" else "categories"
    row = find_row(connection, table, told.id)
    theirs = frozenset() if row is None else frozenset(decode_strings(row["user_fields"]))
    columns: dict[str, object] = {
        key: encode_instant(value) if isinstance(value, dt.datetime) else value
        for key, value in told.values.items()
        if key != "packages" and key not in theirs
    }
    if row is not None:
        created = columns.get("created")
        require_same_collection(table, row, told.slug, None if created is None else str(created))
    if "slug" in columns:
        require_free_slug(connection, table, told.id, told.slug)
    extra = {} if row is None else json.loads(row["extra"])
    columns |= {"extra": json.dumps(extra | dict(told.extra)), "is_placeholder": 0}
    if row is None:
        moment = encode_instant(now)
        insert_row(
            connection, table, {"id": told.id, "created": moment, "modified": moment} | columns
        )
    else:
        if row["created"] == columns.get("created") and "modified" in columns:
            # What was changed here after the site changed it, was.
            columns["modified"] = max(str(columns["modified"]), row["modified"])
        columns = {name: value for name, value in columns.items() if row[name] != value}
        update_row(connection, table, told.id, columns)
    absent, put = _put_into(connection, told)
    message = f"{absent} of its packages are not in the catalogue" if absent else ""
    if row is None:
        return UpsertResult("added", message)
    return UpsertResult("updated" if columns or put else "unchanged", message)


def _put_into(connection: sqlite3.Connection, told: Resource) -> tuple[int, int]:
    """Put the packages of a grid into it; return how many are absent, and how many were put."""
    listed = told.values.get("packages")
    if not isinstance(listed, tuple) or not listed or told.id in locked_grids(connection):
        return 0, 0
    these = json.dumps(listed)
    present = connection.execute(
        "SELECT count(*) FROM packages WHERE id IN (SELECT value FROM json_each(?))", (these,)
    ).fetchone()[0]
    put = connection.execute(
        """
        INSERT OR IGNORE INTO grid_packages (package_id, grid_id, position)
        SELECT id, :grid, (
            SELECT coalesce(max(position) + 1, 0) FROM grid_packages WHERE package_id = id
        ) FROM packages
        WHERE id IN (SELECT value FROM json_each(:these))
            AND NOT EXISTS (SELECT 1 FROM json_each(user_fields) WHERE value = 'grids')
        """,
        {"grid": told.id, "these": these},
    ).rowcount
    return len(listed) - int(present), int(put)
