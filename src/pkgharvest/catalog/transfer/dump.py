"""Dumps: the whole catalog as lines of JSON, written, read, and restored.

A line is a category, a grid, or a package with its child rows, so that a package is restored
completely or not at all. Keys are the names of tables and columns, and ``catalog.columns`` says how
each is read. A dump leaves out what is derived from the rest, the validators and the runs.

A restored line makes its row, or replaces it completely. Only snapshots are merged: a restore adds
to the stored history and loses nothing of it.
"""

import datetime as dt
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pkgharvest.api_v4 import decode
from pkgharvest.catalog.columns import (
    COLUMNS,
    PACKAGE_COLUMNS,
    Column,
    Kind,
    encode_instant,
    encode_list,
    stored_locator,
)
from pkgharvest.catalog.database import (
    Table,
    find_row,
    insert_row,
    rows_by_package,
    update_row,
)
from pkgharvest.catalog.package_update import project_name_columns, refresh_scores
from pkgharvest.catalog.transfer.upsert import (
    NOUNS,
    UpsertResult,
    ensure_collection,
    grids_of,
    require_free_slug,
    require_package_identity,
    require_same_collection,
    set_grids,
)
from pkgharvest.model.json_node import DecodeError, JsonNode

DUMP_VERSION = 3
"""The version of the format; raised when older programs could not read it correctly."""

_CHUNK_SIZE = 200
"""Packages per query."""

_HEADER_TYPE = "catalogue"
"""The ``type`` of a dump's first line, fixed by the format."""

_NOT_DUMPED = frozenset(column.name for column in PACKAGE_COLUMNS if not column.is_dumped)
"""Columns of ``packages`` that are derived from others."""

_RENAMED = {
    "edited": "user_fields",
    "by_number": "is_placeholder",
    "pypi_tried": "pypi_lookup_note",
    "pypi_choice": "pypi_source",
}
"""Column names of dumps of version 2, and their names since version 3."""

_LINK_COLUMNS = frozenset({"package_id", "position", "run_id"})
"""Columns of child tables that a line states by its structure, or not at all."""

CHILD_TABLES: Mapping[str, str] = {
    "previous_urls": "until, key",
    "participants": "position",
    "versions": "position",
    "commit_days": "day",
    "snapshots": "at",
    "fetches": "source",
}
"""The tables with rows of a package, and the order of the rows."""

ORDERED_TABLES = frozenset({"participants", "versions"})
"""The child tables that have a ``position``."""


class DumpLine(NamedTuple):
    """A line that was read, as it is to be stored."""

    table: Table
    id: int
    slug: str
    columns: Mapping[str, object]
    """Stored values by column, without ``id`` and what is derived."""
    grids: tuple[int, ...]
    """The ids of a package's grids, in order."""
    child_rows: Mapping[str, Sequence[Mapping[str, object]]]
    """The rows of a package in other tables, by table."""


# ── writing ──


def dump_lines(connection: sqlite3.Connection, package_ids: Iterable[int]) -> Iterator[str]:
    """Yield a header line, all categories, all grids, and these packages.

    Call inside a transaction, so that all lines are of one state.
    """
    yield _encode_line({"type": _HEADER_TYPE, "version": DUMP_VERSION})
    tables: tuple[Table, ...] = ("categories", "grids")
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY id"):  # noqa: S608
            yield _encode_line({"type": NOUNS[table]} | _decode_row(table, row))
    remaining = iter(package_ids)
    while chunk := list(itertools.islice(remaining, _CHUNK_SIZE)):
        yield from _package_lines(connection, chunk)


def _package_lines(connection: sqlite3.Connection, ids: Sequence[int]) -> Iterator[str]:
    tables = {"grid_packages": "position", **CHILD_TABLES}
    children = {
        table: rows_by_package(connection, ids, f"SELECT * FROM {table}", order, _row_dict)  # noqa: S608
        for table, order in tables.items()
    }
    grids = children.pop("grid_packages")
    query = "SELECT * FROM packages WHERE id IN (SELECT value FROM json_each(?))"
    packages = {row["id"]: row for row in connection.execute(query, (json.dumps(ids),))}
    for number in ids:
        line = {"type": "package"} | _decode_row("packages", packages[number])
        line["grids"] = [row["grid_id"] for row in grids[number]]
        for table, rows in children.items():
            line[table] = [
                {
                    name: value
                    for name, value in row.items()
                    if value is not None and name not in _LINK_COLUMNS
                }
                for row in rows[number]
            ]
        yield _encode_line(line)


def _row_dict(row: sqlite3.Row) -> dict[str, Any]:
    return dict(zip(row.keys(), row, strict=True))  # dict(row) looks every name up


def _decode_row(table: Table, row: sqlite3.Row) -> dict[str, object]:
    """Return the values of a row as JSON, without what a dump leaves out."""
    return {
        name: json.loads(value) if _is_json(COLUMNS[table].get(name)) else value
        for name, value in _row_dict(row).items()
        if table != "packages" or name not in _NOT_DUMPED
    }


def _is_json(column: Column | None) -> bool:
    return column is not None and column.kind in {"strings", "weeks", "object"}


def _encode_line(line: Mapping[str, object]) -> str:
    # ASCII: no text can control a terminal, and lone surrogates survive.
    return json.dumps(line) + "\n"


# ── reading ──


