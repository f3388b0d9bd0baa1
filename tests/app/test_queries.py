"""The app's reads are lazy and of one moment; its writes check what any caller gives."""

import datetime as dt
from pathlib import Path

import pytest

from pkgharvest.app import collections, history, packages, queries
from pkgharvest.app.collections import CollectionChanges
from pkgharvest.app.packages import PackageChanges
from pkgharvest.model.errors import GridLocked, InvalidValue, UnknownGrid, UnknownPackage

NOW = dt.datetime(2026, 2, 15, tzinfo=dt.UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "packages.db"
    packages.add_packages(path, ["octo/ant", "octo/bee", "octo/cat"], NOW)
    return path


def test_a_list_does_not_see_what_is_written_while_it_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgharvest.catalog.packages._CHUNK_SIZE", 1)
    with queries.list_packages(path) as found:
        first = next(found)
        packages.add_packages(path, ["octo/dog"], NOW)
        packages.remove_packages(path, queries.find_packages(path, ["bee"]))
        assert [first.slug, *(package.slug for package in found)] == ["ant", "bee", "cat"]
    with queries.list_packages(path) as found:
        assert [package.slug for package in found] == ["ant", "cat", "dog"]


def test_a_list_of_an_unknown_grid_is_an_error_before_anything_is_read(path: Path) -> None:
    with (
        pytest.raises(UnknownGrid),
        queries.list_packages(path, queries.PackageFilter(grid="trees")),
    ):
        pass


def test_packages_are_found_once_by_any_of_their_names(path: Path) -> None:
    assert queries.find_packages(path, ["cat", "octo/ant", "github.com/octo/cat"]) == {
        3: "cat",
        1: "ant",
    }
    with pytest.raises(UnknownPackage):
        queries.find_packages(path, ["cat", "zebra"])


def test_no_package_is_added_to_a_locked_grid(path: Path) -> None:
    collections.add_collection(path, "grids", "trees", {"is_locked": 1}, NOW)
    for repository in ("octo/dog", "octo/cat"):
        with pytest.raises(GridLocked):
            packages.add_packages(path, [repository], NOW, grids=("trees",))
    assert queries.find_packages(path, ["ant", "bee", "cat"]).keys() == {1, 2, 3}
    with pytest.raises(UnknownPackage):
        queries.find_packages(path, ["dog"])


def test_a_grid_is_unlocked_and_changed_in_one_edit(path: Path) -> None:
    collections.add_collection(path, "grids", "trees", {"is_locked": 1}, NOW)
    changes = CollectionChanges({"is_locked": 0}, add=("cat", "1"))
    assert collections.edit_collection(path, "grids", "trees", changes, NOW).outcome == "changed"
    assert collections.edit_collection(path, "grids", "trees", changes, NOW).outcome == "unchanged"
    assert collections.find_members(path, "grids", "trees").packages == ["ant", "cat"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (PackageChanges(title=" "), "title"),
        (PackageChanges(pypi_source="set", pypi_name="no name"), "pypi_name"),
        (PackageChanges(documentation_url="nowhere"), "documentation_url"),
        (PackageChanges(title="A", reset=frozenset({"title"})), "title"),
        (PackageChanges(grids=("a",), not_grids=("a",)), "grids"),
        (PackageChanges(slug="No Slug"), "slug"),
        (PackageChanges(slug="bee"), "slug"),
    ],
)
def test_an_edit_that_cannot_be_names_the_field(
    path: Path, changes: PackageChanges, field: str
) -> None:
    with pytest.raises(InvalidValue) as error:
        packages.edit_package(path, "cat", changes, NOW)
    assert error.value.field == field


def test_a_package_without_snapshots_has_an_empty_history(path: Path) -> None:
    assert history.read_history(path, "octo/cat") == ("cat", [], 0)
    assert history.read_weekly_commits(path, "cat", 5) == ("cat", [])
