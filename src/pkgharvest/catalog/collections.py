"""Categories and grids: what packages are sorted into, and compared in."""

import datetime as dt
import re
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from pkgharvest.catalog import edits, lookup, package_update
from pkgharvest.catalog.database import as_sqlite_utils, update_row
from pkgharvest.catalog.encoding import (
    decode_required_instant,
    decode_strings,
    encode_instant,
    encode_list,
)
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.errors import GridLocked, InvalidValue, UnknownCategory, UnknownGrid

CollectionTable = Literal["categories", "grids"]
"""The table."""

_ORDER = "title COLLATE NOCASE, slug"

_ON: Mapping[CollectionTable, str] = {
    "categories": "category_id = ?",
    "grids": "id IN (SELECT package_id FROM grid_packages WHERE grid_id = ?)",
}
"""Which packages are on a shelf."""


def list_categories(connection: sqlite3.Connection) -> list[Category]:
    """Return all categories, by title."""
    return list(_categories(connection))


def get_category(connection: sqlite3.Connection, name: str) -> Category:
    """Return the category with the slug, or else the id, ``name``; raises UnknownCategory."""
    for found in _categories(connection, collection_id(connection, "categories", name)):
        return found
    raise UnknownCategory(name)  # it was removed meanwhile


def list_grids(connection: sqlite3.Connection) -> list[Grid]:
    """Return all grids, by title."""
    return list(_grids(connection))


def get_grid(connection: sqlite3.Connection, name: str) -> Grid:
    """Return the grid with the slug, or else the id, ``name``; raises UnknownGrid."""
    for found in _grids(connection, collection_id(connection, "grids", name)):
        return found
    raise UnknownGrid(name)  # it was removed meanwhile


def collection_id(connection: sqlite3.Connection, kind: CollectionTable, name: str) -> int:
    """Return the id of what has the slug, or else the id, ``name``.

    Raises UnknownCategory, UnknownGrid.
    """
    if re.fullmatch("[0-9]{1,18}", name):  # 64 bits
        query = f"SELECT id FROM {kind} WHERE slug = ? OR id = ? ORDER BY slug <> ?"  # noqa: S608
        row = connection.execute(query, (name, int(name), name)).fetchone()
        if row is not None:
            return int(row[0])
    look = lookup.category_id if kind == "categories" else lookup.grid_id
    return look(connection, name)


def member_slugs(connection: sqlite3.Connection, kind: CollectionTable, number: int) -> list[str]:
    """Return the slugs of the packages that are on a shelf, in order."""
    query = f"SELECT slug FROM packages WHERE {_ON[kind]} ORDER BY slug"  # noqa: S608
    return [str(row[0]) for row in connection.execute(query, (number,))]


def add_collection(
    connection: sqlite3.Connection,
    kind: CollectionTable,
    slug: str,
    title: str,
    values: Mapping[str, object],
    now: dt.datetime,
) -> bool:
    """Make a category or a grid with these columns; say whether it is new.

    ``values`` are what a person said, and theirs; ``title`` is for where they say none. One that
    is there already stays as it is. Call inside a transaction. Raises InvalidValue for what is no
    slug.
    """
    edits.require_slug(slug)
    if _id_of(connection, kind, slug) is not None:
        return False
    at = encode_instant(now)
    edited = encode_list(sorted(values))
    as_sqlite_utils(connection).table(kind).insert(
        {
            "slug": slug,
            "title": title,
            **values,
            "user_fields": edited,
            "created": at,
            "modified": at,
        }
    )
    return True


def change_collection(
    connection: sqlite3.Connection,
    kind: CollectionTable,
    number: int,
    values: Mapping[str, object],
    now: dt.datetime,
    reset: Collection[str] = (),
) -> bool:
    """Give a category or a grid other columns, and leave the rest; say whether anything changed.

    The columns are the person's who set them: no import brings others. Those of ``reset`` are it
    no longer, and stay as they are until one does. Call inside a transaction. Raises InvalidValue
    for a slug that is none, or that is taken.
    """
    [there] = connection.execute(f"SELECT * FROM {kind} WHERE id = ?", (number,))  # noqa: S608
    edited = (set(decode_strings(there["user_fields"])) | values.keys()) - set(reset)
    update_row(connection, kind, number, {"user_fields": encode_list(sorted(edited))})
    new = {name: value for name, value in values.items() if there[name] != value}
    if not new:
        return False
    slug = new.get("slug")
    if isinstance(slug, str):
        edits.require_slug(slug)
        if _id_of(connection, kind, slug) is not None:
            raise InvalidValue(f"{slug!r} is taken", field="slug")
    update_row(connection, kind, number, {**new, "modified": encode_instant(now)})
    return True


