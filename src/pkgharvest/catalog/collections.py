"""Categories and grids: reading, adding, changing and removing them, and a grid's members.

"Collection" means either. A package has one category at most, and any number of grids. What
imports may do with collections is decided in ``transfer.upsert``.
"""

import datetime as dt
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pkgharvest.catalog import edits, lookup, package_update
from pkgharvest.catalog.columns import (
    decode_list,
    decode_required_instant,
    encode_instant,
    encode_list,
)
from pkgharvest.catalog.database import (
    CollectionTable,
    as_sqlite_utils,
    find_row,
    find_values,
    read_transaction,
    update_row,
)
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.errors import GridLocked

_ORDER = "title COLLATE NOCASE, slug"

_MEMBERS: Mapping[CollectionTable, str] = {
    "categories": "category_id = ?",
    "grids": "id IN (SELECT package_id FROM grid_packages WHERE grid_id = ?)",
}
"""The condition that a package is in a collection."""


def get_category(connection: sqlite3.Connection, name: str) -> Category:
    """Return the category with the slug ``name``, or else with that id.

    Raises UnknownCategory.
    """
    with read_transaction(connection):
        number = lookup.find_collection(connection, "categories", name)
        return list_categories(connection, number)[0]


def get_grid(connection: sqlite3.Connection, name: str) -> Grid:
    """Return the grid with the slug ``name``, or else with that id.

    Raises UnknownGrid.
    """
    with read_transaction(connection):
        number = lookup.find_collection(connection, "grids", name)
        return list_grids(connection, number)[0]


def name_of(
    connection: sqlite3.Connection, kind: CollectionTable, collection_id: int
) -> tuple[str, str]:
    """Return the slug and the title of the category or grid with this id."""
    query = f"SELECT slug, title FROM {kind} WHERE id = ?"  # noqa: S608 - our own names
    slug, title = connection.execute(query, (collection_id,)).fetchone()
    return slug, title


def member_slugs(connection: sqlite3.Connection, kind: CollectionTable, number: int) -> list[str]:
    """Return the slugs of a collection's packages, sorted."""
    query = f"SELECT slug FROM packages WHERE {_MEMBERS[kind]} ORDER BY slug"  # noqa: S608
    return find_values(connection, query, number)


