"""The catalog's file: opening, locking, transactions and single rows.

Errors of SQLite about the file become CatalogError here. The tables are made in ``migrations``.
"""

import contextlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pkgharvest.catalog.migrations import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from pkgharvest.model.errors import Advice, CatalogBusy, CatalogError, FetchLocked

if TYPE_CHECKING:
    from sqlite_utils import Database

Value = TypeVar("Value")

CollectionTable = Literal["categories", "grids"]
"""The table of a collection, which says what kind it is."""

Table = CollectionTable | Literal["packages"]

MIN_SQLITE_VERSION = (3, 37, 0)
"""The first version with STRICT tables."""

BUSY_SECONDS = 30.0
"""The longest wait for another writer; a fetch writes for milliseconds at a time."""

_DISK_FULL = (
    "no space left for {path}",
    "nothing is lost; free some space and run again",
    None,
)

_PRIMARY_CODE_MASK = 0xFF
"""The primary result code in an extended one."""

_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY})
"""Another connection holds the file. (SQLITE_LOCKED means this connection: waiting is no use.)"""

_READ_ONLY_CODES = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""The file or its directory is read-only."""

_DISK_FULL_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""The disk is full; the second code if not even the 32 kB of a -shm file fit."""

_MESSAGES: dict[int, tuple[str, str | None, Advice | None]] = {
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _DISK_FULL,
    sqlite3.SQLITE_READONLY: ("{path} is read-only", None, None),
    sqlite3.SQLITE_NOTADB: ("{path} is not a database", None, Advice("choose_other_catalog")),
    sqlite3.SQLITE_CANTOPEN: (
        "{path} cannot be opened",
        "check the permissions of the file and its directory",
        None,
    ),
    sqlite3.SQLITE_CORRUPT: ("{path} is damaged: {error}", None, Advice("restore_backup")),
}
"""By result code (https://sqlite.org/rescode.html): what is wrong, a hint, and advice."""


@contextlib.contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the catalog at ``path`` for reading; an older schema is migrated first.

    A read-only file can be read too, and so can one in a read-only directory or on a full disk,
    and one that an older program is fetching into. If its schema is older, a copy in memory is
    migrated. Raises CatalogError if the file is missing, damaged, another program's, or written by
    a newer version.
    """
    require_sqlite_version()
    if not _exists(path):
        raise _missing(path)
    with translate_sqlite_errors(path):
        connection = _open_read_only(path)
        try:
            if _schema_version(connection, path) != SCHEMA_VERSION:
                connection.close()
                connection = _open_migrated(path)
            connection.row_factory = sqlite3.Row
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def open_writer(
    path: Path, *, create: bool = False, busy_seconds: float = BUSY_SECONDS
) -> Iterator[sqlite3.Connection]:
    """Open the catalog at ``path`` for writing, and migrate an older schema.

    ``create``: make a missing file; its directory must exist. ``busy_seconds``: the longest wait
    for another writer. Raises CatalogError as ``open_reader`` does, and if the file cannot be
    written; FetchLocked if the schema is older and a fetch of that older program is at work.
    """
    require_sqlite_version()
    if not _exists(path):
        if not create:
            raise _missing(path)
        if not path.parent.is_dir():
            raise CatalogError(f"no directory {path.parent}", advice=Advice("choose_directory"))
    else:
        # A refused file must stay unchanged, even by the checkpoint of the last close.
        with translate_sqlite_errors(path), contextlib.closing(_open_read_only(path)) as connection:
            _schema_version(connection, path, allow_empty=create)
    with translate_sqlite_errors(path):
        connection = _connect(path, "rwc" if create else "rw", busy_seconds)
        try:
            version = _schema_version(connection, path, allow_empty=create)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            if version != SCHEMA_VERSION:
                _migrate(connection, path, fetch_lock(path) if version else None)
            _enable_wal(connection, busy_seconds)
            yield connection
        finally:
            connection.close()


def as_sqlite_utils(connection: sqlite3.Connection) -> "Database":
    """Return the sqlite-utils view of a connection, for migrations and for new rows."""
    from sqlite_utils import Database  # noqa: PLC0415 - heavy, and few commands need it

    return Database(connection, execute_plugins=False)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a transaction, which an exception rolls back.

    It takes the write lock at once, so that nothing the block reads is outdated when it writes.
    Raises CatalogBusy if another program holds the lock too long.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            yield
    except sqlite3.OperationalError as error:
        if _has_code(error, _BUSY_CODES):
            raise CatalogBusy from error
        raise


@contextlib.contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all queries of the block see one state, even while a fetch is writing.

    Inside another transaction it does nothing.
    """
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def set_busy_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    """Set how long SQLite waits for other writers; it ignores signals while it waits."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


@contextlib.contextmanager
def fetch_lock(path: Path) -> Iterator[None]:
    """Hold the fetch lock of the catalog at ``path``: one fetch at a time.

    Raises FetchLocked at once if another process holds it. The lock is the operating system's, on
    a file beside the catalog, so a killed process releases it.
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


