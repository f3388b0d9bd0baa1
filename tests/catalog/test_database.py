"""Opening a catalog, and errors of its file."""

import contextlib
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from pkgharvest.catalog import database, lookup
from pkgharvest.catalog.migrations import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION
from pkgharvest.model.errors import Advice, CatalogError
from tests.support.catalogs import make_catalog, open_catalog

TABLES = {
    "snapshots",
    "packages",
    "categories",
    "grids",
    "grid_packages",
    "previous_urls",
    "versions",
    "participants",
    "commit_days",
    "fetches",
    "runs",
    "validators",
    "properties",
}


def refusal(path: Path, *, create: bool = False) -> CatalogError:
    """Return the error of opening it for reading and for writing, which is the same."""
    with pytest.raises(CatalogError) as to_write, database.open_writer(path, create=create):
        pass
    if not create:
        with pytest.raises(CatalogError) as to_read, database.open_reader(path):
            pass
        assert to_read.value.message == to_write.value.message
    assert "\n" not in to_write.value.message
    return to_write.value


# ── a new file ──


def test_a_missing_file_is_made_only_with_create(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    error = refusal(path)
    assert error.message == f"no catalog at {path}"
    assert error.advice == Advice("add_package")
    assert not path.exists()
    with database.open_writer(path, create=True):
        pass
    with database.open_reader(path) as conn:
        assert conn.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        assert conn.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_tables_are_strict_and_have_keys(tmp_path: Path) -> None:
    with database.open_writer(tmp_path / "new.db", create=True) as connection:
        db = database.as_sqlite_utils(connection)
        of_search = {name for name in db.table_names() if name.startswith("packages_fts")}
        assert set(db.table_names()) - {"sqlite_sequence"} - of_search == TABLES
        for name in TABLES:
            assert db.table(name).strict
            assert db.table(name).pks != ["rowid"]
            assert not db.table(name).use_rowid
        assert {
            (key.table, key.column, key.other_table)
            for name in TABLES
            for key in db.table(name).foreign_keys
        } == {
            ("packages", "category_id", "categories"),
            ("grid_packages", "package_id", "packages"),
            ("grid_packages", "grid_id", "grids"),
            ("previous_urls", "package_id", "packages"),
            ("versions", "package_id", "packages"),
            ("participants", "package_id", "packages"),
            ("commit_days", "package_id", "packages"),
            ("fetches", "package_id", "packages"),
            ("fetches", "run_id", "runs"),
            ("runs", "continues", "runs"),
            ("validators", "package_id", "packages"),
            ("snapshots", "package_id", "packages"),
        }
        assert db.journal_mode == "wal"


def test_types_and_foreign_keys_are_enforced(tmp_path: Path) -> None:
    with open_catalog(make_catalog(tmp_path / "cat.db")) as cat:
        with pytest.raises(sqlite3.IntegrityError, match="TEXT value in INTEGER column"):
            cat.connection.execute("UPDATE packages SET repo_watchers = 'many'")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            cat.connection.execute("UPDATE packages SET category_id = 7")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            cat.connection.execute("INSERT INTO commit_days VALUES (99, '2026-01-01', 1)")


def test_an_empty_file_becomes_a_catalog_with_create(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert refusal(path).message == f"{path} is empty"
    assert path.read_bytes() == b""
    with database.open_writer(path, create=True):
        pass
    with database.open_reader(path):
        pass


def test_file_names_that_are_special_to_sqlite_are_ordinary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory", "a b%20#?.db", "caf\udce9.db"):
        make_catalog(Path(name))
        assert Path(name).is_file()
        with database.open_reader(Path(name)) as conn:
            assert lookup.find_package(conn, "cat") == 1


# ── several processes ──


OPENER = """
import pathlib, sys
from pkgharvest.catalog import database, lookup
import sqlite_utils
print("ready", flush=True)
for line in sys.stdin:
    try:
        with database.open_writer(pathlib.Path(line.strip()), create=True) as connection:
            connection.execute("INSERT INTO grids (title, slug, created, modified) VALUES ('', ?, '', '')", (str(id(connection)) + sys.argv[1],))
        print("made", flush=True)
    except Exception as error:
        print(repr(error), flush=True)
"""  # noqa: E501


@pytest.mark.slow
def test_processes_that_make_one_catalog_at_once_all_succeed(tmp_path: Path) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    with contextlib.ExitStack() as running:
        for opener in openers:
            running.enter_context(opener)
            assert opener.stdout is not None
            assert opener.stdout.readline() == "ready\n"
        for number in range(60):
            path = tmp_path / f"{number}.db"
            for opener in openers:
                assert opener.stdin is not None
                opener.stdin.write(f"{path}\n")
                opener.stdin.flush()
            for opener in openers:
                assert opener.stdout is not None
                assert opener.stdout.readline() == "made\n"
            with database.open_reader(path) as conn:
                assert conn.execute("SELECT count(*) FROM grids").fetchone()[0] == len(openers)
                assert conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


# ── refused files ──


def test_a_sqlite_without_strict_tables_is_refused() -> None:
    database.require_sqlite_version((3, 37, 0))
    with pytest.raises(CatalogError) as refused:
        database.require_sqlite_version((3, 36, 0))
    assert (
        refused.value.message == "this Python's SQLite is 3.36.0; pkgharvest needs 3.37.0 or newer"
    )
    assert refused.value.hint == "run pkgharvest with a newer Python"


@pytest.mark.parametrize("content", [b"hello\n", b"\x00" * 5000, b"SQLite format 4\x00" * 99])
@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_not_a_database_is_refused_and_unchanged(
    tmp_path: Path, content: bytes, create: bool
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    error = refusal(path, create=create)
    assert error.message == f"{path} is not a database"
    assert error.advice == Advice("choose_other_catalog")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE songs (title TEXT)",
        "PRAGMA application_id = 1; CREATE TABLE songs (title TEXT)",
        "PRAGMA user_version = 5",
        "PRAGMA journal_mode = WAL; CREATE TABLE songs (title TEXT)",
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_another_program_is_refused_and_unchanged(
    tmp_path: Path, statements: str, create: bool
) -> None:
    path = tmp_path / "songs.db"
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.executescript(statements)
    before = path.read_bytes()
    assert refusal(path, create=create).message == f"{path} is a database of another program"
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_and_the_file_is_unchanged(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    with database.open_writer(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    error = refusal(path)
    assert error.message == (
        f"{path} was written by a newer pkgharvest (schema {SCHEMA_VERSION + 1}, this one knows"
        f" {SCHEMA_VERSION})"
    )
    assert error.hint == "upgrade pkgharvest"
    refusal(path, create=True)
    assert path.read_bytes() == before


def test_a_newer_schema_in_the_log_is_refused_and_not_checkpointed(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    killed = f"""
import os, pathlib
from pkgharvest.catalog import database, lookup
with database.open_writer(pathlib.Path({str(path)!r})) as connection:
    connection.execute("PRAGMA user_version = {SCHEMA_VERSION + 1}")
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", killed], check=True)
    log = tmp_path / "cat.db-wal"
    before = path.read_bytes(), log.read_bytes()
    assert before[1]
    assert "newer pkgharvest" in refusal(path).message
    assert (path.read_bytes(), log.read_bytes()) == before


def test_a_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    for create in (True, False):
        assert refusal(tmp_path, create=create).message == f"{tmp_path} is a directory"
        assert refusal(Path("/dev/null"), create=create).message == "/dev/null is not a file"


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no" / "where" / "cat.db"
    error = refusal(path, create=True)
    assert error.message == f"no directory {path.parent}"
    assert error.advice == Advice("choose_directory")
    assert refusal(path).message == f"no catalog at {path}"
    assert not path.parent.exists()


def test_a_path_through_a_file_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "cat.db", create=True).message.startswith("no directory")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300)).message


def test_a_damaged_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    content = bytearray(path.read_bytes())
    content[100:2000] = b"\xff" * 1900
    path.write_bytes(content)
    error = refusal(path)
    assert error.message == f"{path} is damaged: database disk image is malformed"
    assert error.advice == Advice("restore_backup")


# ── a disk without space for a -shm file ──


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """Limit files to 16 kB, so that SQLite cannot make its -shm file of 32 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_catalog_on_a_full_disk_can_be_read_and_not_written(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    before = path.read_bytes()
    with no_room():
        with database.open_reader(path) as conn:
            assert lookup.find_package(conn, "cat") == 1
        with pytest.raises(CatalogError) as refused, database.open_writer(path):
            pass
    assert refused.value.message == f"no space left for {path}"
    assert refused.value.hint == "nothing is lost; free some space and run again"
    assert path.read_bytes() == before
    with database.open_writer(path):
        pass


def test_an_older_schema_on_a_full_disk_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_catalog(tmp_path / "cat.db")

    def step(db: Database) -> None:
        db.execute("ALTER TABLE packages ADD COLUMN news TEXT")

    monkeypatch.setattr(database, "MIGRATIONS", [*MIGRATIONS, step])
    monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with no_room(), database.open_reader(path) as conn:
        assert tuple(conn.execute("SELECT slug, news FROM packages").fetchone()) == ("cat", None)
    with contextlib.closing(sqlite3.connect(path)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION


def test_a_full_disk_with_commits_in_the_log_is_refused(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    killed = f"""
import os, pathlib
from pkgharvest.catalog import database
with database.open_writer(pathlib.Path({str(path)!r})) as connection:
    connection.execute("UPDATE packages SET title = 'new'")
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", killed], check=True)
    (tmp_path / "cat.db-shm").unlink()
    with no_room():
        assert refusal(path).message == f"no space left for {path}"
    with database.open_reader(path) as conn:
        assert conn.execute("SELECT title FROM packages").fetchone()[0] == "new"
