"""The whole catalogue as lines of JSON: what one catalogue tells another, and loses nothing by.

A line is a category, a grid, or a package with all that hangs on it, so that a package is whole
or not there at all. The names are those of the tables and their columns. Left out is what follows
from the rest (keys, what is searched), what vouches for answers, and the runs.
"""

import datetime as dt
import itertools
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pkgharvest.api_v4 import decode
from pkgharvest.catalog.database import Table
from pkgharvest.catalog.encoding import encode_instant, encode_list
from pkgharvest.catalog.transfer.upsert import NOUNS
from pkgharvest.model.json_node import DecodeError, JsonNode
from pkgharvest.model.package import STATUSES

DUMP_VERSION = 3
"""Of the lines; raised when an older program could not read them rightly."""

_CHUNK = 200

DERIVED_COLUMNS = frozenset({"repo_key", "pypi_key", "participant_names", "commits", "score"})
"""Columns of ``packages`` that follow from others."""

_RENAMED = {
    "edited": "user_fields",
    "by_number": "is_placeholder",
    "pypi_tried": "pypi_lookup_note",
    "pypi_choice": "pypi_source",
}
"""Columns of dumps of version 2, and what they are called now."""

_NOT_TOLD = frozenset({"package_id", "position", "run_id"})
"""Columns of the tables below that say whose a row is, where it stands, and what made it."""

CHILD_TABLES: Mapping[str, str] = {
    "previous_urls": "until, key",
    "participants": "position",
    "versions": "position",
    "commit_days": "day",
    "snapshots": "at",
    "fetches": "source",
}
"""The tables of which a package has rows, and their order."""

ORDERED_TABLES = frozenset({"participants", "versions"})
"""Those of them with a ``position``."""

_INSTANTS = frozenset(
    {
        *("created", "modified", "last_fetched", "last_updated", "archived_at"),
        *("contributors_read", "upload_time", "until", "at"),
        *("last_success", "last_attempt", "next_due"),
    }
)
_LISTS = frozenset({"topics", "pypi_classifiers", "user_fields"})
_JSON = _LISTS | {"commits_over_52", "extra"}
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("packages", "status"): STATUSES,
    ("packages", "pypi_source"): ("auto", "set", "none"),
    ("fetches", "source"): ("repo", "pypi", "downloads"),
}


class DumpLine(NamedTuple):
    """A line that was read: what is to stand in the tables."""

    table: Table
    id: int
    slug: str
    columns: Mapping[str, object]
    """As they are stored, ``id`` aside; without those that are derived."""
    grids: tuple[int, ...]
    """Of a package: its grids, in order."""
    hanging: Mapping[str, Sequence[Mapping[str, object]]]
    """Of a package: its rows of other tables."""


# ── out ──


def dump_lines(connection: sqlite3.Connection, package_ids: Iterable[int]) -> Iterator[str]:
    """Yield the lines: what they are, all categories, all grids, these packages.

    To be read in one transaction, lest they are of different moments.
    """
    yield _text({"type": "catalogue", "version": DUMP_VERSION})
    tables: tuple[Table, ...] = ("categories", "grids")
    for table in tables:
        for row in _rows(connection, f"SELECT * FROM {table} ORDER BY id"):  # noqa: S608
            yield _text({"type": NOUNS[table]} | _told(row, _NOT_TOLD))
    remaining = iter(package_ids)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield from _packages(connection, chunk)


def _packages(connection: sqlite3.Connection, ids: Sequence[int]) -> Iterator[str]:
    these = json.dumps(ids)
    among = "IN (SELECT value FROM json_each(?))"

    def gather(table: str, order: str) -> dict[int, list[dict[str, object]]]:
        found: dict[int, list[dict[str, object]]] = defaultdict(list)
        query = f"SELECT * FROM {table} WHERE package_id {among} ORDER BY package_id, {order}"  # noqa: S608
        for row in _rows(connection, query, these):
            found[row["package_id"]].append(row)
        return found

    grids = gather("grid_packages", "position")
    hanging = {table: gather(table, order) for table, order in CHILD_TABLES.items()}
    query = f"SELECT * FROM packages WHERE id {among}"  # noqa: S608 - fixed pieces
    rows = {row["id"]: row for row in _rows(connection, query, these)}
    for number in ids:
        line = {"type": "package"} | _told(rows[number], DERIVED_COLUMNS)
        line["grids"] = [row["grid_id"] for row in grids.get(number, ())]
        for table, found in hanging.items():
            line[table] = [
                {
                    name: value
                    for name, value in row.items()
                    if value is not None and name not in _NOT_TOLD
                }
                for row in found.get(number, ())
            ]
        yield _text(line)


