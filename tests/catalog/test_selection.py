"""What a fetch is to do: which packages, which of their sources, in which order."""

import dataclasses
import tracemalloc
from collections.abc import Iterator
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
def catalogue(tmp_path: Path) -> Iterator[OpenCatalog]:
    """A catalogue with octo/one, octo/two and octo/three, never fetched."""
    with open_catalog(tmp_path / "cat.db") as open_shelf:
        for name in ("one", "two", "three"):
            open_shelf.add(f"octo/{name}")
        yield open_shelf


def select(
    catalogue: OpenCatalog, wanted: SourceSelection = EVERY, hours: float = 0
) -> list[Selected]:
    return selection.select_due(catalogue.connection, wanted, NOW + hours * HOUR)


def succeed(catalogue: OpenCatalog, package_id: int, *, repo: float, pypi: float) -> None:
    """Note successes so many hours ago."""
    name = catalogue.package(package_id).slug
    reading = repository_result(repository=repository_facts(f"octo/{name}"))
    catalogue.save(reading, NOW - repo * HOUR, package_id=package_id)
    catalogue.save(project_result(name), NOW - pypi * HOUR, package_id=package_id)


# ── select ──


def test_all_of_it_to_begin_with(catalogue: OpenCatalog) -> None:
    assert select(catalogue) == [(1, BOTH), (2, BOTH), (3, BOTH)]


def test_what_was_never_fetched_comes_first_and_then_the_oldest(catalogue: OpenCatalog) -> None:
    succeed(catalogue, 1, repo=5, pypi=5)
    succeed(catalogue, 2, repo=9, pypi=9)
    assert [one for one, _ in select(catalogue)] == [3, 2, 1]
    succeed(catalogue, 3, repo=1, pypi=7)
    assert [one for one, _ in select(catalogue)] == [2, 3, 1]


def test_only_sources_that_are_older_than_asked(catalogue: OpenCatalog) -> None:
    succeed(catalogue, 1, repo=5, pypi=5)
    succeed(catalogue, 2, repo=5, pypi=30)
    stale = dataclasses.replace(EVERY, sources=BOTH, older_than=dict.fromkeys(BOTH, NOW - DAY))
    assert select(catalogue, stale) == [(3, BOTH), (2, ("pypi",))]
    sharp = dataclasses.replace(stale, older_than=dict.fromkeys(BOTH, NOW - 5 * HOUR))
    assert select(catalogue, sharp) == [(3, BOTH), (2, ("pypi",))]


def test_a_source_is_left_out_where_there_is_none(catalogue: OpenCatalog) -> None:
    catalogue.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 1")
    catalogue.connection.execute("UPDATE packages SET repo_url = '', repo_key = NULL WHERE id = 2")
    assert select(catalogue) == [(1, ("repo",)), (2, ("pypi",)), (3, BOTH)]
    catalogue.connection.execute("UPDATE packages SET repo_key = NULL WHERE id = 1")
    assert [one for one, _ in select(catalogue)] == [2, 3]


def test_the_sources_that_were_asked_for_in_their_own_order(catalogue: OpenCatalog) -> None:
    pypi = dataclasses.replace(EVERY, sources=("pypi",))
    assert select(catalogue, pypi) == [(1, ("pypi",)), (2, ("pypi",)), (3, ("pypi",))]
    swapped = dataclasses.replace(EVERY, sources=("pypi", "repo"))
    assert select(catalogue, swapped)[0] == (1, BOTH)


def test_packages_by_name_and_no_others(catalogue: OpenCatalog) -> None:
    some = SourceSelection(package_ids=(3, 1, 99))
    assert select(catalogue, some) == [(1, BOTH), (3, BOTH)]
    assert select(catalogue, SourceSelection(package_ids=())) == []


def test_what_failed_waits_unless_it_is_asked_for(catalogue: OpenCatalog) -> None:
    catalogue.save(TIMEOUT, package_id=1)
    assert select(catalogue) == [(1, ("pypi",)), (2, BOTH), (3, BOTH)]
    assert select(catalogue, hours=0.99)[0] == (1, ("pypi",))
    assert select(catalogue, hours=1)[0] == (1, BOTH)
    assert select(catalogue, dataclasses.replace(EVERY, retry_failed=True))[0] == (1, BOTH)
    assert select(catalogue, SourceSelection(package_ids=(1,))) == [(1, BOTH)]


def test_what_a_wrong_clock_noted_puts_nothing_off(catalogue: OpenCatalog) -> None:
    in_years = NOW + 7_000 * DAY
    catalogue.save(TIMEOUT, in_years, package_id=1)
    assert select(catalogue)[0] == (1, BOTH)
    succeed(catalogue, 2, repo=-1, pypi=0)
    fresh = dataclasses.replace(EVERY, sources=BOTH, older_than=dict.fromkeys(BOTH, NOW - DAY))
    assert dict(select(catalogue, fresh)) == {1: BOTH, 2: ("repo",), 3: BOTH}
    assert dict(select(catalogue, fresh, hours=1)) == {1: BOTH, 3: BOTH}


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (2, 2), (7, 3), (10**30, 3)])
def test_a_limit_counts_packages(catalogue: OpenCatalog, limit: int, count: int) -> None:
    assert len(select(catalogue, dataclasses.replace(EVERY, limit=limit))) == count


