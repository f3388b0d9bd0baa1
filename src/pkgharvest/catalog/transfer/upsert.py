"""The rules that all imports share: whose id and slug it is, placeholders and grids.

An import addresses packages, categories and grids by the ids of the catalog that it comes from,
and never renumbers them: published links contain them. So a resource is the stored one only if
id and identity agree. A package is identified by its slug, or by its repository under a present
or previous name. A category or grid is identified by its slug, or by the instant it was created,
which survives a renamed slug. Anything else is a Conflict, reported for that resource alone.

Resources arrive in any order. A package may name a category or grid that the import has not
stated yet, so a placeholder with that id is made, and whatever the import says of it later is
taken over. Fields that a user has set are never overwritten.
"""

import itertools
import sqlite3
from typing import Literal, NamedTuple

from pkgharvest.catalog.database import Table, find_row, find_value, find_values
from pkgharvest.catalog.lookup import find_by_repository
from pkgharvest.catalog.package_update import replace_grids
from pkgharvest.model.errors import Conflict
from pkgharvest.model.locators import Locator

UpsertOutcome = Literal["added", "updated", "unchanged", "skipped"]

NOUNS: dict[Table, str] = {"categories": "category", "grids": "grid", "packages": "package"}


class UpsertResult(NamedTuple):
    """What became of one imported resource."""

    outcome: UpsertOutcome
    message: str = ""


def require_package_identity(
    connection: sqlite3.Connection,
    row: sqlite3.Row | None,
    number: int,
    slug: str,
    locator: Locator | None,
) -> None:
    """Raise Conflict if no package can have this id, slug and repository.

    ``row`` is the package with the id. It is the same package if it has the slug, or if it
    follows ``locator`` or did so under a previous name.
    """
    follower = None if locator is None else find_by_repository(connection, locator)
    if row is not None and row["slug"] not in {slug, follower}:
        raise Conflict(f"the id {number} is taken by another package, {row['slug']}")
    require_free_slug(connection, "packages", number, slug)
    if follower is not None and (row is None or row["slug"] != follower):
        raise Conflict(f"its repository is that of another package, {follower}")


def require_free_slug(connection: sqlite3.Connection, table: Table, number: int, slug: str) -> None:
    """Raise Conflict if a row other than ``number`` has the slug."""
    query = f"SELECT id FROM {table} WHERE slug = ? AND id <> ?"  # noqa: S608 - one of three
    other = find_value(connection, query, slug, number)
    if other is not None:
        raise Conflict(f"the slug {slug} is that of another {NOUNS[table]}, id {other}")


def require_same_collection(table: Table, row: sqlite3.Row, slug: str, created: object) -> None:
    """Raise Conflict if ``row`` is another category or grid than the one with ``slug``.

    It is the same one if it was created at the same instant, or if it is a placeholder.
    """
    if row["slug"] != slug and row["created"] != created and not row["is_placeholder"]:
        raise Conflict(f"the id {row['id']} is taken by another {NOUNS[table]}, {row['slug']}")


def ensure_collection(
    connection: sqlite3.Connection, table: Literal["categories", "grids"], number: int, now: str
) -> None:
    """Make a placeholder with the id ``number`` if there is no such category or grid."""
    noun = NOUNS[table]
    attempts = itertools.count(1)
    while find_row(connection, table, number) is None:
        attempt = next(attempts)
        slug = f"{noun}-{number}" if attempt == 1 else f"{noun}-{number}-{attempt}"
        connection.execute(
            f"INSERT INTO {table} (id, title, slug, created, modified, is_placeholder)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (slug) DO NOTHING",
            (number, f"{noun.capitalize()} {number}", slug, now, now),
        )


def locked_grids(connection: sqlite3.Connection) -> frozenset[int]:
    """Return the ids of grids that a user has locked, whose packages no import changes."""
    query = """
        SELECT id FROM grids
        WHERE is_locked AND EXISTS (SELECT 1 FROM json_each(user_fields) WHERE value = 'is_locked')
    """
    return frozenset(find_values(connection, query))


def grids_of(connection: sqlite3.Connection, package_id: int) -> list[int]:
    """Return the ids of a package's grids, in order."""
    query = "SELECT grid_id FROM grid_packages WHERE package_id = ? ORDER BY position"
    return find_values(connection, query, package_id)


def set_grids(connection: sqlite3.Connection, package_id: int, grids: list[int], now: str) -> None:
    """Put the package into exactly these grids, in this order, and make those that are missing."""
    for number in grids:
        ensure_collection(connection, "grids", number, now)
    replace_grids(connection, package_id, grids)
