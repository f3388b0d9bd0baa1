"""Packages are added: from any spelling of their repositories to lines of the catalogue."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pkgharvest.catalog import connection, finding, packages
from pkgharvest.errors import InvalidValue, LocatorError
from pkgharvest.locators import Locator, parse, redacted
from pkgharvest.records import PypiChoice
from pkgharvest.settings import in_home

_LONGEST_NAME = 200
"""Characters of a project's name: no file of a longer one could be stored, its version included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked to have added, and how."""

    repositories: tuple[str, ...]
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    grids: tuple[str, ...] = ()
    documentation_url: str | None = None
    pypi_choice: PypiChoice = "auto"
    pypi_name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no package can have."""
        if self.pypi_name is not None and not _is_project_name(self.pypi_name):
            raise InvalidValue(
                f"--pypi: no project can be called '{redacted(self.pypi_name)}'",
                hint="ASCII letters and digits, with . _ or - between them",
            )
        if self.documentation_url is not None and not _is_web_address(self.documentation_url):
            raise InvalidValue(
                f"--docs: '{redacted(self.documentation_url)}' is not the address of a web page",
                hint="it begins with https:// or http://",
            )
        if self.title is not None and not any(
            character.isprintable() and not character.isspace() for character in self.title
        ):
            raise InvalidValue("--title: a title that cannot be seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of one repository."""

    input: str
    """As it was given, credentials aside."""
    outcome: Literal["added", "exists", "refused"]
    slug: str | None = None
    repo_url: str | None = None
    message: str = ""
    hint: str | None = None


def add(db_path: Path, wish: Wish, now: dt.datetime) -> list[Added]:
    """Add what can be understood, in one transaction; say of each repository what became of it.

    The catalogue is made where it is missing, unless nothing is to be added.
    Raises CatalogError, UnknownCategory, UnknownGrid, and InvalidValue for a slug that cannot be.
    """
    read = [_read(text) for text in wish.repositories]
    if not any(isinstance(one, Locator) for one in read):
        return [one for one in read if isinstance(one, Added)]
    results: list[Added] = []
    with (
        connection.writing(db_path, create=True) as db,
        connection.transaction(db),
    ):
        _require_shelves(db.conn, wish)
        for text, one in zip(wish.repositories, read, strict=True):
            if isinstance(one, Added):
                results.append(one)
                continue
            slug, new = packages.add(db, _addition(one, wish), now)
            results.append(
                Added(
                    # What was understood holds no password; what a query holds nobody knows.
                    input=redacted(text) if "?" in text else text,
                    outcome="added" if new else "exists",
                    slug=slug,
                    repo_url=one.url,
                    message="" if new else f"{slug} is this repository already",
                )
            )
    return results


def _require_shelves(conn: sqlite3.Connection, wish: Wish) -> None:
    """Refuse a category or a grid that is not there, even where no package is new."""
    if wish.category is not None:
        finding.category_id(conn, wish.category)
    for grid in wish.grids:
        finding.grid_id(conn, grid)


def read_list(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the repositories of a list: one a line; ``#`` begins a comment, blank lines are none.

    A ``#`` inside a URL is a fragment: a comment's has white space or nothing before it.
    """
    found = []
    for line in lines:
        words = f" {line}".replace("\t", " ").split(" #", 1)[0].strip()
        if words:
            found.append(words)
    return tuple(found)


def _read(text: str) -> Locator | Added:
    try:
        home = in_home("~")
        locator = parse(
            text,
            base=PurePosixPath(Path.cwd()),
            home=None if home is None else PurePosixPath(home),
        )
        return _on_disk(locator) if locator.is_local else locator
    except LocatorError as error:
        return Added(
            input=redacted(text), outcome="refused", message=error.message, hint=error.hint
        )


def _on_disk(locator: Locator) -> Locator:
    """Return the local repository by its real path: a link to it is the same package."""
    path = Path(locator.path)
    if not path.is_dir():
        raise LocatorError(f"no directory {redacted(locator.path)}")
    real = path.resolve()
    if not ((real / ".git").exists() or (real / "HEAD").is_file()):
        raise LocatorError(
            f"{redacted(locator.path)} is not a git repository",
            hint="name the directory that holds .git, or a bare repository",
        )
    return parse(str(real))


def _addition(locator: Locator, wish: Wish) -> packages.Addition:
    return packages.Addition(
        locator=locator,
        title=wish.title,
        slug=wish.slug,
        category=wish.category,
        grids=wish.grids,
        documentation_url=wish.documentation_url,
        pypi_choice=wish.pypi_choice,
        pypi_name=wish.pypi_name,
    )


def _is_project_name(text: str) -> bool:
    """Say whether a project may be called that: what its source would ask for, and not too long."""
    from pkgharvest.sources.pypi_answers import canonical  # noqa: PLC0415 - for --pypi alone

    return canonical(text) is not None and len(text) <= _LONGEST_NAME


def _is_web_address(text: str) -> bool:
    # Looked at first, as urlsplit takes line breaks out silently.
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # ValueError where it is none
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
