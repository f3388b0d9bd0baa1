"""Categories and grids: add, edit, remove, list and show.

The packages of a grid are compared in ``queries``.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pkgharvest.catalog import collections, database, lookup
from pkgharvest.catalog.database import CollectionTable
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.errors import Advice, InvalidValue

__all__ = [
    "CollectionChanges",
    "CollectionResult",
    "CollectionTable",
    "Members",
    "add_collection",
    "edit_collection",
    "find_members",
    "list_categories",
    "list_grids",
    "remove_collection",
    "show_category",
]


class CollectionChanges(NamedTuple):
    """What an edit changes; everything else stays as it is."""

    values: Mapping[str, str | int]
    """New values by column."""
    add: tuple[str, ...] = ()
    """Packages to put into a grid, by any name."""
    remove: tuple[str, ...] = ()
    """Packages to take out of a grid, by any name."""
    reset: tuple[str, ...] = ()
    """Columns to release: imports may change them again."""


class CollectionResult(NamedTuple):
    """What became of a category or a grid."""

    slug: str
    title: str
    outcome: Literal["added", "exists", "changed", "unchanged"]


class Members(NamedTuple):
    """A category or a grid, and the slugs of its packages in order."""

    id: int
    slug: str
    packages: list[str]


def list_categories(db_path: Path) -> list[Category]:
    """Return all categories, by title. Raises CatalogError."""
    with database.open_reader(db_path) as connection:
        return collections.list_categories(connection)


def list_grids(db_path: Path) -> list[Grid]:
    """Return all grids, by title. Raises CatalogError."""
    with database.open_reader(db_path) as connection:
        return collections.list_grids(connection)


def show_category(db_path: Path, name: str) -> tuple[Category, list[str]]:
    """Return the category with the slug or id ``name``, and the slugs of its packages.

    Raises UnknownCategory and CatalogError.
    """
    with database.open_reader(db_path) as connection:
        category = collections.get_category(connection, name)
        return category, collections.member_slugs(connection, "categories", category.id)


def find_members(db_path: Path, table: CollectionTable, name: str) -> Members:
    """Return the category or grid with the slug or id ``name``, and its packages.

    Raises UnknownCategory, UnknownGrid and CatalogError.
    """
    with database.open_reader(db_path) as connection:
        collection_id = lookup.find_collection(connection, table, name)
        slug, _ = collections.name_of(connection, table, collection_id)
        return Members(
            collection_id, slug, collections.member_slugs(connection, table, collection_id)
        )


def add_collection(
    db_path: Path,
    table: CollectionTable,
    name: str,
    values: Mapping[str, str | int],
    now: dt.datetime,
) -> CollectionResult:
    """Add a category or a grid; one that exists stays as it is. A missing catalog is created.

    The slug is made from ``name``, which is also the title unless ``values`` have one. Raises
    CatalogError, and InvalidValue for an empty title or a name that makes no slug.
    """
    from pkgharvest.model import slugs  # noqa: PLC0415 - only to add

    _check_title(values)
    slug = slugs.slugify(name)
    if not slugs.is_slug(slug):
        raise InvalidValue(
            f"no slug can be made from {name!r}", field="name", advice=Advice("set_title")
        )
    with (
        database.open_writer(db_path, create=True) as connection,
        database.transaction(connection),
    ):
        is_new = collections.add_collection(connection, table, slug, name, values, now)
        collection_id = lookup.find_collection(connection, table, slug)
        _, title = collections.name_of(connection, table, collection_id)
    return CollectionResult(slug, title, "added" if is_new else "exists")


def edit_collection(
    db_path: Path, table: CollectionTable, name: str, changes: CollectionChanges, now: dt.datetime
) -> CollectionResult:
    """Apply all of ``changes`` to a category or a grid, or none of them.

    Raises CatalogError, UnknownCategory, UnknownGrid, UnknownPackage, GridLocked, and InvalidValue
    for an empty title, for a slug that is invalid or taken, and for a package both added and
    removed.
    """
    _check_title(changes.values)
    values = changes.values
    with (
        database.open_writer(db_path) as connection,
        database.transaction(connection),
    ):
        collection_id = lookup.find_collection(connection, table, name)
        added, removed = (
            [lookup.find_package(connection, package) for package in names]
            for names in (changes.add, changes.remove)
        )
        if set(added) & set(removed):
            raise InvalidValue("one package cannot be both added and removed")
        is_changed = False
        if table == "grids":
            # Unlock a grid before its packages change, and lock it after they have.
            if values.get("is_locked") == 0:
                is_changed = collections.change_collection(
                    connection, table, collection_id, {"is_locked": 0}, now
                )
            came, went = collections.change_grid_members(
                connection, collection_id, added, removed, now
            )
            is_changed |= bool(came or went)
        is_changed |= collections.change_collection(
            connection, table, collection_id, values, now, changes.reset
        )
        slug, title = collections.name_of(connection, table, collection_id)
    return CollectionResult(slug, title, "changed" if is_changed else "unchanged")


def remove_collection(
    db_path: Path, table: CollectionTable, collection_id: int, now: dt.datetime
) -> None:
    """Remove a category or a grid; its packages stay. Raises CatalogError."""
    with database.open_writer(db_path) as connection, database.transaction(connection):
        collections.remove_collection(connection, table, collection_id, now)


def _check_title(values: Mapping[str, str | int]) -> None:
    title = values.get("title")
    if isinstance(title, str):
        from pkgharvest.app.packages import check_values  # noqa: PLC0415 - brings locators

        check_values(title=title, pypi_name=None, documentation_url=None)
