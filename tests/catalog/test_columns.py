"""The registry of columns and the tables of the schema agree."""

import pytest

from pkgharvest.catalog.columns import (
    COLUMNS,
    DOWNLOAD_COLUMNS,
    PACKAGE_COLUMNS,
    RELEASE_COLUMNS,
    SEARCH_WEIGHTS,
    empty_values,
)
from pkgharvest.model.observations import SOURCES
from pkgharvest.model.package import Downloads, Package, Project, RepositoryFacts
from tests.support.catalogs import OpenCatalog


def stored_columns(catalog: OpenCatalog, table: str) -> dict[str, tuple[str, str | None]]:
    """Return SQLite's type and default of each column."""
    rows = catalog.connection.execute(
        "SELECT name, type, dflt_value FROM pragma_table_info(?)", (table,)
    )
    return {name: (kind, default) for name, kind, default in rows}


def test_the_registry_has_every_column_of_packages_once(cat: OpenCatalog) -> None:
    names = [column.name for column in PACKAGE_COLUMNS]
    assert sorted(names) == sorted(stored_columns(cat, "packages"))


@pytest.mark.parametrize("table", COLUMNS)
def test_the_columns_of_the_registry_exist(cat: OpenCatalog, table: str) -> None:
    assert COLUMNS[table].keys() <= stored_columns(cat, table).keys()


def test_kinds_of_columns_match_the_types_of_sqlite(cat: OpenCatalog) -> None:
    stored = stored_columns(cat, "packages")
    for column in PACKAGE_COLUMNS:
        is_integer = column.kind in {"integer", "flag"}
        assert (stored[column.name][0] == "INTEGER") is is_integer, column


def test_a_reset_stores_what_a_new_row_has(cat: OpenCatalog) -> None:
    row = cat.connection.execute("SELECT * FROM packages").fetchone()
    values = empty_values(
        "repository", "repository_state", "project", "project_state", "downloads", "derived"
    )
    del values["score"], values["commits"]
    assert {name: row[name] for name in values} == values


def test_facts_fill_columns_by_their_attributes() -> None:
    names = {
        "repository": set(RepositoryFacts._fields),
        "project": set(Project._fields),
    }
    for column in PACKAGE_COLUMNS:
        if column.fact is not None and column.owner in names:
            assert column.fact in names[column.owner], column
    facts = [column.fact for column in PACKAGE_COLUMNS if column.owner == "downloads"]
    assert tuple(facts) == Downloads._fields
    assert len(DOWNLOAD_COLUMNS) == 3


def test_every_field_of_a_package_is_a_column_or_a_part() -> None:
    parts = {"grid_ids", "participants", "previous_urls", "versions", "fetches"}
    parts |= {"downloads", "category_slug", "grid_slugs"}
    assert set(Package._fields) - COLUMNS["packages"].keys() == parts


def test_search_weights_are_in_the_order_of_the_index(cat: OpenCatalog) -> None:
    assert list(SEARCH_WEIGHTS) == list(stored_columns(cat, "packages_fts"))


def test_the_columns_of_releases_are_those_of_versions(cat: OpenCatalog) -> None:
    assert {"package_id", "position", *RELEASE_COLUMNS} == stored_columns(cat, "versions").keys()


def test_choices_of_sources_are_the_sources() -> None:
    assert COLUMNS["fetches"]["source"].choices == SOURCES
