"""Lines of an export come back into a catalogue: each makes its row, or replaces it whole."""

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence

from pkgharvest.catalog import package_update
from pkgharvest.catalog.database import find_row, insert_row, update_row
from pkgharvest.catalog.encoding import encode_instant, stored_locator
from pkgharvest.catalog.transfer.api_import import require_package_identity
from pkgharvest.catalog.transfer.dump import CHILD_TABLES, ORDERED_TABLES, DumpLine
from pkgharvest.catalog.transfer.upsert import (
    UpsertResult,
    ensure_placeholder,
    require_free_slug,
    require_same_collection,
    set_grids,
)
from pkgharvest.model.locators import normalize_name


def restore_line(connection: sqlite3.Connection, line: DumpLine, now: dt.datetime) -> UpsertResult:
    """Put what ``line`` says into the catalogue; Conflict where it cannot stand beside the rest.

    Of the past nothing is lost by it: snapshots are added to those that are there. Call inside a
    transaction, which a Conflict leaves half done.
    """
    row = find_row(connection, line.table, line.id)
    columns = dict(line.columns)
    if line.table == "packages":
        place = stored_locator(str(columns.get("repo_url", "")))
        require_package_identity(connection, row, line.id, line.slug, place)
        columns |= _derived(line, None if place is None else place.key)
        category = columns["category_id"]
        if isinstance(category, int):
            ensure_placeholder(connection, "categories", category, str(encode_instant(now)))
    else:
        if row is not None:
            require_same_collection(line.table, row, line.slug, str(columns["created"]))
        require_free_slug(connection, line.table, line.id, line.slug)
    if row is None:
        insert_row(connection, line.table, {"id": line.id} | columns)
    elif _is_there(connection, row, line):
        return UpsertResult("unchanged")
    else:
        update_row(connection, line.table, line.id, columns)
    if line.table == "packages":
        package_update.refresh_score(connection, line.id)
        set_grids(connection, line.id, list(line.grids), str(encode_instant(now)))
        for table, rows in line.hanging.items():
            _hang(connection, table, line.id, rows)
        # They vouch for what was there before.
        connection.execute("DELETE FROM validators WHERE package_id = ?", (line.id,))
    return UpsertResult("added" if row is None else "updated")


def _derived(line: DumpLine, repo_key: str | None) -> dict[str, object]:
    name = line.columns["pypi_name"]
    return {
        "repo_key": repo_key,
        "pypi_key": None if name is None else normalize_name(str(name)),
        "participant_names": "\n".join(str(row["name"]) for row in line.hanging["participants"]),
    }


def _is_there(connection: sqlite3.Connection, row: sqlite3.Row, line: DumpLine) -> bool:
    """Tell whether all that the line says is so already."""
    if not _holds(row, line.columns):
        return False
    if line.table != "packages":
        return True
    query = "SELECT grid_id FROM grid_packages WHERE package_id = ? ORDER BY position"
    if tuple(one[0] for one in connection.execute(query, (line.id,))) != line.grids:
        return False
    for table, rows in line.hanging.items():
        known = connection.execute(
            f"SELECT * FROM {table} WHERE package_id = ? ORDER BY {CHILD_TABLES[table]}",  # noqa: S608
            (line.id,),
        ).fetchall()
        if table == "snapshots":
            moments = {one["at"]: one for one in known}
            known = [moments[one["at"]] for one in rows if one["at"] in moments]
        if len(known) != len(rows) or not all(map(_holds, known, rows)):
            return False
    return True


def _holds(row: sqlite3.Row, columns: Mapping[str, object]) -> bool:
    return all(row[name] == value for name, value in columns.items())


def _hang(
    connection: sqlite3.Connection,
    table: str,
    package_id: int,
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Make ``rows`` the package's rows of ``table``."""
    if table != "snapshots":
        connection.execute(
            f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608 - our own
            (package_id,),
        )
    for position, row in enumerate(rows):
        place = {"position": position} if table in ORDERED_TABLES else {}
        whole = {"package_id": package_id, **place, **row}
        connection.execute(
            f"INSERT OR REPLACE INTO {table} ({', '.join(whole)})"  # noqa: S608 - our own names
            f" VALUES (?{', ?' * (len(whole) - 1)})",
            tuple(whole.values()),
        )
