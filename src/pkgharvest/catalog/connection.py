"""Opening a catalogue, for reading or for writing, and what can go wrong with its file."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pkgharvest.catalog.schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from pkgharvest.errors import CatalogError

if TYPE_CHECKING:
    from sqlite_utils import Database

OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""

BUSY_SECONDS = 30.0
"""How long to wait for another writer; a fetch holds the file for milliseconds at a time."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the catalogue at ``path`` to read from it; one in an older schema is migrated first.

    A read-only file, or one in a read-only directory, can be read too.
    Raises CatalogError where it is missing, foreign, damaged or made by a newer program.
    """
    check_sqlite()
    if not path.exists():
        raise _missing(path)
    with explained(path):
        connection = _open_read_only(path)
        try:
            version = _version(connection, path)
            if version != SCHEMA_VERSION:
                connection.close()
                with writing(path):
                    pass  # opening migrates
                connection = _open_read_only(path)
            connection.row_factory = sqlite3.Row
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def writing(path: Path, *, create: bool = False) -> Iterator["Database"]:
    """Open the catalogue at ``path`` to write to it, and bring its schema up to date.

    With ``create`` a missing file is made (its directory must be there).
    Raises CatalogError as ``reading`` does, and where the file cannot be written.
    """
    from sqlite_utils import Database  # noqa: PLC0415 - heavy, and no reader needs it

    check_sqlite()
    if not path.exists():
        if not create:
            raise _missing(path)
        if not path.parent.is_dir():
            raise CatalogError(
                f"no directory {path.parent}", hint="make it first, or name another with --db"
            )
    with explained(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            version = _version(connection, path, empty_is_fine=create)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            db = Database(connection, execute_plugins=False)
            if version != SCHEMA_VERSION:
                _migrate(db, path)
            connection.execute("PRAGMA journal_mode = WAL")
            # WAL with NORMAL keeps every commit through the death of the process; a power cut
            # may cost the last ones, never the file (https://sqlite.org/pragma.html).
            connection.execute("PRAGMA synchronous = NORMAL")
            yield db
        finally:
            connection.close()


@contextlib.contextmanager
def transaction(db: "Database") -> Iterator[None]:
    """Do all of the block, or none of it.

    The write lock is taken at once (``db.atomic()`` waits for the first write), so that nothing
    that the block reads goes stale before it writes.
    """
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        db.conn.rollback()
        raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file at ``path`` into a CatalogError of one clear line."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        match said:
            case "database or disk is full":
                raise CatalogError(f"no space left for {path}", hint=_NOTHING_LOST) from error
            case "attempt to write a readonly database":
                raise CatalogError(f"{path} is read-only") from error
            case "file is not a database":
                raise CatalogError(
                    f"{path} is not a database", hint="name another file with --db"
                ) from error
            case "database is locked":
                raise CatalogError(
                    f"{path} is held by another program", hint="try again when it is done"
                ) from error
            case "unable to open database file":
                raise CatalogError(f"{path} cannot be opened") from error
            case _:
                raise CatalogError(f"{path}: {said}") from error


_NOTHING_LOST = "what was saved before is whole; make room and run again"


def check_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse a SQLite that has no STRICT tables."""
    if version < OLDEST_SQLITE:
        has, needs = ".".join(map(str, version)), ".".join(map(str, OLDEST_SQLITE))
        raise CatalogError(
            f"this Python's SQLite is {has}; pkgharvest needs {needs} or newer",
            hint="run pkgharvest with a newer Python",
        )


def _missing(path: Path) -> CatalogError:
    return CatalogError(f"no catalogue at {path}", hint="pkgharvest add <repository> makes one")


def _open_read_only(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.resolve()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema")
    except sqlite3.OperationalError:
        connection.close()
        # A WAL database needs a place for its -shm file. Where there is none, and nothing waits
        # in a -wal file, the file itself is all there is (https://sqlite.org/wal.html#readonly).
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        connection = sqlite3.connect(uri + "&immutable=1", uri=True, isolation_level=None)
    return connection


def _version(connection: sqlite3.Connection, path: Path, *, empty_is_fine: bool = False) -> int:
    """Return the schema's version, having made sure that the file is a catalogue."""
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application == 0 and version == 0 and tables == 0:
        if empty_is_fine:
            return 0
        raise CatalogError(
            f"{path} is empty", hint="pkgharvest add <repository> makes a catalogue of it"
        )
    if application != APPLICATION_ID:
        raise CatalogError(
            f"{path} is a database of another program", hint="name another file with --db"
        )
    if version > SCHEMA_VERSION:
        raise CatalogError(
            f"{path} was written by a newer pkgharvest (schema {version}, this one knows"
            f" {SCHEMA_VERSION})",
            hint="upgrade pkgharvest",
        )
    return version


def _migrate(db: "Database", path: Path) -> None:
    with transaction(db):
        # Again, now that nobody else can write: another process may just have done it.
        version = _version(db.conn, path, empty_is_fine=True)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            step(db)
            db.conn.execute(f"PRAGMA user_version = {number}")
        db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
