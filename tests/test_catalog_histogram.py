"""The 52 weeks of a package: computed from its days at each fetch, and never made up."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import (
    DAY,
    EMPTY,
    GITHUB,
    NOTHING_NEW,
    NOW,
    TODAY,
    Shelf,
    activity,
    project_reading,
    repository,
    repository_reading,
    shelf,
)
from pkgharvest.activity import merge, weeks
from pkgharvest.catalog import connection, harvests
from pkgharvest.errors import RateLimited, Unavailable
from pkgharvest.records import Activity, Failure, RepositoryReading


@pytest.fixture
def cat(tmp_path: Path) -> Iterator[Shelf]:
    """A catalogue with octo/cat, of which nothing is known yet."""
    with shelf(tmp_path / "cat.db") as open_shelf:
        open_shelf.add()
        yield open_shelf


def curve(cat: Shelf) -> tuple[int, ...]:
    return cat.package().commits_over_52


def as_of(cat: Shelf, past: Activity, instant: dt.datetime) -> None:
    with connection.transaction(cat.db):
        harvests.save_as_of(cat.db, cat.target(), past, instant)


def test_it_ends_before_the_day_of_the_fetch(cat: Shelf) -> None:
    days = {TODAY: 8, TODAY - DAY: 1, TODAY - 364 * DAY: 5, TODAY - 365 * DAY: 9}
    cat.save(repository_reading(activity=activity(days)))
    assert curve(cat) == (5, *(0,) * 50, 1)


def test_a_304_moves_the_window_and_not_modified(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({TODAY: 8, TODAY - 363 * DAY: 5})))
    assert curve(cat) == (5,) + (0,) * 51
    saved = cat.save(NOTHING_NEW, NOW + DAY)
    assert saved == harvests.Saved(changed=False)
    assert curve(cat) == (5,) + (0,) * 50 + (8,)
    cat.save(NOTHING_NEW, NOW + 2 * DAY)
    assert curve(cat) == (0,) * 51 + (8,)
    assert cat.package().modified == NOW


def test_what_is_unknown_is_never_zeros(cat: Shelf) -> None:
    cat.save(repository_reading(activity=None))
    cat.save(NOTHING_NEW, NOW + DAY)
    cat.save(project_reading())
    cat.save(Failure(kind="timeout", message="no answer"))
    assert curve(cat) == ()


def test_an_empty_repository_has_52_zeros(cat: Shelf) -> None:
    cat.save(repository_reading(activity=EMPTY))
    package = cat.package()
    assert package.commits_over_52 == (0,) * 52
    assert (package.status, package.last_updated, package.commit_count) == ("empty", None, 0)


def test_a_history_that_was_emptied_is_not_kept(cat: Shelf) -> None:
    cat.save(repository_reading())
    cat.save(repository_reading(activity=EMPTY), NOW + DAY)
    assert cat.days() == {}
    assert curve(cat) == (0,) * 52


@pytest.mark.parametrize("problem", [Unavailable("502"), RateLimited("api.github.com", None)])
def test_where_commits_could_not_be_read_the_window_stands(
    cat: Shelf, problem: Unavailable | RateLimited
) -> None:
    cat.save(repository_reading(activity=activity({TODAY - 364 * DAY: 5})))
    cat.save(RepositoryReading(repository=repository(), problem=problem), NOW + DAY)
    assert curve(cat) == (5,) + (0,) * 51


def test_another_repository_at_the_name_does_not_move_the_window(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({TODAY - 364 * DAY: 5})))
    cat.save(RepositoryReading(status="moved"), NOW + DAY)
    assert curve(cat) == (5,) + (0,) * 51


def test_days_are_replaced_from_since_on_and_no_further_back(cat: Shelf) -> None:
    old, edge, late = TODAY - 300 * DAY, TODAY - 100 * DAY, TODAY - 50 * DAY
    cat.save(repository_reading(activity=activity({old: 1, edge: 2, late: 3})))
    news = activity({old: 7, late: 4}, since=edge, head="b" * 40)
    assert cat.save(repository_reading(activity=news), NOW + DAY).changed
    assert cat.days() == {old: 1, late: 4}
    assert cat.target().days_since == edge


def test_a_commit_of_today_is_news_though_no_week_shows_it(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({})))
    assert cat.save(repository_reading(activity=activity({TODAY: 1}))).changed
    assert curve(cat) == (0,) * 52


def test_a_count_is_that_of_its_head(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({}, count=100, head="a" * 40)))
    cat.save(repository_reading(activity=activity({}, count=None, head="a" * 40)))
    assert cat.package().commit_count == 100
    cat.save(repository_reading(activity=activity({}, count=None, head="b" * 40)))
    assert cat.package().commit_count is None


# ── as of an instant ──


def test_as_of_writes_the_curve_the_last_commit_and_the_count(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({TODAY - DAY: 3}, count=9)))
    cat.save(project_reading())
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


def test_the_fetch_after_an_as_of_reads_all_of_today_again(cat: Shelf) -> None:
    cat.save(repository_reading(activity=activity({TODAY - DAY: 3}, count=9)))
    cat.save(project_reading())
    as_of(cat, activity({}, count=5), NOW - 500 * DAY)
    target = cat.target()
    assert target.head is None
    assert list(target.validators) == ["https://pypi.org/simple/cat/"]
    cat.save(repository_reading(activity=activity({TODAY - DAY: 3})))
    package = cat.package()
    assert package.commits_over_52 == (0,) * 51 + (3,)
    assert package.last_updated == NOW - DAY
    assert package.commit_count is None  # not the one of then
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=1"]


def test_as_of_before_the_first_commit(cat: Shelf) -> None:
    as_of(cat, EMPTY, NOW)
    package = cat.package()
    assert package.commits_over_52 == (0,) * 52
    assert (package.last_updated, package.status, package.last_fetched) == (None, "active", None)


# ── any sequence of readings ──

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
        | st.just(RepositoryReading(problem=Unavailable("502"))),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_after_any_readings_the_curve_is_that_of_all_days_merged(
    steps: list[tuple[int, Activity | Failure | RepositoryReading | None]],
) -> None:
    with tempfile.TemporaryDirectory() as place, shelf(Path(place) / "cat.db") as cat:
        cat.add()
        days: dict[dt.date, int] | None = None
        expected: tuple[int, ...] = ()
        at, modified, last_fetched = NOW, NOW, None
        for pause, what in steps:
            at += pause * DAY
            match what:
                case Activity():
                    days = merge(days or {}, what.days, what.since)
                    cat.save(repository_reading(activity=what), at)
                case None:
                    cat.save(NOTHING_NEW, at)
                case _:
                    cat.save(what, at)
            if what is None or isinstance(what, Activity):
                last_fetched = at
                if days is not None:
                    expected = weeks(days, at.date())
            package = cat.package()
            assert cat.days() == (days or {})
            assert package.commits_over_52 == expected
            assert package.last_fetched == last_fetched
            assert package.modified >= modified
            modified = package.modified
