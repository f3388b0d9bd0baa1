"""Checking, copying and compacting the file."""

import contextlib
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import database, edits, lookup, maintenance, packages
from pkgharvest.model.errors import CatalogError
from pkgharvest.model.package import STATUSES
from tests.support.catalogs import NOW, activity, open_catalog, project_result, repository_result


@pytest.fixture
def path(path: Path) -> Path:
    """A catalog with octo/cat, fetched once."""
    with open_catalog(path) as cat:
        cat.add()
        cat.save(repository_result())
        cat.save(project_result())
    return path


def check(path: Path) -> maintenance.CheckResult:
    with database.open_reader(path) as conn:
        return maintenance.check_catalog(conn, path)


# ── check ──


def test_an_intact_catalog_passes_the_check(path: Path) -> None:
    found = check(path)
    assert found.problems == ()
    assert found.rows == {
        "packages": 1,
        "categories": 0,
        "grids": 0,
        "versions": 2,
        "participants": 2,
        "commit_days": 2,
        "snapshots": 0,
        "validators": 3,
        "runs": 1,
    }
    assert found.size >= path.stat().st_size


def test_every_status_passes_the_check(path: Path) -> None:
    with database.open_writer(path) as connection:
        for status in STATUSES:
            connection.execute("UPDATE packages SET status = ?", (status,))
            assert maintenance.check_catalog(connection, path).problems == ()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("commits_over_52 = '[1, 2]'", "cat: commits_over_52 is not 52 counts"),
        (
            f"commits_over_52 = '{[-1] * 52}'",
            "cat: commits_over_52 is not 52 counts",
        ),
        (
            f"commits_over_52 = '{[0.5] * 52}'",
            "cat: commits_over_52 is not 52 counts",
        ),
        ("commits_over_52 = '[1,'", "cat: commits_over_52 is not a list"),
        ("topics = '{}'", "cat: topics is not a list"),
        ("pypi_classifiers = ''", "cat: pypi_classifiers is not a list"),
        ("status = 'asleep'", "cat: unknown status"),
        ("modified = 'yesterday'", "cat: modified is not an instant"),
        ("last_fetched = '2026-02-15'", "cat: last_fetched is not an instant"),
    ],
)
def test_the_check_reports_invalid_values(path: Path, damage: str, problem: str) -> None:
    with database.open_writer(path) as connection:
        connection.execute(f"UPDATE packages SET {damage}")
    assert check(path).problems[0] == problem


