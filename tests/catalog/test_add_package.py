"""Packages come in, are found, and go."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import edits, lookup
from pkgharvest.model.errors import InvalidValue, UnknownCategory, UnknownGrid, UnknownPackage
from pkgharvest.model.locators import parse_locator
from tests.support.catalogs import NOW, OpenCatalog, open_catalog, project_result, repository_result


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[OpenCatalog]:
    """An empty catalogue."""
    with open_catalog(tmp_path / "cat.db") as open_shelf:
        yield open_shelf


def add(catalogue: OpenCatalog, text: str, **wishes: object) -> tuple[str, bool]:
    new = edits.NewPackage(locator=parse_locator(text), **wishes)  # type: ignore[arg-type]
    return edits.add_package(catalogue.connection, new, NOW)


def put_up(conn: sqlite3.Connection, table: str, *slugs: str) -> None:
    conn.executemany(
        f"INSERT INTO {table} (title, slug, created, modified) VALUES ('', ?, '', '')",
        [(slug,) for slug in slugs],
    )


# ── add ──


def test_a_new_package_says_what_was_asked_for(catalogue: OpenCatalog) -> None:
    put_up(catalogue.connection, "categories", "apps", "tools")
    put_up(catalogue.connection, "grids", "cats", "dogs", "all")
    wishes = {
        "title": "My Cat",
        "slug": "tom",
        "category": "tools",
        "grids": ("all", "cats", "all"),
        "documentation_url": "https://cat.example",
        "pypi_source": "set",
        "pypi_name": "The_Cat",
    }
    assert add(catalogue, "octo/Cat.git", **wishes) == ("tom", True)
    package = catalogue.package()
    assert (package.title, package.slug, package.category_id) == ("My Cat", "tom", 2)
    assert package.grid_ids == (3, 1)
    assert package.repo_url == "https://github.com/octo/Cat"
    assert (package.repo_host, package.pypi_name) == ("github.com", "The_Cat")
    assert package.documentation_url == "https://cat.example"
    assert package.created == package.modified == NOW
    assert (package.last_fetched, package.last_updated) == (None, None)
    assert (package.commits_over_52, package.participants) == ((), ())
    assert catalogue.target().pypi_source == "set"


def test_what_nobody_asked_for_is_derived(catalogue: OpenCatalog) -> None:
    assert add(catalogue, "octo/Big.Cat") == ("big-cat", True)
    package = catalogue.package()
    assert (package.title, package.category_id, package.grid_ids) == ("Big.Cat", None, ())
    assert (package.pypi_name, package.documentation_url) == (None, None)


def test_two_spellings_of_one_repository_are_one_package(catalogue: OpenCatalog) -> None:
    add(catalogue, "octo/cat")
    before = catalogue.package()
    for spelling in ("https://github.com/Octo/Cat.git", "git@github.com:octo/cat", "octo/cat"):
        assert add(catalogue, spelling, title="Other", category=None) == ("cat", False)
    assert catalogue.package() == before


def test_a_slug_that_is_taken_gives_way(catalogue: OpenCatalog) -> None:
    names = ["octo/cat", "zoo/cat", "zoo/other-cat", "git@other.example:zoo/cat", "octo/123"]
    slugs = [add(catalogue, name)[0] for name in names]
    assert slugs == ["cat", "zoo-cat", "other-cat", "zoo-cat-2", "octo-123"]


def test_a_slug_that_was_asked_for_does_not(catalogue: OpenCatalog) -> None:
    add(catalogue, "octo/cat")
    with pytest.raises(InvalidValue, match="slug: 'cat' is taken"):
        add(catalogue, "octo/dog", slug="cat")
    for slug in ("Cat", "", "-cat", "12", "a b", "ä"):
        with pytest.raises(InvalidValue, match="is not a slug"):
            add(catalogue, "octo/dog", slug=slug)


def test_an_unknown_category_or_grid_is_refused(catalogue: OpenCatalog) -> None:
    put_up(catalogue.connection, "grids", "cats")
    with pytest.raises(UnknownCategory, match="no category 'x'"):
        add(catalogue, "octo/cat", category="x")
    with pytest.raises(UnknownGrid, match="no grid 'y'"):
        add(catalogue, "octo/cat", grids=("cats", "y"))
    assert edits.repository_urls(catalogue.connection) == []


# ── find ──


def test_a_package_answers_to_all_of_its_names(catalogue: OpenCatalog) -> None:
    add(catalogue, "octo/dog")
    add(catalogue, "octo/Big.Cat", slug="tom")
    catalogue.save(project_result("The-Cat"), package_id=2)
    names = """tom 2 02 the-cat The_Cat THE.CAT the--cat TOM octo/big.cat
        https://github.com/octo/Big.Cat/ git@github.com:octo/Big.Cat.git
        http://www.github.com/OCTO/BIG.CAT/tree/main?x#y"""
    for name in names.split():
        assert lookup.find_package(catalogue.connection, name) == 2, name


