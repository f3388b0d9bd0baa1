"""Restoring dumps: each line makes its row, or replaces it completely.

Only snapshots are merged: a restore adds to the stored history and loses nothing of it. Reading
the lines is done by ``dump``.
"""

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence

from pkgharvest.catalog.database import find_row, insert_row, update_row
from pkgharvest.catalog.encoding import encode_instant, stored_locator
from pkgharvest.catalog.package_update import project_name_columns, refresh_score
from pkgharvest.catalog.transfer.dump import CHILD_TABLES, ORDERED_TABLES, DumpLine
from pkgharvest.catalog.transfer.upsert import (
    UpsertResult,
    ensure_collection,
    grids_of,
    require_free_slug,
    require_package_identity,
    require_same_collection,
    set_grids,
)


def restore_line(connection: sqlite3.Connection, line: DumpLine, now: dt.datetime) -> UpsertResult:
    """Write ``line`` into the catalog.

    Raises Conflict if another row has its id, slug or repository. Call inside a transaction,
    which a Conflict leaves half done.
    """
    row = find_row(connection, line.table, line.id)
    columns = dict(line.columns)
    now_text = str(encode_instant(now))
    if line.table == "packages":
        locator = stored_locator(str(columns.get("repo_url", "")))
        require_package_identity(connection, row, line.id, line.slug, locator)
        columns |= _derived_columns(line, None if locator is None else locator.key)
        category = columns["category_id"]
        if isinstance(category, int):
            ensure_collection(connection, "categories", category, now_text)
    else:
        if row is not None:
            require_same_collection(line.table, row, line.slug, str(columns["created"]))
        require_free_slug(connection, line.table, line.id, line.slug)
    if row is None:
        insert_row(connection, line.table, {"id": line.id} | columns)
    elif _is_restored(connection, row, line):
        return UpsertResult("unchanged")
    else:
        update_row(connection, line.table, line.id, columns)
    if line.table == "packages":
        refresh_score(connection, line.id)
        set_grids(connection, line.id, list(line.grids), now_text)
        for table, rows in line.child_rows.items():
            _write_child_rows(connection, table, line.id, rows)
        # They belong to the data that was just replaced.
        connection.execute("DELETE FROM validators WHERE package_id = ?", (line.id,))
    return UpsertResult("added" if row is None else "updated")


def _derived_columns(line: DumpLine, repo_key: str | None) -> dict[str, object]:
    name = line.columns["pypi_name"]
    participants = line.child_rows["participants"]
    return {
        "repo_key": repo_key,
        **project_name_columns(None if name is None else str(name)),
        "participant_names": "\n".join(str(row["name"]) for row in participants),
    }


def _is_restored(connection: sqlite3.Connection, row: sqlite3.Row, line: DumpLine) -> bool:
    """Tell whether the catalog already has everything that the line states."""
    if not _has_values(row, line.columns):
        return False
    if line.table != "packages":
        return True
    if tuple(grids_of(connection, line.id)) != line.grids:
        return False
    for table, rows in line.child_rows.items():
        stored = connection.execute(
            f"SELECT * FROM {table} WHERE package_id = ? ORDER BY {CHILD_TABLES[table]}",  # noqa: S608
            (line.id,),
        ).fetchall()
        if table == "snapshots":
            by_instant = {row["at"]: row for row in stored}
            stored = [by_instant[row["at"]] for row in rows if row["at"] in by_instant]
        if len(stored) != len(rows) or not all(map(_has_values, stored, rows)):
            return False
    return True


def _has_values(row: sqlite3.Row, columns: Mapping[str, object]) -> bool:
    return all(row[name] == value for name, value in columns.items())


def _write_child_rows(
    connection: sqlite3.Connection,
    table: str,
    package_id: int,
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Replace the package's rows of ``table``; snapshots are added."""
    if table != "snapshots":
        connection.execute(
            f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608 - our own names
            (package_id,),
        )
    for position, row in enumerate(rows):
        columns: dict[str, object] = {"package_id": package_id, **row}
        if table in ORDERED_TABLES:
            columns["position"] = position
        connection.execute(
            f"INSERT OR REPLACE INTO {table} ({', '.join(columns)})"  # noqa: S608 - our own names
            f" VALUES (?{', ?' * (len(columns) - 1)})",
            tuple(columns.values()),
        )
