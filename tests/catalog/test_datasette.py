"""Catalogs in Datasette, without plugins and metadata."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.catalogs import make_catalog, open_catalog

datasette = pytest.importorskip("datasette.app", reason="datasette is not installed")

TABLES = {
    *("packages", "categories", "grids", "grid_packages", "versions", "participants"),
    *("commit_days", "snapshots", "fetches", "runs", "validators"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = make_catalog(tmp_path / "catalog.db")
    with open_catalog(path) as cat:
        cat.add("octo/dog", title="A dog")
        cat.connection.executescript(
            """
            INSERT INTO categories (title, slug, created, modified) VALUES ('Apps', 'apps', '', '');
            INSERT INTO grids (title, slug, created, modified) VALUES ('Pets', 'pets', '', '');
            INSERT INTO grid_packages VALUES (1, 1, 0), (2, 1, 0);
            UPDATE packages SET category_id = 1;
            UPDATE packages SET status = 'gone' WHERE slug = 'dog';
            """
        )
    return path


def asked(path: Path, *urls: str) -> list[Any]:
    """Return Datasette's responses as JSON."""

    async def ask() -> list[Any]:
        served = datasette.Datasette([str(path)])
        await served.invoke_startup()
        answers = [await served.client.get(url) for url in urls]
        for answer in answers:
            assert answer.status_code == 200, answer.text
        return [answer.json() for answer in answers]

    return asyncio.run(ask())


def test_datasette_shows_the_tables(path: Path) -> None:
    [database] = asked(path, "/catalog.json")
    tables = {table["name"]: table for table in database["tables"]}
    assert {name for name, table in tables.items() if not table["hidden"]} >= TABLES
    assert all(table["hidden"] for name, table in tables.items() if "_fts" in name)
    assert tables["packages"]["fts_table"] == "packages_fts"
    assert tables["packages"]["count"] == 2


def test_datasette_labels_foreign_keys(path: Path) -> None:
    packages, members, participants = asked(
        path,
        "/catalog/packages.json?_labels=on&_shape=array&slug=cat",
        "/catalog/grid_packages.json?_labels=on&_shape=array&_sort=package_id",
        "/catalog/participants.json?_labels=on&_shape=array&_size=1",
    )
    assert packages[0]["category_id"] == {"value": 1, "label": "Apps"}
    assert members[0]["grid_id"] == {"value": 1, "label": "Pets"}
    assert [row["package_id"]["label"] for row in members] == ["cat", "A dog"]
    assert participants[0]["package_id"]["label"] == "cat"


def test_datasette_searches_packages(path: Path) -> None:
    pages = asked(
        path,
        *(f"/catalog/packages.json?_shape=array&_search={word}" for word in ("cats", "dog", "x")),
    )
    assert [[row["slug"] for row in page] for page in pages] == [["cat"], ["dog"], []]


def test_datasette_suggests_facets(path: Path) -> None:
    [page] = asked(
        path, "/catalog/packages.json?_facet=status&_facet=category_id&_facet_array=topics"
    )
    found = {
        name: {(value["label"], value["count"]) for value in facet["results"]}
        for name, facet in page["facet_results"].items()
    }
    assert found["status"] == {("active", 1), ("gone", 1)}
    assert found["category_id"] == {("Apps", 2)}
    assert found["topics"] == {("cats", 1)}