def test_of_two_things_that_it_may_be_the_slug_counts(catalogue: OpenCatalog) -> None:
    catalogue.add("octo/one", pypi_source="set", pypi_name="two")
    catalogue.add("octo/two")
    assert lookup.find_package(catalogue.connection, "two") == 2
    assert lookup.find_package(catalogue.connection, "one") == 1
    catalogue.connection.execute("UPDATE packages SET slug = '1' WHERE id = 2")  # as an import may
    assert lookup.find_package(catalogue.connection, "1") == 2


def test_a_project_of_two_packages_is_the_first_ones(catalogue: OpenCatalog) -> None:
    catalogue.add("octo/one", pypi_source="set", pypi_name="both")
    catalogue.add("octo/two", pypi_source="set", pypi_name="Both")
    assert lookup.find_package(catalogue.connection, "both") == 1


def test_an_unknown_name_is_told_with_what_is_near(catalogue: OpenCatalog) -> None:
    for name in ("django-cat", "django-bat", "flask"):
        catalogue.add(f"octo/{name}")
    with pytest.raises(UnknownPackage) as unknown:
        lookup.find_package(catalogue.connection, "Django-Cot")
    assert unknown.value.near == ("django-cat", "django-bat")
    assert unknown.value.hint == "did you mean django-cat or django-bat?"


@pytest.mark.parametrize(
    "name", ["", "?", "9" * 30, "octo", "caf\udce9", "a\x00b", "'; DROP TABLE", "%", "٣"]
)
def test_what_is_no_name_at_all_is_unknown(catalogue: OpenCatalog, name: str) -> None:
    catalogue.add()
    with pytest.raises(UnknownPackage):
        lookup.find_package(catalogue.connection, name)


def test_who_is_there_and_who_is_not(catalogue: OpenCatalog) -> None:
    catalogue.add()
    assert lookup.find_by_repository(catalogue.connection, parse_locator("Octo/Cat")) == "cat"
    assert lookup.find_by_repository(catalogue.connection, parse_locator("octo/dog")) is None


# ── remove ──


def test_a_removed_package_leaves_nothing(catalogue: OpenCatalog) -> None:
    put_up(catalogue.connection, "grids", "cats")
    add(catalogue, "octo/cat", grids=("cats",))
    catalogue.add("octo/dog")
    for package_id in (1, 2):
        catalogue.save(repository_result(), package_id=1)
        catalogue.save(project_result(), package_id=package_id)
    assert edits.remove_package(catalogue.connection, 1) == (
        "cat",
        "https://github.com/octo/cat",
    )
    for table in ("grid_packages", "versions", "participants", "commit_days", "fetches"):
        query = f"SELECT count(*) FROM {table} WHERE package_id = 1"
        assert catalogue.connection.execute(query).fetchone()[0] == 0
    assert catalogue.validator_keys("repo") == []
    assert catalogue.package(2).pypi_name == "cat"
    assert edits.remove_package(catalogue.connection, 1) is None
    assert edits.repository_urls(catalogue.connection) == ["https://github.com/octo/dog"]


def test_an_id_is_never_given_twice(catalogue: OpenCatalog) -> None:
    assert catalogue.add() == 1
    edits.remove_package(catalogue.connection, 1)
    assert catalogue.add() == 2


# ── how ──


@pytest.mark.parametrize(
    "name", ["tom", "1", "The_Cat", "octo/cat", "https://github.com/octo/lion"]
)
def test_finding_searches_nothing_from_end_to_end(catalogue: OpenCatalog, name: str) -> None:
    """So that finding one of 100,000 packages costs what finding one of 100 does."""
    add(catalogue, "octo/cat", slug="tom")
    catalogue.save(project_result("The-Cat"))
    catalogue.connection.execute(
        "INSERT INTO previous_urls VALUES (1, 'https://github.com/octo/lion',"
        " 'github.com/octo/lion', '2026-01-01T00:00:00.000000Z')"
    )
    asked: list[str] = []
    catalogue.connection.set_trace_callback(asked.append)
    assert lookup.find_package(catalogue.connection, name) == 1
    catalogue.connection.set_trace_callback(None)
    assert asked
    for query in asked:
        for row in catalogue.connection.execute(f"EXPLAIN QUERY PLAN {query}"):
            assert not re.match(r"SCAN (packages|previous_urls)", row["detail"]), query
