"""Looking after the file: is it whole, a copy of it, and its size."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pkgharvest.catalog.connection import reading
from pkgharvest.errors import CatalogError

if TYPE_CHECKING:
    from sqlite_utils import Database

_TABLES = (
    "packages",
    "categories",
    "grids",
    "versions",
    "participants",
    "commit_days",
    "validators",
    "runs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a check of the file found."""

    problems: tuple[str, ...]
    """A line each; empty where all is well."""
    rows: dict[str, int]
    """How many rows each table has."""
    size: int
    """Bytes of the file and of its write-ahead log."""


def check(connection: sqlite3.Connection, path: Path) -> Condition:
    """Check the file's pages, its references, and what its records promise."""
    problems = [
        str(row[0]) for row in connection.execute("PRAGMA integrity_check") if str(row[0]) != "ok"
    ]
    problems += [
        f"{row[0]}: row {row[1]} refers to a row of {row[2]} that is not there"
        for row in connection.execute("PRAGMA foreign_key_check")
    ]
    problems += [
        f"{row[0]}: commits_over_52 has {row[1]} weeks"
        for row in connection.execute(
            "SELECT slug, json_array_length(commits_over_52) AS weeks FROM packages"
            " WHERE weeks NOT IN (0, 52)"
        )
    ]
    rows = {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in _TABLES
    }
    return Condition(problems=tuple(problems), rows=rows, size=size(path))


def size(path: Path) -> int:
    """Return the bytes of the file and of its write-ahead log."""
    wal = path.with_name(path.name + "-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def backup(path: Path, copy: Path) -> int:
    """Copy the catalogue to ``copy`` while others use it; return the copy's size in bytes.

    The copy appears whole or not at all. Raises CatalogError where it cannot be written, or
    where a file of that name is there already.
    """
    if copy.exists():
        raise CatalogError(f"{copy} is there already", hint="name a new file, or remove this one")
    if not copy.parent.is_dir():
        raise CatalogError(f"no directory {copy.parent}")
    part = copy.with_name(copy.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with reading(path) as source:
            target = sqlite3.connect(part)
            try:
                source.backup(target)
                # A copy is one file: without this it would want a -wal beside it.
                target.execute("PRAGMA journal_mode = DELETE")
            finally:
                target.close()
        part.rename(copy)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise CatalogError(f"{copy} cannot be written: {error}") from error
    return copy.stat().st_size


def vacuum(db: "Database") -> None:
    """Give back the space that removed packages left."""
    db.vacuum()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