def test_a_run_goes_on_where_another_ended(catalogue: OpenCatalog) -> None:
    succeed(catalogue, 1, repo=0, pypi=0)
    catalogue.save(repository_result(repository=repository_facts("octo/two")), package_id=2)
    catalogue.save(TIMEOUT, package_id=3)
    going_on = dataclasses.replace(EVERY, sources=BOTH, continues=(catalogue.run,))
    assert select(catalogue, going_on) == [(2, ("pypi",)), (3, ("pypi",))]
    retrying = dataclasses.replace(going_on, retry_failed=True)
    assert select(catalogue, retrying) == [(2, ("pypi",)), (3, ("pypi",))]
    assert len(select(catalogue, dataclasses.replace(EVERY, continues=(99,)))) == 3


# ── targets ──


def read(catalogue: OpenCatalog, selected: list[Selected]) -> list[FetchTarget]:
    return list(selection.fetch_targets(catalogue.connection, selected))


def test_a_target_is_in_the_order_of_the_selection(catalogue: OpenCatalog) -> None:
    found = read(catalogue, [(3, ("pypi",)), (1, BOTH)])
    assert [(one.slug, one.sources) for one in found] == [("three", ("pypi",)), ("one", BOTH)]
    assert found[1] == FetchTarget(
        package_id=1, slug="one", sources=BOTH, locator=parse_locator("octo/one")
    )


def test_what_was_removed_meanwhile_is_left_out(catalogue: OpenCatalog) -> None:
    selected = select(catalogue)
    edits.remove_package(catalogue.connection, 2)
    assert [one.slug for one in read(catalogue, selected)] == ["one", "three"]


def test_a_url_that_nobody_can_read_stops_nothing(catalogue: OpenCatalog) -> None:
    catalogue.connection.execute("UPDATE packages SET repo_url = 'one word' WHERE id = 1")
    catalogue.connection.execute(
        "INSERT INTO previous_urls VALUES (2, 'two words', 'x', '2026-01-01T00:00:00.000000Z')"
    )
    found = read(catalogue, select(catalogue))
    assert [one.locator for one in found] == [
        None,
        parse_locator("octo/two"),
        parse_locator("octo/three"),
    ]
    assert found[1].previous == ()


def test_such_a_url_is_a_failure_of_its_package(catalogue: OpenCatalog) -> None:
    catalogue.connection.execute("UPDATE packages SET repo_url = 'one word' WHERE id = 1")
    assert catalogue.save(TIMEOUT).failure == TIMEOUT


def test_ten_thousand_are_chosen_at_once_and_read_a_few_at_a_time(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "many.db") as catalogue:
        with database.transaction(catalogue.connection):
            catalogue.connection.executemany(
                "INSERT INTO packages (slug, title, created, modified, repo_url, repo_key,"
                " repo_description, pypi_classifiers)"
                " VALUES (?1, ?1, '', '', 'https://github.com/o/' || ?1, 'github.com/o/' || ?1,"
                " ?2, '[]')",
                [(f"p{number}", "long " * 400) for number in range(10_000)],
            )
            catalogue.connection.executemany(
                "INSERT INTO validators VALUES (?, 'repo', ?, '\"x\"', NULL, 1)",
                [(number, f"https://api.github.com/{number}") for number in range(1, 10_001)],
            )
        selected = select(catalogue)
        assert len(selected) == 10_000
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        catalogue.connection.set_progress_handler(count, 1000)
        select(catalogue)
        assert steps < 2_000  # of a thousand instructions: it grows as the packages do
        catalogue.connection.set_progress_handler(None, 0)
        tracemalloc.start()
        try:
            assert sum(1 for _ in selection.fetch_targets(catalogue.connection, selected)) == 10_000
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 4_000_000


def test_a_project_that_a_person_gave_up_meanwhile_is_not_asked_for(catalogue: OpenCatalog) -> None:
    everything = select(catalogue)
    catalogue.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 2")
    found = {
        one.package_id: one.sources
        for one in selection.fetch_targets(catalogue.connection, everything)
    }
    assert found == {1: BOTH, 2: ("repo",), 3: BOTH}
    assert list(selection.fetch_targets(catalogue.connection, [(2, ("pypi", "downloads"))])) == []


def test_nothing_is_saved_of_a_project_where_there_is_none(catalogue: OpenCatalog) -> None:
    catalogue.connection.execute("UPDATE packages SET pypi_source = 'none' WHERE id = 2")
    target = dataclasses.replace(catalogue.target(2), sources=BOTH)
    assert not catalogue.save(project_result("two"), package_id=2, target=target).changed
    assert catalogue.package(2).pypi_name is None
