"""Failing sources: values stay, backoff grows, and the status changes."""

import datetime as dt
from typing import Literal

import pytest

from pkgharvest.catalog import results
from pkgharvest.model.errors import ErrorKind, NotFound, RateLimited, SourceError, Unavailable
from pkgharvest.model.observations import Failure, RepositoryResult, Skipped
from pkgharvest.model.package import SourceState, Status
from tests.support.catalogs import (
    DAY,
    EMPTY,
    GITHUB,
    HOUR,
    NOTHING_NEW,
    NOW,
    OpenCatalog,
    project_result,
    repository_facts,
    repository_result,
)


def freshness(cat: OpenCatalog, source: str = "repo") -> SourceState:
    return next(fetch for fetch in cat.package().fetches if fetch.source == source)


def failure(kind: ErrorKind) -> Failure:
    return Failure(kind=kind, message=f"it is {kind}")


@pytest.mark.parametrize("kind", ["not_found", "unavailable", "malformed", "timeout", "gone"])
def test_a_failure_keeps_the_last_good_values_and_is_recorded(
    cat: OpenCatalog, kind: ErrorKind
) -> None:
    cat.save(repository_result())
    good = cat.package()
    saved = cat.save(failure(kind), NOW + DAY)
    assert saved.failure == failure(kind)
    package = cat.package()
    for name in (
        "repo_watchers",
        "last_updated",
        "commits_over_52",
        "participants",
        "last_fetched",
        "default_branch",
    ):
        assert getattr(package, name) == getattr(good, name)
    assert freshness(cat) == SourceState(
        source="repo",
        last_success=NOW,
        last_attempt=NOW + DAY,
        last_error=kind,
        message=f"it is {kind}",
        consecutive_failures=1,
        next_due=NOW + DAY + HOUR,
    )
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=1"]


def test_failures_in_a_row_double_the_backoff_up_to_a_week(cat: OpenCatalog) -> None:
    waits = []
    for _ in range(30):
        cat.save(failure("timeout"))
        due = freshness(cat).next_due
        assert due is not None
        waits.append(due - NOW)
    assert waits[:4] == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR]
    assert waits[-1] == 7 * DAY
    assert freshness(cat).consecutive_failures == 30


@pytest.mark.parametrize("kind", ["unauthorized", "not_recorded"])
def test_failures_that_are_not_the_packages_have_no_backoff(
    cat: OpenCatalog, kind: ErrorKind
) -> None:
    cat.save(failure(kind))
    cat.save(failure(kind))
    assert freshness(cat).next_due == NOW
    assert freshness(cat).consecutive_failures == 2


def test_a_success_clears_the_failures(cat: OpenCatalog) -> None:
    cat.save(failure("not_found"))
    cat.save(failure("not_found"))
    cat.save(repository_result(), NOW + DAY)
    assert freshness(cat).consecutive_failures == 0
    assert freshness(cat).last_error is None
    assert freshness(cat).next_due is None
    cat.save(failure("not_found"), NOW + 2 * DAY)
    assert cat.package().status == "active"


def test_each_source_has_its_own_failures(cat: OpenCatalog) -> None:
    cat.save(project_result())
    cat.save(failure("not_found"))
    assert freshness(cat, "pypi").consecutive_failures == 0
    assert cat.package().pypi_version == "1.1"


def test_a_rate_limited_source_is_recorded_and_keeps_its_state(cat: OpenCatalog) -> None:
    cat.save(failure("timeout"))
    before = cat.package()
    saved = cat.save(Skipped(reason="quota", message="used up"), NOW + DAY)
    assert saved == results.SaveResult(changed=False)
    (known,), (told,) = before.fetches, cat.package().fetches
    assert cat.package()._replace(fetches=()) == before._replace(fetches=())
    assert told == known._replace(
        last_attempt=NOW + DAY, last_error="rate_limited", message="used up"
    )


@pytest.mark.parametrize("reason", ["time-budget", "request-budget", "interrupted"])
def test_a_skipped_source_leaves_no_trace(
    cat: OpenCatalog, reason: Literal["time-budget", "request-budget", "interrupted"]
) -> None:
    cat.save(failure("timeout"))
    before = cat.package()
    assert cat.save(Skipped(reason=reason, message=""), NOW + DAY) == results.SaveResult(
        changed=False
    )
    assert cat.package() == before


