"""Transactions: full disks, other writers and killed processes."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import database, packages
from pkgharvest.model.errors import CatalogBusy, CatalogError
from tests.support.catalogs import NOW, activity, make_catalog, open_catalog, repository_result


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    with database.open_reader(path) as conn:
        before = next(packages.read_packages(conn, [1]))

    def fill() -> None:
        with open_catalog(path) as cat:
            pages = cat.connection.execute("PRAGMA page_count").fetchone()[0]
            cat.connection.execute(f"PRAGMA max_page_count = {pages}")
            days = {NOW.date().replace(year=year): 1 for year in range(1000, 2026)}
            cat.save(repository_result(activity=activity(days), contributors=()))

    with pytest.raises(CatalogError) as refused:
        fill()
    assert refused.value.message == f"no space left for {path}"
    assert refused.value.hint == "nothing is lost; free some space and run again"
    with open_catalog(path) as cat:
        assert next(packages.read_packages(cat.connection, [1])) == before
        assert cat.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        cat.save(repository_result(contributors=()))


HOLDER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("BEGIN IMMEDIATE")
conn.execute("UPDATE packages SET title = 'held'")
print("held", flush=True)
sys.stdin.readline()
conn.execute("COMMIT")
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A catalog that another process is writing to, until it is told to stop."""
    path = make_catalog(tmp_path / "cat.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def let_go() -> None:
            assert holder.stdin is not None
            holder.stdin.write("\n")
            holder.stdin.flush()

        yield path, let_go
        holder.kill()


def test_a_writer_waits_for_another_and_then_is_busy(
    held: tuple[Path, Callable[[], None]],
) -> None:
    path, let_go = held
    with (
        pytest.raises(CatalogError) as refused,
        database.open_writer(path, busy_seconds=0.05) as connection,
        database.transaction(connection),
    ):
        pass
    assert refused.value.message == f"{path} is in use by another program"
    assert isinstance(refused.value, CatalogBusy)
    with database.open_writer(path, busy_seconds=20) as connection:
        let_go()
        with database.transaction(connection):
            assert connection.execute("SELECT title FROM packages").fetchone()[0] == "held"


def test_a_transaction_that_cannot_begin_is_busy_and_can_be_retried(
    held: tuple[Path, Callable[[], None]],
) -> None:
    path, let_go = held
    begun = []

    def attempt(connection: sqlite3.Connection) -> None:
        with database.transaction(connection):
            begun.append(1)

    with database.open_writer(path) as connection:
        database.set_busy_timeout(connection, 0.01)
        for _ in range(2):
            with pytest.raises(CatalogBusy):
                attempt(connection)
        assert not begun
        let_go()
        database.set_busy_timeout(connection, 20)
        attempt(connection)
    assert begun


def test_an_error_of_the_same_connection_is_not_called_busy(tmp_path: Path) -> None:
    """An open cursor of the same connection locks a table (SQLITE_LOCKED); waiting is no use."""
    with open_catalog(make_catalog(tmp_path / "cat.db")) as cat:
        cat.add("octo/dog")

        def drop() -> None:
            with database.transaction(cat.connection):
                rows = cat.connection.execute("SELECT * FROM packages")
                next(rows)
                cat.connection.execute("DROP TABLE grids")

        with pytest.raises(sqlite3.OperationalError) as refused:
            drop()
        assert refused.value.sqlite_errorcode == sqlite3.SQLITE_LOCKED
        assert not cat.connection.in_transaction


def test_a_reader_is_not_blocked_by_a_writer(held: tuple[Path, Callable[[], None]]) -> None:
    path, _ = held
    with database.open_reader(path) as conn:
        assert next(packages.read_packages(conn, [1])).title == "cat"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_is_all_or_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with open_catalog(make_catalog(tmp_path / "cat.db")) as cat:

        def give_up() -> None:
            with database.transaction(cat.connection):
                cat.connection.execute("UPDATE packages SET title = 'half'")
                raise error

        with pytest.raises(error):
            give_up()
        assert not cat.connection.in_transaction
        assert cat.package().title == "cat"
        with database.transaction(cat.connection):
            cat.connection.execute("UPDATE packages SET title = 'whole'")
    with database.open_reader(tmp_path / "cat.db") as conn:
        assert next(packages.read_packages(conn, [1])).title == "whole"


def test_a_wrong_call_of_sqlite3_is_not_an_error_of_the_catalog(tmp_path: Path) -> None:
    with (
        pytest.raises(sqlite3.ProgrammingError),
        open_catalog(make_catalog(tmp_path / "cat.db")) as cat,
    ):
        cat.connection.execute("SELECT ?", ())


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    with pytest.raises(CatalogError) as refused, database.open_reader(path) as conn:
        conn.execute("DELETE FROM packages")
    assert refused.value.message == f"{path} is read-only"


KILLED = """
import os, pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.support.catalogs import open_catalog, repository_facts, repository_result
with open_catalog(pathlib.Path(sys.argv[1])) as cat:
    for stars in range(10_000):
        cat.save(repository_result(repository=repository_facts(stars=stars)))
        print(stars, flush=True)
"""


@pytest.mark.slow
def test_committed_data_survives_a_kill(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    for saves in (1, 5, 12):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parents[2])],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(saves)]
            writer.kill()
            said += [int(line) for line in writer.stdout if line.endswith("\n")]
        with database.open_reader(path) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            # The last save may be whole and not said yet.
            assert next(packages.read_packages(conn, [1])).repo_watchers in {said[-1], said[-1] + 1}
            assert next(packages.read_packages(conn, [1])).participants == ("ann", "bob")


CHANGER = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.support.catalogs import open_catalog, repository_facts, repository_result
from pkgharvest.model.observations import Contributor
with open_catalog(pathlib.Path(sys.argv[1])) as cat:
    for stars in range(1_000_000):
        people = (Contributor(name=str(stars), commits=1),)
        cat.save(repository_result(repository=repository_facts(stars=stars), contributors=people))
        if stars == 0:
            print("at it", flush=True)
"""


@pytest.mark.slow
def test_a_record_is_complete_while_a_fetch_writes(tmp_path: Path) -> None:
    path = make_catalog(tmp_path / "cat.db")
    with subprocess.Popen(
        [sys.executable, "-c", CHANGER, str(path), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "at it\n"
        with database.open_reader(path) as conn:
            seen = [next(packages.read_packages(conn, [1], packages.ALL_PARTS)) for _ in range(300)]
        assert writer.poll() is None
        writer.kill()
    assert len({package.repo_watchers for package in seen}) > 1
    assert all(package.participants == (str(package.repo_watchers),) for package in seen)
