"""Packages come in, are found, and go."""

import contextlib
import datetime as dt
import itertools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkgharvest import slugs
from pkgharvest.catalog.columns import instant_text
from pkgharvest.errors import InvalidValue, LocatorError, UnknownCategory, UnknownGrid
from pkgharvest.errors import UnknownPackage as Unknown
from pkgharvest.locators import Locator, normalized, parse, redacted
from pkgharvest.records import PypiChoice

if TYPE_CHECKING:
    from sqlite_utils import Database

_MOST_COMPARED = 10_000
"""Slugs that are looked through for near names: of a larger catalogue those of like length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A package to be added, as a person asked for it; what is None is derived."""

    locator: Locator
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    grids: tuple[str, ...] = ()
    documentation_url: str | None = None
    pypi_choice: PypiChoice = "auto"
    pypi_name: str | None = None


def add(db: "Database", new: Addition, now: dt.datetime) -> tuple[str, bool]:
    """Put a package into the catalogue; return its slug, and whether it is new.

    A repository that is there already, under this name or a previous one, changes nothing.
    Call inside a transaction. Raises UnknownCategory, UnknownGrid, and InvalidValue for a slug
    that is taken.
    """
    there = find_repository(db.conn, new.locator)
    if there is not None:
        return there, False
    category = None if new.category is None else category_id(db.conn, new.category)
    grid_ids = [grid_id(db.conn, grid) for grid in dict.fromkeys(new.grids)]
    slug = _free_slug(db.conn, new)
    package_id = (
        db.table("packages")
        .insert(
            {
                "slug": slug,
                "title": new.title or new.locator.name,
                "category_id": category,
                "created": instant_text(now),
                "modified": instant_text(now),
                "repo_url": new.locator.url,
                "repo_key": new.locator.key,
                "repo_host": new.locator.host or None,
                "documentation_url": new.documentation_url,
                "pypi_choice": new.pypi_choice,
                "pypi_name": new.pypi_name,
                "pypi_key": None if new.pypi_name is None else normalized(new.pypi_name),
            }
        )
        .last_pk
    )
    db.table("grid_packages").insert_all(
        {"package_id": package_id, "grid_id": grid_id, "position": position}
        for position, grid_id in enumerate(grid_ids)
    )
    return slug, True


def find(connection: sqlite3.Connection, name: str) -> int:
    """Return the id of the package that answers to ``name``.

    A slug, the id, the repository's URL in any spelling, now or before a rename, or the name of
    the PyPI project in any spelling of PEP 503. Raises UnknownPackage, with names that are near.
    """
    if not name.isprintable():
        raise Unknown(name)  # half a character is no text to SQLite
    for found in _ids(connection, name):
        if found is not None:
            return int(found[0])
    raise Unknown(redacted(name), _near(connection, name))


def find_repository(connection: sqlite3.Connection, locator: Locator) -> str | None:
    """Return the slug of the package whose repository this is, or was; None where there is none."""
    row = _at(connection, locator)
    return None if row is None else str(row["slug"])


def remove(db: "Database", package_id: int) -> tuple[str, str] | None:
    """Take a package out, with all that is known of it; return its slug and repository's URL.

    None where it has gone already. Call inside a transaction.
    """
    row = db.conn.execute(
        "SELECT slug, repo_url FROM packages WHERE id = ?", (package_id,)
    ).fetchone()
    if row is None:
        return None
    db.table("packages").delete(package_id)
    return str(row["slug"]), str(row["repo_url"])


def repository_urls(connection: sqlite3.Connection) -> list[str]:
    """Return the URLs of all repositories."""
    return [
        str(row[0])
        for row in connection.execute("SELECT repo_url FROM packages WHERE repo_url <> ''")
    ]


def _ids(connection: sqlite3.Connection, name: str) -> Iterator[sqlite3.Row | None]:
    """Look ``name`` up as each of the things that it may be."""
    by_slug = "SELECT id FROM packages WHERE slug = ?"
    yield connection.execute(by_slug, (name,)).fetchone()
    if re.fullmatch("[0-9]{1,18}", name):  # 64 bits
        yield connection.execute("SELECT id FROM packages WHERE id = ?", (int(name),)).fetchone()
    yield connection.execute(
        "SELECT id FROM packages WHERE pypi_key = ? ORDER BY id", (normalized(name),)
    ).fetchone()
    yield connection.execute(by_slug, (slugs.slug(name),)).fetchone()
    with contextlib.suppress(LocatorError):
        yield _at(connection, parse(name))


def _at(connection: sqlite3.Connection, locator: Locator) -> sqlite3.Row | None:
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


def _free_slug(connection: sqlite3.Connection, new: Addition) -> str:
    def taken(slug: str) -> bool:
        query = "SELECT 1 FROM packages WHERE slug = ?"
        return connection.execute(query, (slug,)).fetchone() is not None

    if new.slug is None:
        return next(itertools.filterfalse(taken, slugs.candidates(new.locator)))
    if not slugs.is_slug(new.slug):
        raise InvalidValue(
            f"{new.slug!r} is not a slug",
            hint="lower-case letters, digits, - and _; not digits alone, and no - in front",
        )
    if taken(new.slug):
        raise InvalidValue(f"the slug {new.slug!r} is taken")
    return new.slug


def category_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a category; raises UnknownCategory."""
    row = connection.execute("SELECT id FROM categories WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise UnknownCategory(slug)
    return int(row[0])


def grid_id(connection: sqlite3.Connection, slug: str) -> int:
    """Return the id of a grid; raises UnknownGrid."""
    row = connection.execute("SELECT id FROM grids WHERE slug = ?", (slug,)).fetchone()
    if row is None:
        raise UnknownGrid(slug)
    return int(row[0])


def _near(connection: sqlite3.Connection, name: str) -> tuple[str, ...]:
    import difflib  # noqa: PLC0415 - only where a name is wrong

    rows = connection.execute(
        "SELECT slug FROM packages ORDER BY abs(length(slug) - ?), slug LIMIT ?",
        (len(name), _MOST_COMPARED),
    )
    return tuple(difflib.get_close_matches(name.lower(), [str(row[0]) for row in rows], n=3))
