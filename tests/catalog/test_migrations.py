"""Migrating older schemas."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pkgharvest.catalog import database, lookup, packages
from pkgharvest.catalog.columns import DOWNLOAD_COLUMNS, PACKAGE_COLUMNS, Column
from pkgharvest.catalog.migrations import MIGRATIONS, SCHEMA_VERSION, add_column_migrations
from pkgharvest.model.errors import CatalogError, FetchLocked
from tests.support.catalogs import downloads_result, make_catalog, make_first_catalog, open_catalog


@pytest.fixture
def newer_program(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that adds a migration."""

    def teach() -> None:
        def add_notes(db: object) -> None:
            db.execute("CREATE TABLE notes (text TEXT) STRICT")  # type: ignore[attr-defined]

        monkeypatch.setattr(database, "MIGRATIONS", [*MIGRATIONS, add_notes])
        monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    return teach


@pytest.mark.parametrize("to_write", [True, False])
def test_opening_migrates_an_older_schema(
    tmp_path: Path, newer_program: Callable[[], None], to_write: bool
) -> None:
    path = make_catalog(tmp_path / "cat.db")
    newer_program()
    with contextlib.ExitStack() as opened:
        if to_write:
            conn = opened.enter_context(database.open_writer(path))
        else:
            conn = opened.enter_context(database.open_reader(path))
        assert conn.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION + 1
        assert conn.execute("SELECT count(*) FROM notes").fetchone()[0] == 0
        assert lookup.find_package(conn, "cat") == 1


@pytest.mark.parametrize("to_write", [True, False])
def test_migrating_the_first_schema_loses_nothing(tmp_path: Path, to_write: bool) -> None:
    path = make_first_catalog(tmp_path / "cat.db")
    with contextlib.closing(sqlite3.connect(path)) as conn:
        tables = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        before = {name: rows_of(conn, name) for (name,) in tables}
    assert before.keys() > {"packages", "validators", "runs"}
    with contextlib.ExitStack() as opened:
        if to_write:
            conn = opened.enter_context(database.open_writer(path))
        else:
            conn = opened.enter_context(database.open_reader(path))
        assert conn.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        after = {name: rows_of(conn, name) for name in before}
        package = next(packages.read_packages(conn, [1], packages.ALL_PARTS))
    [row], [old] = after["packages"], before["packages"]
    old["pypi_source"] = old.pop("pypi_choice")
    old["pypi_lookup_note"] = old.pop("pypi_tried")
    added = {
        "user_fields": "[]",
        "extra": "{}",
        "participant_names": "ann",
        "commits": 3,
        "days_from": None,
        "days_until": None,
        "score": 6,  # of 7 stars, for no commit is known
        **{column.name: column.empty for column in PACKAGE_COLUMNS if column.since},
    }
    assert row == {**old, **dict.fromkeys(DOWNLOAD_COLUMNS), **added}
    assert package.downloads is None
    assert package.participants == ("ann",)
    del after["packages"], before["packages"]
    before["runs"] = [{**run, "partial": 0} for run in before["runs"]]
    assert after == before
    with open_catalog(path) as cat:
        cat.save(downloads_result())
        assert cat.package().downloads == downloads_result().downloads


def rows_of(conn: sqlite3.Connection, table: str) -> list[dict[str, object]]:
    cursor = conn.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def test_a_reader_of_an_older_schema_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be written is migrated as a copy in memory, which is read-only too."""
    path = make_first_catalog(tmp_path / "cat.db")
    before = path.read_bytes()

    def refused(*_: object, **__: object) -> None:
        cause = sqlite3.OperationalError("attempt to write a readonly database")
        cause.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise CatalogError(f"{path} is read-only") from cause

    monkeypatch.setattr(database, "open_writer", refused)
    with database.open_reader(path) as conn:
        assert lookup.find_package(conn, "cat") == 1
        assert next(packages.read_packages(conn, [1], packages.ALL_PARTS)).downloads is None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            conn.execute("UPDATE packages SET repo_watchers = 8")
    assert path.read_bytes() == before


def test_a_fetch_of_an_older_program_keeps_its_schema(tmp_path: Path) -> None:
    """Its next statement would not find the renamed columns. Readers read a migrated copy."""
    path = make_first_catalog(tmp_path / "cat.db")
    with database.fetch_lock(path):
        with database.open_reader(path) as conn:
            assert lookup.find_package(conn, "cat") == 1
        with pytest.raises(FetchLocked), database.open_writer(path):
            pass
        assert stored_version(path) == 1
    with database.open_reader(path) as conn:
        assert lookup.find_package(conn, "cat") == 1
    assert stored_version(path) == SCHEMA_VERSION


def stored_version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        return int(conn.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CORRUPT, None])
def test_other_errors_of_a_migration_are_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    path = make_first_catalog(tmp_path / "cat.db")

    def refused(*_: object, **__: object) -> None:
        if code is None:
            raise CatalogError("no")
        cause = sqlite3.OperationalError("no")
        cause.sqlite_errorcode = code
        raise CatalogError("no") from cause

    monkeypatch.setattr(database, "open_writer", refused)
    with pytest.raises(CatalogError, match="no"), database.open_reader(path):
        pass


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_catalog(tmp_path / "cat.db")

    def broken(db: object) -> None:
        db.execute("CREATE TABLE half (text TEXT)")  # type: ignore[attr-defined]
        db.execute("CREATE TABLE packages (text TEXT)")  # type: ignore[attr-defined]

    monkeypatch.setattr(database, "MIGRATIONS", [*MIGRATIONS, broken])
    monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(CatalogError, match="already exists"), database.open_reader(path):
        pass
    with pytest.raises(CatalogError, match="already exists"), database.open_writer(path):
        pass
    monkeypatch.undo()
    with database.open_reader(path) as conn:
        assert conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchone() is None


def test_a_migration_makes_every_project_be_read_again_for_its_license(tmp_path: Path) -> None:
    path = make_first_catalog(tmp_path / "cat.db")
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE packages SET pypi_serial = '5'")
    with database.open_reader(path) as conn:
        assert conn.execute("SELECT pypi_serial FROM packages").fetchone()[0] is None


def test_a_plain_new_column_of_the_registry_migrates_by_itself(tmp_path: Path) -> None:
    new = (
        Column("made_up_text", owner="repository", since=SCHEMA_VERSION + 1),
        Column("made_up_number", "integer", "repository", 0, since=SCHEMA_VERSION + 1),
        Column("made_up_list", "strings", "repository", "[]", since=SCHEMA_VERSION + 2),
    )
    migrations = list(MIGRATIONS)
    add_column_migrations(migrations, [*PACKAGE_COLUMNS, *new])
    assert len(migrations) == SCHEMA_VERSION + 2
    with database.open_writer(make_catalog(tmp_path / "cat.db")) as connection:
        for step in migrations[SCHEMA_VERSION:]:
            step(database.as_sqlite_utils(connection))
        row = connection.execute(
            "SELECT made_up_text, made_up_number, made_up_list FROM packages"
        ).fetchone()
    assert tuple(row) == (None, 0, "[]")
