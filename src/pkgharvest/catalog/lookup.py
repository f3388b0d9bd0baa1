"""Finding packages, categories and grids by the names that users give them."""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pkgharvest.catalog.database import CollectionTable, Table, find_row, find_value, find_values
from pkgharvest.model.errors import (
    GridLocked,
    LocatorError,
    UnknownCategory,
    UnknownGrid,
    UnknownPackage,
)

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator

_MAX_COMPARED_SLUGS = 10_000
"""Slugs to compare for suggestions; of more, those of similar length."""


def find_package(connection: sqlite3.Connection, name: str) -> int:
    """Return the id of the package that ``name`` means.

    ``name`` is a slug, an id, the name of the PyPI project in any spelling of PEP 503, or the
    repository's URL in any spelling, present or from before a rename. Raises UnknownPackage with
    similar slugs.
    """
    if not name.isprintable():
        raise UnknownPackage(name)  # SQLite refuses lone surrogates
    for row in _candidates(connection, name):
        if row is not None:
            return int(row[0])
    from pkgharvest.model.locators import redact  # noqa: PLC0415 - as in _candidates

    raise UnknownPackage(redact(name), suggest_slugs(connection, "packages", name))


def find_package_row(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    """Return the row of the package called ``name``; raises UnknownPackage."""
    row = find_row(connection, "packages", find_package(connection, name))
    assert row is not None
    return row


def find_packages(connection: sqlite3.Connection, names: Iterable[str]) -> list[int]:
    """Return the ids of the packages called ``names``, each once; raises UnknownPackage."""
    return list(dict.fromkeys(find_package(connection, name) for name in names))


def find_by_repository(connection: sqlite3.Connection, locator: "Locator") -> str | None:
    """Return the slug of the package that follows or followed this repository, if any."""
    row = _find_follower(connection, locator)
    return None if row is None else str(row["slug"])


def find_collection(connection: sqlite3.Connection, table: CollectionTable, name: str) -> int:
    """Return the id of the category or grid with the slug ``name``, or else with that id.

    Raises UnknownCategory, UnknownGrid.
    """
    if re.fullmatch("[0-9]{1,18}", name):  # fits into 64 bits
        query = f"SELECT id FROM {table} WHERE slug = ? OR id = ? ORDER BY slug <> ?"  # noqa: S608
        number = find_value(connection, query, name, int(name), name)
        if number is not None:
            return int(number)
    return collection_id(connection, table, name)


def collection_id(connection: sqlite3.Connection, table: CollectionTable, slug: str) -> int:
    """Return the id of a category or a grid; raises UnknownCategory, UnknownGrid."""
    number = find_value(connection, f"SELECT id FROM {table} WHERE slug = ?", slug)  # noqa: S608
    if number is None:
        error = UnknownCategory if table == "categories" else UnknownGrid
        raise error(slug, suggest_slugs(connection, table, slug))
    return int(number)


def open_grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid that is not locked; raises UnknownGrid, GridLocked."""
    number = collection_id(connection, "grids", slug)
    if find_value(connection, "SELECT is_locked FROM grids WHERE id = ?", number):
        raise GridLocked(slug)
    return number


def _candidates(connection: sqlite3.Connection, name: str) -> Iterator[sqlite3.Row | None]:
    """Look ``name`` up as each kind of name, the most likely first."""
    by_slug = "SELECT id FROM packages WHERE slug = ?"
    yield connection.execute(by_slug, (name,)).fetchone()
    if re.fullmatch("[0-9]{1,18}", name):  # fits into 64 bits
        yield connection.execute("SELECT id FROM packages WHERE id = ?", (int(name),)).fetchone()
    # Nearly all names are slugs; only other names need these modules.
    from pkgharvest.model import locators, slugs  # noqa: PLC0415

    yield connection.execute(
        "SELECT id FROM packages WHERE pypi_key = ? ORDER BY id", (locators.normalize_name(name),)
    ).fetchone()
    yield connection.execute(by_slug, (slugs.slugify(name),)).fetchone()
    with contextlib.suppress(LocatorError):
        yield _find_follower(connection, locators.parse_locator(name))


def _find_follower(connection: sqlite3.Connection, locator: "Locator") -> sqlite3.Row | None:
    """Return id and slug of the package that follows ``locator``, or else that followed it."""
    row: sqlite3.Row | None = connection.execute(
        """
        SELECT id, slug FROM packages WHERE repo_key = :key
        UNION ALL
        SELECT id, slug FROM packages JOIN previous_urls ON package_id = id WHERE key = :key
        """,
        {"key": locator.key},
    ).fetchone()
    return row


def suggest_slugs(connection: sqlite3.Connection, table: Table, name: str) -> tuple[str, ...]:
    """Return up to three slugs of ``table`` that are similar to ``name``, the closest first."""
    import difflib  # noqa: PLC0415 - only wrong names need it

    query = f"SELECT slug FROM {table} ORDER BY abs(length(slug) - ?), slug LIMIT ?"  # noqa: S608
    compared = find_values(connection, query, len(name), _MAX_COMPARED_SLUGS)
    return tuple(difflib.get_close_matches(name.lower(), compared, n=3))