def add_collection(
    connection: sqlite3.Connection,
    kind: CollectionTable,
    slug: str,
    title: str,
    values: Mapping[str, object],
    now: dt.datetime,
) -> bool:
    """Add a category or a grid; return False if one with the slug exists, which stays as it is.

    ``values`` are the columns that the user sets; ``title`` is the default if they have none.
    Call inside a transaction. Raises InvalidValue for an invalid slug.
    """
    edits.require_slug(slug)
    if edits.slug_is_taken(connection, kind, slug):
        return False
    now_text = encode_instant(now)
    as_sqlite_utils(connection).table(kind).insert(
        {
            "slug": slug,
            "title": title,
            **values,
            "user_fields": encode_list(sorted(values)),
            "created": now_text,
            "modified": now_text,
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
    """Set columns of a category or a grid; return whether a value changed.

    No import overwrites the columns of ``values`` afterwards. Those of ``reset`` are released:
    they keep their value until an import brings another. Call inside a transaction. Raises
    InvalidValue for a slug that is invalid or taken.
    """
    row = find_row(connection, kind, number)
    assert row is not None
    user_fields = (set(decode_list(row["user_fields"])) | values.keys()) - set(reset)
    update_row(connection, kind, number, {"user_fields": encode_list(sorted(user_fields))})
    changed = {name: value for name, value in values.items() if row[name] != value}
    if not changed:
        return False
    slug = changed.get("slug")
    if isinstance(slug, str):
        edits.require_free_slug(connection, kind, slug)
    update_row(connection, kind, number, {**changed, "modified": encode_instant(now)})
    return True


def change_grid_members(
    connection: sqlite3.Connection,
    number: int,
    wanted: Iterable[int],
    unwanted: Iterable[int],
    now: dt.datetime,
) -> tuple[list[int], list[int]]:
    """Add packages to a grid and remove others; return the ids that were added and removed.

    This modifies the packages and the grid, and no import changes the grids of these packages
    afterwards. Call inside a transaction. Raises GridLocked.
    """
    slug, is_locked = connection.execute(
        "SELECT slug, is_locked FROM grids WHERE id = ?", (number,)
    ).fetchone()
    query = "SELECT package_id FROM grid_packages WHERE grid_id = ?"
    members = set(find_values(connection, query, number))
    added = [package_id for package_id in dict.fromkeys(wanted) if package_id not in members]
    removed = [package_id for package_id in dict.fromkeys(unwanted) if package_id in members]
    if is_locked and (added or removed):
        raise GridLocked(slug)
    connection.executemany(
        """
        INSERT INTO grid_packages (package_id, grid_id, position)
        SELECT :package, :grid, coalesce(max(position), -1) + 1 FROM grid_packages
        WHERE package_id = :package
        """,
        [{"package": package_id, "grid": number} for package_id in added],
    )
    connection.executemany(
        "DELETE FROM grid_packages WHERE package_id = ? AND grid_id = ?",
        [(package_id, number) for package_id in removed],
    )
    for package_id in (*added, *removed):
        edits.mark_user_field(connection, package_id, "grids")
    _set_modified(connection, (*added, *removed), now)
    if added or removed:
        update_row(connection, "grids", number, {"modified": encode_instant(now)})
    return added, removed


def remove_collection(
    connection: sqlite3.Connection, kind: CollectionTable, number: int, now: dt.datetime
) -> None:
    """Remove a category or a grid; its packages stay.

    Call inside a transaction.
    """
    query = f"SELECT id FROM packages WHERE {_MEMBERS[kind]}"  # noqa: S608
    _set_modified(connection, find_values(connection, query, number), now)
    if kind == "categories":
        connection.execute(
            "UPDATE packages SET category_id = NULL WHERE category_id = ?", (number,)
        )
    connection.execute(f"DELETE FROM {kind} WHERE id = ?", (number,))  # noqa: S608


def _set_modified(
    connection: sqlite3.Connection, package_ids: Sequence[int], now: dt.datetime
) -> None:
    for package_id in package_ids:
        update_row(connection, "packages", package_id, {"modified": encode_instant(now)})
    package_update.refresh_scores(connection, package_ids)  # they may depend on modified


def list_categories(connection: sqlite3.Connection, number: int | None = None) -> list[Category]:
    """Return all categories, by title; only the one with the id ``number`` if there is one."""
    condition = "" if number is None else "WHERE id = :id"
    rows = connection.execute(
        f"""
        SELECT *, (SELECT count(*) FROM packages WHERE category_id = categories.id) AS size
        FROM categories {condition} ORDER BY {_ORDER}
        """,  # noqa: S608
        {"id": number},
    )
    return [
        Category(
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
        for row in rows
    ]


def list_grids(connection: sqlite3.Connection, number: int | None = None) -> list[Grid]:
    """Return all grids, by title; only the one with the id ``number`` if there is one."""
    condition = "" if number is None else "WHERE grids.id = :id"
    members: dict[int, list[int]] = defaultdict(list)
    for grid_id, package_id in connection.execute(
        f"""
        SELECT grids.id, package_id FROM grids
        JOIN grid_packages ON grid_id = grids.id JOIN packages ON packages.id = package_id
        {condition} ORDER BY packages.title COLLATE NOCASE, packages.slug
        """,  # noqa: S608
        {"id": number},
    ):
        members[grid_id].append(package_id)
    rows = connection.execute(
        f"SELECT * FROM grids {condition} ORDER BY {_ORDER}",  # noqa: S608
        {"id": number},
    )
    return [
        Grid(
            id=row["id"],
            title=row["title"],
            slug=row["slug"],
            description=row["description"],
            is_locked=bool(row["is_locked"]),
            package_ids=tuple(members[row["id"]]),
            header=bool(row["header"]),
            created=decode_required_instant(row["created"]),
            modified=decode_required_instant(row["modified"]),
        )
        for row in rows
    ]