def change_grid_members(
    connection: sqlite3.Connection,
    number: int,
    wanted: Iterable[int],
    unwanted: Iterable[int],
    now: dt.datetime,
) -> tuple[list[int], list[int]]:
    """Put packages into a grid, and take others out; return those that came, and those that went.

    Content of theirs, and of the grid, changes by that; in which grids they are is the person's
    word from then on. Call inside a transaction. Raises GridLocked.
    """
    slug, locked = connection.execute(
        "SELECT slug, is_locked FROM grids WHERE id = ?", (number,)
    ).fetchone()
    query = "SELECT package_id FROM grid_packages WHERE grid_id = ?"
    there = {int(row[0]) for row in connection.execute(query, (number,))}
    came = [one for one in dict.fromkeys(wanted) if one not in there]
    went = [one for one in dict.fromkeys(unwanted) if one in there]
    if locked and (came or went):
        raise GridLocked(slug)
    for package_id in came:
        connection.execute(
            """
            INSERT INTO grid_packages (package_id, grid_id, position)
            SELECT :package, :grid, coalesce(max(position), -1) + 1 FROM grid_packages
            WHERE package_id = :package
            """,
            {"package": package_id, "grid": number},
        )
    for package_id in went:
        connection.execute(
            "DELETE FROM grid_packages WHERE package_id = ? AND grid_id = ?", (package_id, number)
        )
    for package_id in (*came, *went):
        edits.mark_user_field(connection, package_id, "grids")
    _touch(connection, "packages", (*came, *went), now)
    if came or went:
        _touch(connection, "grids", (number,), now)
    return came, went


def remove_collection(
    connection: sqlite3.Connection, kind: CollectionTable, number: int, now: dt.datetime
) -> None:
    """Take a category or a grid away; the packages that were on it stay, without it.

    Call inside a transaction.
    """
    query = f"SELECT id FROM packages WHERE {_ON[kind]}"  # noqa: S608
    _touch(connection, "packages", [row[0] for row in connection.execute(query, (number,))], now)
    if kind == "categories":
        connection.execute(
            "UPDATE packages SET category_id = NULL WHERE category_id = ?", (number,)
        )
    connection.execute(f"DELETE FROM {kind} WHERE id = ?", (number,))  # noqa: S608


def _touch(
    connection: sqlite3.Connection,
    table: Literal["packages", "grids"],
    ids: Collection[int],
    now: dt.datetime,
) -> None:
    connection.executemany(
        f"UPDATE {table} SET modified = ? WHERE id = ?",  # noqa: S608
        [(encode_instant(now), number) for number in ids],
    )
    if table == "packages":
        for number in ids:
            package_update.refresh_score(connection, number)


def _id_of(connection: sqlite3.Connection, kind: CollectionTable, slug: str) -> int | None:
    query = f"SELECT id FROM {kind} WHERE slug = ?"  # noqa: S608
    row = connection.execute(query, (slug,)).fetchone()
    return None if row is None else int(row[0])


def _categories(connection: sqlite3.Connection, number: int | None = None) -> Iterator[Category]:
    one = "" if number is None else "WHERE id = :id"
    rows = connection.execute(
        f"""
        SELECT *, (SELECT count(*) FROM packages WHERE category_id = categories.id) AS size
        FROM categories {one} ORDER BY {_ORDER}
        """,  # noqa: S608
        {"id": number},
    )
    for row in rows:
        yield Category(
            id=row["id"],
            title=row["title"],
            slug=row["slug"],
            description=row["description"],
            title_plural=row["title_plural"],
            show_pypi=bool(row["show_pypi"]),
            created=decode_required_instant(row["created"]),
            modified=decode_required_instant(row["modified"]),
            size=row["size"],
        )


def _grids(connection: sqlite3.Connection, number: int | None = None) -> Iterator[Grid]:
    one = "" if number is None else "WHERE grids.id = :id"
    rows = connection.execute(
        f"SELECT * FROM grids {one} ORDER BY {_ORDER}",  # noqa: S608
        {"id": number},
    ).fetchall()
    its = "" if number is None else "WHERE grid_id = :id"
    inside: dict[int, list[int]] = defaultdict(list)
    for grid_id, package_id in connection.execute(
        f"""
        SELECT grid_id, package_id FROM grid_packages JOIN packages ON packages.id = package_id
        {its} ORDER BY {_ORDER}
        """,  # noqa: S608
        {"id": number},
    ):
        inside[grid_id].append(package_id)
    for row in rows:
        yield Grid(
            id=row["id"],
            title=row["title"],
            slug=row["slug"],
            description=row["description"],
            is_locked=bool(row["is_locked"]),
            package_ids=tuple(inside.get(row["id"], ())),
            header=bool(row["header"]),
            created=decode_required_instant(row["created"]),
            modified=decode_required_instant(row["modified"]),
        )
