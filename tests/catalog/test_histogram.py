"""The 52 weeks of a package, computed from its days at each fetch."""

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkgharvest.catalog import database, results
from pkgharvest.model.activity import merge_days, weekly_counts
from pkgharvest.model.errors import RateLimited, Unavailable
from pkgharvest.model.observations import Activity, Failure, RepositoryResult
from tests.support.catalogs import (
    DAY,
    EMPTY,
    GITHUB,
    NOTHING_NEW,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    open_catalog,
    project_result,
    repository_facts,
    repository_result,
)


def curve(cat: OpenCatalog) -> tuple[int, ...]:
    return cat.package().commits_over_52


def as_of(cat: OpenCatalog, past: Activity, instant: dt.datetime) -> None:
    with database.transaction(cat.connection):
        results.save_as_of(cat.connection, cat.target(), past, instant)


def test_the_52_weeks_end_before_the_day_of_the_fetch(cat: OpenCatalog) -> None:
    days = {TODAY: 8, TODAY - DAY: 1, TODAY - 364 * DAY: 5, TODAY - 365 * DAY: 9}
    cat.save(repository_result(activity=activity(days)))
    assert curve(cat) == (5, *(0,) * 50, 1)


def test_a_304_moves_the_52_weeks_and_not_modified(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({TODAY: 8, TODAY - 363 * DAY: 5})))
    assert curve(cat) == (5,) + (0,) * 51
    saved = cat.save(NOTHING_NEW, NOW + DAY)
    assert saved == results.SaveResult(changed=False)
    assert curve(cat) == (5,) + (0,) * 50 + (8,)
    cat.save(NOTHING_NEW, NOW + 2 * DAY)
    assert curve(cat) == (0,) * 51 + (8,)
    assert cat.package().modified == NOW


def test_unknown_weeks_are_empty_and_not_zeros(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=None))
    cat.save(NOTHING_NEW, NOW + DAY)
    cat.save(project_result())
    cat.save(Failure(kind="timeout", message="no answer"))
    assert curve(cat) == ()


def test_an_empty_repository_has_52_zeros(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=EMPTY))
    package = cat.package()
    assert package.commits_over_52 == (0,) * 52
    assert (package.status, package.last_updated, package.commit_count) == ("empty", None, 0)


def test_a_rewritten_history_replaces_the_days(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    cat.save(repository_result(activity=EMPTY), NOW + DAY)
    assert cat.days() == {}
    assert curve(cat) == (0,) * 52


@pytest.mark.parametrize("problem", [Unavailable("502"), RateLimited("api.github.com", None)])
def test_the_52_weeks_stay_when_commits_cannot_be_read(
    cat: OpenCatalog, problem: Unavailable | RateLimited
) -> None:
    cat.save(repository_result(activity=activity({TODAY - 364 * DAY: 5})))
    cat.save(RepositoryResult(repository=repository_facts(), problem=problem), NOW + DAY)
    assert curve(cat) == (5,) + (0,) * 51


def test_a_moved_repository_does_not_move_the_52_weeks(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({TODAY - 364 * DAY: 5})))
    cat.save(RepositoryResult(status="moved"), NOW + DAY)
    assert curve(cat) == (5,) + (0,) * 51


def test_days_are_replaced_from_since_on_only(cat: OpenCatalog) -> None:
    old, edge, late = TODAY - 300 * DAY, TODAY - 100 * DAY, TODAY - 50 * DAY
    cat.save(repository_result(activity=activity({old: 1, edge: 2, late: 3})))
    result = activity({old: 7, late: 4}, since=edge, head="b" * 40)
    assert cat.save(repository_result(activity=result), NOW + DAY).changed
    assert cat.days() == {old: 1, late: 4}
    assert cat.target().days_since == edge


def test_a_commit_of_today_is_a_change_although_no_week_shows_it(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({})))
    assert cat.save(repository_result(activity=activity({TODAY: 1}))).changed
    assert curve(cat) == (0,) * 52


