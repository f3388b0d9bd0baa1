"""Maintaining the file: checking it, copying it, compacting it, and its size."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.catalog.columns import PACKAGE_COLUMNS, Column, stored_locator
from pkgharvest.catalog.database import find_value, find_values, open_reader
from pkgharvest.model.errors import CatalogError
from pkgharvest.model.locators import Locator

_TABLES = (
    "packages",
    "categories",
    "grids",
    "versions",
    "participants",
    "commit_days",
    "snapshots",
    "validators",
    "runs",
)

_HAS_52_COUNTS = """
    CASE WHEN json_valid({0}) THEN
        json_array_length({0}) IN (0, 52) AND NOT EXISTS (
            SELECT 1 FROM json_each({0}) WHERE type <> 'integer' OR value < 0
        )
    ELSE 1 END
"""

_INSTANT = "____-__-__T__:__:__.______Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check."""

    problems: tuple[str, ...]
    """One line each; empty if there are none."""
    rows: dict[str, int]
    """The number of rows of each table."""
    size: int
    """Bytes of the file and its write-ahead log."""


def check_catalog(connection: sqlite3.Connection, path: Path) -> CheckResult:
    """Check the file's pages, its foreign keys, and the values of packages."""
    problems: list[str] = []
    rows: dict[str, int] = {}
    try:
        problems.extend(_find_problems(connection))
        for table in _TABLES:
            rows[table] = find_value(connection, f"SELECT count(*) FROM {table}")  # noqa: S608
    except sqlite3.DatabaseError as error:  # too damaged to read
        problems.append(str(error))
    return CheckResult(problems=tuple(problems), rows=rows, size=file_size(path))


def _find_problems(connection: sqlite3.Connection) -> Iterator[str]:
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield str(message)
    for table, _, other, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"{table}: a row refers to a row of {other} that does not exist"
    for column in PACKAGE_COLUMNS:
        for problem, condition in _requirements(column):
            rows = connection.execute(f"SELECT slug FROM packages WHERE NOT ({condition})")  # noqa: S608
            for (slug,) in rows:
                yield f"{slug}: {problem}"


def _requirements(column: Column) -> Iterator[tuple[str, str]]:
    """Yield what is wrong if a column of ``packages`` does not meet a condition in SQL."""
    name = column.name
    if column.kind in {"strings", "weeks"}:
        is_list = f"CASE WHEN json_valid({name}) THEN json_type({name}) = 'array' ELSE 0 END"
        yield f"{name} is not a list", is_list
    if column.kind == "weeks":
        yield f"{name} is not 52 counts", _HAS_52_COUNTS.format(name)
    if column.kind == "instant":
        yield f"{name} is not an instant", f"{name} IS NULL OR {name} LIKE '{_INSTANT}'"
    if column.choices:
        choices = ", ".join(f"'{choice}'" for choice in column.choices)
        yield f"unknown {name}", f"{name} IN ({choices})"


def repository_locators(connection: sqlite3.Connection) -> list[Locator]:
    """Return the repositories of all packages whose URLs can be understood."""
    urls = find_values(connection, "SELECT repo_url FROM packages")
    return list(filter(None, map(stored_locator, urls)))


def file_size(path: Path) -> int:
    """Return the bytes of the file and its write-ahead log."""
    total = path.stat().st_size
    with contextlib.suppress(FileNotFoundError):  # the last connection to close removes it
        total += path.with_name(path.name + "-wal").stat().st_size
    return total


def backup(path: Path, copy: Path, *, compact: bool = False) -> int:
    """Copy the catalog to ``copy`` while others use it; return the copy's size in bytes.

    The copy appears complete or not at all. A ``compact`` one has no unused pages and was checked.
    Raises CatalogError if it cannot be written, or if a file of that name exists.
    """
    try:
        if copy.exists():
            raise CatalogError(f"{copy} already exists", hint="name a new file, or remove this one")
        if not copy.parent.is_dir():
            raise CatalogError(f"no directory {copy.parent}")
        with (
            open_reader(path) as source,
            tempfile.TemporaryDirectory(prefix=".pkgharvest-", dir=copy.parent) as directory,
        ):
            part = Path(directory) / "copy"
            _copy(source, part, copy, compact=compact)
            part.rename(copy)
    except OSError as error:
        raise CatalogError(f"{copy} cannot be written: {error.strerror}") from error
    return copy.stat().st_size


def _copy(source: sqlite3.Connection, part: Path, copy: Path, *, compact: bool) -> None:
    target = sqlite3.connect(part)
    try:
        if compact:
            source.execute("VACUUM INTO ?", (str(part),))
        else:
            source.backup(target)
        # In WAL mode, reading the copy would need a second file beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        message = target.execute("PRAGMA quick_check").fetchone()[0] if compact else "ok"
        if message != "ok":
            raise CatalogError(f"the catalog is damaged: {message}")
    except sqlite3.Error as error:
        raise CatalogError(f"{copy} cannot be written: {error}") from error
    finally:
        target.close()


def vacuum_catalog(connection: sqlite3.Connection) -> None:
    """Return the space of removed packages to the file system."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
