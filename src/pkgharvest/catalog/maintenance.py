"""Looking after the file: is it whole, a copy of it, and its size."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.catalog.columns import PACKAGE_COLUMNS
from pkgharvest.catalog.database import open_reader
from pkgharvest.model.errors import CatalogError

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
    """What a check of the file found."""

    problems: tuple[str, ...]
    """A line each; empty where all is well."""
    rows: dict[str, int]
    """How many rows each table has."""
    size: int
    """Bytes of the file and of its write-ahead log."""


def check_catalog(connection: sqlite3.Connection, path: Path) -> CheckResult:
    """Check the file's pages, its references, and what its records promise."""
    problems: list[str] = []
    rows: dict[str, int] = {}
    try:
        problems.extend(_problems(connection))
        for table in _TABLES:
            count = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own
            rows[table] = int(count.fetchone()[0])
    except sqlite3.DatabaseError as error:  # so damaged that it cannot be looked at
        problems.append(str(error))
    return CheckResult(problems=tuple(problems), rows=rows, size=file_size(path))


def _problems(connection: sqlite3.Connection) -> Iterator[str]:
    for (found,) in connection.execute("PRAGMA integrity_check"):
        if found != "ok":
            yield str(found)
    for table, _, other, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"{table}: a row refers to a row of {other} that is not there"
    for name, kind in ((column.name, column.kind) for column in PACKAGE_COLUMNS):
        if kind in {"strings", "weeks"}:
            is_list = f"CASE WHEN json_valid({name}) THEN json_type({name}) = 'array' ELSE 0 END"
            yield from _broken(connection, f"{name} is not a list", is_list)
        if kind == "weeks":
            yield from _broken(connection, f"{name} is not 52 counts", _HAS_52_COUNTS.format(name))
        if kind == "instant":
            is_instant = f"{name} IS NULL OR {name} LIKE '{_INSTANT}'"
            yield from _broken(connection, f"{name} is not an instant", is_instant)
    for column in PACKAGE_COLUMNS:
        if column.choices:
            choices = ", ".join(f"'{choice}'" for choice in column.choices)
            problem = f"its {column.name} is not one"
            yield from _broken(connection, problem, f"{column.name} IN ({choices})")


def _broken(connection: sqlite3.Connection, problem: str, promise: str) -> Iterator[str]:
    """Yield a line for each package that breaks ``promise``, an expression of SQL."""
    for (slug,) in connection.execute(f"SELECT slug FROM packages WHERE NOT ({promise})"):  # noqa: S608
        yield f"{slug}: {problem}"


def file_size(path: Path) -> int:
    """Return the bytes of the file and of its write-ahead log."""
    total = path.stat().st_size
    with contextlib.suppress(FileNotFoundError):  # the last to close it takes it away
        total += path.with_name(path.name + "-wal").stat().st_size
    return total


def backup(path: Path, copy: Path, *, compact: bool = False) -> int:
    """Copy the catalogue to ``copy`` while others use it; return the copy's size in bytes.

    The copy appears whole or not at all; a ``compact`` one has no unused pages, and was checked.
    Raises CatalogError where it cannot be written, or where a file of that name is there already.
    """
    try:
        if copy.exists():
            raise CatalogError(f"{copy} already exists", hint="name a new file, or remove this one")
        if not copy.parent.is_dir():
            raise CatalogError(f"no directory {copy.parent}")
        with (
            open_reader(path) as source,
            tempfile.TemporaryDirectory(prefix=".pkgharvest-", dir=copy.parent) as aside,
        ):
            part = Path(aside) / "copy"
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
        # A copy is one file: without this it would want a -wal beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        found = target.execute("PRAGMA quick_check").fetchone()[0] if compact else "ok"
        if found != "ok":
            raise CatalogError(f"the catalogue is damaged: {found}")
    except sqlite3.Error as error:
        raise CatalogError(f"{copy} cannot be written: {error}") from error
    finally:
        target.close()


def vacuum_catalog(connection: sqlite3.Connection) -> None:
    """Give back the space that removed packages left."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
