"""The score: stars, less a tenth per whole three months, less what no Python 3 costs."""

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.score import package_breakdown, score_breakdown
from tests.support.packages import package

AT = dt.datetime(2026, 2, 15, 18, 0, tzinfo=dt.UTC)
_MOMENTS = st.integers(0, 2_000_000_000).map(lambda unix: dt.datetime.fromtimestamp(unix, dt.UTC))


def score_of(stars: int, since: dt.datetime | None, python3: bool, at: dt.datetime) -> int:
    return score_breakdown(stars, since, python3, at).score


@pytest.mark.parametrize(
    ("since", "tenths"),
    [
        (AT, 0),
        (dt.datetime(2025, 11, 15, 18, 0, 0, 1, tzinfo=dt.UTC), 0),
        (dt.datetime(2025, 11, 15, 18, 0, tzinfo=dt.UTC), 1),
        (dt.datetime(2025, 8, 15, 18, 0, 1, tzinfo=dt.UTC), 1),
        (dt.datetime(2025, 2, 15, 18, 0, tzinfo=dt.UTC), 4),
        (dt.datetime(2023, 8, 15, 18, 0, tzinfo=dt.UTC), 10),
        (dt.datetime(2030, 1, 1, tzinfo=dt.UTC), 0),
    ],
)
def test_the_score_loses_a_tenth_for_every_whole_three_months(
    since: dt.datetime, tenths: int
) -> None:
    assert score_of(1000, since, True, AT) == 1000 - 100 * tenths


def test_a_score_quarter_ends_on_the_last_day_of_a_short_month() -> None:
    november = dt.datetime(2025, 11, 30, 12, 0, tzinfo=dt.UTC)
    day_before = dt.datetime(2026, 2, 27, 23, 59, tzinfo=dt.UTC)
    assert score_of(100, november, True, day_before) == 100
    assert score_of(100, november, True, dt.datetime(2026, 2, 28, 11, 59, tzinfo=dt.UTC)) == 100
    assert score_of(100, november, True, dt.datetime(2026, 2, 28, 12, 0, tzinfo=dt.UTC)) == 90


def test_the_score_counts_months_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    since = dt.datetime(2025, 11, 14, 22, 0, tzinfo=zone)  # the 15th, 03:00 UTC
    assert score_of(10, since, True, dt.datetime(2026, 2, 15, 2, 0, tzinfo=dt.UTC)) == 10
    assert score_of(10, since, True, dt.datetime(2026, 2, 15, 3, 0, tzinfo=dt.UTC)) == 9


def test_the_score_loses_a_tenth_if_no_commit_is_known() -> None:
    assert score_of(72, None, True, AT) == 64  # 64.8, cut


def test_the_score_loses_30_percent_without_python_3_but_at_most_1000() -> None:
    assert score_of(100, AT, False, AT) == 70
    assert score_of(3333, AT, False, AT) == 2333  # 999.9 lost: 2333.1
    assert score_of(50_000, AT, False, AT) == 49_000


def test_the_score_is_rounded_toward_zero_and_at_least_minus_500() -> None:
    # 13 tenths for 39 months, 3 for Python: 16 tenths of 11 stars are lost, which leaves -6.6.
    assert score_of(11, dt.datetime(2022, 11, 15, tzinfo=dt.UTC), False, AT) == -6
    assert score_of(100_000, dt.datetime(2000, 1, 1, tzinfo=dt.UTC), True, AT) == -500
    assert score_of(0, None, False, AT) == 0


@given(st.integers(0, 10**18), _MOMENTS, st.booleans(), _MOMENTS)
def test_the_score_is_exact(stars: int, since: dt.datetime, python3: bool, at: dt.datetime) -> None:
    quarters = 0
    year, month = since.year, since.month
    while True:  # another way to count: go from one anniversary to the next
        month += 3
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        anniversary, day = None, since.day
        while anniversary is None:
            try:
                anniversary = since.replace(year=year, month=month, day=day)
            except ValueError:
                day -= 1
        if anniversary > at:
            break
        quarters += 1
    exact = stars - Fraction(stars, 10) * quarters
    if not python3:
        exact -= min(Fraction(3 * stars, 10), Fraction(1000))
    assert score_of(stars, since, python3, at) == int(max(exact, Fraction(-500)))


# ── part by part ──


@given(st.integers(0, 10**18), st.none() | _MOMENTS, st.booleans(), _MOMENTS)
def test_the_parts_of_a_score_add_up(
    stars: int, since: dt.datetime | None, python3: bool, at: dt.datetime
) -> None:
    of = score_breakdown(stars, since, python3, at)
    assert of.tenths == 10 * of.stars - of.age_tenths - of.python_tenths
    assert of.is_at_the_floor == (of.tenths < -5000)
    if not of.is_at_the_floor:
        assert abs(10 * of.score - of.tenths) < 10


def test_python_3_without_a_minor_version_counts_for_the_score() -> None:
    line = "Programming Language :: Python :: "
    old = package(pypi_requires_python=None, pypi_classifiers=(f"{line}2.7",))
    assert not package_breakdown(old).python3
    both = old._replace(pypi_classifiers=(f"{line}2.7", f"{line}3"))
    assert package_breakdown(both).python3
    assert package_breakdown(both).score > package_breakdown(old).score