def find_value(connection: sqlite3.Connection, query: str, *values: object) -> Any:
    """Return the first column of the first row that ``query`` finds; None without one."""
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def find_values(connection: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    """Return the first column of all rows that ``query`` finds."""
    return [row[0] for row in connection.execute(query, values)]


def find_row(connection: sqlite3.Connection, table: Table, number: int) -> sqlite3.Row | None:
    """Return the row of ``table`` with the id ``number``."""
    row: sqlite3.Row | None = connection.execute(
        f"SELECT * FROM {table} WHERE id = ?",  # noqa: S608 - one of three
        (number,),
    ).fetchone()
    return row


def rows_by_package(
    connection: sqlite3.Connection,
    ids: Sequence[int],
    query: str,
    order: str,
    read: Callable[[sqlite3.Row], Value],
) -> dict[int, list[Value]]:
    """Return what ``read`` makes of the rows of these packages, by the id of the package.

    The first column of ``query``, which has no conditions, is ``package_id``.
    """
    values: dict[int, list[Value]] = {package_id: [] for package_id in ids}
    rows = connection.execute(
        f"{query} WHERE package_id IN (SELECT value FROM json_each(?))"  # noqa: S608
        f" ORDER BY package_id, {order}",
        (json.dumps(ids),),
    )
    for row in rows:
        values[row[0]].append(read(row))
    return values


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
    """Turn SQLite's errors about the file at ``path`` into CatalogError."""
    try:
        yield
    except CatalogBusy as error:
        raise CatalogBusy(path) from error.__cause__
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise  # Python's sqlite3 module raised it, because of a wrong call
        if _has_code(error, _BUSY_CODES):
            raise CatalogBusy(path) from error
        known = _MESSAGES.get(code) or _MESSAGES.get(code & _PRIMARY_CODE_MASK)
        message, hint, advice = known or ("{path}: {error}", None, None)
        raise CatalogError(
            message.format(path=path, error=error), hint=hint, advice=advice
        ) from error


def require_sqlite_version(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise CatalogError if SQLite has no STRICT tables."""
    if version < MIN_SQLITE_VERSION:
        has, needs = ".".join(map(str, version)), ".".join(map(str, MIN_SQLITE_VERSION))
        raise CatalogError(
            f"this Python's SQLite is {has}; pkgharvest needs {needs} or newer",
            hint="run pkgharvest with a newer Python",
        )


def _has_code(error: BaseException | None, codes: frozenset[int]) -> bool:
    """Tell whether ``error`` has one of ``codes``, as its extended or primary result code."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in codes or code & _PRIMARY_CODE_MASK in codes


def _missing(path: Path) -> CatalogError:
    return CatalogError(f"no catalog at {path}", advice=Advice("add_package"))


def _exists(path: Path) -> bool:
    """Tell whether ``path`` is a file; raise CatalogError for a directory and the like."""
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


def _connect(path: Path, mode: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    # Absolute, because :memory: and the like have a special meaning.
    name = os.fsencode(path.absolute())
    # https://sqlite.org/uri.html; urllib.parse would slow every start
    for special in (b"%", b"?", b"#"):
        name = name.replace(special, b"%%%02X" % ord(special))
    return sqlite3.connect(
        b"file:%s?mode=%s" % (name, mode.encode()),
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
    )


def _open_read_only(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema")
    except sqlite3.DatabaseError as error:
        connection.close()
        if not _has_code(error, _READ_ONLY_CODES | _DISK_FULL_CODES):
            raise
        # Reading a WAL database needs a -shm file. If it cannot be made and the log is empty, the
        # file itself is complete (https://sqlite.org/wal.html#readonly).
        if _has_log(path):
            if _has_code(error, _DISK_FULL_CODES):
                raise
            raise CatalogError(
                f"{path} cannot be read: what is in its log must be written into it first",
                hint="make its directory writable, or read it as a user who may write there",
            ) from error
        connection = _connect(path, "ro&immutable=1")
    return connection


def _has_log(path: Path) -> bool:
    """Tell whether the write-ahead log has commits, or the journal an unfinished one."""
    real = path.resolve()
    logs = (real.with_name(real.name + suffix) for suffix in ("-wal", "-journal"))
    return any(log.exists() and log.stat().st_size for log in logs)


def _schema_version(
    connection: sqlite3.Connection, path: Path, *, allow_empty: bool = False
) -> int:
    """Return the schema's version; raise CatalogError if the file is not a catalog."""
    # One statement sees one state, even if another process is making the catalog.
    application, version, tables = connection.execute(
        """
        SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version
        """
    ).fetchone()
    if application == 0 and version == 0 and tables == 0:
        if allow_empty:
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


def _migrate(
    connection: sqlite3.Connection,
    path: Path,
    lock: contextlib.AbstractContextManager[None] | None = None,
) -> None:
    """Run the pending migrations under ``lock``, as a fetch cannot go on with renamed columns."""
    db = as_sqlite_utils(connection)
    with transaction(connection), lock or contextlib.nullcontext():
        # Another process may have migrated it before this one got the lock.
        version = _schema_version(connection, path, allow_empty=True)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            step(db)
            connection.execute(f"PRAGMA user_version = {number}")
        if 0 < version < SCHEMA_VERSION:
            from pkgharvest.catalog import package_update  # noqa: PLC0415 - brings packaging

            package_update.refresh_scores(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _open_migrated(path: Path) -> sqlite3.Connection:
    """Migrate the schema, and open the catalog for reading."""
    try:
        with open_writer(path):
            pass  # opening it migrates it
        return _open_read_only(path)
    except FetchLocked:
        pass
    except CatalogError as error:
        is_unwritable = _has_code(error.__cause__, _READ_ONLY_CODES | _DISK_FULL_CODES)
        if not is_unwritable and not isinstance(error.__cause__, OSError):
            raise
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


def _enable_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Enable the write-ahead log, so that others can read while one process writes.

    A killed process loses no commit. A power failure may lose the last ones, but never damages
    the file (https://sqlite.org/pragma.html#pragma_synchronous).
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait here if two processes make the catalog at once.
            if not _has_code(error, _BUSY_CODES) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = NORMAL")
