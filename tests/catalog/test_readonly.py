"""Catalogs that cannot be written."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.catalogs import make_catalog, make_first_catalog, open_catalog

READER = """
import os, pathlib, sys
import filelock, sqlite_utils
import pkgharvest.catalog.package_update
from pkgharvest.catalog import database, lookup, packages
from pkgharvest.model.errors import CatalogError
if os.getuid() == 0:  # no permission restricts root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
path = pathlib.Path(sys.argv[1])
if not os.access(path.parent.parent, os.X_OK):
    sys.exit(77)
try:
    if sys.argv[2] == "read":
        with database.open_reader(path) as conn:
            ids = [lookup.find_package(conn, "cat")]
            print(next(packages.read_packages(conn, ids)).repo_watchers)
    else:
        with database.open_writer(path, create=True) as opened, database.transaction(opened):
            opened.execute("UPDATE packages SET title = 'x'")
except CatalogError as error:
    print(error.message.replace(str(path), "PATH"))
"""


@pytest.fixture
def locked_up() -> Iterator[Path]:
    """A directory that every user can read, and that a test may make read-only."""
    # Not pytest's own, which other users may not enter.
    with tempfile.TemporaryDirectory() as made:
        directory_path = Path(made)
        directory_path.chmod(0o755)
        yield directory_path
        directory_path.chmod(0o755)


def lock_up(directory_path: Path, *, directory: bool = True) -> None:
    for file in directory_path.iterdir():
        file.chmod(0o444)
    directory_path.chmod(0o555 if directory else 0o777)


def unprivileged(path: Path, what: str) -> str:
    """Return the output of a user without permission to write."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path), what], capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip("nobody else may enter the directory of temporary files")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("directory", [True, False], ids=["directory too", "file alone"])
def test_a_read_only_file_can_be_read_and_not_written(locked_up: Path, directory: bool) -> None:
    path = make_catalog(locked_up / "cat.db")
    lock_up(locked_up, directory=directory)
    assert unprivileged(path, "read") == "7"
    assert unprivileged(path, "write") == "PATH is read-only"


@pytest.mark.parametrize("directory", [True, False], ids=["directory too", "file alone"])
def test_a_read_only_file_of_an_older_schema_can_be_read(locked_up: Path, directory: bool) -> None:
    path = make_first_catalog(locked_up / "cat.db")
    before = path.read_bytes()
    lock_up(locked_up, directory=directory)
    assert unprivileged(path, "read") == "7"
    assert unprivileged(path, "write") == "PATH is read-only"
    assert path.read_bytes() == before


def test_no_catalog_can_be_made_in_a_read_only_directory(locked_up: Path) -> None:
    lock_up(locked_up)
    assert unprivileged(locked_up / "new.db", "write") == "PATH cannot be opened"


def test_an_unreadable_file_is_an_error(locked_up: Path) -> None:
    path = make_catalog(locked_up / "cat.db")
    path.chmod(0)
    assert unprivileged(path, "read") == "PATH cannot be opened"
    locked_up.chmod(0)
    assert unprivileged(path, "read") == "PATH cannot be opened: Permission denied"


def test_a_read_only_catalog_can_be_read_during_another_users_fetch(locked_up: Path) -> None:
    path = make_catalog(locked_up / "cat.db")
    with open_catalog(path) as cat:
        cat.connection.execute("UPDATE packages SET repo_watchers = 8")
        lock_up(locked_up)
        assert unprivileged(path, "read") == "8"


@pytest.mark.parametrize("shared_memory", [True, False])
def test_commits_in_the_log_of_a_read_only_file_are_read_or_an_error(
    locked_up: Path, tmp_path: Path, shared_memory: bool
) -> None:
    """A killed process leaves both files; a copy of the catalog may lack the -shm file."""
    original = make_catalog(tmp_path / "original.db")
    path = locked_up / "cat.db"
    with open_catalog(original) as cat:
        cat.connection.execute("UPDATE packages SET repo_watchers = 8")
        for suffix in ("", "-wal", "-shm") if shared_memory else ("", "-wal"):
            content = original.with_name(original.name + suffix).read_bytes()
            path.with_name(path.name + suffix).write_bytes(content)
    lock_up(locked_up)
    seen = unprivileged(path, "read")
    if shared_memory:
        assert seen == "8"
    else:
        assert seen == "PATH cannot be read: what is in its log must be written into it first"
