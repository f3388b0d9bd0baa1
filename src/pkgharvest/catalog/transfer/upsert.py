"""What every import has to do with: whose id it is, whose slug, and what became of it."""

import itertools
import sqlite3
from typing import Literal, NamedTuple

from pkgharvest.catalog.database import Table, find_row
from pkgharvest.model.errors import Conflict

UpsertOutcome = Literal["added", "updated", "unchanged", "skipped"]

NOUNS: dict[Table, str] = {"categories": "category", "grids": "grid", "packages": "package"}


class UpsertResult(NamedTuple):
    """What became of one thing that was imported."""

    outcome: UpsertOutcome
    message: str = ""


def require_free_slug(connection: sqlite3.Connection, table: Table, number: int, slug: str) -> None:
    """Raise Conflict where another one than ``number`` has that slug."""
    other = connection.execute(
        f"SELECT id FROM {table} WHERE slug = ? AND id <> ?",  # noqa: S608 - one of three
        (slug, number),
    ).fetchone()
    if other is not None:
        raise Conflict(f"the slug {slug} is that of another {NOUNS[table]}, id {other[0]}")


def require_same_collection(table: Table, row: sqlite3.Row, slug: str, created: str | None) -> None:
    """Raise Conflict where the category or grid in ``row`` is another one than ``slug``.

    It is the same, under whatever slug, that was ``created`` at that very instant; and one that
    was known by its number only is whatever the import says it is.
    """
    if row["slug"] != slug and row["created"] != created and not row["is_placeholder"]:
        raise Conflict(f"the id {row['id']} is taken by another {NOUNS[table]}, {row['slug']}")


def ensure_placeholder(
    connection: sqlite3.Connection, table: Literal["categories", "grids"], number: int, now: str
) -> int:
    """Return ``number``, having made that category or grid where there is none."""
    noun = NOUNS[table]
    tries = itertools.count(1)
    while find_row(connection, table, number) is None:
        again = next(tries)
        slug = f"{noun}-{number}" if again == 1 else f"{noun}-{number}-{again}"
        connection.execute(
            f"INSERT INTO {table} (id, title, slug, created, modified, is_placeholder)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (slug) DO NOTHING",
            (number, f"{noun.capitalize()} {number}", slug, now, now),
        )
    return number


def locked_grids(connection: sqlite3.Connection) -> frozenset[int]:
    """Return the grids that a person has locked: no import puts packages in, or takes them out."""
    rows = connection.execute(
        """
        SELECT id FROM grids
        WHERE is_locked AND EXISTS (SELECT 1 FROM json_each(user_fields) WHERE value = 'is_locked')
        """
    )
    return frozenset(int(row[0]) for row in rows)


def set_grids(connection: sqlite3.Connection, package_id: int, grids: list[int], now: str) -> None:
    """Let the package be in these grids, in this order, and in no others."""
    for number in grids:
        ensure_placeholder(connection, "grids", number, now)
    connection.execute("DELETE FROM grid_packages WHERE package_id = ?", (package_id,))
    connection.executemany(
        "INSERT INTO grid_packages (package_id, grid_id, position) VALUES (?, ?, ?)",
        [(package_id, number, position) for position, number in enumerate(grids)],
    )
