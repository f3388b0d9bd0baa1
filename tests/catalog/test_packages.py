"""Selecting, sorting and reading packages."""

import datetime as dt
import re

import pytest

from pkgharvest.catalog import database, lookup, packages
from pkgharvest.catalog.columns import decode_instant, encode_instant
from pkgharvest.catalog.packages import PackageFilter
from pkgharvest.model.observations import SOURCES, Failure
from tests.support.catalogs import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    downloads_result,
    project_result,
    repository_facts,
    repository_result,
)

ALL = PackageFilter()


@pytest.fixture
def catalog(catalog: OpenCatalog) -> OpenCatalog:
    """Four packages; the first was never fetched, and the others differ in every value."""
    for name in ("Mouse", "cat", "Ant", "bee"):
        catalog.add(f"octo/{name}")
    known = ((2, "cat", 5, 9), (3, "Ant", 9, 300), (4, "bee", 7, 900))
    for package_id, name, commits, age in known:
        result = repository_result(
            repository=repository_facts(
                f"octo/{name}", repo_id=str(package_id), stars=10 * package_id
            ),
            activity=activity({TODAY - DAY: commits}, committed_at=NOW - age * DAY),
        )
        catalog.save(result, NOW + package_id * HOUR, package_id=package_id)
    for package_id, name, day, month in ((2, "cat", 9, 60), (3, "Ant", 1, 500)):
        catalog.save(project_result(name), package_id=package_id)
        catalog.save(downloads_result(day, 10, month), package_id=package_id)
    return catalog


def slugs(
    catalog: OpenCatalog,
    wanted: PackageFilter = ALL,
    *,
    sort: str = "name",
    reverse: bool = False,
    limit: int | None = None,
) -> list[str]:
    ids = packages.select_ids(catalog.connection, wanted, sort=sort, reverse=reverse, limit=limit)
    return [package.slug for package in packages.read_packages(catalog.connection, ids)]


# ── order ──


@pytest.mark.parametrize(
    ("sort", "order", "reversed_order"),
    [
        ("name", "ant bee cat mouse", "mouse cat bee ant"),
        ("stars", "bee ant cat mouse", "mouse cat ant bee"),
        ("updated", "cat ant bee mouse", "bee ant cat mouse"),
        ("fetched", "bee ant cat mouse", "cat ant bee mouse"),
        ("commits", "ant bee cat mouse", "cat bee ant mouse"),
        ("score", "ant cat bee mouse", "mouse bee cat ant"),
        ("downloads", "ant cat bee mouse", "cat ant bee mouse"),
    ],
)
def test_packages_sort_names_up_numbers_down_and_null_last(
    catalog: OpenCatalog, sort: str, order: str, reversed_order: str
) -> None:
    assert slugs(catalog, sort=sort) == order.split()
    assert slugs(catalog, sort=sort, reverse=True) == reversed_order.split()
    for count in (0, 1, 3):
        assert slugs(catalog, sort=sort, limit=count) == order.split()[:count]


@pytest.mark.parametrize("sort", packages.SORT_KEYS)
@pytest.mark.parametrize("reverse", [False, True])
def test_packages_with_equal_keys_are_sorted_by_slug(
    catalog: OpenCatalog, sort: str, reverse: bool
) -> None:
    catalog.connection.execute(
        "UPDATE packages SET title = 'same', repo_watchers = 1, last_updated = NULL,"
        " last_fetched = NULL, commits_over_52 = '[]', pypi_version = NULL,"
        " downloads_last_month = 7, score = 1"
    )
    assert slugs(catalog, sort=sort, reverse=reverse) == ["ant", "bee", "cat", "mouse"]


def test_limits_of_packages_may_be_none_zero_or_huge(catalog: OpenCatalog) -> None:
    assert len(slugs(catalog, limit=None)) == len(slugs(catalog, limit=10**30)) == 4


# ── filters ──


def test_packages_are_filtered_by_category_and_grid(catalog: OpenCatalog) -> None:
    for table in ("categories", "grids"):
        catalog.connection.execute(
            f"INSERT INTO {table} (title, slug, created, modified) VALUES ('', 'pets', '', '')"
        )
    catalog.connection.execute("UPDATE packages SET category_id = 1 WHERE slug IN ('cat', 'mouse')")
    catalog.connection.execute("INSERT INTO grid_packages VALUES (2, 1, 0), (4, 1, 0)")
    assert slugs(catalog, PackageFilter(category="pets")) == ["cat", "mouse"]
    assert slugs(catalog, PackageFilter(grid="pets")) == ["bee", "cat"]
    assert slugs(catalog, PackageFilter(category="pets", grid="pets")) == ["cat"]
    assert (
        slugs(catalog, PackageFilter(category="x")) == slugs(catalog, PackageFilter(grid="x")) == []
    )


def test_packages_are_filtered_by_status(catalog: OpenCatalog) -> None:
    catalog.save(Failure(kind="gone", message=""), package_id=2)
    assert slugs(catalog, PackageFilter(status="gone")) == ["cat"]
    assert slugs(catalog, PackageFilter(status="active")) == ["ant", "bee", "mouse"]


def test_packages_are_filtered_by_age_and_never_fetched_is_old(catalog: OpenCatalog) -> None:
    assert slugs(catalog, PackageFilter(fetched_before=NOW + 3 * HOUR)) == ["cat", "mouse"]
    assert slugs(catalog, PackageFilter(fetched_before=NOW - DAY)) == ["mouse"]


