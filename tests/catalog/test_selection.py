"""Selecting packages and sources to fetch."""

import dataclasses
import tracemalloc
from pathlib import Path

import pytest

from pkgharvest.catalog import database, edits, selection
from pkgharvest.catalog.selection import Selected, SourceSelection
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import Failure, FetchTarget, SourceName
from tests.support.catalogs import (
    DAY,
    HOUR,
    NOW,
    OpenCatalog,
    open_catalog,
    project_result,
    repository_facts,
    repository_result,
)

EVERY = SourceSelection(package_ids=None)
BOTH: tuple[SourceName, ...] = ("repo", "pypi")
TIMEOUT = Failure(kind="timeout", message="no answer")


@pytest.fixture
def catalog(catalog: OpenCatalog) -> OpenCatalog:
    """A catalog with octo/one, octo/two and octo/three, never fetched."""
    for name in ("one", "two", "three"):
        catalog.add(f"octo/{name}")
    return catalog


def select(
    catalog: OpenCatalog, wanted: SourceSelection = EVERY, hours: float = 0
) -> list[Selected]:
    return selection.select_due(catalog.connection, wanted, NOW + hours * HOUR)


def succeed(catalog: OpenCatalog, package_id: int, *, repo: float, pypi: float) -> None:
    """Record successes this many hours ago."""
    name = catalog.package(package_id).slug
    reading = repository_result(repository=repository_facts(f"octo/{name}", repo_id=name))
    catalog.save(reading, NOW - repo * HOUR, package_id=package_id)
    catalog.save(project_result(name), NOW - pypi * HOUR, package_id=package_id)


# ── select ──


def test_a_selection_of_new_packages_has_every_source(catalog: OpenCatalog) -> None:
    assert select(catalog) == [(1, BOTH), (2, BOTH), (3, BOTH)]


def test_a_selection_has_packages_never_fetched_first_and_then_the_oldest(
    catalog: OpenCatalog,
) -> None:
    succeed(catalog, 1, repo=5, pypi=5)
    succeed(catalog, 2, repo=9, pypi=9)
    assert [package_id for package_id, _ in select(catalog)] == [3, 2, 1]
    succeed(catalog, 3, repo=1, pypi=7)
    assert [package_id for package_id, _ in select(catalog)] == [2, 3, 1]


def test_a_selection_has_only_sources_older_than_given(catalog: OpenCatalog) -> None:
    succeed(catalog, 1, repo=5, pypi=5)
    succeed(catalog, 2, repo=5, pypi=30)
    stale = dataclasses.replace(EVERY, sources=BOTH, older_than=dict.fromkeys(BOTH, NOW - DAY))
    assert select(catalog, stale) == [(3, BOTH), (2, ("pypi",))]
    sharp = dataclasses.replace(stale, older_than=dict.fromkeys(BOTH, NOW - 5 * HOUR))
    assert select(catalog, sharp) == [(3, BOTH), (2, ("pypi",))]


def test_a_selection_leaves_out_sources_that_a_package_lacks(catalog: OpenCatalog) -> None:
    catalog.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 1")
    catalog.connection.execute("UPDATE packages SET repo_url = '', repo_key = NULL WHERE id = 2")
    assert select(catalog) == [(1, ("repo",)), (2, ("pypi",)), (3, BOTH)]
    catalog.connection.execute("UPDATE packages SET repo_key = NULL WHERE id = 1")
    assert [package_id for package_id, _ in select(catalog)] == [2, 3]


def test_a_selection_has_the_given_sources_in_their_own_order(catalog: OpenCatalog) -> None:
    pypi = dataclasses.replace(EVERY, sources=("pypi",))
    assert select(catalog, pypi) == [(1, ("pypi",)), (2, ("pypi",)), (3, ("pypi",))]
    swapped = dataclasses.replace(EVERY, sources=("pypi", "repo"))
    assert select(catalog, swapped)[0] == (1, BOTH)


def test_a_selection_by_ids_has_only_these_packages(catalog: OpenCatalog) -> None:
    some = SourceSelection(package_ids=(3, 1, 99))
    assert select(catalog, some) == [(1, BOTH), (3, BOTH)]
    assert select(catalog, SourceSelection(package_ids=())) == []


def test_a_selection_leaves_out_sources_in_backoff_unless_named(catalog: OpenCatalog) -> None:
    catalog.save(TIMEOUT, package_id=1)
    assert select(catalog) == [(1, ("pypi",)), (2, BOTH), (3, BOTH)]
    assert select(catalog, hours=0.99)[0] == (1, ("pypi",))
    assert select(catalog, hours=1)[0] == (1, BOTH)
    assert select(catalog, dataclasses.replace(EVERY, retry_failed=True))[0] == (1, BOTH)
    assert select(catalog, SourceSelection(package_ids=(1,))) == [(1, BOTH)]


