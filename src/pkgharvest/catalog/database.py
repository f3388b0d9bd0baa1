"""Opening a catalogue, for reading or for writing, and what can go wrong with its file."""

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pkgharvest.catalog.migrations import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from pkgharvest.model.errors import Advice, CatalogBusy, CatalogError, FetchLocked

if TYPE_CHECKING:
    from sqlite_utils import Database

Table = Literal["categories", "grids", "packages"]

MIN_SQLITE_VERSION = (3, 37, 0)
"""The first with STRICT tables."""

BUSY_SECONDS = 30.0
"""How long to wait for another writer; a fetch holds the file for milliseconds at a time."""

_NO_ROOM = ("no space left for {path}", "what was saved before is whole; make room and run again")

_PRIMARY = 0xFF
"""The part of an extended result code that says what kind it is."""

_IS_BUSY = frozenset({sqlite3.SQLITE_BUSY})
"""What SQLite says where another program holds the file. (SQLITE_LOCKED is said of one's own
connection, where waiting does not help.)"""

_MAY_NOT_WRITE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""What SQLite says where a file, or its directory, is read-only."""

_HAS_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""What it says of a full disk; the second where not even the 32 kB of a -shm file fit."""

_SAYINGS: dict[int, tuple[str, str | Advice | None]] = {
    sqlite3.SQLITE_FULL: _NO_ROOM,
    sqlite3.SQLITE_IOERR_SHMSIZE: _NO_ROOM,
    sqlite3.SQLITE_READONLY: ("{path} is read-only", None),
    sqlite3.SQLITE_NOTADB: ("{path} is not a database", Advice("choose_other_catalog")),
    sqlite3.SQLITE_CANTOPEN: (
        "{path} cannot be opened",
        "check the permissions of the file and its directory",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged: {said}",
        Advice("restore_backup"),
    ),
}
"""Result codes (https://sqlite.org/rescode.html), in words, and what to do."""


@contextlib.contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the catalogue at ``path`` to read from it; one in an older schema is migrated first.

    A read-only file, or one in a read-only directory or on a full disk, can be read too: if its
    schema is older, from a copy in memory.
    Raises CatalogError where it is missing, foreign, damaged or made by a newer program.
    """
    require_sqlite_version()
    if not _is_there(path):
        raise _missing(path)
    with translate_sqlite_errors(path):
        connection = _open_read_only(path)
        try:
            if _version(connection, path) != SCHEMA_VERSION:
                connection.close()
                connection = _migrated(path)
            connection.row_factory = sqlite3.Row
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def open_writer(
    path: Path, *, create: bool = False, busy_seconds: float = BUSY_SECONDS
) -> Iterator[sqlite3.Connection]:
    """Open the catalogue at ``path`` to write to it, and bring its schema up to date.

    With ``create`` a missing file is made (its directory must be there). Another writer is waited
    for, ``busy_seconds`` each time. Raises CatalogError as ``reading`` does, and where the file
    cannot be written.
    """
    require_sqlite_version()
    if not _is_there(path):
        if not create:
            raise _missing(path)
        if not path.parent.is_dir():
            raise CatalogError(f"no directory {path.parent}", advice=Advice("choose_directory"))
    else:
        # A file that is refused is not written to, not even by the checkpoint of a last closing.
        with translate_sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
            _version(connection, path, empty_is_fine=create)
    with translate_sqlite_errors(path):
        connection = _connect(path, "rwc" if create else "rw", busy_seconds)
        try:
            version = _version(connection, path, empty_is_fine=create)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            if version != SCHEMA_VERSION:
                _migrate(connection, path)
            _write_ahead(connection, busy_seconds)
            yield connection
        finally:
            connection.close()


def as_sqlite_utils(connection: sqlite3.Connection) -> "Database":
    """Return the sqlite-utils view of a connection, for migrations and for new rows."""
    from sqlite_utils import Database  # noqa: PLC0415 - heavy, and few commands need it

    return Database(connection, execute_plugins=False)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of the block, or none of it.

    The write lock is taken at once (a deferred one waits for the first write), so that nothing
    that the block reads goes stale before it writes. Raises CatalogBusy where another program
    keeps it.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
    except sqlite3.OperationalError as error:
        if _says(error, _IS_BUSY):
            raise CatalogBusy from error
        raise


def set_busy_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    """Let SQLite wait so long for other writers from now on, deaf to signals while it does."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


@contextlib.contextmanager
def fetch_lock(path: Path) -> Iterator[None]:
    """Hold the fetch lock of the catalogue at ``path``.

    Raises HarvestLocked at once where another process holds it. The lock is the operating
    system's, on a file beside the catalogue: a killed process leaves nothing held.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only a fetch needs it

    real = path.resolve()
    lock = FileLock(real.with_name(real.name + "-lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FetchLocked(
            f"another fetch is at work on {path}", hint="it goes on; nothing was done here"
        ) from error
    except OSError as error:
        raise CatalogError(f"{path} cannot be locked: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def find_row(connection: sqlite3.Connection, table: Table, number: int) -> sqlite3.Row | None:
    """Return the row of ``table`` with the id ``number``."""
    row: sqlite3.Row | None = connection.execute(
        f"SELECT * FROM {table} WHERE id = ?",  # noqa: S608 - one of three
        (number,),
    ).fetchone()
    return row


def insert_row(connection: sqlite3.Connection, table: str, columns: Mapping[str, object]) -> None:
    """Insert a row with these columns."""
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - our own names
        f" VALUES (?{', ?' * (len(columns) - 1)})",
        tuple(columns.values()),
    )


def update_row(
    connection: sqlite3.Connection, table: Table, number: int, columns: Mapping[str, object]
) -> None:
    """Update these columns of the row with the id ``number``."""
    if columns:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        connection.execute(
            f"UPDATE {table} SET {assignments} WHERE id = ?",  # noqa: S608 - our own names
            (*columns.values(), number),
        )


@contextlib.contextmanager
def translate_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file at ``path`` into a CatalogError of one clear line."""
    try:
        yield
    except CatalogBusy as error:
        raise CatalogBusy(path) from error.__cause__
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise  # Python's own module says it: the fault is in a call, not in the file
        if _says(error, _IS_BUSY):
            raise CatalogBusy(path) from error
        saying = _SAYINGS.get(code) or _SAYINGS.get(code & _PRIMARY)
        message, remedy = saying or ("{path}: {said}", None)
        text = message.format(path=path, said=error)
        if isinstance(remedy, Advice):
            raise CatalogError(text, advice=remedy) from error
        raise CatalogError(text, hint=remedy) from error