def test_packages_are_filtered_by_failing_sources(catalog: OpenCatalog) -> None:
    catalog.save(Failure(kind="timeout", message=""), package_id=2)
    catalog.save(Failure(kind="timeout", message=""), package_id=3, source="pypi")
    assert slugs(catalog, PackageFilter(failing=True)) == ["ant", "cat"]
    catalog.save(project_result("ant"), package_id=3)
    assert slugs(catalog, PackageFilter(failing=True)) == ["cat"]


# ── records ──


def test_packages_are_read_in_the_order_of_the_ids(catalog: OpenCatalog) -> None:
    ids = [4, 99, 1, 2]
    assert [package.id for package in packages.read_packages(catalog.connection, ids)] == [4, 1, 2]


def test_packages_are_read_in_more_than_one_chunk(catalog: OpenCatalog) -> None:
    rows = [(f"p{number}",) for number in range(1200)]
    with database.transaction(catalog.connection):
        catalog.connection.executemany(
            "INSERT INTO packages (slug, title, created, modified)"
            " VALUES (?1, ?1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')",
            rows,
        )
    ids = packages.select_ids(catalog.connection, ALL)
    assert [package.id for package in packages.read_packages(catalog.connection, ids)] == ids
    assert len(ids) == 1204


def test_versions_are_read_only_with_all_parts(catalog: OpenCatalog) -> None:
    catalog.save(project_result("cat"), package_id=2)
    assert next(packages.read_packages(catalog.connection, [2])).versions == ()
    assert (
        len(next(packages.read_packages(catalog.connection, [2], packages.ALL_PARTS)).versions) == 2
    )


def test_fetches_of_a_package_are_in_the_order_of_sources(catalog: OpenCatalog) -> None:
    assert [fetch.source for fetch in catalog.package(2).fetches] == list(SOURCES)
    assert [fetch.source for fetch in catalog.package(4).fetches] == ["repo"]


def test_documentation_that_a_user_set_precedes_pypis(catalog: OpenCatalog) -> None:
    catalog.save(project_result("cat"), package_id=2)
    assert catalog.package(2).documentation_url == "https://cat.example/docs"
    catalog.connection.execute("UPDATE packages SET documentation_url = 'https://mine'")
    assert catalog.package(2).documentation_url == "https://mine"
    assert catalog.package(1).documentation_url == "https://mine"


def test_grids_of_a_package_are_in_the_order_of_their_positions(catalog: OpenCatalog) -> None:
    catalog.connection.executescript(
        """
        INSERT INTO grids (title, slug, created, modified)
        VALUES ('', 'a', '', ''), ('', 'b', '', '');
        INSERT INTO grid_packages VALUES (1, 1, 5), (1, 2, 0);
        """
    )
    assert catalog.package().grid_ids == (2, 1)


def test_slugs_of_collections_are_read_only_on_request(catalog: OpenCatalog) -> None:
    catalog.connection.executescript(
        """
        INSERT INTO categories (title, slug, created, modified)
        VALUES ('', 'x', '', ''), ('', 'pets', '', '');
        INSERT INTO grids (title, slug, created, modified)
        VALUES ('', 'a', '', ''), ('', 'b', '', '');
        INSERT INTO grid_packages VALUES (1, 1, 5), (1, 2, 0), (3, 1, 0);
        UPDATE packages SET category_id = 2 WHERE id IN (1, 2);
        """
    )
    found = packages.read_packages(catalog.connection, [1, 2, 3, 4], packages.CARD_PARTS)
    assert [(package.category_slug, package.grid_slugs) for package in found] == [
        ("pets", ("b", "a")),
        ("pets", ()),
        (None, ("a",)),
        (None, ()),
    ]
    for parts in ((), packages.ALL_PARTS, packages.RECORD_PARTS):
        [package] = packages.read_packages(catalog.connection, [1], parts)
        assert (package.category_slug, package.grid_slugs) == (None, ())
    [package] = packages.read_packages(catalog.connection, [1])
    assert package.category_slug is None


def test_reading_a_package_scans_no_table(catalog: OpenCatalog) -> None:
    """Showing one of 100,000 packages costs what showing one of 100 does."""
    asked: list[str] = []
    whole = packages.ALL_PARTS | packages.CARD_PARTS
    catalog.connection.set_trace_callback(asked.append)
    list(
        packages.read_packages(
            catalog.connection, [lookup.find_package(catalog.connection, "cat")], whole
        )
    )
    catalog.connection.set_trace_callback(None)
    assert len(asked) == 11  # with the begin and the end of one moment
    for query in [query for query in asked if query.startswith("SELECT")]:
        for row in catalog.connection.execute(f"EXPLAIN QUERY PLAN {query}"):
            assert re.match("SCAN (?!json_each)", row["detail"]) is None, query


# ── columns ──


def test_stored_instants_sort_as_time_does() -> None:
    moments = [
        dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        dt.datetime(999, 12, 31, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 1, 2, tzinfo=dt.timezone(HOUR)),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    ]
    texts = [str(encode_instant(moment)) for moment in moments]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert [decode_instant(text) for text in texts] == moments
    assert decode_instant(encode_instant(None)) is None
