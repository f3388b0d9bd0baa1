"""Adding, finding and removing packages."""

import re
import sqlite3

import pytest

from pkgharvest.catalog import edits, lookup, maintenance
from pkgharvest.model.errors import InvalidValue, UnknownCategory, UnknownGrid, UnknownPackage
from pkgharvest.model.locators import parse_locator
from tests.support.catalogs import NOW, OpenCatalog, project_result, repository_result


def add(catalog: OpenCatalog, text: str, **wishes: object) -> tuple[str, bool]:
    new = edits.NewPackage(locator=parse_locator(text), **wishes)  # type: ignore[arg-type]
    return edits.add_package(catalog.connection, new, NOW)


def put_up(conn: sqlite3.Connection, table: str, *slugs: str) -> None:
    conn.executemany(
        f"INSERT INTO {table} (title, slug, created, modified) VALUES ('', ?, '', '')",
        [(slug,) for slug in slugs],
    )


# ── add ──


def test_a_new_package_has_the_given_values(catalog: OpenCatalog) -> None:
    put_up(catalog.connection, "categories", "apps", "tools")
    put_up(catalog.connection, "grids", "cats", "dogs", "all")
    wishes = {
        "title": "My Cat",
        "slug": "tom",
        "category": "tools",
        "grids": ("all", "cats", "all"),
        "documentation_url": "https://cat.example",
        "pypi_source": "set",
        "pypi_name": "The_Cat",
    }
    assert add(catalog, "octo/Cat.git", **wishes) == ("tom", True)
    package = catalog.package()
    assert (package.title, package.slug, package.category_id) == ("My Cat", "tom", 2)
    assert package.grid_ids == (3, 1)
    assert package.repo_url == "https://github.com/octo/Cat"
    assert (package.repo_host, package.pypi_name) == ("github.com", "The_Cat")
    assert package.documentation_url == "https://cat.example"
    assert package.created == package.modified == NOW
    assert (package.last_fetched, package.last_updated) == (None, None)
    assert (package.commits_over_52, package.participants) == ((), ())
    assert catalog.target().pypi_source == "set"


def test_a_new_package_derives_what_is_not_given(catalog: OpenCatalog) -> None:
    assert add(catalog, "octo/Big.Cat") == ("big-cat", True)
    package = catalog.package()
    assert (package.title, package.category_id, package.grid_ids) == ("Big.Cat", None, ())
    assert (package.pypi_name, package.documentation_url) == (None, None)


def test_two_spellings_of_a_repository_are_one_package(catalog: OpenCatalog) -> None:
    add(catalog, "octo/cat")
    before = catalog.package()
    for spelling in ("https://github.com/Octo/Cat.git", "git@github.com:octo/cat", "octo/cat"):
        assert add(catalog, spelling, title="Other", category=None) == ("cat", False)
    assert catalog.package() == before


def test_a_derived_slug_avoids_taken_slugs(catalog: OpenCatalog) -> None:
    names = ["octo/cat", "zoo/cat", "zoo/other-cat", "git@other.example:zoo/cat", "octo/123"]
    slugs = [add(catalog, name)[0] for name in names]
    assert slugs == ["cat", "zoo-cat", "other-cat", "zoo-cat-2", "octo-123"]


def test_a_given_slug_that_is_taken_is_refused(catalog: OpenCatalog) -> None:
    add(catalog, "octo/cat")
    with pytest.raises(InvalidValue, match="slug: 'cat' is taken"):
        add(catalog, "octo/dog", slug="cat")
    for slug in ("Cat", "", "-cat", "12", "a b", "ä"):
        with pytest.raises(InvalidValue, match="is not a slug"):
            add(catalog, "octo/dog", slug=slug)


def test_adding_to_an_unknown_category_or_grid_is_refused(catalog: OpenCatalog) -> None:
    put_up(catalog.connection, "grids", "cats")
    with pytest.raises(UnknownCategory, match="no category 'x'"):
        add(catalog, "octo/cat", category="x")
    with pytest.raises(UnknownGrid, match="no grid 'y'"):
        add(catalog, "octo/cat", grids=("cats", "y"))
    assert maintenance.repository_locators(catalog.connection) == []


# ── find ──


def test_a_package_is_found_by_slug_id_url_and_project(catalog: OpenCatalog) -> None:
    add(catalog, "octo/dog")
    add(catalog, "octo/Big.Cat", slug="tom")
    catalog.save(project_result("The-Cat"), package_id=2)
    names = """tom 2 02 the-cat The_Cat THE.CAT the--cat TOM octo/big.cat
        https://github.com/octo/Big.Cat/ git@github.com:octo/Big.Cat.git
        http://www.github.com/OCTO/BIG.CAT/tree/main?x#y"""
    for name in names.split():
        assert lookup.find_package(catalog.connection, name) == 2, name