def test_a_selection_ignores_instants_in_the_future(catalog: OpenCatalog) -> None:
    in_years = NOW + 7_000 * DAY
    catalog.save(TIMEOUT, in_years, package_id=1)
    assert select(catalog)[0] == (1, BOTH)
    succeed(catalog, 2, repo=-1, pypi=0)
    fresh = dataclasses.replace(EVERY, sources=BOTH, older_than=dict.fromkeys(BOTH, NOW - DAY))
    assert dict(select(catalog, fresh)) == {1: BOTH, 2: ("repo",), 3: BOTH}
    assert dict(select(catalog, fresh, hours=1)) == {1: BOTH, 3: BOTH}


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (2, 2), (7, 3), (10**30, 3)])
def test_a_limit_of_a_selection_counts_packages(
    catalog: OpenCatalog, limit: int, count: int
) -> None:
    assert len(select(catalog, dataclasses.replace(EVERY, limit=limit))) == count


def test_a_selection_leaves_out_what_the_continued_runs_did(catalog: OpenCatalog) -> None:
    succeed(catalog, 1, repo=0, pypi=0)
    catalog.save(
        repository_result(repository=repository_facts("octo/two", repo_id="2")), package_id=2
    )
    catalog.save(TIMEOUT, package_id=3)
    going_on = dataclasses.replace(EVERY, sources=BOTH, continues=(catalog.run,))
    assert select(catalog, going_on) == [(2, ("pypi",)), (3, ("pypi",))]
    retrying = dataclasses.replace(going_on, retry_failed=True)
    assert select(catalog, retrying) == [(2, ("pypi",)), (3, ("pypi",))]
    assert len(select(catalog, dataclasses.replace(EVERY, continues=(99,)))) == 3


# ── targets ──


def read(catalog: OpenCatalog, selected: list[Selected]) -> list[FetchTarget]:
    return list(selection.fetch_targets(catalog.connection, selected))


def test_targets_are_in_the_order_of_the_selection(catalog: OpenCatalog) -> None:
    found = read(catalog, [(3, ("pypi",)), (1, BOTH)])
    assert [(target.slug, target.sources) for target in found] == [
        ("three", ("pypi",)),
        ("one", BOTH),
    ]
    assert found[1] == FetchTarget(
        package_id=1, slug="one", sources=BOTH, locator=parse_locator("octo/one")
    )


def test_targets_leave_out_packages_removed_meanwhile(catalog: OpenCatalog) -> None:
    selected = select(catalog)
    edits.remove_package(catalog.connection, 2)
    assert [target.slug for target in read(catalog, selected)] == ["one", "three"]


def test_targets_with_an_unreadable_url_have_no_locator(catalog: OpenCatalog) -> None:
    catalog.connection.execute("UPDATE packages SET repo_url = 'one word' WHERE id = 1")
    catalog.connection.execute(
        "INSERT INTO previous_urls VALUES (2, 'two words', 'x', '2026-01-01T00:00:00.000000Z')"
    )
    found = read(catalog, select(catalog))
    assert [target.locator for target in found] == [
        None,
        parse_locator("octo/two"),
        parse_locator("octo/three"),
    ]
    assert found[1].previous == ()


def test_an_unreadable_url_is_a_failure_of_its_package(catalog: OpenCatalog) -> None:
    catalog.connection.execute("UPDATE packages SET repo_url = 'one word' WHERE id = 1")
    assert catalog.save(TIMEOUT).failure == TIMEOUT


@pytest.mark.slow
def test_ten_thousand_packages_are_selected_at_once_and_read_in_chunks(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "many.db") as catalog:
        with database.transaction(catalog.connection):
            catalog.connection.executemany(
                "INSERT INTO packages (slug, title, created, modified, repo_url, repo_key,"
                " repo_description, pypi_classifiers)"
                " VALUES (?1, ?1, '', '', 'https://github.com/o/' || ?1, 'github.com/o/' || ?1,"
                " ?2, '[]')",
                [(f"p{number}", "long " * 400) for number in range(10_000)],
            )
            catalog.connection.executemany(
                "INSERT INTO validators VALUES (?, 'repo', ?, '\"x\"', NULL, 1)",
                [(number, f"https://api.github.com/{number}") for number in range(1, 10_001)],
            )
        selected = select(catalog)
        assert len(selected) == 10_000
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        catalog.connection.set_progress_handler(count, 1000)
        select(catalog)
        assert steps < 2_000  # of a thousand instructions: it grows as the packages do
        catalog.connection.set_progress_handler(None, 0)
        tracemalloc.start()
        try:
            targets = selection.fetch_targets(catalog.connection, selected[:3_000])
            assert sum(1 for _ in targets) == 3_000
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1_200_000


def test_targets_leave_out_a_project_removed_meanwhile(catalog: OpenCatalog) -> None:
    everything = select(catalog)
    catalog.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 2")
    found = {
        target.package_id: target.sources
        for target in selection.fetch_targets(catalog.connection, everything)
    }
    assert found == {1: BOTH, 2: ("repo",), 3: BOTH}
    assert list(selection.fetch_targets(catalog.connection, [(2, ("pypi", "downloads"))])) == []


def test_a_result_of_a_project_removed_meanwhile_is_dropped(catalog: OpenCatalog) -> None:
    catalog.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 2")
    target = dataclasses.replace(catalog.target(2), sources=BOTH)
    assert not catalog.save(project_result("two"), package_id=2, target=target).changed
    assert catalog.package(2).pypi_name is None
