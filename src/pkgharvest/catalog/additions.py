"""Packages come in, and go."""

import datetime as dt
import functools
import itertools
import sqlite3
from dataclasses import dataclass

from pkgharvest.catalog.database import as_sqlite_utils
from pkgharvest.catalog.encoding import encode_instant, encode_list
from pkgharvest.catalog.lookup import category_id, find_by_repository, grid_id
from pkgharvest.model import slugs
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.observations import PypiSource


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackage:
    """A package to be added, as a person asked for it; what is None is derived."""

    locator: Locator
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    grids: tuple[str, ...] = ()
    documentation_url: str | None = None
    pypi_source: PypiSource = "auto"
    pypi_name: str | None = None

    @property
    def chosen(self) -> tuple[str, ...]:
        """The fields that the person has set, as ``edits.EDITABLE`` names them."""
        fields = {
            "title": self.title is not None,
            "slug": self.slug is not None,
            "pypi": self.pypi_source != "auto",
            "docs": self.documentation_url is not None,
            "category": self.category is not None,
            "grids": bool(self.grids),
        }
        return tuple(name for name, is_set in fields.items() if is_set)


def add_package(
    connection: sqlite3.Connection, new: NewPackage, now: dt.datetime
) -> tuple[str, bool]:
    """Put a package into the catalogue; return its slug, and whether it is new.

    A repository that is there already, under this name or a previous one, changes nothing.
    Call inside a transaction. Raises UnknownCategory, UnknownGrid, and InvalidValue for a slug
    that is taken.
    """
    there = find_by_repository(connection, new.locator)
    if there is not None:
        return there, False
    category = None if new.category is None else category_id(connection, new.category)
    grid_ids = [grid_id(connection, grid) for grid in dict.fromkeys(new.grids)]
    slug = _free_slug(connection, new)
    db = as_sqlite_utils(connection)
    package_id = (
        db.table("packages")
        .insert(
            {
                "slug": slug,
                "title": new.title or new.locator.name,
                "category_id": category,
                "created": encode_instant(now),
                "modified": encode_instant(now),
                "repo_url": new.locator.url,
                "repo_key": new.locator.key,
                "repo_host": new.locator.host or None,
                "documentation_url": new.documentation_url,
                "user_fields": encode_list(new.chosen),
                "pypi_source": new.pypi_source,
                "pypi_name": new.pypi_name,
                "pypi_key": None if new.pypi_name is None else normalize_name(new.pypi_name),
            }
        )
        .last_pk
    )
    db.table("grid_packages").insert_all(
        {"package_id": package_id, "grid_id": grid_id, "position": position}
        for position, grid_id in enumerate(grid_ids)
    )
    return slug, True


def remove_package(connection: sqlite3.Connection, package_id: int) -> tuple[str, str] | None:
    """Take a package out, with all that is known of it; return its slug and repository's URL.

    None where it has gone already. Call inside a transaction.
    """
    row = connection.execute(
        "SELECT slug, repo_url FROM packages WHERE id = ?", (package_id,)
    ).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM packages WHERE id = ?", (package_id,))
    return str(row["slug"]), str(row["repo_url"])


def repository_urls(connection: sqlite3.Connection) -> list[str]:
    """Return the URLs of all repositories."""
    return [
        str(row[0])
        for row in connection.execute("SELECT repo_url FROM packages WHERE repo_url <> ''")
    ]


def slug_is_taken(connection: sqlite3.Connection, slug: str) -> bool:
    """Tell whether a package has this slug."""
    query = "SELECT 1 FROM packages WHERE slug = ?"
    return connection.execute(query, (slug,)).fetchone() is not None


def require_free_slug(connection: sqlite3.Connection, slug: str) -> None:
    """Refuse, as InvalidValue, what is no slug, and the slug of another package."""
    if not slugs.is_slug(slug):
        raise InvalidValue(
            f"{slug!r} is not a slug",
            hint="lower-case letters, digits, - and _; not digits alone, and no - in front",
        )
    if slug_is_taken(connection, slug):
        raise InvalidValue(f"the slug {slug!r} is taken")


def _free_slug(connection: sqlite3.Connection, new: NewPackage) -> str:
    if new.slug is None:
        taken = functools.partial(slug_is_taken, connection)
        return next(itertools.filterfalse(taken, slugs.slug_candidates(new.locator)))
    require_free_slug(connection, new.slug)
    return new.slug
