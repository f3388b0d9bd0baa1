"""What a name means: packages, categories and grids are found by what people call them."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pkgharvest.model.errors import (
    GridLocked,
    LocatorError,
    UnknownCategory,
    UnknownGrid,
    UnknownPackage,
)

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator

_MOST_COMPARED = 10_000
"""Slugs that are looked through for near names: of a larger catalogue those of like length."""


def find_package(connection: sqlite3.Connection, name: str) -> int:
    """Return the id of the package that answers to ``name``.

    A slug, the id, the repository's URL in any spelling, now or before a rename, or the name of
    the PyPI project in any spelling of PEP 503. Raises UnknownPackage, with names that are near.
    """
    if not name.isprintable():
        raise UnknownPackage(name)  # half a character is no text to SQLite
    for found in _ids(connection, name):
        if found is not None:
            return int(found[0])
    from pkgharvest.model.locators import redact  # noqa: PLC0415 - as in _ids

    raise UnknownPackage(redact(name), suggest_slugs(connection, "packages", name))


def find_by_repository(connection: sqlite3.Connection, locator: "Locator") -> str | None:
    """Return the slug of the package whose repository this is, or was; None where there is none."""
    row = _at(connection, locator)
    return None if row is None else str(row["slug"])


def category_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a category; raises UnknownCategory."""
    row = connection.execute("SELECT id FROM categories WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise UnknownCategory(slug, suggest_slugs(connection, "categories", slug))
    return int(row[0])


def grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid; raises UnknownGrid."""
    row = connection.execute("SELECT id FROM grids WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise UnknownGrid(slug, suggest_slugs(connection, "grids", slug))
    return int(row[0])


def open_grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid whose packages may be changed; raises UnknownGrid, GridLocked."""
    number = grid_id(connection, slug)
    query = "SELECT is_locked FROM grids WHERE id = ?"
    if connection.execute(query, (number,)).fetchone()[0]:
        raise GridLocked(slug)
    return number


def _ids(connection: sqlite3.Connection, name: str) -> Iterator[sqlite3.Row | None]:
    """Look ``name`` up as each of the things that it may be."""
    by_slug = "SELECT id FROM packages WHERE slug = ?"
    yield connection.execute(by_slug, (name,)).fetchone()
    if re.fullmatch("[0-9]{1,18}", name):  # 64 bits
        yield connection.execute("SELECT id FROM packages WHERE id = ?", (int(name),)).fetchone()
    # A slug is what nearly everybody gives; what reads other names is loaded for them alone.
    from pkgharvest.model import locators, slugs  # noqa: PLC0415

    yield connection.execute(
        "SELECT id FROM packages WHERE pypi_key = ? ORDER BY id", (locators.normalize_name(name),)
    ).fetchone()
    yield connection.execute(by_slug, (slugs.slugify(name),)).fetchone()
    with contextlib.suppress(LocatorError):
        yield _at(connection, locators.parse_locator(name))


def _at(connection: sqlite3.Connection, locator: "Locator") -> sqlite3.Row | None:
    """Return id and slug of the package that is, or else was, followed under ``locator``."""
    row: sqlite3.Row | None = connection.execute(
        """
        SELECT id, slug FROM packages WHERE repo_key = :key
        UNION ALL
        SELECT id, slug FROM packages JOIN previous_urls ON package_id = id WHERE key = :key
        """,
        {"key": locator.key},
    ).fetchone()
    return row


def suggest_slugs(
    connection: sqlite3.Connection, table: Literal["packages", "categories", "grids"], name: str
) -> tuple[str, ...]:
    """Return up to three slugs of ``table`` that look like ``name``, the likest first."""
    import difflib  # noqa: PLC0415 - only where a name is wrong

    rows = connection.execute(
        f"SELECT slug FROM {table} ORDER BY abs(length(slug) - ?), slug LIMIT ?",  # noqa: S608
        (len(name), _MOST_COMPARED),
    )
    return tuple(difflib.get_close_matches(name.lower(), [str(row[0]) for row in rows], n=3))