def _rows(connection: sqlite3.Connection, query: str, *values: object) -> Iterator[dict[str, Any]]:
    """Yield what ``query`` finds, by the names of the columns."""
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _told(row: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, object]:
    """Return what a line tells of a category, a grid or a package."""
    return {
        name: json.loads(value) if name in _JSON else value
        for name, value in row.items()
        if name not in left_out
    }


def _text(line: Mapping[str, object]) -> str:
    # ASCII: nothing in it acts on a terminal, and half characters come through.
    return json.dumps(line) + "\n"


# ── in ──


def is_newer_dump(node: JsonNode) -> bool:
    """Tell whether ``node`` says that what follows was written by a newer program."""
    version = node.value.get("version") if isinstance(node.value, dict) else None
    return is_dump_line(node) and isinstance(version, int) and version > DUMP_VERSION


def is_dump_line(node: JsonNode) -> bool:
    """Tell whether ``node`` is a line of an export, by what it says of itself."""
    return isinstance(node.value, dict) and node.value.get("type") in {
        "catalogue",
        *NOUNS.values(),
    }


class DumpReader:
    """Reads lines into what the tables of ``connection`` can hold."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._columns = {
            table: [
                column
                for column in connection.execute(
                    'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (table,)
                ).fetchall()
                if column[0] not in {"id", *(DERIVED_COLUMNS if table == "packages" else _NOT_TOLD)}
            ]
            for table in (*NOUNS, *CHILD_TABLES)
        }

    def read(self, node: JsonNode) -> DumpLine | None:
        """Read a line; None for the one that says what the lines are.

        Raises DecodeError, with the path to the fault.
        """
        kind = node["type"].text()
        if kind == "catalogue":
            node["version"].integer()
            return None
        table = next(table for table, noun in NOUNS.items() if noun == kind)
        beside = {"type", "id"} | (
            {"grids"} | CHILD_TABLES.keys() if table == "packages" else set()
        )
        members = {
            _RENAMED.get(key, key): member for key, member in node.items() if key not in beside
        }
        columns = self._row(table, members, node.path)
        hanging: dict[str, list[dict[str, object]]] = {}
        grids: tuple[int, ...] = ()
        if table == "packages":
            grids = tuple(dict.fromkeys(decode.decode_id(item) for item in _items(node, "grids")))
            for name in CHILD_TABLES:
                hanging[name] = [
                    self._row(name, dict(item.items()), item.path) for item in _items(node, name)
                ]
        return DumpLine(
            table=table,
            id=decode.decode_id(node["id"]),
            slug=str(columns["slug"]),
            columns=columns,
            grids=grids,
            hanging=hanging,
        )

    def _row(self, table: str, members: Mapping[str, JsonNode], path: str) -> dict[str, object]:
        """Read the columns of a row: every one that has no default, and no others."""
        columns: dict[str, object] = {}
        left = dict(members)
        for name, kind, required, default in self._columns[table]:
            member = left.pop(name, None)
            if member is not None and member.value is not None:
                columns[name] = _read_value(table, name, kind, member)
            elif not required:
                columns[name] = None
            elif member is not None or default is None:
                raise DecodeError(f"{path}.{name}", "a value", None)
        for key, member in left.items():
            raise DecodeError(member.path, "a key of this version", key)
        return columns


def _items(node: JsonNode, key: str) -> list[JsonNode]:
    found = node.get(key)
    return [] if found is None else found.sequence()


def _read_value(table: str, name: str, kind: str, member: JsonNode) -> object:
    if name in _READERS:
        return _READERS[name](member)
    if kind == "INTEGER":
        return member.integer()
    text = member.text()
    choices = _CHOICES.get((table, name))
    if choices is not None and text not in choices:
        raise DecodeError(member.path, f"one of {', '.join(choices)}", text)
    return text


def _instant(member: JsonNode) -> str | None:
    return encode_instant(decode.decode_instant(member))


def _list(member: JsonNode) -> str:
    return encode_list(decode.decode_texts(member))


def _weeks(member: JsonNode) -> str:
    return encode_list(decode.decode_weeks(member))


def _object(member: JsonNode) -> str:
    decode.require_json(member)
    return json.dumps({key: each.value for key, each in member.items()})


def _day(member: JsonNode) -> str:
    text = member.text()
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise DecodeError(member.path, "an ISO 8601 day", text) from error


_READERS: Mapping[str, Callable[[JsonNode], object]] = {
    **dict.fromkeys(_INSTANTS, _instant),
    **dict.fromkeys(("day", "days_since", "days_from", "days_until", "commits_until"), _day),
    **dict.fromkeys(_LISTS, _list),
    "slug": decode.decode_slug,
    "commits_over_52": _weeks,
    "extra": _object,
    "repo_url": decode.decode_url,
    "url": decode.decode_url,
}
"""By column, where its type does not say it all."""
