"""Categories and grids: reading, adding, changing and removing them."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import collections, database, lookup
from pkgharvest.catalog.database import CollectionTable
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.errors import Advice, GridLocked, InvalidValue, UnknownCategory, UnknownGrid
from tests.support.catalogs import DAY, NOW, OpenCatalog, open_catalog

LATER = NOW + DAY


@pytest.fixture
def cat(tmp_path: Path) -> Iterator[OpenCatalog]:
    with open_catalog(tmp_path / "c.db") as opened:
        opened.add("octo/cat")
        opened.add("octo/ant", title="Ant")
        opened.add("octo/bee")
        yield opened


def made(cat: OpenCatalog, kind: CollectionTable, slug: str, **values: object) -> int:
    with database.transaction(cat.connection):
        assert collections.add_collection(cat.connection, kind, slug, slug, values, NOW)
    return lookup.find_collection(cat.connection, kind, slug)


def modified(cat: OpenCatalog) -> list[dt.datetime]:
    return [cat.package(number).modified for number in (1, 2, 3)]


def test_a_category_is_read_with_all_fields(cat: OpenCatalog) -> None:
    number = made(cat, "categories", "apps", title="Apps", description="Things")
    cat.connection.execute("UPDATE packages SET category_id = ? WHERE id > 1", (number,))
    assert collections.get_category(cat.connection, "apps") == Category(
        id=1,
        title="Apps",
        slug="apps",
        description="Things",
        title_plural="",
        show_pypi=True,
        created=NOW,
        modified=NOW,
        size=2,
    )
    assert collections.member_slugs(cat.connection, "categories", number) == ["ant", "bee"]


def test_a_grid_is_read_with_all_fields(cat: OpenCatalog) -> None:
    number = made(cat, "grids", "zoo", header=1)
    assert collections.change_grid_members(cat.connection, number, [1, 3, 2, 1], [], LATER) == (
        [1, 3, 2],
        [],
    )
    assert collections.get_grid(cat.connection, "zoo") == Grid(
        id=1,
        title="zoo",
        slug="zoo",
        description="",
        is_locked=False,
        package_ids=(2, 3, 1),  # by title
        header=True,
        created=NOW,
        modified=LATER,
    )
    assert collections.member_slugs(cat.connection, "grids", number) == ["ant", "bee", "cat"]


def test_collections_are_sorted_by_title(cat: OpenCatalog) -> None:
    for slug, title in (("b", "beta"), ("a", "Gamma"), ("c", "Alpha")):
        made(cat, "categories", slug, title=title)
        made(cat, "grids", slug, title=title)
    assert [category.slug for category in collections.list_categories(cat.connection)] == [
        "c",
        "b",
        "a",
    ]
    assert [grid.slug for grid in collections.list_grids(cat.connection)] == ["c", "b", "a"]


def test_a_collection_is_found_by_slug_before_id(cat: OpenCatalog) -> None:
    for slug in ("a", "b"):
        made(cat, "grids", slug)
    cat.connection.execute("UPDATE grids SET slug = '1' WHERE id = 2")  # as an import may bring it
    assert collections.get_grid(cat.connection, "1").id == 2
    assert collections.get_grid(cat.connection, "a").id == 1
    assert lookup.find_collection(cat.connection, "grids", "1") == 2


@pytest.mark.parametrize("name", ["2", "app", "0", "9" * 30, "APPS"])
def test_an_unknown_collection_suggests_similar_slugs(cat: OpenCatalog, name: str) -> None:
    made(cat, "categories", "apps")
    made(cat, "grids", "apps")
    with pytest.raises(UnknownCategory) as category:
        collections.get_category(cat.connection, name)
    with pytest.raises(UnknownGrid) as grid:
        collections.get_grid(cat.connection, name)
    near = "did you mean apps?" if name in {"app", "APPS"} else None
    assert category.value.hint == grid.value.hint == near
    assert category.value.advice == (None if near else Advice("list_categories"))
    assert grid.value.advice == (None if near else Advice("list_grids"))


def test_adding_an_existing_collection_changes_nothing(cat: OpenCatalog) -> None:
    made(cat, "grids", "zoo", description="Animals")
    with database.transaction(cat.connection):
        assert not collections.add_collection(
            cat.connection, "grids", "zoo", "zoo", {"title": "Other"}, LATER
        )
    stored = collections.get_grid(cat.connection, "zoo")
    assert (stored.title, stored.description, stored.modified) == ("zoo", "Animals", NOW)


@pytest.mark.parametrize("slug", ["", "7", "-a", "A", "a b", "é"])
def test_an_invalid_slug_of_a_collection_is_refused(cat: OpenCatalog, slug: str) -> None:
    number = made(cat, "categories", "apps")
    with pytest.raises(InvalidValue, match="not a slug"):
        collections.add_collection(cat.connection, "categories", slug, "x", {}, NOW)
    with pytest.raises(InvalidValue, match="not a slug"):
        collections.change_collection(cat.connection, "categories", number, {"slug": slug}, NOW)


def test_changing_a_collection_leaves_other_columns(cat: OpenCatalog) -> None:
    number = made(cat, "categories", "apps", title="Apps", description="Things")
    assert collections.change_collection(
        cat.connection, "categories", number, {"slug": "a", "show_pypi": 0}, LATER
    )
    stored = collections.get_category(cat.connection, "a")
    assert (stored.title, stored.description, stored.show_pypi) == ("Apps", "Things", False)
    assert (stored.created, stored.modified) == (NOW, LATER)


def test_setting_equal_values_does_not_modify_a_collection(cat: OpenCatalog) -> None:
    number = made(cat, "grids", "zoo", title="Zoo")
    assert not collections.change_collection(
        cat.connection, "grids", number, {"slug": "zoo", "title": "Zoo", "is_locked": 0}, LATER
    )
    assert not collections.change_collection(cat.connection, "grids", number, {}, LATER)
    assert collections.get_grid(cat.connection, "zoo").modified == NOW


def test_a_taken_slug_of_a_collection_is_refused(cat: OpenCatalog) -> None:
    number = made(cat, "grids", "zoo")
    made(cat, "grids", "ark")
    with pytest.raises(InvalidValue, match="slug: 'ark' is taken"):
        collections.change_collection(cat.connection, "grids", number, {"slug": "ark"}, LATER)


def test_packages_are_added_to_and_removed_from_a_grid(cat: OpenCatalog) -> None:
    number = made(cat, "grids", "zoo")
    collections.change_grid_members(cat.connection, number, [1, 2], [], NOW)
    assert collections.change_grid_members(cat.connection, number, [2, 3], [1, 1], LATER) == (
        [3],
        [1],
    )
    assert collections.get_grid(cat.connection, "zoo").package_ids == (2, 3)
    assert modified(cat) == [LATER, NOW, LATER]
    assert collections.change_grid_members(cat.connection, number, [2, 3], [1], LATER + DAY) == (
        [],
        [],
    )
    assert collections.get_grid(cat.connection, "zoo").modified == LATER


def test_a_package_keeps_its_grids_in_the_order_of_adding(cat: OpenCatalog) -> None:
    first, second, third = (made(cat, "grids", slug) for slug in "abc")
    for number in (third, first):
        collections.change_grid_members(cat.connection, number, [1], [], NOW)
    collections.change_grid_members(cat.connection, third, [], [1], NOW)
    for number in (second, third):
        collections.change_grid_members(cat.connection, number, [1], [], NOW)
    assert cat.package().grid_ids == (first, second, third)


def test_the_members_of_a_locked_grid_do_not_change(cat: OpenCatalog) -> None:
    number = made(cat, "grids", "zoo")
    collections.change_grid_members(cat.connection, number, [1], [], NOW)
    collections.change_collection(cat.connection, "grids", number, {"is_locked": 1}, NOW)
    for wanted, unwanted in (([2], []), ([], [1])):
        with pytest.raises(GridLocked, match="the grid zoo is locked") as error:
            collections.change_grid_members(cat.connection, number, wanted, unwanted, LATER)
        assert error.value.advice == Advice("unlock_grid", "zoo")
    assert collections.change_grid_members(cat.connection, number, [1], [2], LATER) == (
        [],
        [],
    )  # nothing would change
    assert collections.get_grid(cat.connection, "zoo").package_ids == (1,)
    with pytest.raises(GridLocked):
        lookup.open_grid_id(cat.connection, "zoo")
    collections.change_collection(cat.connection, "grids", number, {"is_locked": 0}, NOW)
    assert lookup.open_grid_id(cat.connection, "zoo") == number


@pytest.mark.parametrize("kind", ["categories", "grids"])
def test_removing_a_collection_keeps_its_packages(cat: OpenCatalog, kind: CollectionTable) -> None:
    number, other = made(cat, kind, "x"), made(cat, kind, "y")
    if kind == "grids":
        collections.change_grid_members(cat.connection, number, [1, 3], [], NOW)
        collections.change_grid_members(cat.connection, other, [3], [], NOW)
    else:
        cat.connection.execute("UPDATE packages SET category_id = ? WHERE id <> 2", (number,))
    with database.transaction(cat.connection):
        collections.remove_collection(cat.connection, kind, number, LATER)
    assert [cat.package(number).category_id for number in (1, 2, 3)] == [None] * 3
    assert cat.package(3).grid_ids == ((other,) if kind == "grids" else ())
    assert modified(cat) == [LATER, NOW, LATER]
    assert cat.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises((UnknownCategory, UnknownGrid)):
        lookup.find_collection(cat.connection, kind, "x")
    assert made(cat, kind, "z") == other + 1  # an id is not used again


def test_queries_for_members_use_an_index(cat: OpenCatalog) -> None:
    """Finding a grid and its packages scans no table."""
    made(cat, "grids", "zoo")
    asked: list[str] = []
    cat.connection.set_trace_callback(asked.append)
    collections.get_grid(cat.connection, "zoo")
    collections.member_slugs(cat.connection, "grids", 1)
    collections.member_slugs(cat.connection, "categories", 1)
    cat.connection.set_trace_callback(None)
    assert len(asked) >= 5
    for query in asked:
        for row in _plan(cat.connection, query):
            assert not row.startswith("SCAN"), query


def _plan(conn: sqlite3.Connection, query: str) -> list[str]:
    return [str(row[3]) for row in conn.execute(f"EXPLAIN QUERY PLAN {query}")]