def is_dump_line(node: JsonNode) -> bool:
    """Tell whether ``node`` is a line of a dump, by its ``type``."""
    return isinstance(node.value, dict) and node.value.get("type") in {
        _HEADER_TYPE,
        *NOUNS.values(),
    }


def is_newer_dump(node: JsonNode) -> bool:
    """Tell whether ``node`` is the header of a dump that a newer program wrote."""
    version = node.value.get("version") if isinstance(node.value, dict) else None
    return is_dump_line(node) and isinstance(version, int) and version > DUMP_VERSION


class DumpReader:
    """Reads lines into values that the tables of ``connection`` can store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._schema = {
            table: [
                (name, kind, required, default)
                for name, kind, required, default in connection.execute(
                    'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (table,)
                )
                if name != "id"
                and name not in (_NOT_DUMPED if table == "packages" else _LINK_COLUMNS)
            ]
            for table in (*NOUNS, *CHILD_TABLES)
        }

    def read(self, node: JsonNode) -> DumpLine | None:
        """Read a line; return None for the header.

        Raises DecodeError with the path to what is wrong.
        """
        line_type = node["type"].text()
        if line_type == _HEADER_TYPE:
            node["version"].integer()
            return None
        table = next(table for table, noun in NOUNS.items() if noun == line_type)
        is_package = table == "packages"
        structure = {"type", "id"} | ({"grids"} | CHILD_TABLES.keys() if is_package else set())
        members = {
            _RENAMED.get(key, key): member for key, member in node.items() if key not in structure
        }
        columns = self._read_row(table, members, node.path)
        grids = dict.fromkeys(decode.decode_id(item) for item in _items(node, "grids"))
        child_rows = {
            child: [
                self._read_row(child, dict(item.items()), item.path) for item in _items(node, child)
            ]
            for child in CHILD_TABLES
        }
        return DumpLine(
            table=table,
            id=decode.decode_id(node["id"]),
            slug=str(columns["slug"]),
            columns=columns,
            grids=tuple(grids),
            child_rows=child_rows,
        )

    def _read_row(
        self, table: str, members: Mapping[str, JsonNode], path: str
    ) -> dict[str, object]:
        """Read the columns of a row: all that have no default, and no unknown ones.

        A column that the dump is too old to have is left out, so that a restore keeps its value.
        """
        columns: dict[str, object] = {}
        unread = dict(members)
        for name, sqlite_type, required, default in self._schema[table]:
            member = unread.pop(name, None)
            column = COLUMNS.get(table, {}).get(name)
            if member is not None and member.value is not None:
                columns[name] = _read_value(column, sqlite_type, member)
            elif member is None and column is not None and column.since:
                continue
            elif not required:
                columns[name] = None
            elif member is not None or default is None:
                raise DecodeError(f"{path}.{name}", "a value", None)
        for key, member in unread.items():
            raise DecodeError(member.path, "a key of this version", key)
        return columns


def _items(node: JsonNode, key: str) -> list[JsonNode]:
    member = node.get(key)
    return [] if member is None else member.sequence()


def _read_value(column: Column | None, sqlite_type: str, member: JsonNode) -> object:
    if column is not None and column.kind in _READERS:
        return _READERS[column.kind](member)
    if sqlite_type == "INTEGER":
        return member.integer()
    text = member.text()
    if column is not None and column.choices and text not in column.choices:
        raise DecodeError(member.path, f"one of {', '.join(column.choices)}", text)
    return text


def _read_object(member: JsonNode) -> str:
    decode.require_json(member)
    return json.dumps({key: value.value for key, value in member.items()})


def _read_day(member: JsonNode) -> str:
    text = member.text()
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise DecodeError(member.path, "an ISO 8601 day", text) from error


_READERS: Mapping[Kind, Callable[[JsonNode], object]] = {
    "instant": lambda member: encode_instant(decode.decode_instant(member)),
    "day": _read_day,
    "strings": lambda member: encode_list(decode.decode_texts(member)),
    "weeks": lambda member: encode_list(decode.decode_weeks(member)),
    "object": _read_object,
    "slug": decode.decode_slug,
    "url": decode.decode_url,
}
"""By kind of column, where its SQLite type does not say enough."""


# ── restoring ──


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
        project_name, category = line.columns["pypi_name"], columns["category_id"]
        columns |= {
            "repo_key": None if locator is None else locator.key,
            **project_name_columns(None if project_name is None else str(project_name)),
            "participant_names": "\n".join(
                str(row["name"]) for row in line.child_rows["participants"]
            ),
        }
        if isinstance(category, int):
            ensure_collection(connection, "categories", category, now_text)
    else:
        if row is not None:
            require_same_collection(line.table, row, line.slug, columns["created"])
        require_free_slug(connection, line.table, line.id, line.slug)
    if row is None:
        insert_row(connection, line.table, {"id": line.id} | columns)
    elif _is_restored(connection, row, line):
        return UpsertResult("unchanged")
    else:
        update_row(connection, line.table, line.id, columns)
    if line.table == "packages":
        refresh_scores(connection, [line.id])
        set_grids(connection, line.id, list(line.grids), now_text)
        for table, rows in line.child_rows.items():
            _write_child_rows(connection, table, line.id, rows)
        # They belong to the data that was just replaced.
        connection.execute("DELETE FROM validators WHERE package_id = ?", (line.id,))
    return UpsertResult("added" if row is None else "updated")


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