def test_a_commit_count_belongs_to_its_head(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({}, count=100, head="a" * 40)))
    cat.save(repository_result(activity=activity({}, count=None, head="a" * 40)))
    assert cat.package().commit_count == 100
    cat.save(repository_result(activity=activity({}, count=None, head="b" * 40)))
    assert cat.package().commit_count is None


# ── as of an instant ──


def test_as_of_saves_the_weeks_the_last_commit_and_the_count(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({TODAY - DAY: 3}, count=9)))
    cat.save(project_result())
    before = cat.package()
    then = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    past = activity({then.date() - DAY: 2, then.date(): 4}, count=5, committed_at=then)
    as_of(cat, past, then)
    package = cat.package()
    assert package.commits_over_52 == (0,) * 51 + (2,)
    assert (package.last_updated, package.commit_count) == (then, 5)
    changed = {name for name in before._fields if getattr(before, name) != getattr(package, name)}
    written = {"commits_over_52", "commits_until", "last_updated", "commit_count"}
    assert changed == {*written, "score"}  # which is reckoned from those
    assert cat.days() == {TODAY - DAY: 3}


def test_the_fetch_after_as_of_reads_everything_again(cat: OpenCatalog) -> None:
    cat.save(repository_result(activity=activity({TODAY - DAY: 3}, count=9)))
    cat.save(project_result())
    as_of(cat, activity({}, count=5), NOW - 500 * DAY)
    target = cat.target()
    assert target.head is None
    assert list(target.validators) == ["https://pypi.org/simple/cat/"]
    cat.save(repository_result(activity=activity({TODAY - DAY: 3})))
    package = cat.package()
    assert package.commits_over_52 == (0,) * 51 + (3,)
    assert package.last_updated == NOW - DAY
    assert package.commit_count is None  # not the one of then
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=1"]


def test_as_of_before_the_first_commit_has_52_zeros(cat: OpenCatalog) -> None:
    as_of(cat, EMPTY, NOW)
    package = cat.package()
    assert package.commits_over_52 == (0,) * 52
    assert (package.last_updated, package.status, package.last_fetched) == (None, "active", None)


# ── any sequence of results ──

BACK = st.integers(-3, 400).map(lambda days: TODAY - days * DAY)
DAYS = st.dictionaries(BACK, st.integers(1, 9), max_size=8)
ACTIVITIES = st.builds(
    activity,
    DAYS,
    head=st.sampled_from(["a" * 40, "b" * 40]),
    since=st.none() | st.integers(364, 400).map(lambda days: TODAY - days * DAY),
)
STEPS = st.lists(
    st.tuples(
        st.integers(-2, 5),
        ACTIVITIES
        | st.just(EMPTY)
        | st.none()
        | st.just(Failure(kind="not_found", message="404"))
        | st.just(RepositoryResult(problem=Unavailable("502"))),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_after_any_results_the_52_weeks_follow_from_the_merged_days(
    steps: list[tuple[int, Activity | Failure | RepositoryResult | None]],
) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        open_catalog(Path(directory) / "cat.db") as cat,
    ):
        cat.add()
        days: dict[dt.date, int] | None = None
        expected: tuple[int, ...] = ()
        at, modified, last_fetched = NOW, NOW, None
        for pause, what in steps:
            at += pause * DAY
            match what:
                case Activity():
                    days = merge_days(days or {}, what.days, what.since)
                    cat.save(repository_result(activity=what), at)
                case None:
                    cat.save(NOTHING_NEW, at)
                case _:
                    cat.save(what, at)
            if what is None or isinstance(what, Activity):
                last_fetched = at
                if days is not None:
                    expected = weekly_counts(days, at.date())
            package = cat.package()
            assert cat.days() == (days or {})
            assert package.commits_over_52 == expected
            assert package.last_fetched == last_fetched
            assert package.modified >= modified
            modified = package.modified
