"""The 52-week histogram, held against its definition."""

import datetime as dt
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.activity import count_by_day, merge_days, weekly_counts, window_start

DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))
NEAR = st.dates(dt.date(2024, 12, 1), dt.date(2026, 3, 15))
TODAY = dt.date(2026, 2, 15)
COUNTS = st.dictionaries(NEAR, st.integers(1, 9))
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def second_of(day: dt.date, hour: int = 0) -> int:
    moment = dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC)
    return int((moment - EPOCH).total_seconds())


@given(COUNTS, DAYS)
def test_weekly_counts_match_their_definition(days: dict[dt.date, int], today: dt.date) -> None:
    week = dt.timedelta(days=7)
    expected = tuple(
        sum(
            commits
            for day, commits in days.items()
            if today - (52 - i) * week <= day < today - (51 - i) * week
        )
        for i in range(52)
    )
    assert weekly_counts(days, today) == expected


def test_the_histogram_covers_the_364_days_before_today() -> None:
    assert window_start(TODAY) == dt.date(2025, 2, 16)
    edges = {window_start(TODAY): 1, TODAY - dt.timedelta(days=1): 2}
    outside = {window_start(TODAY) - dt.timedelta(days=1): 40, TODAY: 50}
    assert weekly_counts(edges | outside, TODAY) == (1, *[0] * 50, 2)


def test_the_histogram_of_no_commits_has_52_zeros() -> None:
    assert weekly_counts({}, TODAY) == (0,) * 52


def test_the_histogram_works_at_both_ends_of_the_calendar() -> None:
    assert weekly_counts({dt.date.min: 1}, dt.date.min) == (0,) * 52
    assert weekly_counts({dt.date.max: 1}, dt.date.max)[51] == 0


@given(COUNTS)
def test_a_week_later_the_histogram_has_moved_by_one_week(days: dict[dt.date, int]) -> None:
    later = TODAY + dt.timedelta(days=7)
    assert weekly_counts(days, later)[:51] == weekly_counts(days, TODAY)[1:]


@given(st.lists(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)), max_size=20))  # noqa: DTZ001
def test_commits_are_counted_by_utc_day(moments: list[dt.datetime]) -> None:
    aware = [moment.replace(microsecond=0, tzinfo=dt.UTC) for moment in moments]
    seconds = [(moment - EPOCH) // dt.timedelta(seconds=1) for moment in aware]
    assert count_by_day(seconds) == Counter(moment.date() for moment in aware)


@given(st.lists(st.integers(-(2**70), 2**70)))
def test_commits_with_any_time_can_be_counted_by_day(seconds: list[int]) -> None:
    days = count_by_day(seconds)
    assert sum(days.values()) <= len(seconds)
    assert list(days) == sorted(days)


def test_a_commit_in_the_last_second_of_a_day_counts_for_that_day() -> None:
    midnight = second_of(TODAY)
    assert count_by_day([midnight - 1, midnight, midnight + 86_399]) == {
        TODAY - dt.timedelta(days=1): 1,
        TODAY: 2,
    }
    assert count_by_day([-1, 0]) == {dt.date(1969, 12, 31): 1, dt.date(1970, 1, 1): 1}


def test_commits_outside_the_calendar_are_ignored() -> None:
    first, last = second_of(dt.date.min), second_of(dt.date.max, 23)
    assert count_by_day([first - 1, first, last, last + 3600]) == {dt.date.min: 1, dt.date.max: 1}


@given(COUNTS, COUNTS, NEAR)
def test_merged_days_are_replaced_only_from_the_since_date_on(
    known: dict[dt.date, int], news: dict[dt.date, int], since: dt.date
) -> None:
    merged = merge_days(known, news, since)
    for day in known.keys() | news.keys():
        assert merged.get(day) == (known if day < since else news).get(day)
    assert merged.keys() <= known.keys() | news.keys()


@given(COUNTS, COUNTS)
def test_merged_days_of_a_full_history_replace_all_known_days(
    known: dict[dt.date, int], news: dict[dt.date, int]
) -> None:
    assert merge_days(known, news, None) == news