def test_a_slug_is_found_before_an_id_or_a_project(catalog: OpenCatalog) -> None:
    catalog.add("octo/one", pypi_source="set", pypi_name="two")
    catalog.add("octo/two")
    assert lookup.find_package(catalog.connection, "two") == 2
    assert lookup.find_package(catalog.connection, "one") == 1
    catalog.connection.execute("UPDATE packages SET slug = '1' WHERE id = 2")  # as an import may
    assert lookup.find_package(catalog.connection, "1") == 2


def test_a_project_of_two_packages_finds_the_first(catalog: OpenCatalog) -> None:
    catalog.add("octo/one", pypi_source="set", pypi_name="both")
    catalog.add("octo/two", pypi_source="set", pypi_name="Both")
    assert lookup.find_package(catalog.connection, "both") == 1


def test_an_unknown_name_suggests_similar_slugs(catalog: OpenCatalog) -> None:
    for name in ("django-cat", "django-bat", "flask"):
        catalog.add(f"octo/{name}")
    with pytest.raises(UnknownPackage) as unknown:
        lookup.find_package(catalog.connection, "Django-Cot")
    assert unknown.value.near == ("django-cat", "django-bat")
    assert unknown.value.hint == "did you mean django-cat or django-bat?"


@pytest.mark.parametrize(
    "name", ["", "?", "9" * 30, "octo", "caf\udce9", "a\x00b", "'; DROP TABLE", "%", "٣"]
)
def test_unprintable_names_are_unknown(catalog: OpenCatalog, name: str) -> None:
    catalog.add()
    with pytest.raises(UnknownPackage):
        lookup.find_package(catalog.connection, name)


def test_find_by_repository_returns_the_slug_or_none(catalog: OpenCatalog) -> None:
    catalog.add()
    assert lookup.find_by_repository(catalog.connection, parse_locator("Octo/Cat")) == "cat"
    assert lookup.find_by_repository(catalog.connection, parse_locator("octo/dog")) is None


# ── remove ──


def test_removing_a_package_removes_its_rows_everywhere(catalog: OpenCatalog) -> None:
    put_up(catalog.connection, "grids", "cats")
    add(catalog, "octo/cat", grids=("cats",))
    catalog.add("octo/dog")
    for package_id in (1, 2):
        catalog.save(repository_result(), package_id=1)
        catalog.save(project_result(), package_id=package_id)
    assert edits.remove_package(catalog.connection, 1) == (
        "cat",
        "https://github.com/octo/cat",
    )
    for table in ("grid_packages", "versions", "participants", "commit_days", "fetches"):
        query = f"SELECT count(*) FROM {table} WHERE package_id = 1"
        assert catalog.connection.execute(query).fetchone()[0] == 0
    assert catalog.validator_keys("repo") == []
    assert catalog.package(2).pypi_name == "cat"
    assert edits.remove_package(catalog.connection, 1) is None
    [locator] = maintenance.repository_locators(catalog.connection)
    assert locator.url == "https://github.com/octo/dog"


def test_the_id_of_a_removed_package_is_not_used_again(catalog: OpenCatalog) -> None:
    assert catalog.add() == 1
    edits.remove_package(catalog.connection, 1)
    assert catalog.add() == 2


# ── queries ──


@pytest.mark.parametrize(
    "name", ["tom", "1", "The_Cat", "octo/cat", "https://github.com/octo/lion"]
)
def test_finding_a_package_scans_no_table(catalog: OpenCatalog, name: str) -> None:
    """Finding one of 100,000 packages costs what finding one of 100 does."""
    add(catalog, "octo/cat", slug="tom")
    catalog.save(project_result("The-Cat"))
    catalog.connection.execute(
        "INSERT INTO previous_urls VALUES (1, 'https://github.com/octo/lion',"
        " 'github.com/octo/lion', '2026-01-01T00:00:00.000000Z')"
    )
    asked: list[str] = []
    catalog.connection.set_trace_callback(asked.append)
    assert lookup.find_package(catalog.connection, name) == 1
    catalog.connection.set_trace_callback(None)
    assert asked
    for query in asked:
        for row in catalog.connection.execute(f"EXPLAIN QUERY PLAN {query}"):
            assert not re.match(r"SCAN (packages|previous_urls)", row["detail"]), query