def test_the_check_reports_rows_without_a_package(path: Path) -> None:
    with database.open_writer(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM packages")
    tables = {problem.partition(":")[0] for problem in check(path).problems}
    assert tables == {"versions", "participants", "commit_days", "fetches", "validators"}


def test_the_check_reports_wrong_types(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE packages SET repo_watchers = 'many'")
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute(
            "UPDATE sqlite_schema SET sql = rtrim(sql) || ' STRICT' WHERE name = 'packages'"
        )
    assert any("repo_watchers" in problem for problem in check(path).problems)


@pytest.mark.parametrize("fill", [b"\xff", b"\x00"])
def test_the_check_reports_any_damaged_page(path: Path, fill: bytes) -> None:
    size = 4096
    for page in range(1, path.stat().st_size // size):
        broken = path.with_name(f"{page}.db")
        content = bytearray(path.read_bytes())
        if not any(content[page * size : (page + 1) * size]):
            continue
        content[page * size : (page + 1) * size] = fill * size
        broken.write_bytes(content)
        try:
            problems = check(broken).problems
        except CatalogError as error:
            problems = (error.message,)
        assert problems, page
        assert not any("\n" in problem for problem in problems)


# ── backup ──


def record(path: Path) -> object:
    with database.open_reader(path) as conn:
        return next(
            packages.read_packages(conn, [lookup.find_package(conn, "cat")], packages.ALL_PARTS)
        )


def test_a_backup_is_one_complete_file(path: Path, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    copy = aside / "copy.db"
    assert maintenance.backup(path, copy) == copy.stat().st_size
    assert list(aside.iterdir()) == [copy]
    assert record(copy) == record(path)
    assert check(copy).problems == ()
    with contextlib.closing(sqlite3.connect(copy)) as conn:
        assert conn.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


def test_a_backup_can_be_used_as_a_catalog(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    maintenance.backup(path, copy)
    with open_catalog(copy) as cat:
        assert cat.add("octo/dog") == 2
    assert record(copy) == record(path)


@pytest.mark.parametrize("name", ["other.db", "cat.db", ""])
def test_a_backup_overwrites_no_file(path: Path, tmp_path: Path, name: str) -> None:
    existing = tmp_path / name
    (tmp_path / "other.db").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CatalogError, match="already exists"):
        maintenance.backup(path, existing)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "other.db").read_text() == "mine"
    assert record(path)


def test_a_backup_into_a_missing_directory_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no directory"):
        maintenance.backup(path, tmp_path / "no" / "copy.db")
    with pytest.raises(CatalogError, match="cannot be written"):
        maintenance.backup(path, tmp_path / ("x" * 300))
    with pytest.raises(CatalogError, match="no catalog at"):
        maintenance.backup(tmp_path / "none.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


@pytest.fixture
def no_room() -> Iterator[None]:
    """Limit files of this process to 8 kB, which acts like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_backup_on_a_full_disk_leaves_no_partial_file(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    with database.open_reader(path):  # its side files are there already
        request.getfixturevalue("no_room")
        with pytest.raises(CatalogError) as refused:
            maintenance.backup(path, aside / "copy.db")
    assert refused.value.message.startswith(f"{aside / 'copy.db'} cannot be written: ")
    assert list(aside.iterdir()) == []


WRITER = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.support.catalogs import open_catalog, repository_facts, repository_result
with open_catalog(pathlib.Path(sys.argv[1])) as cat:
    for stars in range(100_000):
        # The two are changed together, so that a copy between them would show.
        described = repository_facts(stars=stars, description=str(stars))
        cat.save(repository_result(repository=described))
        print(stars, flush=True)
"""


def test_a_backup_during_writes_is_of_one_moment(path: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        seen = []
        for number in range(5):
            said = int(writer.stdout.readline())
            copy = tmp_path / f"copy{number}.db"
            maintenance.backup(path, copy)
            assert check(copy).problems == ()
            with database.open_reader(copy) as conn:
                package = next(packages.read_packages(conn, [1]))
            assert package.repo_description == str(package.repo_watchers)
            assert package.repo_watchers >= said
            seen.append(package.repo_watchers)
        assert writer.poll() is None  # it was at it all the time
        writer.kill()
    assert seen == sorted(seen)


# ── vacuum ──


def test_a_vacuum_frees_the_space_of_removed_packages(path: Path) -> None:
    days = {NOW.date().replace(year=year): 1 for year in range(1000, 2026)}
    with open_catalog(path) as cat:
        for number in range(20):
            package_id = cat.add(f"octo/dog{number}")
            result = repository_result(repository=None, activity=activity(days), validators=())
            cat.save(result, package_id=package_id)
        before = record(path)
        full = maintenance.file_size(path)
        for package_id in range(2, 22):
            edits.remove_package(cat.connection, package_id)
        maintenance.vacuum_catalog(cat.connection)
        assert maintenance.file_size(path) < full / 3
    assert record(path) == before
    assert check(path).problems == ()


def test_a_vacuum_during_a_fetch_is_busy(path: Path) -> None:
    with (
        open_catalog(path) as other,
        database.transaction(other.connection),
        pytest.raises(CatalogError, match="is in use by another program"),
        database.open_writer(path, busy_seconds=0.05) as connection,
    ):
        maintenance.vacuum_catalog(connection)


def test_the_file_size_includes_the_log(path: Path) -> None:
    settled = maintenance.file_size(path)
    with open_catalog(path) as cat:
        for number in range(50):
            cat.add(f"octo/dog{number}")
        assert maintenance.file_size(path) > settled
        assert maintenance.file_size(path) > path.stat().st_size
