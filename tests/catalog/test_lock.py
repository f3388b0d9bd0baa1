"""The fetch lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from pkgharvest.catalog.database import fetch_lock
from pkgharvest.model.errors import CatalogError, FetchLocked

HOLDER = """
import pathlib, sys
from pkgharvest.catalog.database import fetch_lock
with fetch_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def held(path: Path) -> bool:
    try:
        with fetch_lock(path):
            return False
    except FetchLocked:
        return True


def test_the_fetch_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "cat.db"
    with fetch_lock(path):
        with pytest.raises(FetchLocked) as refused, fetch_lock(path):
            pass
        assert refused.value.message == f"another fetch is at work on {path}"
        assert not held(tmp_path / "dog.db")
    assert not held(path)


def test_an_exception_releases_the_fetch_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), fetch_lock(tmp_path / "cat.db"):
        raise ValueError("x")
    assert not held(tmp_path / "cat.db")


def test_a_link_to_a_catalog_has_the_same_fetch_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cat.db"
    path.touch()
    (tmp_path / "link.db").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    with fetch_lock(path):
        assert held(tmp_path / "link.db")
        assert held(Path("cat.db"))


def test_the_fetch_lock_is_released_when_its_process_dies(tmp_path: Path) -> None:
    path = tmp_path / "cat.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert held(path)
        holder.kill()
        holder.wait()
        assert not held(path)


def test_a_fetch_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cat.db"
    path.with_name("cat.db-lock").mkdir()
    with pytest.raises(CatalogError, match=r"cat\.db cannot be locked: .+"), fetch_lock(path):
        pass