def test_a_part_that_fails_leaves_the_others_saved(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    broken = RepositoryResult(
        repository=repository_facts(stars=9), problem=Unavailable("commits: 502"), validators=()
    )
    saved = cat.save(broken, NOW + DAY)
    assert saved == results.SaveResult(
        changed=True, failure=Failure(kind="unavailable", message="commits: 502")
    )
    package = cat.package()
    assert (package.repo_watchers, package.last_fetched) == (9, NOW)
    assert freshness(cat).last_success == NOW
    assert freshness(cat).last_error == "unavailable"


def test_a_rate_limit_after_some_parts_is_no_failure(cat: OpenCatalog) -> None:
    cut = repository_result(problem=RateLimited("api.github.com", None), contributors=None)
    assert cat.save(cut) == results.SaveResult(changed=True)
    package = cat.package()
    assert package.repo_watchers == 7
    assert package.last_fetched is None
    state = freshness(cat)
    assert (state.last_error, state.last_success, state.next_due) == ("rate_limited", None, None)
    assert [tuple(row) for row in cat.connection.execute("SELECT run_id FROM fetches")] == [
        (None,)
    ]  # it is left to be done


# ── status ──


def statuses(cat: OpenCatalog, *results: RepositoryResult | Failure) -> list[Status]:
    found = []
    for days, result in enumerate(results):
        cat.save(result, NOW + days * DAY)
        found.append(cat.package().status)
    return found


NOT_FOUND = failure("not_found")
ACTIVE = repository_result()
ARCHIVED = repository_result(repository=repository_facts(archived=True))
DISABLED = repository_result(repository=repository_facts(disabled=True))
WITHOUT_COMMITS = repository_result(activity=EMPTY)


def test_a_404_three_times_in_a_row_marks_the_repository_as_gone(cat: OpenCatalog) -> None:
    assert statuses(cat, NOT_FOUND, NOT_FOUND, NOT_FOUND) == ["active", "active", "gone"]


def test_any_other_result_resets_the_count_of_404s(cat: OpenCatalog) -> None:
    results = (NOT_FOUND, failure("unavailable"), NOT_FOUND, NOT_FOUND)
    assert statuses(cat, *results) == ["active"] * 4
    partial = RepositoryResult(repository=repository_facts(), problem=NotFound("contributors: 404"))
    results_with_part = (partial, NOT_FOUND, NOT_FOUND)
    assert statuses(cat, *results_with_part) == ["active"] * 3
    assert statuses(cat, NOT_FOUND) == ["gone"]


@pytest.mark.parametrize(("kind", "status"), [("gone", "gone"), ("blocked", "blocked")])
def test_410_and_451_change_the_status_at_once(
    cat: OpenCatalog, kind: ErrorKind, status: Status
) -> None:
    cat.save(ACTIVE)
    assert cat.save(failure(kind), NOW + DAY) == results.SaveResult(
        changed=True, failure=failure(kind)
    )
    assert cat.package().status == status
    assert cat.package().modified == NOW + DAY


def test_a_repository_known_to_be_gone_is_no_failure(cat: OpenCatalog) -> None:
    for _ in range(3):
        assert cat.save(NOT_FOUND).failure is not None
    assert cat.save(NOT_FOUND) == results.SaveResult(changed=False)
    assert cat.save(failure("gone")) == results.SaveResult(changed=False)
    assert freshness(cat).consecutive_failures == 5  # and is backing off all the same
    assert cat.save(failure("timeout")).failure == failure("timeout")


def test_a_repository_known_to_be_blocked_is_no_failure(cat: OpenCatalog) -> None:
    assert cat.save(failure("blocked")).failure is not None
    assert cat.save(failure("blocked")) == results.SaveResult(changed=False)
    assert cat.save(NOT_FOUND).failure == NOT_FOUND


def test_a_project_that_is_gone_keeps_the_status(cat: OpenCatalog) -> None:
    for _ in range(4):
        assert cat.save(failure("gone"), source="pypi").failure is not None
        assert cat.save(NOT_FOUND, source="pypi").failure is not None
    assert cat.package().status == "active"


def test_a_repository_that_is_back_is_active_again(cat: OpenCatalog) -> None:
    results = (failure("gone"), ACTIVE, failure("blocked"), ACTIVE, WITHOUT_COMMITS, ACTIVE)
    assert statuses(cat, *results) == ["gone", "active", "blocked", "active", "empty", "active"]


def test_an_archived_repository_can_become_active_again(cat: OpenCatalog) -> None:
    assert statuses(cat, ARCHIVED, NOTHING_NEW, ACTIVE) == ["archived", "archived", "active"]
    assert cat.package().archived is False


def test_the_instant_of_archiving_is_kept_while_archived(cat: OpenCatalog) -> None:
    cat.save(ARCHIVED)
    cat.connection.execute("UPDATE packages SET archived_at = '2026-01-01T00:00:00.000000Z'")
    cat.save(ARCHIVED)  # REST does not tell it
    assert cat.package().archived_at == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    cat.save(ACTIVE)
    assert cat.package().archived_at is None


def test_a_304_keeps_the_status(cat: OpenCatalog) -> None:
    assert statuses(cat, DISABLED, NOTHING_NEW) == ["blocked", "blocked"]
    assert statuses(cat, ACTIVE, failure("gone"), NOTHING_NEW) == ["active", "gone", "active"]
    assert statuses(cat, WITHOUT_COMMITS, NOTHING_NEW) == ["empty", "empty"]


def test_a_blocked_repository_is_read_in_full_when_it_is_back(cat: OpenCatalog) -> None:
    cat.save(ACTIVE)
    cat.save(failure("blocked"))
    assert cat.validator_keys("repo") == []


def test_a_failure_of_every_part_keeps_the_status(cat: OpenCatalog) -> None:
    broken = RepositoryResult(problem=Unavailable("commits: 502"))
    assert statuses(cat, ARCHIVED, broken) == ["archived", "archived"]


def test_another_repository_at_the_old_name_is_moved(cat: OpenCatalog) -> None:
    cat.save(ACTIVE)
    stranger = RepositoryResult(status="moved", problem=SourceError("its id is 43"))
    saved = cat.save(stranger, NOW + DAY)
    assert saved.failure == Failure(kind="unavailable", message="its id is 43")
    package = cat.package()
    assert (package.status, package.repo_watchers, package.last_fetched) == ("moved", 7, NOW)
