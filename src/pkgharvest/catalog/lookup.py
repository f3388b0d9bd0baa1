"""Finding packages, categories and grids by the names that users give them."""

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
    UnknownName,
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


def find_by_repository(connection: sqlite3.Connection, locator: "Locator") -> str | None:
    """Return the slug of the package that follows or followed this repository, if any."""
    row = _find_follower(connection, locator)
    return None if row is None else str(row["slug"])


def category_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a category; raises UnknownCategory."""
    return _find_id(connection, "categories", slug, UnknownCategory)


def grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid; raises UnknownGrid."""
    return _find_id(connection, "grids", slug, UnknownGrid)


def _find_id(
    connection: sqlite3.Connection,
    table: Literal["categories", "grids"],
    slug: str,
    error: type[UnknownName],
) -> int:
    query = f"SELECT id FROM {table} WHERE slug = ?"  # noqa: S608 - one of two
    row = connection.execute(query, (slug,)).fetchone()
    if row is None:
        raise error(slug, suggest_slugs(connection, table, slug))
    return int(row[0])


def open_grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid that is not locked; raises UnknownGrid, GridLocked."""
    number = grid_id(connection, slug)
    query = "SELECT is_locked FROM grids WHERE id = ?"
    if connection.execute(query, (number,)).fetchone()[0]:
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


def suggest_slugs(
    connection: sqlite3.Connection, table: Literal["packages", "categories", "grids"], name: str
) -> tuple[str, ...]:
    """Return up to three slugs of ``table`` that are similar to ``name``, the closest first."""
    import difflib  # noqa: PLC0415 - only wrong names need it

    rows = connection.execute(
        f"SELECT slug FROM {table} ORDER BY abs(length(slug) - ?), slug LIMIT ?",  # noqa: S608
        (len(name), _MAX_COMPARED_SLUGS),
    )
    return tuple(difflib.get_close_matches(name.lower(), [str(row[0]) for row in rows], n=3))
