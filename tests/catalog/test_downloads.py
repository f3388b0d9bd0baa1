"""Downloads as a source: what is saved, when it is cleared, and when it is due."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.catalog import selection
from pkgharvest.catalog.package_update import Backoff
from pkgharvest.model.observations import SOURCES, DownloadsResult, Failure
from pkgharvest.model.package import Downloads
from tests.support.catalogs import (
    DAY,
    HOUR,
    NOW,
    PYPISTATS,
    OpenCatalog,
    downloads_result,
    project,
    project_result,
    repository_result,
    validator,
)

TIMEOUT = Failure(kind="timeout", message="no answer")
NO_FIGURES = DownloadsResult()


@pytest.fixture
def cat(cat: OpenCatalog) -> OpenCatalog:
    """A catalog with octo/cat, whose project at PyPI is known."""
    cat.save(repository_result())
    cat.save(project_result())
    return cat


def attempts(cat: OpenCatalog) -> list[str]:
    """Return the sources that have been fetched, in the order of the record."""
    return [fetch.source for fetch in cat.package().fetches]


# ── saving ──


def test_a_new_package_has_no_downloads(cat: OpenCatalog) -> None:
    assert cat.package().downloads is None
    assert attempts(cat) == ["repo", "pypi"]


def test_downloads_are_saved_with_their_validators(cat: OpenCatalog) -> None:
    saved = cat.save(downloads_result(day=3, week=20, month=90), NOW + HOUR)
    assert saved.changed
    assert cat.package().downloads == Downloads(last_day=3, last_week=20, last_month=90)
    assert cat.target().validators[PYPISTATS] == validator(PYPISTATS)
    assert attempts(cat) == list(SOURCES)
    assert cat.package().fetches[2].last_success == NOW + HOUR


def test_zero_downloads_are_known_downloads(cat: OpenCatalog) -> None:
    cat.save(downloads_result(0, 0, 0))
    assert cat.package().downloads == Downloads(last_day=0, last_week=0, last_month=0)


def test_downloads_change_nothing_else_of_the_package(cat: OpenCatalog) -> None:
    before = cat.package()
    cat.save(downloads_result(), NOW + DAY)
    cat.save(downloads_result(2, 8, 31), NOW + 2 * DAY)
    after = cat.package()
    assert after._replace(downloads=None, fetches=()) == before._replace(fetches=())
    assert after.fetches[:2] == before.fetches


def test_downloads_do_not_set_last_fetched_of_a_package_without_repository(
    cat: OpenCatalog,
) -> None:
    cat.connection.execute("UPDATE packages SET repo_url = '', repo_key = NULL")
    cat.save(downloads_result(), NOW + DAY)
    assert cat.package().last_fetched == NOW


def test_equal_downloads_are_no_change(cat: OpenCatalog) -> None:
    cat.save(downloads_result())
    assert not cat.save(downloads_result(), NOW + DAY).changed
    assert cat.save(downloads_result(day=2), NOW + DAY).changed


def test_no_new_downloads_keep_the_last_ones_and_are_a_success(cat: OpenCatalog) -> None:
    cat.save(downloads_result())
    cat.save(TIMEOUT, NOW + HOUR, source="downloads")
    assert not cat.save(NO_FIGURES, NOW + DAY).changed
    assert cat.package().downloads == downloads_result().downloads
    assert cat.validator_keys("downloads") == [PYPISTATS]
    fetch = cat.package().fetches[2]
    assert (fetch.last_success, fetch.last_error) == (NOW + DAY, None)


def test_new_downloads_without_a_validator_delete_the_old_one(cat: OpenCatalog) -> None:
    cat.save(downloads_result())
    cat.save(DownloadsResult(downloads=Downloads(last_day=1, last_week=1, last_month=1)))
    assert cat.validator_keys("downloads") == []


# ── failures ──


@pytest.mark.parametrize("kind", ["not_found", "gone", "blocked", "unavailable"])
def test_a_failure_of_downloads_keeps_them_and_the_status(cat: OpenCatalog, kind: str) -> None:
    cat.save(downloads_result())
    before = cat.package()
    failure = Failure(kind=kind, message="no")  # type: ignore[arg-type]
    for _ in range(4):
        saved = cat.save(failure, NOW + DAY, source="downloads")
        assert (saved.changed, saved.failure) == (False, failure)
    after = cat.package()
    assert after._replace(fetches=()) == before._replace(fetches=())
    assert after.fetches[:2] == before.fetches[:2]
    fetch = after.fetches[2]
    assert (fetch.last_success, fetch.last_error, fetch.consecutive_failures) == (NOW, kind, 4)
    assert cat.validator_keys("downloads") == [PYPISTATS]


# ── another project ──


def test_another_project_clears_the_downloads(cat: OpenCatalog) -> None:
    cat.save(downloads_result())
    cat.save(project_result("dog"), NOW + DAY)
    assert cat.package().downloads is None
    assert cat.validator_keys("downloads") == []
    assert attempts(cat) == ["repo", "pypi"]
    assert cat.column("downloads_last_day") is None


def test_another_spelling_of_the_project_keeps_the_downloads(cat: OpenCatalog) -> None:
    cat.save(downloads_result())
    cat.save(project_result(project=project("Cat")), NOW + DAY)
    assert cat.package().downloads == downloads_result().downloads
    assert cat.validator_keys("downloads") == [PYPISTATS]


@pytest.mark.parametrize("result", [downloads_result(), NO_FIGURES, TIMEOUT])
def test_downloads_of_a_project_that_changed_meanwhile_are_dropped(
    cat: OpenCatalog, result: DownloadsResult | Failure
) -> None:
    target = cat.target()
    cat.save(project_result("dog"))
    saved = cat.save(result, target=target, source="downloads")
    assert (saved.changed, saved.failure) == (False, None)
    assert cat.package().downloads is None
    assert attempts(cat) == ["repo", "pypi"]


def test_downloads_are_saved_whoever_set_the_project(cat: OpenCatalog) -> None:
    target = cat.target()
    cat.connection.execute("UPDATE packages SET pypi_source = 'set', pypi_name = 'CAT'")
    cat.save(downloads_result(), target=target)
    assert cat.package().downloads == downloads_result().downloads


def test_downloads_are_saved_after_a_rename_of_the_repository_meanwhile(cat: OpenCatalog) -> None:
    target = cat.target()
    cat.connection.execute(
        "UPDATE packages SET repo_url = 'https://github.com/o/new', repo_key = 'new'"
    )
    cat.save(downloads_result(), target=target)
    assert cat.package().downloads == downloads_result().downloads


# ── selection ──


def select(cat: OpenCatalog, **wanted: object) -> list[selection.Selected]:
    wanted_sources = selection.SourceSelection(package_ids=None, **wanted)  # type: ignore[arg-type]
    return selection.select_due(cat.connection, wanted_sources, NOW)


def test_downloads_are_due_where_a_project_is_known(cat: OpenCatalog) -> None:
    cat.add("octo/dog", pypi_name="dog")
    cat.add("octo/ant")
    assert [package_id for package_id, _ in select(cat, sources=("downloads",))] == [1, 2]
    assert dict(select(cat)) == {1: SOURCES, 2: SOURCES, 3: ("repo", "pypi")}


def test_each_source_has_its_own_age(cat: OpenCatalog) -> None:
    cat.save(downloads_result(), NOW - 2 * DAY)
    old = NOW - DAY
    assert select(cat, older_than={"downloads": old}) == [(1, SOURCES)]
    assert select(cat, older_than={"repo": old, "pypi": old}) == [(1, ("downloads",))]
    assert select(cat, older_than=dict.fromkeys(SOURCES, old)) == [(1, ("downloads",))]
    assert select(cat, older_than=dict.fromkeys(SOURCES, NOW - 2 * DAY)) == []
    assert select(cat, older_than={"downloads": NOW - 2 * DAY}) == [(1, ("repo", "pypi"))]


def test_packages_of_which_only_downloads_are_due_come_last_the_oldest_first(
    cat: OpenCatalog,
) -> None:
    ages = {"two": (5, None), "three": (5, 48), "four": (50, None), "five": (60, 1)}
    for number, (name, (repo, downloads)) in enumerate(ages.items(), start=2):
        cat.add(f"octo/{name}", pypi_name=name)
        cat.save(repository_result(repository=None), NOW - repo * HOUR, package_id=number)
        if downloads is not None:
            cat.save(downloads_result(), NOW - downloads * HOUR, package_id=number)
    cat.connection.execute("UPDATE packages SET pypi_source = 'none'")
    assert select(cat, older_than=dict.fromkeys(SOURCES, NOW - DAY)) == [
        (5, ("repo",)),
        (4, ("repo", "downloads")),
        (1, ("downloads",)),
        (2, ("downloads",)),
        (3, ("downloads",)),
    ]
    assert [package_id for package_id, _ in select(cat, sources=("downloads",))] == [1, 2, 4, 3, 5]


# ── backoff ──


def test_the_backoff_of_a_failure_is_configurable(cat: OpenCatalog) -> None:
    backoff = Backoff(first=dt.timedelta(minutes=5), most=dt.timedelta(minutes=15))
    waits = []
    for _ in range(4):
        cat.save(TIMEOUT, source="downloads", backoff=backoff)
        due = cat.package().fetches[2].next_due
        assert due is not None
        waits.append((due - NOW) / dt.timedelta(minutes=1))
    assert waits == [5, 10, 15, 15]


DURATIONS = st.timedeltas(min_value=dt.timedelta(0))


@given(DURATIONS, DURATIONS, st.integers(1, 10**6))
def test_the_backoff_doubles_up_to_its_maximum(
    first: dt.timedelta, most: dt.timedelta, failures: int
) -> None:
    backoff = Backoff(first=first, most=most)
    assert backoff.wait(1) == min(first, most)
    wait = backoff.wait(failures)
    assert wait <= most
    doubled = most if wait > most / 2 else wait * 2
    assert backoff.wait(failures + 1) == doubled
    if first:
        assert backoff.wait(100) == most