def require_sqlite_version(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse a SQLite that has no STRICT tables."""
    if version < MIN_SQLITE_VERSION:
        has, needs = ".".join(map(str, version)), ".".join(map(str, MIN_SQLITE_VERSION))
        raise CatalogError(
            f"this Python's SQLite is {has}; pkgharvest needs {needs} or newer",
            hint="run pkgharvest with a newer Python",
        )


def _says(error: BaseException | None, codes: frozenset[int]) -> bool:
    """Tell whether SQLite says one of ``codes``, which may be primary or extended ones."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in codes or code & _PRIMARY in codes


def _missing(path: Path) -> CatalogError:
    return CatalogError(f"no catalog at {path}", advice=Advice("add_package"))


def _is_there(path: Path) -> bool:
    """Tell whether there is a file at ``path``; CatalogError for a directory and the like."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CatalogError(f"{path} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a file"
        raise CatalogError(f"{path} is {kind}", advice=Advice("choose_catalog"))
    return True


def _connect(path: Path, how: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    # Absolute: sqlite3 reads :memory: and the like as something else than a file.
    name = os.fsencode(path.absolute())
    for special in (b"%", b"?", b"#"):  # https://sqlite.org/uri.html; urllib costs every start
        name = name.replace(special, b"%%%02X" % ord(special))
    uri = b"file:%s?mode=%s" % (name, how.encode())
    return sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None)


def _open_read_only(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema")
    except sqlite3.DatabaseError as error:
        connection.close()
        if not _says(error, _MAY_NOT_WRITE | _HAS_NO_ROOM):
            raise
        # A WAL database needs a place for its -shm file. Where there is none, and nothing waits
        # in a log, the file itself is all there is (https://sqlite.org/wal.html#readonly).
        if _is_unsettled(path):
            if _says(error, _HAS_NO_ROOM):
                raise
            raise CatalogError(
                f"{path} cannot be read: what is in its log must be written into it first",
                hint="make its directory writable, or read it as a user who may write there",
            ) from error
        connection = _connect(path, "ro&immutable=1")
    return connection


def _is_unsettled(path: Path) -> bool:
    """Tell whether commits wait in the write-ahead log, or a broken-off one in the journal."""
    real = path.resolve()
    logs = (real.with_name(real.name + suffix) for suffix in ("-wal", "-journal"))
    return any(log.exists() and log.stat().st_size for log in logs)


def _version(connection: sqlite3.Connection, path: Path, *, empty_is_fine: bool = False) -> int:
    """Return the schema's version, having made sure that the file is a catalogue."""
    # One statement sees one state: another process may be making the catalogue just now.
    application, version, tables = connection.execute(
        """
        SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version
        """
    ).fetchone()
    if application == 0 and version == 0 and tables == 0:
        if empty_is_fine:
            return 0
        raise CatalogError(f"{path} is empty", advice=Advice("add_package"))
    if application != APPLICATION_ID:
        raise CatalogError(
            f"{path} is a database of another program", advice=Advice("choose_other_catalog")
        )
    if version > SCHEMA_VERSION:
        raise CatalogError(
            f"{path} was written by a newer pkgharvest (schema {version}, this one knows"
            f" {SCHEMA_VERSION})",
            hint="upgrade pkgharvest",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    db = as_sqlite_utils(connection)
    with transaction(connection):
        # Again, now that nobody else can write: another process may just have done it.
        version = _version(connection, path, empty_is_fine=True)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            step(db)
            connection.execute(f"PRAGMA user_version = {number}")
        if 0 < version < SCHEMA_VERSION:
            from pkgharvest.catalog import package_update  # noqa: PLC0415 - brings packaging

            package_update.refresh_all_scores(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _migrated(path: Path) -> sqlite3.Connection:
    """Bring the schema up to date, and open the catalogue to read from it."""
    try:
        with open_writer(path):
            pass  # opening migrates
    except CatalogError as error:
        if not _says(error.__cause__, _MAY_NOT_WRITE | _HAS_NO_ROOM):
            raise
    else:
        return _open_read_only(path)
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        with contextlib.closing(_open_read_only(path)) as connection:
            connection.backup(copy)
        _migrate(copy, path)
        copy.execute("PRAGMA query_only = ON")
    except BaseException:
        copy.close()
        raise
    return copy


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Let readers read while one writes (WAL), and keep every commit when the process dies.

    A power cut may cost the last commits, never the file (https://sqlite.org/pragma.html,
    synchronous).
    """
    patience = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here, where two processes make one catalogue at once.
            if not _says(error, _IS_BUSY):
                raise
            if time.monotonic() > patience:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = NORMAL")
