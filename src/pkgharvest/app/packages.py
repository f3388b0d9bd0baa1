"""Packages are added: from any spelling of their repositories to lines of the catalogue."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.app import validation
from pkgharvest.catalog import database, edits, lookup
from pkgharvest.model.errors import LocatorError
from pkgharvest.model.locators import Locator, redact
from pkgharvest.model.observations import PypiSource


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackages:
    """What a person asked to have added, and how."""

    repositories: tuple[str, ...]
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    grids: tuple[str, ...] = ()
    documentation_url: str | None = None
    pypi_source: PypiSource = "auto"
    pypi_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no package can have."""
        validation.check(
            title=self.title,
            pypi_name=self.pypi_name,
            documentation_url=self.documentation_url,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What became of one repository."""

    input: str
    """As it was given, credentials aside."""
    outcome: Literal["added", "exists", "refused"]
    slug: str | None = None
    repo_url: str | None = None
    message: str = ""
    hint: str | None = None


def add_packages(db_path: Path, wish: NewPackages, now: dt.datetime) -> list[AddResult]:
    """Add what can be understood, in one transaction; say of each repository what became of it.

    The catalogue is made where it is missing, unless nothing is to be added.
    Raises CatalogError, UnknownCategory, UnknownGrid, GridLocked, and InvalidValue for a slug that
    cannot be.
    """
    read = [_read(text) for text in wish.repositories]
    if not any(isinstance(one, Locator) for one in read):
        return [one for one in read if isinstance(one, AddResult)]
    results: list[AddResult] = []
    with (
        database.open_writer(db_path, create=True) as connection,
        database.transaction(connection),
    ):
        _require_shelves(connection, wish)
        for text, one in zip(wish.repositories, read, strict=True):
            if isinstance(one, AddResult):
                results.append(one)
                continue
            slug, new = edits.add_package(connection, _addition(one, wish), now)
            results.append(
                AddResult(
                    # What was understood holds no password; what a query holds nobody knows.
                    input=redact(text) if "?" in text else text,
                    outcome="added" if new else "exists",
                    slug=slug,
                    repo_url=one.url,
                    message="" if new else f"{slug} is this repository already",
                )
            )
    return results


def _require_shelves(conn: sqlite3.Connection, wish: NewPackages) -> None:
    """Refuse what is not there, and a locked grid, even where no package is new."""
    if wish.category is not None:
        lookup.category_id(conn, wish.category)
    for grid in wish.grids:
        lookup.open_grid_id(conn, grid)


def parse_repository_list(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the repositories of a list: one a line; ``#`` begins a comment, blank lines are none.

    A ``#`` inside a URL is a fragment: a comment's has white space or nothing before it.
    """
    found = []
    for line in lines:
        words = f" {line}".replace("\t", " ").split(" #", 1)[0].strip()
        if words:
            found.append(words)
    return tuple(found)


def _read(text: str) -> Locator | AddResult:
    try:
        return validation.read_repository(text)
    except LocatorError as error:
        return AddResult(
            input=redact(text), outcome="refused", message=error.message, hint=error.hint
        )


def _addition(locator: Locator, wish: NewPackages) -> edits.NewPackage:
    return edits.NewPackage(
        locator=locator,
        title=wish.title,
        slug=wish.slug,
        category=wish.category,
        grids=wish.grids,
        documentation_url=wish.documentation_url,
        pypi_source=wish.pypi_source,
        pypi_name=wish.pypi_name,
    )
